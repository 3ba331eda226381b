package scenario

import (
	"math"
	"testing"
)

// Draws have the mean and the variance of their distributions, small numbers and large.
func TestDrawsAreFair(t *testing.T) {
	d := newDice(1, 1)
	moments := func(draw func() float64) (mean, variance float64) {
		const n = 20000
		sum, squares := 0.0, 0.0
		for range n {
			v := draw()
			sum, squares = sum+v, squares+v*v
		}
		return sum / n, squares/n - sum*sum/n/n
	}
	for _, c := range []struct {
		name           string
		draw           func() float64
		mean, variance float64
	}{
		{"poisson 0.2", func() float64 { return d.poisson(0.2) }, 0.2, 0.2},
		{"poisson 12", func() float64 { return d.poisson(12) }, 12, 12},
		{"poisson 500", func() float64 { return d.poisson(500) }, 500, 500},
		{"binomial 10 0.3", func() float64 { return d.binomial(10, 0.3) }, 3, 2.1},
		{"binomial 10 0.9", func() float64 { return d.binomial(10, 0.9) }, 9, 0.9},
		{"binomial 1000 0.002", func() float64 { return d.binomial(1000, 0.002) }, 2, 1.996},
		{"binomial 1000 0.4", func() float64 { return d.binomial(1000, 0.4) }, 400, 240},
		{"uneven", func() float64 { return d.uneven(0.2) }, 1, 0.2},
	} {
		mean, variance := moments(c.draw)
		if math.Abs(mean/c.mean-1) > 0.03 || math.Abs(variance/c.variance-1) > 0.08 {
			t.Errorf("%s: mean %g, variance %g, want %g and %g", c.name, mean, variance, c.mean, c.variance)
		}
	}
}
