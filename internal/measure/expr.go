package measure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// History is how far back a target's earlier samples are looked for: one that was silent for
// longer counts as new.
const History = time.Hour

// tag is the label that names the columns of an answer, so that one query can carry several.
const tag = "greenwatch"

// The columns.
const (
	colTotal        = "total"         // a Ratio's or a Rate's events in the bin
	colPart         = "part"          // those of them that count against the slot
	colNative       = "native"        // the quantile of native histograms
	colNativeTotal  = "native-total"  // their observations in the bin
	colClassic      = "classic"       // the quantile of classic histograms
	colClassicTotal = "classic-total" // their observations in the bin
	colBucket       = "bucket/"       // with a bucket's end: those up to it
	colFraction     = "fraction/"     // with a bound: the part of native observations up to it
	colTwice        = "twice"         // series that only the labels of a scrape tell from another of the same pod
)

// targetLabels tell scrape targets apart. A metric without them, such as a recording rule's, is one
// target.
var targetLabels = []string{"job", "instance", "pod"}

// question is how one Ask is put.
type question struct {
	// columns are asked at the end of each bin, all in one query.
	columns []column
	// lookback is the age up to which a sample stands for the present; 0 is the server's own.
	lookback time.Duration
}

// phrase gives the question for an ask counted in bins. Series that differ in the replica labels
// alone are taken for twins.
func phrase(a signal.Ask, bin signal.Duration, replicas []string, native bool) (question, error) {
	g := newGrain(bin, replicas)
	g.native = native
	switch a.Kind {
	case signal.Ratio:
		return g.ratio(a), nil
	case signal.Rate:
		return g.rate(a), nil
	case signal.Quantile:
		if !(a.Q >= 0 && a.Q <= 1) {
			return question{}, fmt.Errorf("quantile %s; want 0 to 1", a.Q)
		}
		return g.quantile(a), nil
	case signal.Query:
		// The server's five minutes would show a dead gauge as alive; one bin would lose a
		// recording rule that is evaluated once per bin to a little jitter.
		return question{columns: []column{{expr: a.PromQL}}, lookback: 2 * bin.D()}, nil
	}
	return question{}, fmt.Errorf("kind %q is not asked of Prometheus; want Ratio, Quantile, Rate, Query or Alert", a.Kind)
}

// grain builds expressions for one length of bins.
type grain struct {
	bin      string
	length   time.Duration // of a bin
	replicas []string
	native   bool // the server knows native histograms
}

func newGrain(bin signal.Duration, replicas []string) grain {
	return grain{bin: spelt(bin.D()), length: bin.D(), replicas: replicas}
}

func (g grain) ratio(a signal.Ask) question {
	total, part := selector(a.Metric, a.Match), selector(a.Metric, a.Match, a.Part)
	named := a.Metric == ""
	return question{columns: append([]column{
		{colTotal, "sum(" + g.single("max", g.counted(total, named)) + ")"},
		{colPart, "sum(" + g.single("max", g.counted(part, named)) + ")"},
		{colTwice, g.twice(a)},
	}, g.doubtful(a)...)}
}

// rate asks for all events, as a ratio does.
func (g grain) rate(a signal.Ask) question {
	all := g.ratio(a)
	all.columns = slices.DeleteFunc(all.columns, func(c column) bool { return c.name == colPart })
	return all
}

// quantile asks for native and classic histograms alike: which of them a service has is not known.
func (g grain) quantile(a signal.Ask) question {
	native := "sum(" + g.single("avg", g.countedNative(selector(a.Metric, a.Match))) + ")"
	classic := "sum by (le) (" + g.single("max", g.countedClassic(selector(a.Metric+"_bucket", a.Match))) + ")"
	q := question{columns: append([]column{
		{colNative, fmt.Sprintf("histogram_quantile(%s, %s)", a.Q, native)},
		{colNativeTotal, "histogram_count(" + native + ")"},
		{colClassic, fmt.Sprintf("histogram_quantile(%s, %s)", a.Q, classic)},
		{colClassicTotal, "max(" + classic + ")"}, // the last bucket holds all observations
		{colTwice, g.twice(a)},
	}, g.doubtful(a)...)}
	for _, bound := range a.Over {
		q.columns = append(q.columns, g.fraction(a, bound))
	}
	if len(a.Over) > 0 {
		q.columns = append(q.columns, column{colBucket, classic + " and " + g.shared(a, g.now)})
	}
	if !g.native {
		q.columns = slices.DeleteFunc(q.columns, ofNative)
	}
	return q
}

