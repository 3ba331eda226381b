package trend

import (
	"cmp"
	"math"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// warmUp is left out after each start: caches, pools and compiled code grow then.
	warmUp = 0.5
	// abrupt is within how many minima memory falls when it is a collection, not an ebb.
	abrupt = 3
	// restarted is what a value must fall below, as a part of the one before, to be a new process.
	restarted = 0.25
)

// grain is a stretch whose minimum counts, in hours, how many minima a slope takes, and how far back a
// climb is looked for, in hours.
type grain struct {
	hours   float64
	least   int
	longest float64
}

var (
	// fine finds what climbs fast: in six minutes a busy collector has run.
	fine = grain{0.1, 9, 12}
	// coarse finds what climbs slowly, under a collector that takes longer too: over two days, in which a
	// daily rhythm has come down once more.
	coarse = grain{0.5, 6, 48}
)

// life is what was seen of a pod from one start to the next, without its warm-up.
type life struct {
	spots []spot
	lows  []spot // the minimum of each grain, at the grain's beginning; a grain without a spot has none
	grain grain
}

// livesOf cuts a pod's record at its starts.
func livesOf(p Pod, at signal.Instant, g grain) []life {
	points := clean(p.Points, at)
	if len(points) == 0 {
		return nil
	}
	starts := slices.Sorted(slices.Values(p.Starts))
	begun := lastBetween(starts, math.MinInt64, points[0].At, points[0].At)
	first := 0
	var lives []life
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		start := lastBetween(starts, a.At, b.At, 0)
		if start == 0 && b.Value < restarted*a.Value {
			start = b.At
		}
		if start != 0 {
			lives = append(lives, newLife(points[first:i], begun, at, g))
			first, begun = i, start
		}
	}
	return append(lives, newLife(points[first:], begun, at, g))
}

// oldest is how far back a point counts.
const oldest = signal.Instant(30 * 24 * 3600)

// clean gives the usable points up to at, in the order of time.
func clean(points []Point, at signal.Instant) []Point {
	kept := make([]Point, 0, len(points))
	for _, p := range points {
		if p.At <= at && p.At > at-oldest && usable(p.Value) {
			kept = append(kept, p)
		}
	}
	byTime := func(a, b Point) int { return cmp.Compare(a.At, b.At) }
	if !slices.IsSortedFunc(kept, byTime) {
		slices.SortStableFunc(kept, byTime)
	}
	return kept
}

// lastBetween gives the last start after a and not after b, or else none.
func lastBetween(starts []signal.Instant, a, b, none signal.Instant) signal.Instant {
	i, _ := slices.BinarySearch(starts, b+1)
	if i == 0 || starts[i-1] <= a {
		return none
	}
	return starts[i-1]
}

func newLife(points []Point, begun, at signal.Instant, g grain) life {
	l := life{spots: make([]spot, 0, len(points)), grain: g}
	origin := hours(begun, at) + warmUp
	for _, p := range points {
		if h := hours(p.At, at); h >= origin {
			l.spots = append(l.spots, spot{h, float64(p.Value)})
		}
	}
	l.lows = minima(l.spots, origin, g.hours)
	return l
}

func minima(spots []spot, origin, grain float64) []spot {
	var lows []spot
	for _, s := range spots {
		at := origin + grain*math.Floor((s.h-origin)/grain+1e-9)
		if n := len(lows); n == 0 || lows[n-1].h < at {
			lows = append(lows, spot{at, s.v})
		} else {
			lows[n-1].v = min(lows[n-1].v, s.v)
		}
	}
	return lows
}

// within gives what of a life lies between two hours; a grain counts if all of it does. The newest
// grain of all need not be complete.
func (l life) within(from, to float64) life {
	last := to
	if to < 0 {
		last = to - l.grain.hours
	}
	return life{between(l.spots, from, to), between(l.lows, from, last), l.grain}
}

// between gives the spots from one hour to another, both included.
func between(s []spot, from, to float64) []spot {
	i, _ := slices.BinarySearchFunc(s, from-1e-9, func(s spot, h float64) int { return cmp.Compare(s.h, h) })
	j, _ := slices.BinarySearchFunc(s, to+1e-9, func(s spot, h float64) int { return cmp.Compare(s.h, h) })
	return s[i:max(i, j)]
}

// fall is the largest fall within abrupt minima: the height of a collector's tooth.
func fall(lives []life) float64 {
	most := 0.0
	for _, l := range lives {
		for i, a := range l.lows {
			for _, b := range l.lows[i+1 : min(len(l.lows), i+1+abrupt)] {
				most = max(most, a.v-b.v)
			}
		}
	}
	return most
}

// floor gives, for each minimum, the least that memory came to from then on, if it then fell once more
// by as much as it is known to fall: a tooth that has not been collected yet is not a climb.
func floor(lows []spot, fall float64) []spot {
	out := slices.Clone(lows)
	if len(out) == 0 {
		return nil
	}
	low := out[len(out)-1].v - fall
	for i := range slices.Backward(out) {
		low = min(low, out[i].v)
		out[i].v = low
	}
	return out
}
