package judge

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// answer asks one cell of a row, and gives the bins that decided.
func answer(m Matrix, row Row, c Cell, r signal.Reading, in Input, x *paper) (Finding, []signal.Bin) {
	if c.Bound.Unavailable {
		return unavailable(m, c, r, in)
	}
	if row.Kind.Fact() && row.Kind != signal.Probe {
		return fact(c, r, in)
	}
	if c.Bound.Above == nil && c.Bound.Below == nil {
		return Finding{Cell: c, Answer: Unknown, Bins: int32(m.Bins(c)), Cause: signal.NoBaseline}, newest(r.Bins, MinBins)
	}
	a := asked{row: row, cell: c, bins: r.Bins, n: m.Bins(c), first: in.FirstTraffic}
	a.tallies, a.p, a.counts = x.tallied(row, c.Bound, r.Bins)
	a.from = late(m, in.FirstTraffic, r.Bins)
	now, end := a.until(len(r.Bins)), len(r.Bins)
	if in.Stretch == Whole {
		now, end = a.ever(in.Since, now)
	}
	stretch := r.Bins[end-now.bins : end]
	f := Finding{Cell: c, Answer: now.answer, How: now.how, Bins: int32(a.n), Over: int32(now.bins),
		Cause: now.cause, Needs: signal.Number(now.needs)}
	a.count(&f, end-now.bins, end)
	return f, stretch
}

// late gives how many bins went by, after the first traffic, until the first sample came: a new target is
// found and scraped a little later.
func late(m Matrix, first signal.Instant, bins []signal.Bin) int {
	n := slices.IndexFunc(bins, seen)
	if first.IsZero() || n <= 0 || n > MinBins || bins[0].End > first.Add(2*m.Bin) {
		return 0
	}
	for _, b := range bins[:n] {
		if b.Cause != signal.Gap && b.Cause != signal.Idle && b.Cause != signal.First {
			return 0
		}
	}
	return n
}

// asked is a cell and all the bins that it can be asked of.
type asked struct {
	row   Row
	cell  Cell
	bins  []signal.Bin
	n     int // bins that the bound must last
	from  int // the first bin that counts
	first signal.Instant

	counts  bool // else there are only values
	tallies []tally
	p       float64
}

// until asks whether the bound has lasted until the end of a bin.
func (a *asked) until(end int) ruling {
	if !a.counts {
		return a.values(a.bins[max(a.from, end-a.n-1):end])
	}
	l := limit{p: a.p, chance: chanceOfOther, n: a.n, flaps: a.cell.Tier != Investigate && !a.cell.Canary}
	if a.cell.Tier == Rollback {
		l.chance = chanceOfRollback
	}
	r := l.ask(a.tallies[a.from:end])
	if r.answer == Yes && a.warming(end-r.bins, end) {
		return ruling{answer: Unknown, bins: r.bins, cause: signal.Warming}
	}
	return r
}

// ever asks whether the bound has lasted at any time until now, leaving out what had ended by since. What
// was not seen then stays unknown; that it was quiet then does not.
func (a *asked) ever(since signal.Instant, now ruling) (ruling, int) {
	at := len(a.bins)
	over, unseen := at, at // the last of its kind before end
	for end := at - 1; end > a.from+a.n && now.answer != Yes && a.bins[end-1].End > since; end-- {
		over, unseen = a.before(min(over, end), a.over), a.before(min(unseen, end), a.unseen)
		if far := max(over+a.reach(), unseen+a.n+1); end > far {
			end = far + 1 // until there what it takes for a yes, or a gap, is not there
			continue
		}
		then := a.until(end)
		if then.answer == Yes || then.answer == Unknown && then.cause == signal.Gap && now.answer == No {
			now, at = then, end
		}
	}
	return now, at
}

// over tells whether a bin is beyond the bound, and unseen whether it says nothing of it.
func (a *asked) over(i int) bool {
	if a.counts {
		return a.tallies[i].over(a.p)
	}
	return seen(a.bins[i]) && breaks(a.cell.Bound, a.bins[i].Value)
}

func (a *asked) unseen(i int) bool {
	if a.counts {
		return !a.tallies[i].seen
	}
	return !seen(a.bins[i])
}

// before gives the end of the last bin up to an end that is so; far away if none is.
func (a *asked) before(end int, so func(int) bool) int {
	for end--; end >= 0 && !so(end); end-- {
	}
	if end < 0 {
		return -mostPooled - 3*a.n
	}
	return end + 1
}

// reach is how many bins back a yes needs one that is beyond the bound.
func (a *asked) reach() int { return max(3*a.n, wider[len(wider)-1]) }

// values asks bins that hold no counts: each must be beyond the bound, but for one between others that
// may be unknown. One that is within it ends the stretch.
func (a *asked) values(bins []signal.Bin) ruling {
	yes, unknown := 0, 0
	r := ruling{answer: Unknown, bins: len(bins), cause: signal.Gap}
	for _, b := range bins {
		switch {
		case !seen(b):
			unknown++
		case !breaks(a.cell.Bound, b.Value):
			return ruling{answer: No, bins: len(bins)}
		default:
			yes++
		}
	}
	switch {
	case len(bins) <= a.n:
		r.cause = signal.Young
	case unknown > 1 || !seen(bins[0]) || !seen(bins[len(bins)-1]):
	case a.row.Kind == signal.Quantile && pool(bins).Total < MinTotal:
		r.cause, r.needs = signal.Few, float64(MinTotal-pool(bins).Total)
	case yes >= MinBins:
		return ruling{answer: Yes, bins: len(bins), how: Held}
	}
	return r
}

// count counts what the bins of the stretch say, each by itself.
func (a *asked) count(f *Finding, from, to int) {
	for i := from; i < to; i++ {
		switch b := a.bins[i]; {
		case !seen(b):
			f.Unknown++
		case a.counts && a.tallies[i].over(a.p), !a.counts && breaks(a.cell.Bound, b.Value):
			f.Yes++
		case a.counts && a.tallies[i].most > a.p*a.tallies[i].total:
			f.Unknown++
		default:
			f.No++
		}
	}
}

// breaks tells whether a value is beyond the bound.
func breaks(bound Bound, v signal.Number) bool {
	return bound.Above != nil && v > *bound.Above || bound.Below != nil && v < *bound.Below
}

// against counts the events of a Ratio's bin that speak for the bound: the part where it may not be
// above, the rest where it may not be below.
func against(bound Bound, b signal.Bin) signal.Number {
	if bound.Below != nil {
		return b.Total - b.Part
	}
	return b.Part
}
