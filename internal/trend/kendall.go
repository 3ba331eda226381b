package trend

import "math"

// order is how steadily spots rise: tau is 1 if each is above all before it in its group, 0 without
// order; z is how many standard deviations that is from chance (Mann 1945, Kendall).
type order struct{ tau, z float64 }

// kendall orders the spots within their groups. Ties count as no order, and are not taken out of the
// variance: that makes z smaller, never larger. It assumes that neighbours do not depend on each other,
// which in real services they do; tau, which does not grow with the number of spots, is the guard.
func kendall(groups [][]spot) order {
	var s, pairs, variance float64
	for _, g := range groups {
		n := float64(len(g))
		pairs += n * (n - 1) / 2
		variance += n * (n - 1) * (2*n + 5) / 18
		for i, a := range g {
			for _, b := range g[i+1:] {
				s += sign(b.v - a.v)
			}
		}
	}
	if pairs == 0 {
		return order{}
	}
	return order{tau: s / pairs, z: (s - sign(s)) / math.Sqrt(variance)}
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
