package trend_test

import (
	"math"
	"math/rand/v2"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

const halfHour = hour / 2

// service is what a simulated service's errors are made of.
type service struct {
	events float64 // in half an hour, on average
	share  float64
	swing  float64 // by how many times the share differs between day and night
	rough  float64 // how much the share strays, in logarithms; half of it stays to the next half hour
	bursts float64 // the chance of half an hour with ten times the errors
	creep  float64 // what the share rises by in an hour
	lost   float64
}

func (s service) counts(r *rand.Rand, from signal.Instant, hours float64) []trend.Count {
	var all []trend.Count
	stray := 0.0
	for end := from + halfHour; end <= from+signal.Instant(hours*3600); end += halfHour {
		wave := math.Sin(2 * math.Pi * (float64(end%86_400)/3600 - 8) / 24)
		stray = stray/2 + s.rough*r.NormFloat64()
		share := s.share * math.Pow(s.swing, wave/2) * math.Exp(stray)
		if r.Float64() < s.bursts {
			share *= 10
		}
		share += s.creep * float64(end-from) / 3600
		events := math.Round(s.events * (1 + 0.6*wave))
		if r.Float64() >= s.lost {
			all = append(all, trend.Count{End: end, Events: signal.Number(events), Bad: signal.Number(binomial(r, events, min(1, share)))})
		}
	}
	return all
}

// binomial draws how many of n are hit: one by one if they are few, else nearly.
func binomial(r *rand.Rand, n, p float64) float64 {
	if n*p < 50 {
		hits, at := 0.0, 0.0
		for at += gap(r, p); at <= n; at += gap(r, p) {
			hits++
		}
		return hits
	}
	return min(n, max(0, math.Round(n*p+math.Sqrt(n*p*(1-p))*r.NormFloat64())))
}

// gap is how many events it takes to the next hit.
func gap(r *rand.Rand, p float64) float64 {
	if p >= 1 {
		return 1
	}
	return 1 + math.Floor(math.Log(1-r.Float64())/math.Log1p(-p))
}

func busy(r *rand.Rand) service {
	return service{events: math.Exp(uniform(r, math.Log(500), math.Log(50_000))), share: math.Exp(uniform(r, math.Log(0.0003), math.Log(0.01))), swing: 1, rough: 0.1, lost: 0.02}
}

var services = []struct {
	name   string
	before bool
	draw   func(r *rand.Rand) service
}{
	{"steady", false, busy},
	{"quiet", false, func(r *rand.Rand) service { s := busy(r); s.events = uniform(r, 5, 300); return s }},
	{"rough", false, func(r *rand.Rand) service { s := busy(r); s.rough = uniform(r, 0.2, 0.6); return s }},
	{"bursts", false, func(r *rand.Rand) service { s := busy(r); s.bursts = uniform(r, 0.01, 0.1); return s }},
	{"day and night", false, func(r *rand.Rand) service { s := busy(r); s.swing = uniform(r, 1.5, 3); return s }},
	{"day and night, the day before known", true, func(r *rand.Rand) service { s := busy(r); s.swing = uniform(r, 1.5, 8); return s }},
	{"all at once, the day before known", true, func(r *rand.Rand) service {
		s := busy(r)
		s.swing, s.rough, s.bursts, s.lost = uniform(r, 1, 4), uniform(r, 0.1, 0.5), uniform(r, 0, 0.05), uniform(r, 0, 0.3)
		return s
	}},
}

func shares(r *rand.Rand, s service, before bool, hours float64) trend.Shares {
	out := trend.Shares{Signal: "error-rate", Counts: s.counts(r, born, hours)}
	if before {
		s.creep = 0
		out.Before = s.counts(r, born-24*hour, 24)
	}
	return out
}

// first gives what was counted in the first hours.
func first(s trend.Shares, hours float64) trend.Shares {
	n := 0
	for n < len(s.Counts) && s.Counts[n].End <= born+signal.Instant(hours*3600) {
		n++
	}
	s.Counts = s.Counts[:n]
	return s
}
