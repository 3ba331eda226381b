package judge

import "github.com/knowledgebeast/greenwatch/internal/signal"

// MinPart is the least number of events that speak for a bound before it can say yes: a share of two
// errors is an anecdote. MinTotal is the least number of events behind a value that is not counted.
const (
	MinPart  = 3
	MinTotal = 30
)

// chanceOfDip is how sure it must be that the one bin of a stretch that is not beyond the bound was below
// it, to end the stretch.
const chanceOfDip = 0.1

// wider is how many bins are added up in one where single ones hold too few events, over mostPooled in all.
var wider = [...]int{2, 6, 12}

const mostPooled = 72

// limit is a bound as counts are held against it.
type limit struct {
	// p is the share at the bound, chance how likely a yes may be at that share.
	p, chance float64
	// n is how many bins it must last.
	n int
	// flaps is whether trouble that comes and goes counts, too.
	flaps bool
}

// ruling is the answer of a limit, the number of newest bins that it rests on, and what is missing
// where it is unknown.
type ruling struct {
	answer Answer
	bins   int
	how    How
	cause  signal.Cause
	needs  float64
}

// ask asks the newest bins whether the bound has lasted until now.
//
// Trouble begins and ends within a bin. A stretch is therefore one bin longer than the bound must last, so
// that trouble that goes on is never taken for longer than it is. Every bin must be beyond the bound, but
// for one between others that is unknown or may have been; and the events of the stretch, less those of
// any one bin, must be so many that no share at the bound explains them.
//
// Where single bins hold too few events for that, the same is asked of bins added up, over up to an hour.
func (l limit) ask(ts []tally) ruling {
	m := l.n + 1
	base := ts[max(0, len(ts)-m):]
	switch {
	case len(base) == m && l.yes(base):
		return ruling{answer: Yes, bins: m, how: Held}
	case l.flaps && l.flapping(ts):
		return ruling{answer: Yes, bins: 3 * l.n, how: Flapping}
	case l.no(base):
		return ruling{answer: No, bins: len(base)}
	case len(base) < m:
		return ruling{answer: Unknown, bins: len(base), cause: signal.Young}
	case holey(base):
		return ruling{answer: Unknown, bins: m, cause: signal.Gap}
	}
	for _, size := range wider {
		if groups := grouped(ts, m, size); m*size <= mostPooled && groups != nil && l.yes(groups) {
			return ruling{answer: Yes, bins: m * size, how: Pooled}
		}
	}
	if n := l.clears(ts); n > 0 {
		return ruling{answer: No, bins: n}
	}
	if sum(base).total <= 0 {
		return ruling{answer: Unknown, bins: m, cause: signal.Idle}
	}
	return l.few(ts[max(0, len(ts)-MostBins):])
}

// yes tells whether the bound has lasted through a stretch.
func (l limit) yes(ts []tally) bool {
	last := len(ts) - 1
	if !ts[0].over(l.p) || !ts[last].over(l.p) {
		return false
	}
	spared := 0
	for _, t := range ts {
		if t.over(l.p) {
			continue
		}
		if spared++; spared > 1 || t.whole && surelyBelow(t.most, t.total, l.p, chanceOfDip) {
			return false
		}
	}
	return l.withoutAny(ts)
}

// withoutAny tells whether the events are surely too many whichever bin is left out: one burst is not
// trouble that lasts.
func (l limit) withoutAny(ts []tally) bool {
	all := sum(ts)
	for _, t := range ts {
		k, n := all.least-t.least, all.total-t.total
		if k < MinPart || !surelyAbove(k, n, l.p, l.chance) {
			return false
		}
	}
	return true
}

// no tells whether the bound has not lasted: some of it, from the beginning or to the end or a bin
// between, was surely below; or the end holds enough events within the bound that trouble would have shown.
func (l limit) no(ts []tally) bool {
	from, to := tally{whole: true}, tally{whole: true}
	for i := range ts {
		t := ts[i]
		from, to = from.plus(t), to.plus(ts[len(ts)-1-i])
		for _, x := range [...]tally{t, from, to} {
			if x.whole && surelyBelow(x.most, x.total, l.p, chanceOfClear) {
				return true
			}
		}
		if i+1 >= MinBins && to.whole && to.most <= l.p*to.total && to.total >= toClear(l.p) {
			return true
		}
	}
	return false
}

// clears gives how many of the newest bins, at least a stretch, hold enough events within the bound that
// trouble would have shown; 0 if none do.
func (l limit) clears(ts []tally) int {
	enough, all := toClear(l.p), tally{whole: true}
	base := sum(ts[len(ts)-l.n-1:])
	if base.total <= 0 || base.most > l.p*base.total {
		return 0
	}
	for n := 1; n <= min(len(ts), MostBins); n++ {
		if all = all.plus(ts[len(ts)-n]); !all.whole {
			return 0
		}
		if n > l.n && all.total >= enough && all.most <= l.p*all.total {
			return n
		}
	}
	return 0
}

// flapping tells whether trouble that comes and goes has lasted altogether: over three times as long, in
// as many bins, not counting one of each burst, since it begins and ends within a bin; and lately, too.
func (l limit) flapping(ts []tally) bool {
	if len(ts) < 3*l.n {
		return false
	}
	ts = ts[len(ts)-3*l.n:]
	bad, bursts, last := 0, 0, -1
	for i, t := range ts {
		if !t.over(l.p) {
			continue
		}
		if bad++; last < 0 || last < i-1 {
			bursts++
		}
		last = i
	}
	return bad-bursts >= l.n && last >= len(ts)-l.n && l.withoutAny(ts)
}

// holey tells whether too much of a stretch was not seen: an end of it, or more than one bin.
func holey(ts []tally) bool {
	unseen := 0
	for _, t := range ts {
		if !t.seen {
			unseen++
		}
	}
	return unseen > 1 || !ts[0].seen || !ts[len(ts)-1].seen
}

// few says what is missing for an answer: events, or a bucket that ends near the bound.
func (l limit) few(ts []tally) ruling {
	all := sum(ts)
	r := ruling{answer: Unknown, bins: len(ts), cause: signal.Few}
	switch {
	case all.least <= l.p*all.total && all.most > l.p*all.total:
		r.cause = signal.Coarse
	case all.least > l.p*all.total:
		r.needs = l.toConfirm(all.least/all.total) - all.total
	default:
		r.needs = toClear(l.p) - all.total
	}
	r.needs = max(0, r.needs)
	return r
}

// toConfirm gives how many events of a share beyond the bound it takes to be sure of it; 0 for more than
// anybody will wait for.
func (l limit) toConfirm(share float64) float64 {
	const most = 1 << 20
	low, high := 1.0, 1.0
	for !surelyAbove(share*high, high, l.p, l.chance) {
		if low, high = high, 2*high; high > most {
			return 0
		}
	}
	for high-low > 1 {
		if mid := (low + high) / 2; surelyAbove(share*mid, mid, l.p, l.chance) {
			high = mid
		} else {
			low = mid
		}
	}
	return float64(int(high + 0.999))
}
