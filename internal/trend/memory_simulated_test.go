package trend_test

import (
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

const seeds = 200

// looks are the hours after its start at which a simulated candidate is judged.
var looks = []float64{2, 3, 4, 6, 9, 14, 24, 36}

// found gives the first look at which it is flagged.
func found(u trend.Usage, looks []float64) (float64, trend.Climb, bool) {
	for _, h := range looks {
		if c := trend.Memory(asOf(u, h)); c.Answer == trend.Yes {
			return h, c, true
		}
	}
	return 0, trend.Climb{}, false
}

func TestHealthyMemoryIsLeftAlone(t *testing.T) {
	for _, k := range healthy {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			flagged := 0
			for seed := range uint64(seeds) {
				r := random(seed)
				p := k.draw(r)
				if h, c, yes := found(record(r, p, k.stable, 36*hour), looks); yes {
					flagged++
					t.Logf("seed %d, at %v h: %s\n%+v", seed, h, c.Reason, p)
				}
			}
			t.Logf("%d of %d flagged at any of %d looks", flagged, seeds, len(looks))
			if flagged > seeds/20 {
				t.Errorf("%d of %d flagged, want at most 5 %%", flagged, seeds)
			}
		})
	}
}

// A collector of hours looks like a leak until it has been seen to collect: this is the control of the
// case above, and the limit that the package comment speaks of.
func TestOnlyStablesRecordTellsACollectorOfHoursFromALeak(t *testing.T) {
	flagged := 0
	for seed := range uint64(50) {
		r := random(seed)
		if _, _, yes := found(record(r, with(long)(r), false, 36*hour), looks); yes {
			flagged++
		}
	}
	t.Logf("%d of 50 flagged", flagged)
	if flagged < 5 {
		t.Errorf("%d of 50 flagged without stable's record: say so, and ask less of it", flagged)
	}
}

func TestLeaksAreFoundInTime(t *testing.T) {
	cases := []struct {
		kind  string
		leak  float64 // MiB an hour
		by    float64 // hours
		share float64
	}{
		{"flat with noise", 10, 6, 0.90},
		{"flat with noise", 20, 4, 0.95},
		{"flat with noise", 50, 2, 0.90},
		{"flat with noise", 100, 2, 0.95},
		{"start-up", 10, 9, 0.95},
		{"start-up", 50, 3, 0.90},
		{"collector of minutes", 10, 9, 0.80},
		{"collector of minutes", 50, 6, 0.95},
		{"collector of up to 80 minutes", 10, 24, 0.75},
		{"collector of up to 80 minutes", 50, 9, 0.95},
		{"collector of up to 8 hours, stable's day known", 50, 14, 0.95},
		{"cache fill", 10, 14, 0.95},
		{"cache fill", 50, 6, 0.95},
		{"daily rhythm, stable's day known", 10, 6, 0.95},
		{"daily rhythm, stable's day known", 50, 2, 0.90},
		{"restarts", 50, 6, 0.95},
		{"gaps", 50, 9, 0.95},
		{"all at once, stable's day known", 50, 9, 0.95},
	}
	for _, c := range cases {
		k := named(c.kind)
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			caught := 0.0
			const n = 40
			for seed := range uint64(n) {
				r := random(seed)
				p := k.draw(r)
				p.leak = c.leak
				if _, _, yes := found(record(r, p, k.stable, signal.Instant(c.by)*hour), until(c.by)); yes {
					caught++
				}
			}
			t.Logf("%v MiB/h by %v h: %.0f %%", c.leak, c.by, 100*caught/n)
			if caught < c.share*n {
				t.Errorf("%v MiB/h: %.0f %% found by %v h, want %.0f %%", c.leak, 100*caught/n, c.by, 100*c.share)
			}
		})
	}
}

func named(name string) kind {
	for _, k := range healthy {
		if k.name == name {
			return k
		}
	}
	panic("no kind is named " + name)
}

// until gives the looks up to an hour, the newest first, since most are found by then.
func until(hour float64) []float64 {
	var some []float64
	for _, h := range looks {
		if h <= hour {
			some = append([]float64{h}, some...)
		}
	}
	return some
}
