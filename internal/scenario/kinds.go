package scenario

import "math"

// Kinds are the scenarios by name: how each makes a healthy release bad, or look bad.
var Kinds = []struct {
	Name string
	Make func(d dice, t *Truth)
}{
	// rollback grade
	{"step", step}, {"total", total}, {"ramp", ramp}, {"late", late}, {"low-traffic", lowTraffic}, {"flapping", flapping},
	{"slow", slow}, {"creep", creep}, {"one-pod-of-four", onePod}, {"slow-pod", slowPod}, {"dead", dead}, {"canary-bad", canaryBad},
	{"bad-and-gaps", badWithGaps}, {"bad-twins", badTwins},
	// lower grades
	{"elevated", elevated}, {"slower", slower}, {"cache-collapse", cacheCollapse}, {"silent", silent}, {"slightly", slightly},
	// good ones that may look bad
	{"healthy", func(dice, *Truth) {}}, {"cold-start", coldStart}, {"surge", surge}, {"rhythm", rhythm}, {"gaps", gaps}, {"resets", resets},
	{"prometheus-restart", outage}, {"twins", func(_ dice, t *Truth) { t.Twins = true }}, {"burst", burst}, {"pauses", pauses}, {"one-error", oneError},
	{"irregular", irregular}, {"quiet", quiet}, {"both-sides", bothSides}, {"bad-before", badBefore}, {"late-samples", lateSamples},
}

func always(v float64) func(float64) float64 { return func(float64) float64 { return v } }

func evenly(f func(t float64) float64) func(float64, int) float64 {
	return func(t float64, _ int) float64 { return f(t) }
}

// Make makes a scenario.
func Make(kind string, seed uint64, scrape float64) Truth {
	d := roll(kind, seed)
	errors, median, sigma := d.scale(1e-5, 8e-4), d.between(0.008, 0.025), d.between(0.35, 0.6)
	hits := d.between(0.75, 0.97)
	side := func() Side {
		return Side{Pods: 2, Errors: evenly(always(errors)),
			Latency: func(float64, int) Latency { return Latency{Median: median, Sigma: sigma} },
			Hits:    always(hits), Heard: func(float64) bool { return true }, Ready: func(float64) int { return 2 }}
	}
	t := Truth{Kind: kind, Seed: seed, Scrape: scrape, Until: Length, Rate: always(d.scale(3, 120)), Blue: side(), Green: side(),
		Spread: d.between(0, 0.25), Missed: func(float64) bool { return false }}
	if d.IntN(2) == 0 {
		t.Deployed = -d.between(6, 30) * minute
	}
	t.Share = canary(t.Deployed, pick(d, 0.1, 0.25, 0.5))
	for _, k := range Kinds {
		if k.Name == kind {
			k.Make(d, &t)
		}
	}
	return t
}

func canary(deployed, share float64) func(float64) float64 {
	return func(t float64) float64 {
		switch {
		case t < deployed:
			return 0
		case t < 0:
			return share
		}
		return 1
	}
}

// begins is when trouble begins: at the cutover, or some time after it.
func (d dice) begins() float64 {
	if d.IntN(2) == 0 {
		return 0
	}
	return d.between(1, 80) * minute
}

// from adds to a side's errors from a moment on.
func from(at, add float64, healthy func(float64, int) float64) func(float64, int) float64 {
	return func(t float64, p int) float64 {
		if t < at {
			return healthy(t, p)
		}
		return math.Min(1, healthy(t, p)+add)
	}
}

func step(d dice, t *Truth)  { t.Green.Errors = from(d.begins(), d.scale(0.07, 0.9), t.Green.Errors) }
func total(d dice, t *Truth) { t.Green.Errors = from(d.begins(), 1, t.Green.Errors) }
func late(d dice, t *Truth) {
	t.Green.Errors = from(d.between(60, 110)*minute, d.scale(0.07, 0.5), t.Green.Errors)
}

func ramp(d dice, t *Truth) {
	begin, long, most, healthy := d.begins(), d.between(5, 30)*minute, d.between(0.15, 0.8), t.Green.Errors
	t.Green.Errors = func(x float64, p int) float64 {
		return healthy(x, p) + most*math.Min(1, math.Max(0, (x-begin)/long))
	}
}

func lowTraffic(d dice, t *Truth) {
	t.Rate = always(d.between(3, 10) / 60)
	t.Green.Errors = from(d.begins(), d.between(0.3, 0.7), t.Green.Errors)
}

