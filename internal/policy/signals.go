package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostBins is how many bins a bound may last: its evidence holds one more.
const mostBins = judge.MostBins - 1

// signalTerms is what the reading of a signal depends on besides the signal.
type signalTerms struct {
	bin      signal.Duration
	onCanary bool
	// firstRatio is whether a ratio would be the first one.
	firstRatio bool
}

func (r *reader) signal(path string, s v1alpha1.Signal, terms signalTerms) (judge.Row, release.Question) {
	q := r.question(path, s)
	row := judge.Row{Signal: r.name(path+".name", s.Name, "error-rate"), Kind: q.Kind, Q: q.Q, Unit: r.unit(path, s)}
	row.Required = ptr.Deref(s.Required, terms.firstRatio && q.Kind == signal.Ratio || q.Kind == signal.Kubernetes)
	q.Signal = row.Signal
	if q.Kind == "" {
		return row, q
	}
	for _, column := range columns(s, terms.onCanary) {
		if column.cell != nil && r.forecasts(path+"."+column.name, q.Kind, column) {
			row.Cells = append(row.Cells, r.cell(path+"."+column.name, row, column, terms.bin))
		}
	}
	if _, fewer := row.Sense(); !fewer {
		q = withoutHangUps(q)
	}
	q.Over = bounds(row)
	row.SLO = r.slo(path+".slo", row, s.SLO)
	return row, q
}

