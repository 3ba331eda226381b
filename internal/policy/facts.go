package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func (r *reader) alert(path string, in v1alpha1.Alert) release.Question {
	q := release.Question{Kind: signal.Alert, Of: r.filled(path+".name", in.Name), Match: r.matchers(path+".match", in.Match)}
	for i, l := range in.By {
		if !metricName.MatchString(string(l)) || l == "alertstate" || l == "__name__" {
			r.fail(fmt.Sprintf("%s.by[%d]", path, i), "%q tells no alert from another; write a label's name, such as severity", l)
		}
		q.By = append(q.By, string(l))
	}
	return q
}

func (r *reader) kubernetes(path string, fact v1alpha1.Fact) release.Question {
	switch fact {
	case v1alpha1.Available:
		return release.Question{Kind: signal.Kubernetes}
	case v1alpha1.Restarts, v1alpha1.OOMKills, v1alpha1.CrashLoops:
		return release.Question{Kind: signal.Pods, Of: string(fact)}
	}
	r.fail(path, "%q is nothing that Kubernetes is asked; write one of Available, Restarts, OOMKills or CrashLoops", fact)
	return release.Question{}
}

// mostProbes is how many endpoints one look asks.
const mostProbes = 4

// probe reads what is asked of a health endpoint. It is asked of both slots.
func (r *reader) probe(path string, in v1alpha1.Probe) release.Question {
	if r.probes++; r.probes > mostProbes {
		r.fail(path, "is one probe too many; write at most %d, each for several components", mostProbes)
	}
	before := len(r.errs)
	if r.placeholders(path+".url", in.URL); len(r.errs) == before {
		r.trusted(path+".url", in.URL)
	}
	if slices.Contains(in.Components, "") {
		r.fail(path+".components", "holds an empty name; leave it out")
	}
	return release.Question{Kind: signal.Probe, URL: in.URL, Components: slices.Clone(in.Components)}
}

// trusted sees to it that a URL leads to where a policy may have asked. What ${version} stands for is not
// known yet: whoever asks sees to it again.
func (r *reader) trusted(path, url string) {
	for _, s := range r.plan.Slots {
		if err := r.trust.Check(r.plan.Filler(s.Name, "v1").Replace(url), r.plan.Namespace); err != nil {
			r.fail(path, "%v", err)
			return
		}
	}
}

// failing reads the bound of a probe.
func (r *reader) failing(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	switch {
	case c.Failing:
		nothing := signal.Number(0)
		return judge.Bound{Above: &nothing}
	case c.Above == "":
		r.fail(path, "a probe counts components that fail; write failing: true, or above for more than so many, such as above: 1")
		return judge.Bound{}
	}
	return r.counted(path, row, c)
}

// counted reads the bound of what is a number of something.
func (r *reader) counted(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	if c.Above == "" {
		r.fail(path, "is a number of something; write above, such as above: 0")
		return judge.Bound{}
	}
	n := r.amount(path+".above", row, c.Above)
	if *n < 0 || *n != signal.Number(int64(*n)) {
		r.fail(path+".above", "%q is no whole number; write such as 0 or 2", c.Above)
	}
	return judge.Bound{Above: n}
}

// stated reads the bound of what is so or not: it is above nothing.
func (r *reader) stated(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	switch {
	case row.Kind == signal.Alert && !c.Firing:
		r.fail(path, "an alert fires or does not; write firing: true")
	case row.Kind != signal.Alert && c.Firing:
		r.fail(path+".firing", "is for an alert signal; write another bound, or alert: {name: ...}")
	case row.Kind == signal.Report && !c.Reported:
		r.fail(path, "a report is there or is not; write reported: true")
	case c.Failing:
		r.fail(path+".failing", "is for a probe signal; write another bound, or probe: {url: ...}")
	case row.Kind != signal.Report && c.Reported:
		r.fail(path+".reported", "is for a report signal; write another bound, or report: security")
	}
	nothing := signal.Number(0)
	return judge.Bound{Above: &nothing}
}

// atOnce refuses for where one look is enough.
func (r *reader) atOnce(path string, c v1alpha1.Cell) signal.Duration {
	switch {
	case c.For == "":
	case c.Firing:
		r.fail(path+".for", "does not apply to firing: an alert's rule has its own")
	case c.ReachesLimitWithin != "":
		r.fail(path+".for", "does not apply to reachesLimitWithin: it takes hours to see a climb")
	case c.Reported:
		r.fail(path+".for", "does not apply to reported: one report is enough")
	default:
		r.fail(path+".for", "does not apply to a number of something since the first traffic; leave it out")
	}
	return 0
}

func (r *reader) growth(path string, in v1alpha1.Growth) release.Question {
	q := release.Question{Kind: signal.Growth, Metric: r.metric(path+".metric", in.Metric), Match: r.matchers(path+".match", in.Match)}
	if in.Started != "" {
		q.Of = r.metric(path+".started", in.Started)
	}
	if in.Limit != "" {
		q.PromQL = r.inner(path+".limit", in.Limit)
	}
	return q
}

// forecasts tells whether a column may hold a cell of a kind: what is only expected moves no traffic.
func (r *reader) forecasts(path string, kind signal.Kind, c column) bool {
	if kind == signal.Growth && (c.canary || c.tier == judge.Rollback) {
		r.fail(path, "a forecast moves no traffic; write consider or investigate")
		return false
	}
	return true
}

// foreseen is how far ahead a climb is followed.
const foreseen = signal.Duration(168 * 3600e9)

// forecast reads the bound of a forecast: the seconds until it comes true are below it.
func (r *reader) forecast(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	switch {
	case row.Kind != signal.Growth:
		r.fail(path+".reachesLimitWithin", "is for a growth signal; write another bound, or growth: {metric: ...}")
		return judge.Bound{}
	case c.ReachesLimitWithin == "":
		r.fail(path, "growth is told by when the limit is reached; write reachesLimitWithin: 168h")
		return judge.Bound{}
	}
	d := r.duration(path+".reachesLimitWithin", c.ReachesLimitWithin, time.Minute)
	if d > foreseen {
		r.fail(path+".reachesLimitWithin", "%s is further ahead than a climb is followed; write at most %s", c.ReachesLimitWithin, foreseen)
	}
	seconds := signal.Number(d.D().Seconds())
	return judge.Bound{Below: &seconds}
}
