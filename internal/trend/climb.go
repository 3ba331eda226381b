package trend

import (
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	mebibyte = 1 << 20
	// slowest is the climb per hour that is worth a word.
	slowest = 5 * mebibyte
	// soon is how soon a climb must reach the limit to matter, in hours.
	soon = 7 * day
	// apart is the least time between the two windows that must agree, in hours; in long ones it is an
	// eighth of their length.
	apart = 0.5
	// shortest is the shortest part of a record that is looked at for itself, in hours.
	shortest = 2.0
	// daily is the part of the limit by which memory may rise and fall in the course of a day: what that
	// can explain is no climb where stable's same hours are not known.
	daily = 0.06
	// bends is what the later third of a climb must be under, as a part of the earlier, to be filling up.
	bends = 0.75
)

// trace is the record of one pod.
type trace struct {
	lives []life
	seen  float64 // its newest point
	limit float64
	grain grain
}

func traceOf(p Pod, at signal.Instant, g grain) trace {
	t := trace{lives: livesOf(p, at, g), seen: math.Inf(-1), limit: float64(p.Limit), grain: g}
	for _, q := range p.Points {
		if q.At <= at && usable(q.Value) {
			t.seen = max(t.seen, hours(q.At, at))
		}
	}
	return t
}

// pace is how memory moved in one window.
type pace struct {
	perHour float64 // the slope of its floor; NaN if too little was seen
	hours   float64 // how long was seen
	top     float64 // the highest of the last half hour
	rest    float64 // what it will still rise, if it is filling up; infinite if it is not
}

func (t trace) pace(from, to, fall float64) pace {
	p := pace{perHour: nan, top: nan, rest: math.Inf(1)}
	var floors [][]spot
	var cut []life
	n := 0
	for _, l := range t.lives {
		l = l.within(from, to)
		if len(l.lows) < 2 {
			continue
		}
		n += len(l.lows)
		p.hours += l.lows[len(l.lows)-1].h - l.lows[0].h
		floors, cut = append(floors, floor(l.lows, fall)), append(cut, l)
	}
	if n >= t.grain.least {
		p.perHour, p.top, p.rest = sen(floors), top(cut[len(cut)-1].spots), rest(cut)
	}
	return p
}

// top is the highest value of the last half hour that was seen.
func top(spots []spot) float64 {
	end, most := spots[len(spots)-1].h, 0.0
	for _, s := range between(spots, end-apart, end) {
		most = max(most, s.v)
	}
	return most
}

// rest foretells what a climb that slows down will still add: if each third of it adds r of what the
// one before did, all that come add up to r/(1-r) of the last. Means and not medians, so that a steady
// leak on top of it only ever adds.
func rest(lives []life) float64 {
	var early, late, n float64
	for _, l := range lives {
		if m, ok := thirds(l.spots); ok {
			n++
			early += (m[1].v - m[0].v) / (m[1].h - m[0].h) * (m[2].h - m[0].h) / 2
			late += (m[2].v - m[1].v) / (m[2].h - m[1].h) * (m[2].h - m[0].h) / 2
		}
	}
	r := late / early
	switch {
	case early <= 0 || r >= bends:
		return math.Inf(1)
	case r <= 0:
		return 0
	}
	return late / n * r / (1 - r)
}

// thirds gives the mean of each third of the time that the spots span.
func thirds(spots []spot) ([3]spot, bool) {
	var m [3]spot
	var n [3]float64
	begin, span := spots[0].h, spots[len(spots)-1].h-spots[0].h
	for _, s := range spots {
		i := min(2, int(3*(s.h-begin)/max(span, 1e-9)))
		m[i].h, m[i].v, n[i] = m[i].h+s.h, m[i].v+s.v, n[i]+1
	}
	for i := range m {
		if n[i] == 0 {
			return m, false
		}
		m[i].h, m[i].v = m[i].h/n[i], m[i].v/n[i]
	}
	return m, m[0].h < m[1].h && m[1].h < m[2].h
}

// course is what a pod's memory does.
type course struct {
	pace
	known, climbs bool
	stable, net   float64 // stable's climb, and the climb without it
	limit, reach  float64 // the limit, and the hours until it is reached
}

// judge looks at the whole record and at its newer half, quarter and so on, so that neither a leak that
// began late is hidden by what was before nor one that began with a start-up.
func (t trace) judge(s *stable) course {
	begin := t.begin()
	whole := t.over(begin, s)
	if !whole.known || whole.climbs {
		return whole
	}
	for span := -begin / 2; span >= shortest; span /= 2 {
		if c := t.over(-span, s); c.climbs {
			return c
		}
	}
	return whole
}

// begin is where the record begins, at most the longest window ago.
func (t trace) begin() float64 {
	for _, l := range t.lives {
		if len(l.lows) > 0 {
			return max(l.lows[0].h, -t.grain.longest)
		}
	}
	return 0
}

// over asks two windows in a row, which both begin there or as far apart as they end.
func (t trace) over(from float64, s *stable) course {
	step := max(apart, -from/8)
	before := t.course(max(from-step, t.begin()), -step, s)
	now := t.course(from, 0, s)
	now.known = now.known && before.known
	now.climbs = now.climbs && before.climbs
	return now
}

func (t trace) course(from, to float64, s *stable) course {
	c := course{pace: t.pace(from, to, s.fall), limit: t.limit}
	if math.IsNaN(c.perHour) {
		return c
	}
	stable, sameHours := s.pace(from, to)
	c.known, c.stable, c.net = true, stable, c.perHour-stable
	room := c.limit - c.top
	if c.limit <= 0 {
		room = c.top // without a limit: until it has doubled
	}
	c.reach = max(0, room/c.net)
	rises := sameHours || c.net*c.hours >= c.limit*rhythm(c.hours)
	c.climbs = c.net >= slowest && c.reach <= soon && c.rest >= room && rises
	return c
}

// rhythm is the part of the limit by which a daily rhythm raises memory in so many hours at most: that
// of a sine, around its steepest.
func rhythm(hours float64) float64 {
	return daily * math.Sin(math.Pi*min(hours, day/2)/day)
}
