package judge

import "github.com/knowledgebeast/greenwatch/internal/signal"

// A new version warms up: caches fill, code is compiled, pools connect. For so long after the first traffic
// a breach that falls is taken for that, unless so great a share of requests fails.
const (
	warmUp     = signal.Duration(10 * 60e9)
	coldErrors = 0.2
	// fallen is what is left of a share, at most, that falls, and chanceOfFall how likely that is of one
	// that does not.
	fallen       = 0.7
	chanceOfFall = 1e-3
)

// warming tells whether the bins from one to another lie within the warm-up and fall.
func (a asked) warming(from, to int) bool {
	if a.first.IsZero() || a.bins[to-1].End > a.first.Add(warmUp) {
		return false
	}
	ts := a.tallies[from:to]
	all := sum(ts)
	errors := a.row.Kind == signal.Ratio && a.cell.Bound.Above != nil
	return !(errors && all.least >= coldErrors*all.total) && falls(ts)
}

// falls compares the newest third of a stretch with its oldest: of all the events that speak for the bound
// in both, as many should be in the newest as all events are (the conditional test of two rates, Przyborowski
// and Wilenski 1940).
func falls(ts []tally) bool {
	third := max(1, len(ts)/3)
	was, is := sum(ts[:third]), sum(ts[len(ts)-third:])
	if was.total <= 0 || is.total <= 0 || is.least*was.total >= fallen*was.least*is.total {
		return false
	}
	return surelyBelow(is.least, is.least+was.least, is.total/(is.total+was.total), chanceOfFall)
}
