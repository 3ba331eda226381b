package scenario

import "math"

// Mixture is a distribution of latencies: lognormal parts.
type Mixture []Part

// Part is a lognormal distribution, in seconds, and its weight among the others.
type Part struct{ Weight, Median, Sigma float64 }

// over is the share of requests that take longer than x.
func (m Mixture) over(x float64) float64 {
	sum := 0.0
	for _, p := range m {
		sum += p.Weight * math.Erfc(math.Log(x/p.Median)/(p.Sigma*math.Sqrt2)) / 2
	}
	return sum
}

func (m Mixture) mean() float64 {
	sum := 0.0
	for _, p := range m {
		sum += p.Weight * p.Median * math.Exp(p.Sigma*p.Sigma/2)
	}
	return sum
}

// with takes the weight of another part off all the parts there are.
func (m Mixture) with(weight, median, sigma float64) Mixture {
	out := make(Mixture, 0, len(m)+1)
	for _, p := range m {
		p.Weight *= 1 - weight
		out = append(out, p)
	}
	return append(out, Part{Weight: weight, Median: median, Sigma: sigma})
}
