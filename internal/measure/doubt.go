package measure

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// What makes an answer doubtful: a counter that fell, and a series that was not there before. Of either the
// answer itself only knows that there was one; why is asked where there was.
const (
	colAppeared = "appeared" // series with a sample in the bin and none in the bin before
	colFell     = "fell"     // series that fell in the bin, or lately

	colKnown      = "known"      // targets that were heard before the bin
	colReturned   = "returned"   // targets that are heard again, after a bin of silence at least
	colFirst      = "first"      // targets with series whose life before the bin would count in it
	colAggregated = "aggregated" // sums over several targets that fell
	colMixed      = "mixed"      // targets whose counters fell, or rose again, though nothing was restarted
)

// nearZero is what is left of a target's counters, at most, where it began anew and nothing tells when it started.
const nearZero = "0.1"

// mostNamed is how many targets are named one by one; of more only the jobs are.
const mostNamed = 100

// lately is how far back a counter's former values are looked at: ten bins, but half an hour at most.
func (g grain) lately() time.Duration { return max(g.length, min(10*g.length, 30*time.Minute)) }

func spelt(d time.Duration) string { return model.Duration(d).String() }

// doubtful are the columns that tell whether to ask further.
func (g grain) doubtful(a signal.Ask) []column {
	return []column{
		{colAppeared, "count(" + g.newcomers(a) + ")"},
		{colFell, "count(" + g.fallen(a, spelt(g.lately()+g.length), "") + ")"},
	}
}

// newcomers are the series with samples now and none before.
func (g grain) newcomers(a signal.Ask) string {
	return "(" + g.each(a, g.now) + ") unless (" + g.each(a, g.before) + ")"
}

// each gives a number per series of either kind of histogram, buckets included, or per counter. histogram_count keeps
// out a summary, whose quantiles bear the same name.
func (g grain) each(a signal.Ask, samples func(string) string, matches ...string) string {
	matches = append([]string{a.Match}, matches...)
	if a.Kind == signal.Quantile {
		return g.either(samples(selector(a.Metric, matches...)), samples(selector(a.Metric+"_bucket", matches...)))
	}
	return g.named(a, samples(selector(a.Metric, matches...)))
}

// whole gives a number per histogram, or per counter.
func (g grain) whole(a signal.Ask, samples func(string) string, matches ...string) string {
	if a.Kind == signal.Quantile {
		matches = append([]string{a.Match}, matches...)
		return g.either(samples(selector(a.Metric, matches...)), samples(selector(a.Metric+"_bucket", append(matches, infinite)...)))
	}
	return g.each(a, samples, matches...)
}

// either gives a number per histogram of either kind, as far as the server knows them.
func (g grain) either(native, classic string) string {
	if !g.native {
		return classic
	}
	return fmt.Sprintf("histogram_count(%s) or %s", native, classic)
}

// infinite selects the bucket that holds all observations.
const infinite = `le="+Inf"`

// named keeps the names of several metrics apart.
func (g grain) named(a signal.Ask, expr string) string {
	if a.Metric == "" {
		return keepName(expr)
	}
	return expr
}

// fallen are the histograms or counters that fell within a stretch. Functions over a stretch drop the names by which
// those of several metrics are told apart: of them only what is less at its end than one bin before is known.
func (g grain) fallen(a signal.Ask, stretch, offset string, matches ...string) string {
	matches = append([]string{a.Match}, matches...)
	reset := func(sel string) string { return fmt.Sprintf("resets(%s[%s]%s) > 0", sel, stretch, offset) }
	switch {
	case a.Metric == "":
		return fmt.Sprintf("(%s) < (%s)", g.each(a, g.now, matches[1:]...), g.each(a, g.before, matches[1:]...))
	case a.Kind == signal.Quantile:
		native, classic := selector(a.Metric, matches...), reset(selector(a.Metric+"_bucket", append(matches, infinite)...))
		if !g.native {
			return classic
		}
		return fmt.Sprintf("%s or (%s and histogram_count(%s))", classic, reset(native), g.now(native))
	}
	return reset(selector(a.Metric, matches...))
}

// inquiry asks what became of the targets that made an answer doubtful.
type inquiry struct {
	grain
	ask signal.Ask
	// where selects those targets.
	where string
}

// same are the labels of a target, by which all that is asked of it is joined.
func (q inquiry) same() string {
	return strings.Join(append(slices.Clone(targetLabels), q.replicas...), ", ")
}

// process are the labels of what is scraped, whatever pod its series speak of.
const process = "job, instance"

func (q inquiry) columns() []column {
	return []column{
		{colKnown, "count(" + q.known() + ")"},
		{colReturned, "count(" + q.returned() + ")"},
		{colFirst, "count((" + q.found() + ") or (" + q.renamed() + "))"},
		{colAggregated, "count(" + q.unlike(q.broken(aggregated...)) + ")"},
		{colMixed, "count(" + q.mixed() + ")"},
	}
}

