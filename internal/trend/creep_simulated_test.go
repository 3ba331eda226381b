package trend_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

func TestHealthySharesAreLeftAlone(t *testing.T) {
	for _, k := range services {
		t.Run(k.name, func(t *testing.T) {
			flagged, known := 0, 0
			looks := []float64{6, 8, 12, 18, 24, 36, 48, 72, 96, 168}
			for seed := range uint64(seeds) {
				r := random(seed)
				s := k.draw(r)
				all, yes := shares(r, s, k.before, 168), false
				for _, h := range looks {
					c := trend.Creep(first(all, h))
					if c.Answer == trend.Yes && !yes {
						yes = true
						t.Logf("seed %d, at %v h: %s\n%+v", seed, h, c.Reason, s)
					}
					if c.Answer != trend.Unknown {
						known++
					}
				}
				if yes {
					flagged++
				}
			}
			t.Logf("%d of %d flagged at any of %d looks; %d %% of the answers are known", flagged, seeds, len(looks), 100*known/(seeds*len(looks)))
			if flagged > seeds/20 {
				t.Errorf("%d of %d flagged, want at most 5 %%", flagged, seeds)
			}
		})
	}
}

func TestCreepsAreFoundInTime(t *testing.T) {
	cases := []struct {
		name   string
		s      service
		before bool
		by     float64
		share  float64
	}{
		{"0.5 points a day, over a day before", service{events: 5000, share: 0.001, swing: 2, rough: 0.1, creep: 0.005 / 24}, true, 18, 0.95},
		{"2 points a day, over a day before", service{events: 1000, share: 0.002, swing: 2, rough: 0.1, creep: 0.02 / 24}, true, 18, 0.95},
		{"4 points a day, and nothing known", service{events: 5000, share: 0.001, swing: 1, rough: 0.1, creep: 0.04 / 24}, false, 12, 0.90},
		{"0.3 points a day, against its own days", service{events: 5000, share: 0.002, swing: 3, rough: 0.1, creep: 0.003 / 24}, false, 72, 0.95},
		{"0.1 points a day, against its own days", service{events: 20_000, share: 0.001, swing: 2, rough: 0.1, creep: 0.001 / 24}, false, 120, 0.9},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := 0.0
			for seed := range uint64(seeds) {
				r := random(seed)
				if trend.Creep(shares(r, c.s, c.before, c.by)).Answer == trend.Yes {
					found++
				}
			}
			t.Logf("%.0f %% found by %v h", 100*found/seeds, c.by)
			if found < c.share*seeds {
				t.Errorf("%.0f %% found by %v h, want %.0f %%", 100*found/seeds, c.by, 100*c.share)
			}
		})
	}
}

func TestMoreCreepIsNeverBetter(t *testing.T) {
	seen := map[trend.Answer]int{}
	for seed := range uint64(1000) {
		r := random(seed)
		k := services[seed%uint64(len(services))]
		all := first(shares(r, k.draw(r), k.before, 72), []float64{7, 12, 24, 47, 48, 72}[r.IntN(6)])
		last := trend.Creep(all)
		for _, more := range []float64{0.0001, 0.0005, 0.001, 0.005, 0.01} {
			next := trend.Creep(creeping(all, more))
			if worse[next.Answer] < worse[last.Answer] {
				t.Errorf("seed %d, %s: %v more an hour turns %q into %q\n%+v\n%+v", seed, k.name, more, last.Reason, next.Reason, last, next)
			}
			last = next
			seen[next.Answer]++
		}
	}
	for _, a := range []trend.Answer{trend.Yes, trend.No, trend.Unknown} {
		if seen[a] < 50 {
			t.Errorf("the records don't reach everything: %v", seen)
		}
	}
}

// creeping makes so many more of the events bad for each hour since the first.
func creeping(s trend.Shares, perHour float64) trend.Shares {
	counts := make([]trend.Count, len(s.Counts))
	for i, c := range s.Counts {
		hours := float64(c.End-s.Counts[0].End) / 3600
		c.Bad = min(c.Events, c.Bad+c.Events*signal.Number(perHour*hours))
		counts[i] = c
	}
	s.Counts = counts
	return s
}

func TestAnyCountsHaveOneAnswer(t *testing.T) {
	values := []float64{math.NaN(), math.Inf(1), -1, 0, 1, 29, 30, 1000, 1e8, 1e14, math.MaxFloat64}
	draw := func(r *rand.Rand, most int) []trend.Count {
		var all []trend.Count
		for range r.IntN(most) {
			all = append(all, trend.Count{End: signal.Instant(r.IntN(500)) * 900, Events: signal.Number(values[r.IntN(len(values))]), Bad: signal.Number(values[r.IntN(len(values))])})
		}
		return all
	}
	for seed := range uint64(200) {
		junk := func() trend.Shares {
			r := random(seed)
			return trend.Shares{Counts: draw(r, 200), Before: draw(r, 200), Matters: signal.Number(values[r.IntN(len(values))])}
		}
		a, b := trend.Creep(junk()), trend.Creep(junk())
		if text(t, a) != text(t, b) {
			t.Fatalf("seed %d: %+v, then %+v", seed, a, b)
		}
		if _, ok := worse[a.Answer]; !ok || a.Reason == "" {
			t.Fatalf("seed %d: no answer: %+v", seed, a)
		}
	}
}

func BenchmarkCreep(b *testing.B) {
	for _, hours := range []float64{24, 168} {
		b.Run(fmt.Sprintf("%vh", hours), func(b *testing.B) {
			s := shares(random(1), service{events: 5000, share: 0.002, swing: 2, rough: 0.1}, hours == 24, hours)
			b.ReportAllocs()
			for b.Loop() {
				if r := trend.Creep(s); r.Answer != trend.No {
					b.Fatalf("got %+v, want No", r)
				}
			}
		})
	}
}
