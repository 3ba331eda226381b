package trend_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

// worse ranks the answers.
var worse = map[trend.Answer]int{trend.No: 0, trend.Unknown: 1, trend.Yes: 2}

// climbing adds so many MiB an hour to each of the candidate's pods, from its first point on.
func climbing(u trend.Usage, perHour float64) trend.Usage {
	pods := make([]trend.Pod, len(u.Pods))
	for i, p := range u.Pods {
		points := make([]trend.Point, len(p.Points))
		for j, q := range p.Points {
			q.Value += signal.Number(perHour * mib * float64(q.At-born) / 3600)
			points[j] = q
		}
		p.Points = points
		pods[i] = p
	}
	u.Pods = pods
	return u
}

func TestMoreClimbIsNeverBetter(t *testing.T) {
	seen := map[trend.Answer]int{}
	for seed := range uint64(150) {
		r := random(seed)
		k := healthy[seed%uint64(len(healthy))]
		p := k.draw(r)
		p.leak = uniform(r, 0, 15)
		u := asOf(record(r, p, k.stable, 14*hour), 3+float64(r.IntN(11)))
		last := trend.Memory(u)
		for _, c := range []float64{0.5, 2, 5, 10, 20, 50, 200} {
			next := trend.Memory(climbing(u, c))
			if worse[next.Answer] < worse[last.Answer] {
				t.Errorf("seed %d, %s: %v MiB/h more turns %q into %q", seed, k.name, c, last.Reason, next.Reason)
			}
			last = next
			seen[next.Answer]++
		}
	}
	if seen[trend.Yes] < 100 || seen[trend.No] < 100 {
		t.Errorf("the records don't reach everything: %v", seen)
	}
}

// junk is a record that makes no sense.
func junk(r *rand.Rand) trend.Usage {
	values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1, 400 * mib, gib, math.MaxFloat64}
	pods := func() []trend.Pod {
		all := make([]trend.Pod, r.IntN(4))
		for i := range all {
			all[i].Limit = signal.Number(values[r.IntN(len(values))])
			for range r.IntN(4) {
				all[i].Starts = append(all[i].Starts, signal.Instant(r.IntN(200_000)))
			}
			for range r.IntN(200) {
				v := values[r.IntN(len(values))] * r.Float64()
				all[i].Points = append(all[i].Points, trend.Point{At: signal.Instant(r.IntN(200_000)), Value: signal.Number(v)})
			}
		}
		return all
	}
	return trend.Usage{At: signal.Instant(r.IntN(250_000)), Pods: pods(), Stable: pods()}
}

func TestAnyRecordHasOneAnswer(t *testing.T) {
	for seed := range uint64(2000) {
		a, b := trend.Memory(junk(random(seed))), trend.Memory(junk(random(seed)))
		if text(t, a) != text(t, b) {
			t.Fatalf("seed %d: %+v, then %+v", seed, a, b)
		}
		if _, ok := worse[a.Answer]; !ok || a.Reason == "" {
			t.Fatalf("seed %d: no answer: %+v", seed, a)
		}
	}
}

func TestTheOrderOfPointsDoesNotMatter(t *testing.T) {
	r := random(1)
	u := record(r, plain(r), true, 6*hour)
	want := text(t, trend.Memory(u))
	for _, p := range append(u.Pods, u.Stable...) {
		r.Shuffle(len(p.Points), func(i, j int) { p.Points[i], p.Points[j] = p.Points[j], p.Points[i] })
	}
	if got := text(t, trend.Memory(u)); got != want {
		t.Errorf("shuffled: %s\nwas: %s", got, want)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("write %+v: %v", v, err)
	}
	return string(b)
}

// BenchmarkMemory judges a day of four pods at 30 s, with stable's day and a half before: healthy, so
// that every window is looked at.
func BenchmarkMemory(b *testing.B) {
	r := random(1)
	p := with(fast)(r)
	u := trend.Usage{At: born + 24*hour}
	for range 4 {
		u.Pods = append(u.Pods, p.pod(r, "", born, u.At, 30))
		u.Stable = append(u.Stable, p.pod(r, "", born-36*hour, born, 30))
	}
	for name, u := range map[string]trend.Usage{"alone": {At: u.At, Pods: u.Pods}, "with-stable": u} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c := trend.Memory(u); c.Answer != trend.No {
					b.Fatalf("got %+v, want No", c)
				}
			}
		})
	}
}