// known are the targets that were heard in the hour before the bin. Steps of one bin leave no sample out: the last
// step before the bin's start may be up to one bin old, but a sample that is younger was heard in the bin before.
func (q inquiry) known() string {
	return fmt.Sprintf("present_over_time((group by (%s) (%s))[%s:%s] offset %s)",
		strings.Join(targetLabels, ", "), q.whole(q.ask, q.now), spelt(History), q.bin, q.bin)
}

// arrived are the targets of new series that were not heard in the bin before, by whatever series of the metric,
// and are not known to have started since. A twin is a target of its own: a server that comes back must not count a
// target's whole life either.
func (q inquiry) arrived() string {
	return fmt.Sprintf("(sum by (%[1]s) (%[2]s) unless on (%[1]s) group by (%[1]s) (%[3]s)) unless on (%[4]s) (%[5]s)",
		q.same(), q.newcomers(q.ask), q.each(q.bare(), q.before, q.where), process, q.startedWithin(2*q.length))
}

func (q inquiry) returned() string {
	return fmt.Sprintf("(%s) and on (%s) %s", q.arrived(), strings.Join(targetLabels, ", "), q.known())
}

// found are the targets that were found late: no scrape of them is known that brought none of their series.
func (q inquiry) found() string {
	return fmt.Sprintf("(%s) unless on (%s) (%s)", q.arrived(), process, q.scraped())
}

// scraped are the processes that were scraped before their first sample came.
func (q inquiry) scraped() string {
	up := "up{" + q.where + "}"
	before := fmt.Sprintf("max by (%s) (max_over_time(%s[%s] offset %s)) == 1", process, up, q.bin, q.bin)
	if q.ask.Metric == "" {
		return before
	}
	sel := selector(q.ask.Metric, q.ask.Match)
	if q.ask.Kind == signal.Quantile {
		sel = selector(q.ask.Metric+"_bucket", q.ask.Match, infinite)
	}
	return fmt.Sprintf("(%[1]s) or (max by (%[2]s) (sum_over_time(%[3]s[%[4]s])) > max by (%[2]s) (count_over_time(%[5]s[%[4]s])))",
		before, process, up, q.bin, sel)
}

// renamed are the targets that were heard, and whose new series hold what others did that are gone: a label or the
// end of a bucket is written otherwise now, or a histogram is of another kind.
func (q inquiry) renamed() string {
	moved := func(series func(signal.Ask, func(string) string, ...string) string) string {
		now, before := func(a signal.Ask, m ...string) string { return series(a, q.now, m...) }, func(a signal.Ask, m ...string) string { return series(a, q.before, m...) }
		return fmt.Sprintf("sum by (%[1]s) ((%[2]s) unless (%[3]s)) >= 0.5 * sum by (%[1]s) ((%[4]s) unless (%[5]s))",
			q.same(), now(q.ask), before(q.ask), before(q.bare(), q.where), q.lasting(now(q.bare(), q.where)))
	}
	return fmt.Sprintf("((%s) or (%s)) unless on (%s) (%s)", moved(q.each), moved(q.whole), process, q.startedWithin(2*q.length))
}

// lasting leaves of series those that are there to the end of the bin: that have no fewer samples than in the bin before.
func (q inquiry) lasting(series string) string {
	if q.ask.Metric == "" {
		return series
	}
	metric := q.ask.Metric
	if q.ask.Kind == signal.Quantile {
		metric += "_bucket"
	}
	sel := selector(metric, q.where)
	return fmt.Sprintf("(%[1]s) unless (count_over_time(%[2]s[%[3]s]) < count_over_time(%[2]s[%[3]s] offset %[3]s))", series, sel, q.bin)
}

// bare asks for the whole metric.
func (q inquiry) bare() signal.Ask {
	if q.ask.Metric == "" {
		return q.ask
	}
	return signal.Ask{Kind: q.ask.Kind, Metric: q.ask.Metric}
}

// startedWithin are the processes that say of themselves that they have begun within a time: by their start, or where
// they don't tell it by the oldest of the metric's created timestamps.
func (q inquiry) startedWithin(d time.Duration) string {
	starts := []string{fmt.Sprintf("min by (%s) (last_over_time(process_start_time_seconds{%s}[%s]))", process, q.where, q.bin)}
	if q.ask.Metric != "" {
		created := selector(strings.TrimSuffix(q.ask.Metric, "_total")+"_created", q.ask.Match)
		starts = append(starts, fmt.Sprintf("min by (%s) (%s)", process, q.now(created)))
	}
	return fmt.Sprintf("(%s) > time() - %d", strings.Join(starts, " or "), int64(d.Seconds()))
}

// aggregated select series that belong to no single target: they fall whenever one of those that they add up goes.
var aggregated = []string{`instance=""`, `pod=""`}

// unlike leaves of targets what it is given.
func (q inquiry) unlike(series string) string {
	return fmt.Sprintf("group by (%s) (%s)", q.same(), series)
}

