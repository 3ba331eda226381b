package judge

import "github.com/knowledgebeast/greenwatch/internal/signal"

// A new version warms up: caches fill, code is compiled, pools connect. A breach that reaches back into so
// long after the first traffic counts only if it does not look like that.
const (
	warmUp     = signal.Duration(10 * 60e9)
	coldErrors = 0.2
	// fallen is what is left of a share, at most, that falls; chanceOfFall how likely a fall is of one that
	// does not, and chanceOfStay how likely it is that one which does seems not to.
	fallen       = 0.7
	chanceOfFall = 1e-3
	chanceOfStay = 1e-2
)

// warming tells whether the bins from one to another reach back into the warm-up and look like one: errors
// must surely fall for that, and be few; anything else must surely not, to be no warm-up.
func (a *asked) warming(from, to int) bool {
	if from >= a.warm(to) {
		return false
	}
	ts := a.tallies[from:to]
	if all := sum(ts); a.row.Kind == signal.Ratio && a.cell.Bound.Above != nil {
		return all.least < coldErrors*all.total && falls(ts)
	}
	return !stays(ts)
}

// warm gives the first bin, up to an end, that does not lie wholly within the warm-up.
func (a *asked) warm(end int) int {
	if a.first.IsZero() {
		return 0
	}
	i := a.from
	for i < end && a.bins[i].End <= a.first.Add(warmUp) {
		i++
	}
	return i
}

// falls tells whether the share surely falls from a stretch's oldest third to its newest: of all the events
// that speak for the bound in both, as many should be in the newest as all events are (the conditional test
// of two rates, Przyborowski and Wilenski 1940).
func falls(ts []tally) bool {
	was, is := thirds(ts)
	if was.total <= 0 || is.total <= 0 || is.least*was.total >= fallen*was.least*is.total {
		return false
	}
	return surelyBelow(is.least, is.least+was.least, is.total/(is.total+was.total), chanceOfFall)
}

// stays tells, by the same test, whether surely more of the share is left than of one that falls.
func stays(ts []tally) bool {
	was, is := thirds(ts)
	if was.total <= 0 || is.total <= 0 {
		return false
	}
	left := fallen * is.total
	return surelyAbove(is.least, is.least+was.least, left/(left+was.total), chanceOfStay)
}

// thirds adds up the oldest and the newest third of a stretch.
func thirds(ts []tally) (was, is tally) {
	third := max(1, len(ts)/3)
	return sum(ts[:third]), sum(ts[len(ts)-third:])
}