// ofNative tells whether a column is about native histograms, which not every server knows.
func ofNative(c column) bool {
	return c.name == colNative || c.name == colNativeTotal || strings.HasPrefix(c.name, colFraction)
}

// shared gives the ends of buckets that all of the histograms have. At an end that only some have, as those of two
// versions or of two libraries may, the observations of the others would count as above it.
func (g grain) shared(a signal.Ask, samples func(string) string) string {
	of := func(matches ...string) string {
		return g.single("max", samples(selector(a.Metric+"_bucket", append([]string{a.Match}, matches...)...)))
	}
	return fmt.Sprintf("count by (le) (%s) == scalar(count(%s))", of(), of(infinite))
}

// now and before are the last samples in the bin and in the bin before it.
func (g grain) now(sel string) string { return "last_over_time(" + sel + "[" + g.bin + "])" }

func (g grain) before(sel string) string {
	return "last_over_time(" + sel + "[" + g.bin + "] offset " + g.bin + ")"
}

// counted is what each counter counted within the bin. The names of several metrics are kept apart
// in a label, as a difference drops them.
func (g grain) counted(sel string, named bool) string {
	now, before := g.now(sel), g.before(sel)
	if named {
		now, before = keepName(now), keepName(before)
	}
	return now + " - " + before + " >= 0 or " + now
}

func keepName(expr string) string {
	return "label_replace(" + expr + `, "` + tag + `_name", "$1", "__name__", "(.*)")`
}

// countedClassic is counted for buckets: a histogram is reset as a whole, although single buckets
// may have passed their former value since.
func (g grain) countedClassic(sel string) string {
	grown := g.now(sel) + " - " + g.before(sel)
	return grown + " unless ignoring (le) (" + grown + " < 0) or " + g.now(sel)
}

// countedNative is counted for native histograms, which can't be compared with 0 themselves.
func (g grain) countedNative(sel string) string {
	now, before := g.now(sel), g.before(sel)
	return fmt.Sprintf("%[1]s - %[2]s unless histogram_count(%[1]s) - histogram_count(%[2]s) < 0 or %[1]s", now, before)
}

// single makes one series of twins.
func (g grain) single(aggregation, expr string) string {
	if len(g.replicas) == 0 {
		return expr
	}
	return aggregation + " without (" + strings.Join(g.replicas, ", ") + ") (" + expr + ")"
}

// column is an expression and the name by which its series is known in an answer that holds
// several. Without a name the answer is taken as it comes.
type column struct{ name, expr string }

// query joins columns to one expression.
func query(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.tagged()
	}
	return strings.Join(parts, " or ")
}

func (c column) tagged() string {
	if c.name == "" {
		return c.expr
	}
	return fmt.Sprintf(`label_replace(%s, %q, %q, "", "")`, c.expr, tag, c.name)
}

// selector selects a metric's series by lists of matchers; without a metric the matchers must name
// it. A name that PromQL has no bare form for is matched by the label __name__, which every server knows.
func selector(metric string, matches ...string) string {
	var list []string
	if metric != "" && !model.LegacyValidation.IsValidMetricName(metric) {
		list, metric = append(list, fmt.Sprintf("__name__=%q", metric)), ""
	}
	for _, m := range matches {
		if m = strings.Trim(m, ", \t\n"); m != "" {
			list = append(list, m)
		}
	}
	if len(list) == 0 && metric != "" {
		return metric
	}
	return metric + "{" + strings.Join(list, ",") + "}"
}
