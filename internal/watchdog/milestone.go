package watchdog

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A milestone counts in bins of half an hour at most, or of a twelfth of a shorter time: longer ones lose more where
// a counter begins anew, and hide a target that came back. They are asked for a day at a time, which a Prometheus
// answers in its time. A trend takes a dozen of the longest.
const (
	halfHour   = signal.Duration(1800e9)
	day        = signal.Duration(24 * 3600e9)
	fewestBins = 12
)

// milestone measures the candidate from the cutover to the end of the window that is due; nil where Prometheus
// can't be asked now and there is time to try again.
func (d *Daemon) milestone(ctx context.Context, m measurement, now signal.Instant) *milestone.Milestone {
	m = m.telling()
	s := m.record.State
	c, ok := release.DueMilestone(s, m.need.Check)
	if !ok {
		return nil
	}
	late := now >= release.PatientUntil(c, m.plan.Limits)
	span, rows := d.windowOf(ctx, m, c), m.plan.Matrix.Rows
	asks := countingAll(m.plan, m.candidate(), rows)
	read := d.readLong(ctx, m, asks, span, !late)
	if !late && slices.ContainsFunc(asks, func(a signal.Ask) bool { return unanswered(read[a.Signal]) }) {
		return nil
	}
	out := &milestone.Milestone{Window: c.Window, At: c.At, After: c.At.Sub(s.Cutover), Late: late}
	before, overall := d.dayBefore(ctx, m, span), d.overall(ctx, m, asks, span)
	for _, r := range d.growth(ctx, m, m.plan.Matrix, m.candidate(), looked{at: now, span: span}) {
		read[r.Signal] = r
		asks = append(asks, signal.Ask{Signal: r.Signal, Kind: signal.Growth})
	}
	for _, row := range rows {
		for _, a := range only(asks, []string{row.Signal}) {
			out.Add(row, milestone.Measured{Reading: read[a.Signal], Whole: numberOf(overall[a.Signal]), Before: before[a.Signal].Bins, Trends: trends(span)}, s.Baseline)
		}
	}
	return out
}

// windowOf gives the bins of a milestone.
func (d *Daemon) windowOf(ctx context.Context, m measurement, c schedule.Check) Span {
	bin := m.plan.Matrix.Bin
	if asks := m.plan.Asks(m.candidate().Slot, m.candidate().Version); len(asks) > 0 {
		bin = m.plan.Matrix.Coarser(2 * whole(d.newest(ctx, m, asks, c.At).Interval)).Bin
	}
	long := c.At.Sub(m.record.State.Cutover)
	bin = binOf(long, bin)
	return Span{From: c.At.Add(-bin * max(1, long/bin)), To: c.At, Bin: bin}
}

// binOf gives the length of the bins for a time: the longest multiple of the least that divides it, if there is one
// near the longest that is allowed; else a rest of the time, at its beginning, is left out.
func binOf(long, least signal.Duration) signal.Duration {
	most := max(least, min(halfHour, long/fewestBins))
	most -= most % least
	for bin := most; 2*bin > most; bin -= least {
		if long%bin == 0 {
			return bin
		}
	}
	return most
}

// trends tells whether a span is long enough for a trend.
func trends(s Span) bool { return 2*s.Bin >= halfHour && s.To.Sub(s.From) >= fewestBins*halfHour }

// countingAll gives the questions about a side.
func countingAll(plan *release.Plan, side release.Side, rows []judge.Row) []signal.Ask {
	asks := plan.Asks(side.Slot, side.Version)
	for i, a := range asks {
		for _, row := range rows {
			if row.Signal == a.Signal {
				asks[i] = counting(a, row)
			}
		}
	}
	return asks
}

// counting lets a Quantile's bins count the events over the row's SLO, and over the bound of its trend.
func counting(a signal.Ask, row judge.Row) signal.Ask {
	if a.Kind != signal.Quantile {
		return a
	}
	a.Over = nil
	if row.SLO != nil {
		a.Over = append(a.Over, row.SLO.Value)
	}
	if bound, _, ok := milestone.TrendBound(row); ok && row.SLO == nil {
		a.Over = append(a.Over, bound)
	}
	return a
}

