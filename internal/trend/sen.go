package trend

import "math"

// sen gives the slope per hour of the spots: the median over all pairs of a group (Theil 1950, Sen
// 1968). Up to 29 % of the spots may be anything. Pairs across groups are not compared: a life of a pod
// says nothing of the level of the next, nor noon of midnight (Hirsch, Slack and Smith, Water Resources
// Research 18, 1982). It is NaN without a pair.
func sen(groups [][]spot) float64 {
	pairs := 0
	for _, g := range groups {
		pairs += len(g) * (len(g) - 1) / 2
	}
	slopes := make([]float64, 0, pairs)
	for _, g := range groups {
		for i, a := range g {
			for _, b := range g[i+1:] {
				if b.h > a.h {
					slopes = append(slopes, (b.v-a.v)/(b.h-a.h))
				}
			}
		}
	}
	return median(slopes)
}

// median gives the lower median of x, which it reorders; NaN of nothing.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	k := (len(x) - 1) / 2
	for lo, hi := 0, len(x)-1; lo < hi; {
		i, j := split(x, lo, hi)
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}

// split orders x[lo:hi+1] around the value in its middle: up to j none is above it, from i on none below.
func split(x []float64, lo, hi int) (i, j int) {
	i, j = lo, hi
	for pivot := x[lo+(hi-lo)/2]; i <= j; {
		for x[i] < pivot {
			i++
		}
		for x[j] > pivot {
			j--
		}
		if i <= j {
			x[i], x[j] = x[j], x[i]
			i, j = i+1, j-1
		}
	}
	return i, j
}