func flapping(d dice, t *Truth) {
	begin, on, off := d.begins(), d.between(1.5, 4)*minute, d.between(0.7, 2)*minute
	bad, healthy := d.between(0.2, 0.8), t.Green.Errors
	t.Green.Errors = func(x float64, p int) float64 {
		if x < begin || math.Mod(x-begin, on+off) > on {
			return healthy(x, p)
		}
		return bad
	}
}

func (d dice) slowed(begin float64, slow func(t float64) (share, median float64), healthy func(float64, int) Latency) func(float64, int) Latency {
	return func(x float64, p int) Latency {
		l := healthy(x, p)
		if x >= begin {
			l.Slow, l.SlowMedian = slow(x)
		}
		return l
	}
}

func slow(d dice, t *Truth) {
	share, median := d.scale(0.03, 0.6), d.between(1.5, 4)
	t.Green.Latency = d.slowed(d.begins(), func(float64) (float64, float64) { return share, median }, t.Green.Latency)
}

func creep(d dice, t *Truth) {
	begin, long, most := d.begins(), d.between(10, 40)*minute, d.between(0.08, 0.5)
	t.Green.Latency = d.slowed(begin, func(x float64) (float64, float64) { return most * math.Min(1, (x-begin)/long), 2 }, t.Green.Latency)
}

func onePod(d dice, t *Truth) {
	begin, bad, healthy := d.begins(), d.between(0.35, 1), t.Green.Errors
	t.Green.Pods, t.Green.Ready = 4, func(float64) int { return 4 }
	t.Green.Errors = func(x float64, p int) float64 {
		if p == 2 && x >= begin {
			return bad
		}
		return healthy(x, p)
	}
}

func slowPod(d dice, t *Truth) {
	begin, share, healthy := d.begins(), d.between(0.15, 0.9), t.Green.Latency
	t.Green.Pods, t.Green.Ready = 4, func(float64) int { return 4 }
	t.Green.Latency = func(x float64, p int) Latency {
		l := healthy(x, p)
		if p == 1 && x >= begin {
			l.Slow, l.SlowMedian = share, 2.5
		}
		return l
	}
}

// dead has no pod left that is ready, or scraped.
func dead(d dice, t *Truth) {
	begin := d.begins() + 2*minute
	t.Green.Heard = func(x float64) bool { return x < begin }
	t.Green.Ready = func(x float64) int {
		if x < begin {
			return 2
		}
		return 0
	}
}

// canaryBad fails from its first request on, while the traffic is split.
func canaryBad(d dice, t *Truth) {
	t.Deployed = -d.between(15, 40) * minute
	t.Share = canary(t.Deployed, 0.5)
	t.Green.Errors = from(t.Deployed, d.between(0.1, 0.6), t.Green.Errors)
}

func badWithGaps(d dice, t *Truth) { gaps(d, t); step(d, t) }
func badTwins(d dice, t *Truth)    { step(d, t); t.Twins = true }

func elevated(d dice, t *Truth) {
	t.Rate = always(d.scale(10, 120))
	t.Green.Errors = from(d.begins(), d.between(0.015, 0.035), t.Green.Errors)
}

func slower(d dice, t *Truth) {
	t.Rate = always(d.scale(10, 120))
	share := d.between(0.03, 0.4)
	t.Green.Latency = d.slowed(d.begins(), func(float64) (float64, float64) { return share, 0.38 }, t.Green.Latency)
}

func cacheCollapse(d dice, t *Truth) {
	begin, healthy, left := d.begins(), t.Green.Hits, d.between(0.1, 0.5)
	t.Green.Hits = func(x float64) float64 {
		if x < begin {
			return healthy(x)
		}
		return healthy(x) * left
	}
}

// silent is not scraped any more, though Kubernetes holds it to be ready.
func silent(d dice, t *Truth) {
	begin := d.begins() + 2*minute
	t.Green.Heard = func(x float64) bool { return x < begin }
}

func slightly(d dice, t *Truth) {
	t.Rate = always(d.scale(20, 120))
	t.Green.Errors = from(d.begins(), d.between(0.003, 0.006), t.Green.Errors)
}

// coldStart is slow, misses its cache and fails a little, less from minute to minute.
func coldStart(d dice, t *Truth) {
	decay, share, errors := d.between(0.7, 2.2)*minute, d.between(0.05, 0.4), d.between(0, 0.12)
	healthy, latency, hits := t.Green.Errors, t.Green.Latency, t.Green.Hits
	left := func(x float64) float64 { return math.Exp(-math.Max(0, x-t.Deployed) / decay) }
	t.Green.Errors = func(x float64, p int) float64 { return healthy(x, p) + errors*left(x) }
	t.Green.Hits = func(x float64) float64 { return hits(x) * (1 - 0.9*left(x)) }
	t.Green.Latency = func(x float64, p int) Latency {
		l := latency(x, p)
		l.Slow, l.SlowMedian = share*left(x), 1.5
		return l
	}
}

