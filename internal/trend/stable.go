package trend

import "math"

// stable is what stable's record teaches of this program's memory.
type stable struct {
	traces []trace
	own    float64 // the height of its saw-teeth
	fall   float64 // the height of the highest saw-tooth of either version
	paces  map[[2]float64]known
}

type known struct {
	perHour   float64
	sameHours bool
}

func stableOf(u Usage, g grain) *stable {
	s := &stable{paces: map[[2]float64]known{}}
	for _, p := range u.Stable {
		t := traceOf(p, u.At, g)
		s.traces, s.own = append(s.traces, t), max(s.own, fall(t.lives))
	}
	s.fall = s.own
	return s
}

// pace is stable's own climb per hour, never under 0, and whether it is that of the same hours of a
// day before.
func (s *stable) pace(from, to float64) (perHour float64, sameHours bool) {
	from = math.Floor(2*from) / 2 // pods start some seconds apart
	key := [2]float64{from, to}
	k, ok := s.paces[key]
	if !ok {
		k = s.look(from, to)
		s.paces[key] = k
	}
	return k.perHour, k.sameHours
}

func (s *stable) look(from, to float64) known {
	for d := day; d <= soon; d += day {
		if slope := s.median(from-d, to-d, 0.75*(to-from)); !math.IsNaN(slope) {
			return known{max(0, slope), true}
		}
	}
	newest := math.Inf(-1)
	for _, t := range s.traces {
		newest = max(newest, t.seen)
	}
	if slope := s.median(newest-coarse.longest, newest, 0); slope > 0 {
		return known{slope, false}
	}
	return known{}
}

// median gives the slope of the median pod of those that were seen for so many hours of the window.
func (s *stable) median(from, to, hours float64) float64 {
	var slopes []float64
	for _, t := range s.traces {
		if p := t.pace(from, to, s.own); !math.IsNaN(p.perHour) && p.hours >= hours {
			slopes = append(slopes, p.perHour)
		}
	}
	return median(slopes)
}
