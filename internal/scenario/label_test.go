package scenario

import (
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// plain is a healthy release at a steady 20 requests a second, cut over at once.
func plain() Scenario {
	s := healthy(newDice(7, 7))
	s.Deployed, s.Until, s.Load, s.Share = 0, 2*3600, constant(20), step(0, 0, 1)
	return s
}

// The words of the matrix, each with a truth that just fulfils them and one that just does not.
func TestLabelsFollowTheWords(t *testing.T) {
	const at = 20 * minute
	errors := func(spans ...Span) func(*Scenario) {
		return func(s *Scenario) { s.failing(during(spans, 0.2, 0)) }
	}
	slowFor := func(length, weight float64) func(*Scenario) {
		return func(s *Scenario) { slow(s.Candidate, during([]Span{{at, at + length}}, weight, 0), 3, 0.1) }
	}
	for _, c := range []struct {
		name string
		make func(s *Scenario)
		tier judge.Tier
		why  string
	}{
		{"nothing is wrong", func(*Scenario) {}, judge.Proceed, "nothing"},
		{"5 min of errors", errors(Span{at, at + 300}), judge.Rollback, "errors above 5 %"},
		{"less than 5 min of them", errors(Span{at, at + 230}), judge.Investigate, "a burst"},
		{"4 % is not 5", func(s *Scenario) { s.failing(step(at, 0, 0.04)) }, judge.Consider, "errors above 1 %"},
		{"6 % is", func(s *Scenario) { s.failing(step(at, 0, 0.06)) }, judge.Rollback, "errors above 5 %"},
		{"5 bad minutes of 15", errors(Span{at, at + 120}, Span{at + 300, at + 420}, Span{at + 780, at + 840}), judge.Rollback, "5 of 15"},
		{"5 bad minutes of 20", errors(Span{at, at + 120}, Span{at + 300, at + 420}, Span{at + 1140, at + 1200}), judge.Investigate, "a burst"},
		{"p99 over 1 s for 5 min", slowFor(300, 0.02), judge.Rollback, "p99 above 1 s"},
		{"p99 is not over 1 s where 1 % is not", slowFor(300, 0.009), judge.Proceed, "nothing"},
		{"all requests fail for 30 s", func(s *Scenario) { s.failing(during([]Span{{at, at + 30}}, 1, 0)) }, judge.Rollback, "no request succeeds"},
		{"few of them are not all", func(s *Scenario) {
			s.Load = constant(0.2)
			s.failing(during([]Span{{at, at + 30}}, 1, 0))
		}, judge.Investigate, "a burst"},
		{"warm-up errors", func(s *Scenario) { s.failing(during([]Span{{0, 540}}, 0.15, 0)) }, judge.Proceed, "nothing"},
		{"above 20 % there is no warm-up", func(s *Scenario) { s.failing(during([]Span{{0, 540}}, 0.25, 0)) }, judge.Rollback, "errors above 5 %"},
		{"no replica ready", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Ready = outside(at, at+60) }) }, judge.Rollback, "no replica"},
		{"silent", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Up = outside(at, at+400) }) }, judge.Consider, "silent"},
		{"nobody calls any more", func(s *Scenario) { s.Load = s.Load.times(step(at, 1, 0)) }, judge.Consider, "no requests, though some are due"},
		{"few called before", func(s *Scenario) { s.Load = constant(0.3).times(step(at, 1, 0)) }, judge.Proceed, "nothing"},
		{"client errors are none", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Refused = constant(0.9) }) }, judge.Proceed, "nothing"},
		{"0.5 %", func(s *Scenario) { s.failing(step(at, 0, 0.005)) }, judge.Investigate, "errors above 0.1 %"},
		{"a third of the hits gone", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Hits = constant(0.65 * s.Stable[0].Hits(0)) }) }, judge.Consider, "cache"},
		{"a quarter of the hits gone", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Hits = constant(0.75 * s.Stable[0].Hits(0)) }) }, judge.Proceed, "nothing"},
		{"a leak", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Memory = ramp(0, 7200, 300, 312) }) }, judge.Consider, "leaks"},
		{"caches fill", func(s *Scenario) { each(s.Candidate, func(p *Pod) { p.Memory = ramp(0, 3600, 300, 350) }) }, judge.Proceed, "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := plain()
			c.make(&s)
			if l := LabelOf(s.Truth); l.Tier != c.tier || !strings.Contains(l.Why, c.why) || l.Hold {
				t.Errorf("%+v, want %s because of %s", l, c.tier, c.why)
			}
		})
	}
}

// Onset and due are told to a slice.
func TestTheOnsetIsWhenItBegan(t *testing.T) {
	for name, c := range map[string]struct {
		curve      Curve
		onset, due float64
	}{
		"step":                 {step(1500, 0, 0.3), 1500, 1800},
		"step within a minute": {step(1515, 0, 0.3), 1515, 1800},
		"ramp":                 {ramp(1500, 2500, 0, 0.5), 1600, 1900},
		"dead":                 {step(1500, 0, 1), 1500, 1530},
		"flapping":             {flapping(1500, 120, 60, 0.3, 0), 1500, 1500 + 7*60},
	} {
		s := plain()
		s.failing(c.curve)
		if l := LabelOf(s.Truth); l.Onset != c.onset || l.Due != c.due {
			t.Errorf("%s: from %g to %g, want %g to %g", name, l.Onset, l.Due, c.onset, c.due)
		}
	}
}

// What both sides suffer is no rollback; what the candidate alone suffers is.
func TestAnIncidentOfBothSidesIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		stable Curve
		hold   bool
	}{
		"now":           {during([]Span{{-600, 0}}, 0.3, 0), true},
		"before":        {during([]Span{{-3600, -1200}}, 0.3, 0), true},
		"long before":   {during([]Span{{-4790, -2410}}, 0.3, 0), false},
		"a little":      {constant(0.01), false},
		"not at all":    {constant(0), false},
		"after cutover": {step(0, 0, 0.3), false}, // it is idle then
	} {
		s := plain()
		s.split(-1200, 0.5)
		s.failing(during([]Span{{-590, 0}}, 0.3, 0))
		each(s.Stable, func(p *Pod) { p.Errors = c.stable })
		if l := LabelOf(s.Truth); l.Hold != c.hold || c.hold == (l.Tier == judge.Rollback) {
			t.Errorf("%s: %+v, want hold %t", name, l, c.hold)
		}
	}
}

// What a kind is meant to be its labels say, whatever was drawn.
func TestKindsAreWhatTheyAreMeantToBe(t *testing.T) {
	tiers := map[Class][]judge.Tier{Bad: {judge.Rollback}, Good: {judge.Proceed, judge.Investigate, judge.Consider}, Lower: {judge.Consider, judge.Investigate}}
	wrong := 0
	for seed := range uint64(300) {
		s := New(seed)
		l := LabelOf(s.Truth)
		ok := false
		for _, tier := range tiers[s.Class] {
			ok = ok || l.Tier == tier
		}
		if !ok && wrong < 20 {
			wrong++
			t.Errorf("%s is %s: %+v", s, s.Class, l)
		}
	}
}
