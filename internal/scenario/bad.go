package scenario

// bad are the releases that are to be rolled back.
var bad = []kind{
	{"error step", Bad, func(d dice, s *Scenario) {
		share := d.spread(0.06, 0.9)
		if share < 0.12 { // what 5 min of less can't tell from 5 %, no judge can
			s.busy(d, 25, 120)
		}
		s.failing(step(s.onset(d, share), 1e-4, share))
	}},
	{"error ramp", Bad, func(d dice, s *Scenario) {
		s.busy(d, 10, 120)
		from := d.between(11, 50) * minute
		s.failing(ramp(from, from+d.between(5, 40)*minute, 1e-4, d.between(0.12, 0.8)))
	}},
	{"latency step", Bad, func(d dice, s *Scenario) {
		slow(s.Candidate, step(d.between(11, 80)*minute, 0, d.spread(0.05, 0.8)), d.between(1.6, 4), 0.2)
	}},
	{"latency creep", Bad, func(d dice, s *Scenario) {
		s.busy(d, 10, 120)
		from := d.between(11, 50) * minute
		slow(s.Candidate, ramp(from, from+d.between(10, 40)*minute, 0, d.between(0.1, 0.6)), d.between(1.6, 3), 0.3)
	}},
	{"one pod of four", Bad, func(d dice, s *Scenario) {
		s.busy(d, 10, 120)
		s.Candidate = append(s.Candidate, s.Candidate...)
		s.Candidate[d.IntN(4)].Errors = step(s.onset(d, 0.1), 1e-4, d.between(0.4, 1))
	}},
	{"low traffic", Bad, func(d dice, s *Scenario) {
		s.busy(d, 3./60, 10./60)
		s.failing(step(d.between(11, 60)*minute, 0, d.between(0.3, 0.6)))
	}},
	{"flapping", Bad, func(d dice, s *Scenario) {
		s.busy(d, 5, 120)
		s.failing(flapping(d.between(11, 70)*minute, d.between(100, 180), d.between(45, 75), d.between(0.15, 0.7), 1e-4))
	}},
	{"dead", Bad, func(d dice, s *Scenario) { s.failing(step(s.onset(d, 1), 1e-4, 1)) }},
	{"gone", Bad, func(d dice, s *Scenario) {
		from, gone := d.between(5, 80)*minute, d.chance(0.5)
		each(s.Candidate, func(p *Pod) {
			p.Up, p.Ready = outside(from, s.Until), outside(from, s.Until)
			if gone { // the endpoints go with the pods
				p.Listed = outside(from, s.Until)
			}
		})
	}},
	{"late errors", Bad, func(d dice, s *Scenario) {
		s.Until = 200 * minute
		s.busy(d, 5, 60)
		s.failing(step(d.between(120, 180)*minute, 1e-4, d.between(0.15, 0.8)))
	}},
}

// onset draws when errors begin: with the first traffic, if they are worse than any warm-up, or later.
func (s *Scenario) onset(d dice, share float64) float64 {
	if share > 0.25 && d.chance(0.25) {
		return 0
	}
	return d.between(11, 80) * minute
}
