package scenario

// good are the releases that look bad for a while, or are hard to see.
var good = []kind{
	{"quiet", Good, func(dice, *Scenario) {}},
	{"cold start", Good, coldStart},
	{"surge", Good, func(d dice, s *Scenario) {
		from := d.between(5, 60) * minute
		s.Load = s.Load.times(during([]Span{{from, from + d.between(5, 40)*minute}}, d.between(2.5, 4), 1))
	}},
	{"daily rhythm", Good, func(d dice, s *Scenario) { s.Load = rhythm(d.spread(5, 100), 0.8, d.Float64()) }},
	{"scrape gaps", Good, func(d dice, s *Scenario) {
		s.Missed = d.between(0.05, 0.25)
		s.Away = spans(d, 3, 100*minute, 60, 400)
	}},
	{"counter resets", Good, func(d dice, s *Scenario) {
		from := d.between(11, 60) * minute
		for i := range s.Candidate {
			for k := range 2 {
				s.Candidate[i].restart(from+float64(i)*90+float64(k)*900, d.between(4, 25))
			}
		}
	}},
	{"prometheus restart", Good, func(d dice, s *Scenario) { s.Away = spans(d, 1, 90*minute, 40, 900) }},
	{"replica pair", Good, func(d dice, s *Scenario) {
		s.Pair, s.Missed = true, d.between(0, 0.05)
		s.busy(d, 0.1, 40)
	}},
	{"remote-write lag", Good, func(d dice, s *Scenario) { s.Lag = d.between(20, 400) }},
	{"late first samples", Good, func(d dice, s *Scenario) {
		s.Late = d.between(40, 240)
		s.split(-d.between(8, 20)*minute, d.between(0.1, 0.5))
	}},
	{"bursts of errors", Good, func(d dice, s *Scenario) {
		from := d.between(11, 40) * minute
		bursts := []Span{{from, from + d.between(30, 180)}}
		if d.chance(0.5) {
			bursts = append(bursts, Span{from + 25*minute, from + 25*minute + d.between(30, 180)})
		}
		s.failing(during(bursts, d.between(0.1, 0.6), 1e-4))
	}},
	{"incident on both sides", Good, bothSides},
	{"errors before the release", Good, func(d dice, s *Scenario) {
		s.busy(d, 10, 120)
		errors := step(s.Deployed-d.between(25, 60)*minute, 1e-4, d.between(0.07, 0.4))
		each(s.Candidate, func(p *Pod) { p.Errors = errors })
		each(s.Stable, func(p *Pod) { p.Errors = errors })
	}},
	{"one error in a trickle", Good, func(d dice, s *Scenario) {
		s.busy(d, 2.5/60, 3.5/60)
		var moments []Span // in which about one request comes
		for from := d.between(11, 16) * minute; from < s.Until; from += d.between(16, 30) * minute {
			moments = append(moments, Span{from, from + 20})
		}
		s.failing(during(moments, 1, 0))
	}},
	{"irregular traffic", Good, irregular},
	{"client errors", Good, func(d dice, s *Scenario) {
		refused := step(d.between(5, 60)*minute, 0.01, d.between(0.2, 0.9))
		each(s.Candidate, func(p *Pod) { p.Refused = refused })
	}},
	{"idle", Good, func(d dice, s *Scenario) {
		from := d.between(5, 40) * minute
		s.Load = s.Load.times(step(from, 1, d.between(0, 1e-4)))
	}},
	{"pauses", Good, pauses},
}

// coldStart begins with empty caches and connections.
func coldStart(d dice, s *Scenario) {
	s.split(-d.between(0, 15)*minute, d.between(0.2, 0.5))
	length, from := d.between(3, 8)*minute, s.Deployed
	hits, errors := s.Candidate[0].Hits(0), d.between(0, 0.1)
	weight := decay(from, length, d.between(0.1, 0.6), 0)
	slow(s.Candidate, func(t float64) float64 {
		if w := weight(t); w > 1e-3 {
			return w
		}
		return 0
	}, d.between(0.3, 2), 0.4)
	each(s.Candidate, func(p *Pod) {
		p.Hits = decay(from, length, d.between(0, 0.2), hits)
		p.Errors = decay(from, length, errors, 1e-4)
	})
}

// bothSides has a dependency of both slots fail while the traffic is split.
func bothSides(d dice, s *Scenario) {
	s.busy(d, 10, 120)
	s.split(-d.between(26, 40)*minute, d.between(0.3, 0.6))
	from := s.Deployed + d.between(11, 13)*minute
	errors := during([]Span{{from, from + d.between(6, 12)*minute}}, d.between(0.08, 0.6), 1e-4)
	each(s.Candidate, func(p *Pod) { p.Errors = errors })
	each(s.Stable, func(p *Pod) { p.Errors = errors })
}

// irregular traffic comes in blocks, from one long job or another.
func irregular(d dice, s *Scenario) {
	var jobs []Span
	for t := -100 * minute; t < s.Until; t += d.spread(2, 20) * minute {
		jobs = append(jobs, Span{t, t + d.spread(0.5, 5)*minute})
	}
	s.Load = during(jobs, d.spread(2, 50), d.between(0, 0.05))
	s.Uneven = d.between(0.2, 1)
}

// Irregular draws a release with irregular traffic that is watched for so many seconds: healthy, or with
// errors that are a little too many.
func Irregular(seed uint64, until float64, elevated bool) Scenario {
	d := newDice(seed, 2)
	s := healthy(d)
	s.Seed, s.Kind, s.Class, s.Every, s.Until = seed, "irregular traffic", Good, 60, until
	irregular(d, &s)
	if elevated {
		s.busy(d, 20, 40)
		s.failing(constant(0.005))
	}
	return s
}

// pauses stop a process for seconds now and then, as a full garbage collection does.
func pauses(d dice, s *Scenario) {
	var stops []Span
	for t := -60 * minute; t < s.Until; t += d.between(8, 12) * minute {
		stops = append(stops, Span{t, t + d.between(3, 10)})
	}
	slow(s.Candidate, during(stops, 0.7, 0), d.between(1, 3), 0.4)
}

// restart lets a pod begin again, unseen for some seconds.
func (p *Pod) restart(at, length float64) {
	p.Restarts = append(p.Restarts, at)
	before, gap := p.Up, outside(at, at+length)
	p.Up = func(t float64) bool { return before(t) && gap(t) }
}

// spans draws stretches after the cutover.
func spans(d dice, n int, until, least, most float64) []Span {
	var out []Span
	for range n {
		from := d.between(0, until)
		out = append(out, Span{from, from + d.spread(least, most)})
	}
	return out
}