// readLong reads a span of many bins, a day after the other. Patient, it stops as soon as something can't be asked
// for; else it goes on with the rest.
func (d *Daemon) readLong(ctx context.Context, m measurement, asks []signal.Ask, span Span, patient bool) map[string]signal.Reading {
	out := map[string]signal.Reading{}
	open := asks
	for from := span.From; from < span.To && len(open) > 0; {
		to := min(span.To, from.Add(day/span.Bin*span.Bin))
		part := Span{From: from, To: to, Bin: span.Bin}
		for _, r := range d.read(ctx, m, open, part) {
			out[r.Signal] = joined(out[r.Signal], r, part)
		}
		open = slices.DeleteFunc(slices.Clone(open), func(a signal.Ask) bool { return unanswered(out[a.Signal]) })
		if patient && len(open) < len(asks) {
			break
		}
		from = to
	}
	return out
}

// unanswered tells whether asking again may help.
func unanswered(r signal.Reading) bool { return r.Cause.Unanswered() }

// joined adds the reading of the next part. A part of which nothing is known is unknown bin by bin, but what was not
// answered makes all of it unknown.
func joined(r, part signal.Reading, span Span) signal.Reading {
	r.Signal = part.Signal
	switch {
	case unanswered(part):
		return signal.Reading{Signal: part.Signal, Cause: part.Cause, Detail: part.Detail}
	case part.Cause == signal.Known:
		r.Bins = append(r.Bins, part.Bins...)
		return r
	}
	for end := span.From.Add(span.Bin); end <= span.To; end = end.Add(span.Bin) {
		r.Bins = append(r.Bins, signal.Bin{End: end, Cause: part.Cause})
	}
	return r
}

// dayBefore gives what stable counted in the day before the cutover, for the trends.
func (d *Daemon) dayBefore(ctx context.Context, m measurement, span Span) map[string]signal.Reading {
	if !trends(span) {
		return nil
	}
	var names []string
	for _, row := range m.plan.Matrix.Rows {
		if _, _, ok := milestone.TrendBound(row); ok {
			names = append(names, row.Signal)
		}
	}
	asks, end := only(countingAll(m.plan, m.stable(), m.plan.Matrix.Rows), names), m.record.State.Cutover
	return d.readLong(ctx, m, asks, Span{From: end.Add(-day / span.Bin * span.Bin), To: end, Bin: span.Bin}, true)
}

// overall reads each Quantile of a whole span. That is for the eye: the SLO is held against counts.
func (d *Daemon) overall(ctx context.Context, m measurement, asks []signal.Ask, span Span) map[string]signal.Reading {
	var whole []signal.Ask
	for _, a := range asks {
		if a.Kind == signal.Quantile {
			whole = append(whole, Overall(a, span.To.Sub(span.From)))
		}
	}
	return d.readLong(ctx, m, whole, Span{From: span.To.Add(-span.Bin), To: span.To, Bin: span.Bin}, true)
}

// numberOf gives the one number of a reading; NaN where it is unknown.
func numberOf(r signal.Reading) signal.Number {
	if len(r.Bins) == 1 && r.Bins[0].Cause == signal.Known {
		return r.Bins[0].Value
	}
	return signal.Number(math.NaN())
}

// Overall gives the question for a Quantile of a whole time, of a native histogram or else of a classic one.
func Overall(a signal.Ask, long signal.Duration) signal.Ask {
	increase := func(suffix string) string {
		return fmt.Sprintf("increase({__name__=%q,%s}[%ds])", a.Metric+suffix, a.Match, int64(long.D().Seconds()))
	}
	a.Kind, a.Over = signal.Query, nil
	a.PromQL = fmt.Sprintf("histogram_quantile(%s, sum(%s)) or histogram_quantile(%s, sum by (le) (%s))", a.Q, increase(""), a.Q, increase("_bucket"))
	return a
}
