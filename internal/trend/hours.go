package trend

import (
	"cmp"
	"math"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Against is what a share was compared with.
type Against string

// What there is to compare with.
const (
	Nothing   Against = "Nothing"   // less than two days are known
	DayBefore Against = "DayBefore" // the same hours of a day before the candidate
	OwnDays   Against = "OwnDays"   // the candidate's own days, each hour with the same hour
)

// stretch is a tally and when it ended.
type stretch struct {
	tally
	end signal.Instant
}

// view is a record, sorted for comparison.
type view struct {
	groups  [][]spot // what is compared: within a group, never across
	ends    ends
	hours   float64
	n       int
	against Against
	// lever is how many times farther from where the record begins the end lies than the beginning, each
	// with the weight of its events: a share that grows from nothing at all grows by as much.
	lever float64
}

// most is how many events a stretch may have before they are no count but a mistake.
const most = 1e10

// tidy gives the counts that make sense and have events enough, one for each end, in the order of time.
func tidy(counts []Count) []stretch {
	var kept []stretch
	for _, c := range counts {
		if usable(c.Events) && usable(c.Bad) && c.Bad <= c.Events && c.Events >= crowd && c.Events <= most {
			kept = append(kept, stretch{tally{float64(c.Bad), float64(c.Events)}, c.End})
		}
	}
	slices.SortFunc(kept, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.events, b.events), cmp.Compare(a.bad, b.bad))
	})
	return slices.CompactFunc(kept, func(a, b stretch) bool { return a.end == b.end })
}

// look sorts a record that began then.
func look(counts, before []stretch, begun signal.Instant) view {
	if len(counts) == 0 {
		return view{against: Nothing}
	}
	first, newest := counts[0].end, counts[len(counts)-1].end
	apart := spacing(counts)
	v := view{n: len(counts), hours: -hours(first, newest), against: Nothing}
	switch same := pair(counts, before, apart); {
	case len(same) >= fewest && 2*len(same) >= len(counts):
		return beside(same)
	case v.hours+apart >= 2*day:
		v.against = OwnDays
		v.groups = byClock(counts, newest, apart)
		v.ends.first = sum(counts, first, first+signal.Instant(day*3600)-1)
		v.ends.last = sum(counts, newest-signal.Instant(day*3600)+1, newest)
	default:
		part := max(1, len(counts)/4)
		head, tail := counts[:part], counts[len(counts)-part:]
		v.groups = [][]spot{spots(counts, newest)}
		v.ends.first, v.ends.last = sum(head, first, newest), sum(tail, first, newest)
		v.lever = centre(tail, begun) / centre(head, begun)
	}
	return v
}

// grow is what the slope adds up to over the whole time.
func (v view) grow() float64 { return sen(v.groups) * v.hours }

// spacing is the median time between two stretches, in hours.
func spacing(counts []stretch) float64 {
	var gaps []float64
	for i := range len(counts) - 1 {
		gaps = append(gaps, hours(counts[i+1].end, counts[i].end))
	}
	if len(gaps) == 0 {
		return 0
	}
	return median(gaps)
}

func spots(counts []stretch, at signal.Instant) []spot {
	var out []spot
	for _, c := range counts {
		out = append(out, spot{hours(c.end, at), c.share()})
	}
	return out
}

func sum(counts []stretch, from, to signal.Instant) tally {
	var t tally
	for _, c := range counts {
		if c.end >= from && c.end <= to {
			t = t.plus(c.tally)
		}
	}
	return t
}

// centre is the mean time from a moment to the stretches' ends, with the weight of their events.
func centre(counts []stretch, from signal.Instant) float64 {
	var time, events float64
	for _, c := range counts {
		time, events = time+c.events*hours(c.end, from), events+c.events
	}
	return time / events
}

// byClock groups the stretches by the time of day.
func byClock(counts []stretch, at signal.Instant, apart float64) [][]spot {
	n := max(1, int(math.Round(day/apart)))
	groups := make([][]spot, n)
	for _, s := range spots(counts, at) {
		i := ((int(math.Round(s.h/day*float64(n))) % n) + n) % n
		groups[i] = append(groups[i], s)
	}
	return groups
}

// twin is a stretch and the one at the same hour of a day before.
type twin struct{ now, then stretch }

// pair finds for each stretch the one nearest to the same hour of the latest day before that has one.
func pair(counts, before []stretch, tolerance float64) []twin {
	var twins []twin
	for _, c := range counts {
		for d := signal.Instant(1); d <= 7; d++ {
			want := c.end - d*signal.Instant(day*3600)
			if b, ok := nearest(before, want); ok && math.Abs(hours(b.end, want)) <= tolerance {
				twins = append(twins, twin{c, b})
				break
			}
		}
	}
	return twins
}

func nearest(s []stretch, at signal.Instant) (stretch, bool) {
	i, _ := slices.BinarySearchFunc(s, at, func(s stretch, at signal.Instant) int { return cmp.Compare(s.end, at) })
	switch {
	case len(s) == 0:
		return stretch{}, false
	case i == len(s) || i > 0 && at-s[i-1].end < s[i].end-at:
		return s[i-1], true
	}
	return s[i], true
}

// beside compares with the day before: what is ordered is by how much each stretch is worse than its twin.
func beside(twins []twin) view {
	n := len(twins)
	newest := twins[n-1].now.end
	v := view{n: n, hours: -hours(twins[0].now.end, newest), against: DayBefore}
	var group []spot
	for i, t := range twins {
		group = append(group, spot{hours(t.now.end, newest), t.now.share() - t.then.share()})
		switch part := max(1, n/4); {
		case i < part:
			v.ends.first, v.ends.firstBefore = v.ends.first.plus(t.now.tally), v.ends.firstBefore.plus(t.then.tally)
		case i >= n-part:
			v.ends.last, v.ends.lastBefore = v.ends.last.plus(t.now.tally), v.ends.lastBefore.plus(t.then.tally)
		}
	}
	v.groups = [][]spot{group}
	return v
}
