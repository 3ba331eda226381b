package watchdog

import (
	"context"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// beforeFor is how far back from the first traffic stable is compared with, a week how far last week is.
const (
	beforeFor = signal.Duration(3600e9)
	week      = signal.Duration(7 * 24 * 3600e9)
)

// compared measures what tells whether it is the release, for the signals that call for more than a look:
// stable now, where it has traffic; else stable before the first traffic; else last week.
func (d *Daemon) compared(ctx context.Context, m measurement, l horizon, matrix judge.Matrix, v judge.Verdict) []judge.Other {
	suspects := judge.Suspects(matrix, v)
	of, parts := make([][]judge.Other, len(suspects)), []func(){}
	for i, name := range suspects {
		parts = append(parts, func() { of[i] = d.comparedOne(ctx, m, l, matrix, v, name) })
	}
	together(parts...)
	return slices.Concat(of...)
}

func (d *Daemon) comparedOne(ctx context.Context, m measurement, l horizon, matrix judge.Matrix, v judge.Verdict, name string) []judge.Other {
	e := evidenceOf(v, name)
	places := d.elsewhere(m, spanOf(e, matrix, l), matrix.Bin)
	look := func(i int) judge.Other { return d.other(ctx, m, name, judge.Counts(matrix, name), places[i]) }
	if e.Tier == judge.Rollback && d.answersFor > 0 { // there is no time for one after the other
		look = ahead(len(places), look)
	}
	var out []judge.Other
	for i := range places {
		o := look(i)
		if enough(o) || e.Tier == judge.Blind {
			out = append(out, o)
		}
		if e.Tier == judge.Blind && e.Cause != signal.Idle || judge.Tells(matrix, v, o) {
			break
		}
	}
	return out
}

// ahead looks everywhere at once.
func ahead(n int, look func(int) judge.Other) func(int) judge.Other {
	seen, parts := make([]judge.Other, n), make([]func(), n)
	for i := range n {
		parts[i] = func() { seen[i] = look(i) }
	}
	together(parts...)
	return func(i int) judge.Other { return seen[i] }
}

func evidenceOf(v judge.Verdict, name string) judge.Evidence {
	for _, e := range v.Evidence {
		if e.Signal == name {
			return e
		}
	}
	return judge.Evidence{}
}

// spanOf gives the stretch that evidence rests on; without bins, the newest that silence is told by.
func spanOf(e judge.Evidence, m judge.Matrix, l horizon) Span {
	if n := len(e.Bins); n > 0 {
		return Span{From: e.Bins[0].End.Add(-m.Bin), To: e.Bins[n-1].End, Bin: m.Bin}
	}
	return Span{From: l.end.Add(-m.Bin * judge.MostBins / 4), To: l.end, Bin: m.Bin}
}

// stableLast judges stable, where it has no traffic now, by the requests that it had last, within the last hour. Nil where
// no rollback asks for it.
func (d *Daemon) stableLast(ctx context.Context, m measurement, o *release.Observed, l horizon, candidate judge.Verdict) *judge.Verdict {
	if candidate.Tier != judge.Rollback || o.World.Most(m.stable().Slot) > 0 || l.end.IsZero() {
		return nil
	}
	matrix := ofSide(m, m.plan.Matrix.Only(rollbackCells), m.stable()).Coarser(2 * l.interval)
	matrix = without(matrix, func(r judge.Row) bool { return r.Kind != signal.Ratio && r.Kind != signal.Quantile })
	asks := asked(m.plan, matrix, m.stable())
	if len(asks) == 0 {
		return nil
	}
	bins := min(judge.MostBins, beforeFor/matrix.Bin)
	readings := d.read(ctx, m, asks, Span{From: l.end.Add(-matrix.Bin * bins), To: l.end, Bin: matrix.Bin})
	for i := range readings {
		readings[i].Bins = lastServed(readings[i].Bins)
	}
	v := judge.Judge(matrix, judge.Input{At: o.Now, Split: candidate.Split, Generation: m.plan.Generation, Readings: readings, Skew: m.skew})
	return &v
}

// lastServed leaves out what came after the last bin with traffic: checks of health and the like may be counted on, which
// are less than a tenth of it.
func lastServed(bins []signal.Bin) []signal.Bin {
	var most signal.Number
	for _, b := range bins {
		if b.Cause == signal.Known {
			most = max(most, b.Total)
		}
	}
	for i := len(bins); i > 0; i-- {
		if b := bins[i-1]; b.Cause == signal.Known && b.Total > 0 && 10*b.Total >= most {
			return bins[:i]
		}
	}
	return nil
}

// place is a side and a stretch to compare with.
type place struct {
	against judge.Against
	slots   []release.Side
	span    Span
}

func (d *Daemon) elsewhere(m measurement, now Span, bin signal.Duration) []place {
	stable := []release.Side{m.stable()}
	out := []place{{judge.StableNow, stable, now}}
	if first := m.record.State.FirstTraffic; !first.IsZero() {
		bins := min(judge.MostBins, max(1, beforeFor/bin))
		out = append(out, place{judge.StableBefore, stable, Span{From: first.Add(-bin * bins), To: first, Bin: bin}})
	}
	then := Span{From: now.From.Add(-week), To: now.To.Add(-week), Bin: bin}
	return append(out, place{judge.LastWeek, []release.Side{m.stable(), m.candidate()}, then})
}

// lastWeek measures signals at the same time last week, on whichever slot had the traffic then.
func (d *Daemon) lastWeek(ctx context.Context, m measurement, at signal.Instant, bin signal.Duration, names []string) []judge.Other {
	const bins = 40 // a little more than a check compares
	then := Span{From: at.Add(-week - bins*bin), To: at.Add(-week), Bin: bin}
	var out []judge.Other
	for _, name := range names {
		out = append(out, d.other(ctx, m, name, name, place{judge.LastWeek, []release.Side{m.stable(), m.candidate()}, then}))
	}
	return out
}

// other reads what a signal is compared by at a place: of several slots, that which counted most.
func (d *Daemon) other(ctx context.Context, m measurement, name, counts string, at place) judge.Other {
	best := judge.Other{Signal: name, Against: at.against}
	bins, parts := make([][]signal.Bin, len(at.slots)), []func(){}
	for i, side := range at.slots {
		if asks := only(m.plan.Asks(side.Slot, side.Version), []string{counts}); len(asks) > 0 {
			parts = append(parts, func() { bins[i] = d.read(ctx, m, asks, at.span)[0].Bins })
		}
	}
	together(parts...)
	for i, side := range at.slots {
		if i == 0 || events(bins[i]) > events(best.Bins) {
			best.Slot, best.Bins = side.Slot, bins[i]
		}
	}
	return best
}

func events(bins []signal.Bin) (n signal.Number) {
	for _, b := range bins {
		if b.Cause == signal.Known {
			n += b.Total
		}
	}
	return n
}

func enough(o judge.Other) bool { return events(o.Bins) >= judge.LeastOther }

// baseline sums up what stable measured before the first traffic; nil where Prometheus can't be asked now.
func (d *Daemon) baseline(ctx context.Context, m measurement) []judge.Baseline {
	if m.unbelieved() != "" {
		return nil
	}
	m = m.telling()
	bin := m.plan.Matrix.Bin
	end := m.record.State.FirstTraffic
	asks := m.plan.Asks(m.stable().Slot, m.stable().Version)
	if len(asks) > 0 {
		bin = m.plan.Matrix.Coarser(2 * whole(d.newest(ctx, m, asks, end).Interval)).Bin
	}
	bins := min(judge.MostBins, m.plan.Baseline/bin)
	out := make([]judge.Baseline, 0, len(asks))
	how, lasts := lasting(m.plan, asks)
	if lasts {
		asks = append(slices.Clip(asks), how)
	}
	for i, r := range d.read(ctx, m, asks, Span{From: end.Add(-bin * bins), To: end, Bin: bin}) {
		switch {
		case unanswered(r):
			return nil
		case lasts && i == len(asks)-1:
			long(out, m.plan.Matrix.Requests, judge.Lasted(r, how.Over[0]))
		default:
			out = append(out, judge.BaselineOf(asks[i].Kind, r))
		}
	}
	return append(out, d.podsBaseline(ctx, m)...)
}

// lasting gives the question how many requests last longer than a silence is asked for: of the first histogram of
// times whose series are those that the requests are counted by; false where there is none.
func lasting(plan *release.Plan, asks []signal.Ask) (signal.Ask, bool) {
	units := map[string]float64{"seconds": 1, "milliseconds": 1000}
	for _, requests := range only(asks, []string{plan.Matrix.Requests}) {
		for _, row := range plan.Matrix.Rows {
			for _, a := range only(asks, []string{row.Signal}) {
				if unit := units[row.Unit]; a.Kind == signal.Quantile && unit > 0 && a.Match == requests.Match {
					a.Over = []signal.Number{signal.Number(unit * judge.SilentFor.D().Seconds())}
					return a, true
				}
			}
		}
	}
	return signal.Ask{}, false
}

// long notes of the requests whether they last longer.
func long(all []judge.Baseline, requests string, answer judge.Answer) {
	for i := range all {
		if all[i].Signal == requests {
			all[i].Long = answer
		}
	}
}