func surge(d dice, t *Truth) {
	begin, long, times, usual := d.between(0, 60)*minute, d.between(5, 40)*minute, d.between(2, 5), t.Rate
	t.Rate = func(x float64) float64 {
		if x > begin && x < begin+long {
			return usual(x) * times
		}
		return usual(x)
	}
}

func rhythm(d dice, t *Truth) {
	at, usual := d.between(0, 24)*hour, t.Rate
	t.Rate = func(x float64) float64 { return usual(x) * (1.05 + math.Sin(2*math.Pi*(x+at)/(6*hour))) }
}

func gaps(d dice, t *Truth) {
	seed, share := d.Uint64(), d.between(0.02, 0.12)
	t.Missed = func(x float64) bool { return chance(seed, x) < share }
}

// chance is a number from 0 to 1 that depends on a moment alone.
func chance(seed uint64, t float64) float64 {
	h := (seed ^ math.Float64bits(math.Round(t*1000))) * 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return float64(h>>11) / (1 << 53)
}

func resets(d dice, t *Truth) {
	for range 1 + d.IntN(6) {
		t.Green.Restarts = append(t.Green.Restarts, d.between(1, 140)*minute)
	}
}

// outage is a Prometheus that is not there for some minutes.
func outage(d dice, t *Truth) {
	begin, long := d.between(-20, 100)*minute, d.between(1, 25)*minute
	t.Missed = func(x float64) bool { return x > begin && x < begin+long }
}

func burst(d dice, t *Truth) {
	healthy, bad := t.Green.Errors, d.between(0.1, 0.6)
	var at []float64
	for x := d.between(1, 20); x < 140; x += d.between(20, 50) {
		at = append(at, x*minute)
	}
	long := d.between(30, 170)
	t.Green.Errors = func(x float64, p int) float64 {
		for _, b := range at {
			if x >= b && x < b+long {
				return bad
			}
		}
		return healthy(x, p)
	}
}

// pauses are collections of garbage that stop a pod for a second or two, every few minutes.
func pauses(d dice, t *Truth) {
	every, share, healthy := d.between(3, 8)*minute, d.between(0.01, 0.06), t.Green.Latency
	t.Green.Latency = func(x float64, p int) Latency {
		l := healthy(x, p)
		if math.Mod(x+1e4*minute+float64(p)*minute, every) < 25 {
			l.Slow, l.SlowMedian = share, 1.3
		}
		return l
	}
}

func oneError(d dice, t *Truth) {
	t.Rate = always(3.0 / 60)
	begin := d.between(5, 100) * minute
	t.Green.Errors = func(x float64, _ int) float64 {
		if x >= begin && x < begin+20 {
			return 1
		}
		return 0
	}
}

func irregular(d dice, t *Truth) {
	seed, most := d.Uint64(), d.scale(0.2, 20)
	t.Rate = func(x float64) float64 {
		c := chance(seed, math.Floor(x/97))
		return most * c * c * c
	}
}

func quiet(d dice, t *Truth) { t.Rate = always(d.between(0.2, 3) / 60) }

// bothSides is a dependency that fails for both, while the traffic is split.
func bothSides(d dice, t *Truth) {
	t.Deployed = -d.between(25, 40) * minute
	t.Share = canary(t.Deployed, 0.5)
	begin, bad := t.Deployed+d.between(2, 8)*minute, d.between(0.1, 0.7)
	end := math.Min(-minute, begin+d.between(7, 25)*minute)
	fails := func(healthy func(float64, int) float64) func(float64, int) float64 {
		return func(x float64, p int) float64 {
			if x >= begin && x < end {
				return bad
			}
			return healthy(x, p)
		}
	}
	t.Green.Errors, t.Blue.Errors = fails(t.Green.Errors), fails(t.Blue.Errors)
}

// badBefore fails on both sides since before the release.
func badBefore(d dice, t *Truth) {
	bad := d.between(0.07, 0.3)
	t.Green.Errors, t.Blue.Errors = evenly(always(bad)), evenly(always(bad*d.between(0.9, 1.1)))
}

func lateSamples(d dice, t *Truth) {
	until := t.Deployed + d.between(0.5, 4)*minute
	t.Green.Heard = func(x float64) bool { return x < t.Deployed-minute || x >= until }
}
