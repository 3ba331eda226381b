package scenario

// lower are the releases that want a look or a decision.
var lower = []kind{
	{"errors of 1.5 to 4 %", Lower, func(d dice, s *Scenario) {
		s.busy(d, 10, 120)
		s.failing(step(d.between(11, 60)*minute, 1e-4, d.between(0.015, 0.035)))
	}},
	{"p99 of 250 to 900 ms", Lower, func(d dice, s *Scenario) {
		s.busy(d, 5, 120)
		slow(s.Candidate, step(d.between(11, 60)*minute, 0, d.between(0.05, 0.3)), d.between(.3, .6), 0.12)
	}},
	{"cache collapse", Lower, func(d dice, s *Scenario) {
		at, hits := d.between(11, 60)*minute, s.Candidate[0].Hits(0)
		each(s.Candidate, func(p *Pod) { p.Hits = step(at, hits, hits*d.between(0, 0.5)) })
	}},
	{"leak", Lower, func(d dice, s *Scenario) {
		s.Until = 180 * minute
		perHour := d.spread(30, 400)
		each(s.Candidate, func(p *Pod) {
			start := p.Memory(0)
			p.Memory = func(t float64) float64 { return start + perHour*max(0, t-s.Deployed)/3600 }
		})
	}},
	{"silent though ready", Lower, func(d dice, s *Scenario) {
		from, gone := d.between(5, 80)*minute, d.chance(0.5)
		each(s.Candidate, func(p *Pod) {
			p.Up = outside(from, s.Until)
			if gone {
				p.Listed = outside(from, s.Until)
			}
		})
	}},
	{"errors of 0.2 to 0.8 %", Lower, func(d dice, s *Scenario) {
		s.busy(d, 20, 120)
		s.failing(step(d.between(11, 60)*minute, 1e-4, d.between(0.002, 0.008)))
	}},
}
