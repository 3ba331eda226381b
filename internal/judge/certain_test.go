package judge

import (
	"math"
	"testing"
)

// chance adds up, term by term, how likely k events or more of n are at a share of p.
func chance(k, n int, p float64) float64 {
	total := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		total += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return total
}

func TestBoundsAreExact(t *testing.T) {
	for _, n := range []int{1, 3, 10, 57, 300, 2000} {
		for _, p := range []float64{0.001, 0.01, 0.05, 0.3, 0.95} {
			for _, level := range []float64{1e-2, 1e-4} {
				for k := 0; k <= n; k += 1 + n/60 {
					above, below := chance(k, n, p), 1-chance(k+1, n, p)
					if math.Abs(above-level) > 1e-9 && surelyAbove(float64(k), float64(n), p, level) != (above < level) {
						t.Errorf("%d of %d above %v: got %v at a chance of %v, want by %v", k, n, p, above >= level, above, level)
					}
					if math.Abs(below-level) > 1e-9 && surelyBelow(float64(k), float64(n), p, level) != (below < level) {
						t.Errorf("%d of %d below %v: got %v at a chance of %v, want by %v", k, n, p, below >= level, below, level)
					}
				}
			}
		}
	}
}

// How many requests it takes: the figures by which people plan a canary.
func TestHowManyEventsItTakes(t *testing.T) {
	for p, want := range map[float64]float64{0.05: 59, 0.01: 299, 0.005: 598, 0.001: 2995, 0: MinTotal} {
		if got := toClear(p); got != want {
			t.Errorf("to clear %v: %v events, want %v", p, got, want)
		}
	}
	l := limit{p: 0.05, chance: 1e-2}
	for share, want := range map[float64]float64{0.5: 6, 0.2: 24, 0.1: 136, 0.08: 343} {
		if got := l.toConfirm(share); math.Abs(got-want) > want/4 {
			t.Errorf("to confirm %v above 5 %%: %v events, want about %v", share, got, want)
		}
	}
}

// Sums are rounded, and histograms may count parts of events: what comes out as more than all is all, and as less
// than none none.
func TestCountsBeyondAll(t *testing.T) {
	for _, p := range []float64{0, 1e-300, 0.05, 0.5, 1 - 1e-16, 1} {
		for _, n := range []float64{0.5, 3, 1000, 1 << 60} {
			if got, want := surelyAbove(2*n, n, p, chanceOfRollback), surelyAbove(n, n, p, chanceOfRollback); got != want {
				t.Errorf("%v of %v above %v: %v; all of it: %v", 2*n, n, p, got, want)
			}
			if got, want := surelyBelow(-n, n, p, chanceOfRollback), surelyBelow(0, n, p, chanceOfRollback); got != want {
				t.Errorf("%v of %v below %v: %v; none of it: %v", -n, n, p, got, want)
			}
		}
	}
}