// bounds gives the values at which a quantile's events are counted: a quantile is above a bound where
// more events than its share are. Of a probe it gives what is too many for any of its cells.
func bounds(row judge.Row) []signal.Number {
	var all []signal.Number
	for _, c := range row.Cells {
		for _, b := range []*signal.Number{c.Bound.Above, c.Bound.Below} {
			if (row.Kind == signal.Quantile || row.Kind == signal.Probe) && b != nil {
				all = append(all, *b)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// column is a column of the matrix: the cell's name in a policy, and what it means.
type column struct {
	name   string
	cell   *v1alpha1.Cell
	tier   judge.Tier
	canary bool
}

func columns(s v1alpha1.Signal, onCanary bool) []column {
	canary := judge.Consider
	if onCanary {
		canary = judge.Rollback
	}
	return []column{
		{name: "canary", cell: s.Canary, tier: canary, canary: true},
		{name: "rollback", cell: s.Rollback, tier: judge.Rollback},
		{name: "consider", cell: s.Consider, tier: judge.Consider},
		{name: "investigate", cell: s.Investigate, tier: judge.Investigate},
	}
}

// question reads what the signal's kind says. Its kind is empty where that is not clear.
func (r *reader) question(path string, s v1alpha1.Signal) release.Question {
	var kinds []string
	var q release.Question
	if s.Ratio != nil {
		kinds, q = append(kinds, "ratio"), r.ratio(path+".ratio", *s.Ratio)
	}
	if s.Quantile != nil {
		kinds, q = append(kinds, "quantile"), r.quantile(path+".quantile", *s.Quantile)
	}
	if s.Rate != nil {
		kinds, q = append(kinds, "rate"), release.Question{Kind: signal.Rate,
			Metric: r.metric(path+".rate.metric", s.Rate.Metric), Match: r.matchers(path+".rate.match", s.Rate.Match)}
	}
	if s.Query != "" {
		kinds, q = append(kinds, "query"), release.Question{Kind: signal.Query, PromQL: r.expression(path+".query", s.Query)}
	}
	if s.Kubernetes != "" {
		kinds, q = append(kinds, "kubernetes"), r.kubernetes(path+".kubernetes", s.Kubernetes)
	}
	if s.Alert != nil {
		kinds, q = append(kinds, "alert"), r.alert(path+".alert", *s.Alert)
	}
	if s.Report != "" {
		kinds, q = append(kinds, "report"), release.Question{Kind: signal.Report, Of: r.name(path+".report", s.Report, "security")}
	}
	if s.Growth != nil {
		kinds, q = append(kinds, "growth"), r.growth(path+".growth", *s.Growth)
	}
	if s.Probe != nil {
		kinds, q = append(kinds, "probe"), r.probe(path+".probe", *s.Probe)
	}
	switch len(kinds) {
	case 0:
		r.fail(path, "has no kind; write one of ratio, quantile, rate, query, kubernetes, alert, report, growth or probe")
	case 1:
		return q
	default:
		r.fail(path, "has more than one kind (%s); keep one, and make a signal of its own for each other", strings.Join(kinds, ", "))
	}
	return release.Question{}
}

func (r *reader) ratio(path string, in v1alpha1.Ratio) release.Question {
	if len(in.Parts)+len(in.Wholes) > 0 {
		return r.sums(path, in)
	}
	if in.Part == "" {
		r.fail(path+".part", "is missing; write the labels of the events that count against the slot")
	}
	return release.Question{
		Kind:   signal.Ratio,
		Metric: r.metric(path+".metric", in.Metric),
		Match:  r.matchers(path+".match", in.Match),
		Part:   r.matchers(path+".part", in.Part),
	}
}

// sums reads a ratio of several counters.
func (r *reader) sums(path string, in v1alpha1.Ratio) release.Question {
	if in.Metric != "" || in.Part != "" {
		r.fail(path, "counts one counter or several; write metric and part, or parts and wholes")
	}
	for i, p := range in.Parts {
		if !slices.Contains(in.Wholes, p) {
			r.fail(fmt.Sprintf("%s.parts[%d]", path, i), "%q is not among the wholes; write it there, too", p)
		}
	}
	match := []string{r.named(path+".wholes", in.Wholes)}
	if own := r.selector(path+".match", in.Match, true); own != "" {
		match = append(match, own)
	}
	return release.Question{Kind: signal.Ratio, Match: strings.Join(match, ","), Part: r.named(path+".parts", in.Parts)}
}

// named gives the matcher for series of any of the metrics.
func (r *reader) named(path string, metrics []v1alpha1.MetricName) string {
	if len(metrics) == 0 {
		r.fail(path, "is missing; name at least one counter")
	}
	var names []string
	for i, m := range metrics {
		names = append(names, regexp.QuoteMeta(r.metric(fmt.Sprintf("%s[%d]", path, i), m)))
	}
	return fmt.Sprintf("__name__=~%q", strings.Join(names, "|"))
}

func (r *reader) quantile(path string, in v1alpha1.Quantile) release.Question {
	q, err := strconv.ParseFloat(in.Q, 64)
	if err != nil || !(q > 0 && q < 1) {
		r.fail(path+".q", "%q is not between 0 and 1; write it such as \"0.99\"", in.Q)
	}
	if strings.HasSuffix(string(in.Metric), "_bucket") {
		r.fail(path+".metric", "%q is the histogram's buckets; write its base name, without _bucket", in.Metric)
	}
	return release.Question{
		Kind:   signal.Quantile,
		Metric: r.metric(path+".metric", in.Metric),
		Match:  r.matchers(path+".match", in.Match),
		Q:      signal.Number(q),
	}
}

// units are those whose bounds are durations.
var units = map[v1alpha1.Unit]time.Duration{v1alpha1.Seconds: time.Second, v1alpha1.Milliseconds: time.Millisecond}

// unit gives the unit for people.
func (r *reader) unit(path string, s v1alpha1.Signal) string {
	switch {
	case s.Unit == "" && s.Ratio != nil:
		return "%"
	case s.Unit == "" && s.Rate != nil:
		return "/s"
	case s.Unit == "":
		return ""
	case units[s.Unit] == 0:
		r.fail(path+".unit", "%q is no unit; write %s or %s, or leave it out for a bare number", s.Unit, v1alpha1.Seconds, v1alpha1.Milliseconds)
	case s.Quantile == nil && s.Query == "":
		r.fail(path+".unit", "is for quantile and query; leave it out")
	}
	return string(s.Unit)
}

func (r *reader) cell(path string, row judge.Row, c column, bin signal.Duration) judge.Cell {
	return judge.Cell{
		Tier:   c.tier,
		Canary: c.canary,
		Bound:  r.bound(path, row, *c.cell),
		For:    r.lasting(path, row.Kind, *c.cell, bin),
	}
}

func (r *reader) bound(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	kubernetes := row.Kind == signal.Kubernetes
	switch {
	case number(c.Above != "", c.Below != "", c.FallsBelowBaselineBy != "", c.RisesAboveBaselineBy != "", c.Unavailable, c.Firing, c.Reported, c.ReachesLimitWithin != "", c.Failing) != 1:
		r.fail(path, "needs exactly one bound; write one of above, below, fallsBelowBaselineBy, risesAboveBaselineBy, unavailable: true, firing: true, reported: true, reachesLimitWithin or failing: true")
	case row.Kind == signal.Growth, c.ReachesLimitWithin != "":
		return r.forecast(path, row, c)
	case row.Kind == signal.Probe && !c.Firing && !c.Reported:
		return r.failing(path, row, c)
	case row.Kind == signal.Pods && !c.Firing && !c.Reported && !c.Failing:
		return r.counted(path, row, c)
	case row.Kind == signal.Alert, row.Kind == signal.Report, c.Firing, c.Reported, c.Failing:
		return r.stated(path, row, c)
	case kubernetes && !c.Unavailable:
		r.fail(path, "%s has no value to compare; write unavailable: true", v1alpha1.Available)
	case c.Unavailable && !kubernetes:
		r.fail(path+".unavailable", "is for kubernetes: %s; write above or below", v1alpha1.Available)
	case c.Above != "":
		return judge.Bound{Above: r.amount(path+".above", row, c.Above)}
	case c.Below != "":
		return judge.Bound{Below: r.amount(path+".below", row, c.Below)}
	case c.FallsBelowBaselineBy != "":
		return judge.Bound{FallsBy: r.part(path+".fallsBelowBaselineBy", c.FallsBelowBaselineBy)}
	case c.RisesAboveBaselineBy != "":
		return judge.Bound{RisesBy: r.part(path+".risesAboveBaselineBy", c.RisesAboveBaselineBy)}
	}
	return judge.Bound{Unavailable: c.Unavailable}
}

func number(of ...bool) (n int) {
	for _, b := range of {
		if b {
			n++
		}
	}
	return n
}

// lasting reads for. What is absent, or less, is the least that a bound may last, so that the plan
// says what is in force.
func (r *reader) lasting(path string, kind signal.Kind, c v1alpha1.Cell, bin signal.Duration) signal.Duration {
	least := judge.MinBins * bin
	switch {
	case c.Unavailable && c.For != "":
		r.fail(path+".for", "does not apply to unavailable; write timing.unavailableFor")
		return 0
	case c.Unavailable:
		return 0
	case c.Firing, c.Reported, kind == signal.Pods, kind == signal.Growth:
		return r.atOnce(path, c)
	case c.For == "":
		return least
	}
	d := r.duration(path+".for", c.For, 0)
	if bin > 0 && d > mostBins*bin {
		r.fail(path+".for", "%s is more than %d bins of %s; write at most %s, or a greater schedule.bin", c.For, mostBins, bin, mostBins*bin)
	}
	return max(d, least)
}

// amount reads a bound in the unit of its signal.
func (r *reader) amount(path string, row judge.Row, text string) *signal.Number {
	n, err := amount(row, text)
	if err != nil {
		r.fail(path, "%v", err)
	}
	return &n
}

var ofBaseline = regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,3})?%$`)

// part reads a part of the baseline.
func (r *reader) part(path, text string) *signal.Number {
	n, err := float(strings.TrimSuffix(text, "%") + "e-2")
	if err != nil || !ofBaseline.MatchString(text) || n <= 0 {
		r.fail(path, "%q is no part of the baseline; write a percentage above 0%%, such as 30%%", text)
	}
	return &n
}

var (
	percentage = regexp.MustCompile(`^(100|[0-9]{1,2}(\.[0-9]+)?)%$`)
	bare       = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?(e-?[0-9]{1,2})?$`)
)

func amount(row judge.Row, text string) (signal.Number, error) {
	switch {
	case row.Kind == signal.Ratio:
		if !percentage.MatchString(text) {
			return 0, fmt.Errorf("%q is no percentage; write it from 0%% to 100%%, such as 5%%", text)
		}
		return float(strings.TrimSuffix(text, "%") + "e-2")
	case units[v1alpha1.Unit(row.Unit)] > 0:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is no duration; a bound in %s is written such as 200ms or 1.5s", text, row.Unit)
		}
		return signal.Number(float64(d) / float64(units[v1alpha1.Unit(row.Unit)])), nil
	}
	if !bare.MatchString(text) {
		return 0, fmt.Errorf("%q is no number; the bound of a signal without a unit is written such as 100", text)
	}
	return float(text)
}

func float(text string) (signal.Number, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number that can be held", text)
	}
	return signal.Number(f), nil
}
