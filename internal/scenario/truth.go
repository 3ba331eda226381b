// Package scenario makes up releases whose truth is known, good and bad, lets a Prometheus have seen them,
// and holds what a backtest says of them against the truth.
//
// A label comes from a release's true rates alone: never from a count, and never from a judge. What is made
// up is made by the same hands as the judge, so a table says which seeds the judge was tuned on.
package scenario

import (
	"math"
	"math/rand/v2"
)

// Times are in seconds after the cutover.
const (
	minute = 60.0
	hour   = 3600.0
	// Begin is where the history begins: an hour and a bit before any canary.
	Begin = -105 * minute
	// Length is how long after the cutover a release is watched, if nothing else is said.
	Length = 150 * minute
)

// Truth is a release as it was.
type Truth struct {
	Kind string
	Seed uint64
	// Scrape is how far apart the scrapes are, in seconds.
	Scrape float64
	// Deployed is when green got its first traffic.
	Deployed float64
	// Until is how long after the cutover it is watched.
	Until float64
	// Rate is the requests per second of the whole service, Share the part of it that green gets.
	Rate  func(t float64) float64
	Share func(t float64) float64
	Blue  Side
	Green Side
	// Spread makes counts vary more than chance alone does: the relative deviation of a minute's rate.
	Spread float64
	// Missed tells whether the scrape of a pod at t failed; Twins is a pair of servers behind one address.
	Missed func(t float64) bool
	Twins  bool
}

// Side is one slot.
type Side struct {
	Pods int
	// Errors is the share of a pod's requests that fail.
	Errors func(t float64, pod int) float64
	// Latency is a pod's distribution.
	Latency func(t float64, pod int) Latency
	// Hits is the cache's hit ratio.
	Hits func(t float64) float64
	// Heard tells whether the pods are scraped at all, Ready how many are ready.
	Heard func(t float64) bool
	Ready func(t float64) int
	// Restarts are when all pods were restarted: their counters begin at 0.
	Restarts []float64
}

// Latency is a mixture of two lognormal distributions, in seconds.
type Latency struct {
	Median, Sigma float64
	// Slow is the share of requests that take around SlowMedian instead.
	Slow, SlowMedian float64
}

// Above gives the share of requests that take longer than x.
func (l Latency) Above(x float64) float64 {
	return (1-l.Slow)*beyond(x, l.Median, l.Sigma) + l.Slow*beyond(x, l.SlowMedian, 0.3)
}

func beyond(x, median, sigma float64) float64 {
	if median <= 0 {
		return 0
	}
	return 0.5 * math.Erfc(math.Log(x/median)/(sigma*math.Sqrt2))
}

// errors gives a side's share of failed requests over all its pods.
func (s Side) errors(t float64) float64 {
	sum := 0.0
	for p := range s.Pods {
		sum += s.Errors(t, p)
	}
	return sum / float64(s.Pods)
}

// above gives a side's share of requests that take longer than x.
func (s Side) above(t, x float64) float64 {
	sum := 0.0
	for p := range s.Pods {
		sum += s.Latency(t, p).Above(x)
	}
	return sum / float64(s.Pods)
}

// dice rolls for one scenario.
type dice struct{ *rand.Rand }

func roll(kind string, seed uint64) dice {
	h := uint64(14695981039346656037)
	for _, c := range []byte(kind) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return dice{rand.New(rand.NewPCG(seed, h))}
}

// between gives a number between two, evenly; around a logarithmic scale.
func (d dice) between(a, b float64) float64 { return a + (b-a)*d.Float64() }
func (d dice) scale(a, b float64) float64   { return a * math.Pow(b/a, d.Float64()) }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// poisson gives a count whose mean is m.
func (d dice) poisson(m float64) float64 {
	switch {
	case m <= 0:
		return 0
	case m > 50:
		return math.Max(0, math.Round(m+math.Sqrt(m)*d.NormFloat64()))
	}
	n, p, limit := 0.0, d.Float64(), math.Exp(-m)
	for p > limit {
		n++
		p *= d.Float64()
	}
	return n
}

// binomial gives how many of n are of a share p.
func (d dice) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - d.binomial(n, 1-p)
	case n < 40:
		k := 0.0
		for range int(n) {
			if d.Float64() < p {
				k++
			}
		}
		return k
	case n*p < 30:
		return math.Min(n, d.poisson(n*p))
	}
	return math.Min(n, math.Max(0, math.Round(n*p+math.Sqrt(n*p*(1-p))*d.NormFloat64())))
}
