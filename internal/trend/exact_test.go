package trend

import (
	"math"
	"testing"
)

// tail is the chance of at least k hits of n, by adding up.
func tail(k, n int, p float64) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		c, _ := math.Lgamma(float64(n) + 1)
		a, _ := math.Lgamma(float64(i) + 1)
		b, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(c - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func TestBoundsAreThoseOfTheBinomialDistribution(t *testing.T) {
	for _, n := range []int{1, 8, 30, 299, 5000} {
		for _, k := range []int{0, 1, 2, n / 3, n - 1, n} {
			if k > n {
				continue
			}
			low, high := tally{float64(k), float64(n)}.bounds()
			if k == 0 && low != 0 || k > 0 && math.Abs(tail(k, n, low)-risk) > 1e-6 {
				t.Errorf("%d of %d: at least %v, where so many have a chance of %v", k, n, low, tail(k, n, low))
			}
			if k == n && high != 1 || k < n && math.Abs(1-tail(k+1, n, high)-risk) > 1e-6 {
				t.Errorf("%d of %d: at most %v, where so few have a chance of %v", k, n, high, 1-tail(k+1, n, high))
			}
		}
	}
}

func TestBoundsHaveNoStepWhereTheNormalDistributionTakesOver(t *testing.T) {
	exact, _ := tally{many, 1000 * many}.bounds()
	normal, _ := tally{many + 1, 1000 * many}.bounds()
	if math.Abs(normal/exact-1) > 1e-4 {
		t.Errorf("%v, then %v", exact, normal)
	}
}

func TestTheMedianIsTheLowerMiddle(t *testing.T) {
	for want, x := range map[float64][]float64{1: {1}, 2: {3, 2}, 5: {9, 5, 5, 5, 1}, 4: {7, 4, 1, 9, 2, 8}} {
		if got := median(x); got != want {
			t.Errorf("got %v of %v, want %v", got, x, want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("got %v of nothing", got)
	}
}

func TestTheSlopeIsThatOfMostPairs(t *testing.T) {
	line := []spot{{-4, 0}, {-3, 2}, {-2, 400}, {-1, 6}, {0, 8}}
	if got := sen([][]spot{line}); got != 2 {
		t.Errorf("one spot of five is off: got %v, want 2", got)
	}
	if got := sen([][]spot{line[:2], {{-1, 100}, {0, 102}}}); got != 2 {
		t.Errorf("groups at two levels: got %v, want 2", got)
	}
}

func TestOrderIsCountedInPairs(t *testing.T) {
	o := kendall([][]spot{{{-3, 1}, {-2, 3}, {-1, 2}, {0, 4}}})
	if want := 4.0 / 6; math.Abs(o.tau-want) > 1e-12 {
		t.Errorf("tau is %v, want %v", o.tau, want)
	}
	if want := 3 / math.Sqrt(4*3*13/18.0); math.Abs(o.z-want) > 1e-12 {
		t.Errorf("z is %v, want %v", o.z, want)
	}
}
