package scenario

import "fmt"

// Class is what a kind of scenario is meant to be. What it is, its label says.
type Class string

// The classes.
const (
	Bad   Class = "bad"   // to be rolled back
	Good  Class = "good"  // looks bad, and is not to be rolled back
	Lower Class = "lower" // wants a look, or a person's decision, but no rollback
)

// Scenario is a truth and how it was seen.
type Scenario struct {
	Seed  uint64
	Kind  string
	Class Class
	Truth
	Observation
}

func (s Scenario) String() string {
	return fmt.Sprintf("%s, seed %d, scrapes every %gs", s.Kind, s.Seed, s.Every)
}

// kind draws a scenario out of a healthy one.
type kind struct {
	name  string
	class Class
	draw  func(d dice, s *Scenario)
}

// turns are whose turn it is by seed: two bad, two good, one lower.
var turns = [...]struct {
	kinds []kind
	place uint64 // among those of its class in one round
	of    uint64 // how many of its class a round has
}{{bad, 0, 2}, {good, 0, 2}, {bad, 1, 2}, {good, 1, 2}, {lower, 0, 1}}

// New draws the scenario of a seed.
func New(seed uint64) Scenario {
	turn := turns[seed%uint64(len(turns))]
	n := seed/uint64(len(turns))*turn.of + turn.place
	k := turn.kinds[n%uint64(len(turn.kinds))]
	d := newDice(seed, 1)
	s := healthy(d)
	s.Seed, s.Kind, s.Class = seed, k.name, k.class
	k.draw(d, &s)
	return s
}

// healthy draws a release that nothing is wrong with.
func healthy(d dice) Scenario {
	s := Scenario{Truth: Truth{Until: d.between(110, 130) * minute, Load: rhythm(d.spread(2, 120), 0.1, d.Float64()), Share: step(0, 0, 1)}}
	if d.chance(0.3) {
		s.split(-d.between(12, 25)*minute, d.between(0.1, 0.5))
	}
	errors, refused, hits := d.between(0, 2e-4), d.between(0, 0.03), d.between(0.75, 0.95)
	normal := Mixture{{1, d.between(.01, .02), d.between(.3, .45)}}
	for range 2 {
		p := Pod{Errors: constant(errors), Refused: constant(refused), Hits: constant(hits),
			Latency: func(float64) Mixture { return normal }, Memory: constant(d.between(200, 400)),
			Listed: always, Up: always, Ready: always}
		s.Candidate, s.Stable = append(s.Candidate, p), append(s.Stable, p)
	}
	s.Observation = seen(d)
	return s
}

// seen draws an ordinary observation.
func seen(d dice) Observation {
	intervals := [...]float64{15, 15, 30, 30, 60}
	o := Observation{Every: intervals[d.IntN(len(intervals))], Jitter: d.between(0, 0.4), Lazy: d.chance(0.5), Uneven: d.between(0, 0.1)}
	if d.chance(0.3) {
		o.Missed = d.between(0, 0.02)
	}
	o.Pair = d.chance(0.1)
	return o
}

// split lets the candidate have a share before the cutover.
func (s *Scenario) split(from, share float64) {
	s.Deployed = from
	s.Share = func(t float64) float64 {
		switch {
		case t < from:
			return 0
		case t < 0:
			return share
		}
		return 1
	}
}

// busy sees to it that there are at least so many requests per second on average.
func (s *Scenario) busy(d dice, least, most float64) {
	s.Load = rhythm(d.spread(least, most), 0.1, d.Float64())
}

// each changes all pods.
func each(pods []Pod, change func(p *Pod)) {
	for i := range pods {
		change(&pods[i])
	}
}

func (s *Scenario) failing(c Curve) { each(s.Candidate, func(p *Pod) { p.Errors = c }) }

// slow adds slow requests by a curve of their weight.
func slow(pods []Pod, weight Curve, median, sigma float64) {
	each(pods, func(p *Pod) {
		normal := p.Latency
		p.Latency = func(t float64) Mixture {
			if w := weight(t); w > 0 {
				return normal(t).with(w, median, sigma)
			}
			return normal(t)
		}
	})
}
