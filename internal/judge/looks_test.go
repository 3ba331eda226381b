package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rolled gives a Poisson count.
func rolled(r *rand.Rand, mean float64) float64 {
	if mean > 40 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	n, p, limit := 0.0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// week gives a release's week in bins of a minute, with so many events a minute of which a share is bad; both
// vary from minute to minute by a relative spread, beyond what chance alone does.
func week(seed uint64, perMinute, share, spread float64) []tally {
	r := rand.New(rand.NewPCG(seed, 7))
	ts := make([]tally, 7*24*60)
	for i := range ts {
		vary := func() float64 { return math.Exp(spread*r.NormFloat64() - spread*spread/2) }
		total := rolled(r, perMinute*vary())
		bad := math.Min(total, rolled(r, total*share*vary()))
		ts[i] = tally{bad, bad, total, true, true}
	}
	return ts
}

// alarms counts the stretches of a week of which the bound is said to have lasted, one alarm each.
func alarms(l limit, ts []tally) (n int) {
	for end, before := l.n+1, false; end <= len(ts); end++ {
		now := l.ask(ts[max(0, end-MostBins):end]).answer == Yes
		if now && !before {
			n++
		}
		before = now
	}
	return n
}

// The guard looks 10,000 times at new minutes of a release's week, at each of its bounds. A release that is
// bad in half as much as a bound is never rolled back for it, however little or much traffic it has, even if
// its minutes vary by a quarter; of releases at a bound itself few are.
func TestFalseAlarmsOfAWeek(t *testing.T) {
	for _, c := range []struct {
		name         string
		times        float64 // of the bound
		spread       float64
		weeks, allow int
	}{
		{"half a bound", 0.5, 0, 12, 0},
		{"half a bound, and unruly", 0.5, 0.25, 12, 0},
		{"a fifth below a bound", 0.8, 0, 6, 1},
		{"the bound itself", 1, 0, 6, 6},
	} {
		falsely, looks := 0, 0
		for i := range c.weeks {
			for _, p := range []float64{0.05, 0.01} {
				perMinute := []float64{1, 3, 12, 50, 300, 2000}[i%6]
				ts := week(uint64(i), perMinute, c.times*p, c.spread)
				falsely += alarms(limit{p: p, chance: chanceOfRollback, n: 5, flaps: true}, ts)
				looks += len(ts)
			}
		}
		t.Logf("%s: %d false alarms in %d release-weeks, %d looks", c.name, falsely, c.weeks, looks)
		if falsely > c.allow {
			t.Errorf("%s: %d false alarms in %d weeks, want at most %d", c.name, falsely, c.weeks, c.allow)
		}
	}
	bad := 0
	for i := range 12 {
		bad += min(1, alarms(limit{p: 0.05, chance: chanceOfRollback, n: 5, flaps: true}, week(uint64(i), 300, 0.1, 0.25)))
	}
	if bad != 12 {
		t.Errorf("at twice a bound %d of 12 are found", bad)
	}
}
