package scenario

import (
	"math"
	"math/rand/v2"
)

// dice are the chances of one seed.
type dice struct{ *rand.Rand }

func newDice(seed uint64, purpose uint64) dice { return dice{rand.New(rand.NewPCG(seed, purpose))} }

func (d dice) between(a, b float64) float64 { return a + (b-a)*d.Float64() }

// spread draws evenly over orders of magnitude.
func (d dice) spread(a, b float64) float64 { return a * math.Pow(b/a, d.Float64()) }

func (d dice) chance(p float64) bool { return d.Float64() < p }

// poisson draws a count.
func (d dice) poisson(mean float64) float64 {
	if mean > 30 {
		return max(0, math.Round(mean+math.Sqrt(mean)*d.NormFloat64()))
	}
	n, p := 0.0, d.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= d.Float64()
	}
	return n
}

// binomial draws how many of n are among a share of p.
func (d dice) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - d.binomial(n, 1-p)
	case n*p > 30:
		return min(n, max(0, math.Round(n*p+math.Sqrt(n*p*(1-p))*d.NormFloat64())))
	}
	return d.fewOf(n, p)
}

// fewOf counts by the gaps between those drawn.
func (d dice) fewOf(n, p float64) float64 {
	k := 0.0
	for at := d.gap(p); at <= n; at += d.gap(p) {
		k++
	}
	return k
}

func (d dice) gap(p float64) float64 { return 1 + math.Floor(math.Log(1-d.Float64())/math.Log1p(-p)) }

// uneven is a factor of mean 1 with a variance, for traffic that is burstier than chance.
func (d dice) uneven(variance float64) float64 {
	if variance == 0 {
		return 1
	}
	s := math.Sqrt(math.Log1p(variance))
	return math.Exp(s*d.NormFloat64() - s*s/2)
}
