package trend

import "math"

// tally is how many events there were, and how many of them were bad.
type tally struct{ bad, events float64 }

func (t tally) share() float64 { return t.bad / t.events }

func (t tally) plus(o tally) tally { return tally{t.bad + o.bad, t.events + o.events} }

const (
	// risk is how often a bound of an interval may be wrong, on its side.
	risk = 0.01
	// many is how many events of either sort make the normal distribution as good as the exact one.
	many = 100_000
)

// bounds gives the least and the greatest share that such a tally allows (Clopper and Pearson,
// Biometrika 26, 1934): exact for few events too, as long as one event does not depend on the other.
func (t tally) bounds() (low, high float64) {
	if p := t.share(); t.bad > many && t.events-t.bad > many {
		wide := unlikely * math.Sqrt(p*(1-p)/t.events)
		return p - wide, p + wide
	}
	low, high = 0, 1
	if t.bad > 0 {
		low = solve(t.bad, t.events-t.bad+1, risk)
	}
	if t.bad < t.events {
		high = solve(t.bad+1, t.events-t.bad, 1-risk)
	}
	return low, high
}

// solve gives the x at which the incomplete beta function is p.
func solve(a, b, p float64) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		mid := (low + high) / 2
		if beta(a, b, mid) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// beta is the regularised incomplete beta function.
func beta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - beta(b, a, 1-x)
	}
	ab, _ := math.Lgamma(a + b)
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	return math.Exp(ab-ga-gb+a*math.Log(x)+b*math.Log1p(-x)) / a * fraction(a, b, x)
}

// fraction is the continued fraction of the incomplete beta function (DLMF 8.17.22), from its front:
// each convergent is the ratio of two terms of a recurrence, which is scaled to stay in range.
func fraction(a, b, x float64) float64 {
	p0, q0, p1, q1 := 0.0, 1.0, 1.0, 1.0
	last := 1.0
	for m := 1.0; m < 20_000; m++ {
		odd := -(a + m - 1) * (a + b + m - 1) * x / ((a + 2*m - 2) * (a + 2*m - 1))
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		for _, d := range []float64{odd, even} {
			p0, q0, p1, q1 = p1, q1, p1+d*p0, q1+d*q0
		}
		p0, q0, p1, q1 = p0/q1, q0/q1, p1/q1, 1
		if !(math.Abs(p1-last) > 1e-12*math.Abs(p1)) {
			break
		}
		last = p1
	}
	return p1
}
