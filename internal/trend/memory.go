package trend

import (
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Point is a value at a moment.
type Point struct {
	At    signal.Instant
	Value signal.Number
}

// Pod is the memory of one container over time, in bytes, sampled at least every 6 minutes; samples may
// be missing. The working set is meant (container_memory_working_set_bytes): it is what is killed at
// the limit.
type Pod struct {
	Name   string
	Points []Point
	// Starts are the moments at which its process started, as far as they are known. Without them only a
	// fall to under a quarter is taken for a restart; a smaller one counts as a collection, and hides a
	// climb until it has risen by as much again.
	Starts []signal.Instant
	// Limit is the container's limit in bytes; 0 is none.
	Limit signal.Number
}

// Usage is what Memory is asked about.
type Usage struct {
	// At is the moment that it is asked for; later points do not count.
	At signal.Instant
	// Pods are the candidate's. One without a point in the last half hour is gone and does not count.
	Pods []Pod
	// Stable is the record of stable's pods while they carried the traffic, up to the cutover: best a day
	// and more of it. It may be empty.
	Stable []Pod
}

// Climb is what is known of the candidate's memory.
type Climb struct {
	Answer Answer `json:"answer"`
	// PerHour is the climb in bytes per hour, less Stable, in the median pod of those that climb, else of
	// all that could be judged; NaN where there is none.
	PerHour signal.Number `json:"perHour"`
	// Stable is the climb of stable's memory that was taken off: in the same hours of a day before, where
	// it was seen then.
	Stable signal.Number `json:"stable"`
	// Limit is what is reached first, and LimitAt when: the limit of a pod that climbs.
	Limit   signal.Number  `json:"limit,omitempty"`
	LimitAt signal.Instant `json:"limitAt,omitempty"`
	// Reach is how long that takes; without any limit, how long until the memory of a pod that climbs has doubled.
	Reach signal.Duration `json:"reach,omitempty"`
	// Pods were seen in the last half hour; Judged of them long enough; Climbing of those climb.
	Pods     int32 `json:"pods"`
	Judged   int32 `json:"judged"`
	Climbing int32 `json:"climbing"`
	// Cause says why it is unknown.
	Cause signal.Cause `json:"cause,omitempty"`
	// Reason says it in a sentence.
	Reason string `json:"reason"`
}

// gone is how long a pod may be without a point, in hours, before it does not count.
const gone = 0.5

// Memory tells whether the candidate's memory only climbs, so that it reaches its limit within a week.
//
// It looks at the minima of six minutes, from half an hour after each start, and of these at the level
// that memory did not fall under again. It needs an hour of them, twice, half an hour apart: so it says
// nothing in a pod's first two hours, and a pod that is killed every hour is not judged here. More than
// half of the pods must climb.
//
// In simulations (TestHealthyMemoryIsLeftAlone, TestLeaksAreFoundInTime) it flags 0 of 200 healthy
// programs of each kind at any of eight looks in 36 hours, and 2 of 200 that have a slow collector, a
// cache, a daily rhythm and restarts at once; of leaks of 10 MiB an hour in a flat program it finds 95 %
// within 6 hours, and 92 % of those of 50 within 2. A collector of minutes makes that 9 and 6 hours, one
// of an hour a day and 9 hours. Without stable's record it flags three in four collectors of up to
// eight hours.
//
// It does not see a leak under 5 MiB an hour, nor one outside the container's memory, nor one that is
// smaller than what the collector frees at once, until it has climbed by more. Saw-teeth longer than
// what was seen of either version look like a leak until the first falls.
func Memory(u Usage) Climb {
	c := climbOf(u, fine)
	if c.Answer != Yes {
		if slow := climbOf(u, coarse); slow.Answer == Yes {
			return slow
		}
	}
	return c
}

func climbOf(u Usage, g grain) Climb {
	s := stableOf(u, g)
	var traces []trace
	for _, p := range u.Pods {
		if t := traceOf(p, u.At, g); t.seen >= -gone {
			traces = append(traces, t)
			s.fall = max(s.fall, fall(t.lives))
		}
	}
	c := Climb{Pods: int32(len(traces))}
	var judged, climbing []course
	for _, t := range traces {
		course := t.judge(s)
		if course.known {
			judged = append(judged, course)
		}
		if course.climbs {
			climbing = append(climbing, course)
		}
	}
	c.Judged, c.Climbing = int32(len(judged)), int32(len(climbing))
	c.decide()
	if c.Answer == Yes {
		c.measure(u.At, climbing)
	} else {
		c.measure(u.At, judged)
	}
	c.Reason = c.sentence(u.At, judged)
	return c
}

// decide counts the pods: more than half climb, or what is not judged yet can't make it more than half.
func (c *Climb) decide() {
	unjudged := c.Pods - c.Judged
	switch {
	case 2*c.Climbing > c.Pods:
		c.Answer = Yes
	case c.Pods > 0 && 2*(c.Climbing+unjudged) <= c.Pods:
		c.Answer = No
	case c.Pods == 0:
		c.Answer, c.Cause = Unknown, signal.Gap
	default:
		c.Answer, c.Cause = Unknown, signal.Young
	}
}

// measure takes the median pod's climb, and the pod that reaches its limit first.
func (c *Climb) measure(at signal.Instant, courses []course) {
	var perHour, stable []float64
	first, doubled := math.Inf(1), math.Inf(1)
	for _, o := range courses {
		perHour, stable = append(perHour, o.net), append(stable, o.stable)
		switch {
		case !o.climbs:
		case o.limit <= 0:
			doubled = min(doubled, o.reach)
		case o.reach < first:
			first, c.Limit = o.reach, signal.Number(o.limit)
			c.LimitAt = at + signal.Instant(o.reach*3600)
		}
	}
	if c.Limit == 0 {
		first = doubled
	}
	if !math.IsInf(first, 1) {
		c.Reach = signal.Duration(first * 3600e9)
	}
	c.PerHour, c.Stable = signal.Number(median(perHour)), signal.Number(median(stable))
}