// broken are the counters that fell in the bin, or rose to what they had been before they fell lately.
func (q inquiry) broken(matches ...string) string {
	now, before := q.whole(q.ask, q.now, matches...), q.whole(q.ask, q.before, matches...)
	fell := fmt.Sprintf("(%s) < (%s)", now, before)
	if q.ask.Metric == "" {
		return fell
	}
	sel := selector(q.ask.Metric, append([]string{q.ask.Match}, matches...)...)
	if q.ask.Kind == signal.Quantile {
		sel = selector(q.ask.Metric+"_bucket", append([]string{q.ask.Match, infinite}, matches...)...)
	}
	return fmt.Sprintf("(%s) or (%s) or (min_over_time(%s[%s]) < %s) or (%s >= (max_over_time(%s[%s] offset %s) > %s))",
		fell, q.fallen(q.ask, q.bin, "", matches...), sel, q.bin, q.before(sel), q.now(sel), sel, spelt(q.lately()), q.bin, q.before(sel))
}

// mixed are the targets whose counters broke, but those that began anew. What is aggregated is none.
func (q inquiry) mixed() string {
	return fmt.Sprintf("((%s) unless on (%s) (%s)) unless on (%s) ((%s) or (%s))",
		q.unlike(q.broken()), process, q.startedWithin(q.lately()+2*q.length),
		q.same(), q.unlike(q.whole(q.ask, q.now, aggregated...)), q.anew())
}

// anew are the targets all of whose counters fell to near zero, and had not fallen lately. Where they had, several
// processes may answer by turns, of which one is young.
func (q inquiry) anew() string {
	sum := func(samples func(string) string) string {
		return fmt.Sprintf("sum by (%s) (%s)", q.same(), q.whole(q.ask, samples))
	}
	anew := fmt.Sprintf("%s <= %s * %s", sum(q.now), nearZero, sum(q.before))
	if q.ask.Metric == "" {
		return anew
	}
	return fmt.Sprintf("(%s) unless on (%s) (%s)", anew, q.same(), q.unlike(q.fallen(q.ask, spelt(q.lately()), " offset "+q.bin)))
}

// inquire asks what became of the targets that made an answer doubtful; of an answer with nothing in it only
// whether anything was heard before.
func (c *Client) inquire(ctx context.Context, a signal.Ask, t table, r Range) (table, error) {
	q := inquiry{grain: newGrain(r.Bin, c.replicas), ask: a}
	q.native = c.able.native()
	if t.silent() {
		return c.counts(ctx, q.columns()[:1], r, 0)
	}
	where, err := c.suspects(ctx, q, r)
	if err != nil {
		return nil, err
	}
	q.where = where
	return c.counts(ctx, q.columns(), r, 0)
}

// suspects selects the targets with series that fell or appeared.
func (c *Client) suspects(ctx context.Context, q inquiry, r Range) (string, error) {
	fell := q.fallen(q.ask, spelt(q.lately()+q.length), "")
	expr := fmt.Sprintf("group by (%[1]s) (%[2]s) or group by (%[1]s) (%[3]s)", process, q.newcomers(q.ask), fell)
	jobs, instances := map[string]bool{}, map[string]bool{}
	for _, part := range r.chunks(chunk) {
		span := v1.Range{Start: part.first().Time(), End: part.To.Time(), Step: part.step().D()}
		m, err := c.span(ctx, expr, span, 0, during(span, mostTargets))
		if err != nil {
			return "", err
		}
		for _, s := range m {
			jobs[string(s.Metric["job"])], instances[string(s.Metric["instance"])] = true, true
		}
	}
	where := "job=~" + anyOf(jobs)
	if len(instances) <= mostNamed {
		where += ",instance=~" + anyOf(instances)
	}
	return where, nil
}

// anyOf is a matcher's value that takes any of some words.
func anyOf(words map[string]bool) string {
	var list []string
	for _, w := range slices.Sorted(maps.Keys(words)) {
		list = append(list, regexp.QuoteMeta(w))
	}
	return fmt.Sprintf("%q", strings.Join(list, "|"))
}

// spoil makes bins unknown that lie near two others in which several processes answered by turns: which of
// them answered, and what it had counted before, can't be told of any sample there.
func spoil(bins []signal.Bin, near signal.Duration) {
	mixed := slices.DeleteFunc(slices.Clone(bins), func(b signal.Bin) bool { return b.Cause != signal.Mixed })
	for i := range len(mixed) - 1 {
		from, to := mixed[i].End, mixed[i+1].End
		if to.Sub(from) > near {
			continue
		}
		for j, b := range bins {
			known := b.Cause == signal.Known || b.Cause == signal.Idle
			if known && b.End >= from.Add(-near) && b.End <= to.Add(near) {
				bins[j] = signal.Bin{End: b.End, Cause: signal.Mixed}
			}
		}
	}
}
