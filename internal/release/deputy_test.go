package release_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// dropped is a cutover that takes stable's destination out of the route, which led to it before or never did.
func dropped(led bool) func(*sim) {
	return func(s *sim) {
		r := &s.world.Routes[0]
		r.Shares, r.Ports = map[string]float64{green: 1}, map[string]int64{green: 0}
		if led {
			r.Ports[blue] = 8080
		}
	}
}

// The promise no-deputy: a route is led to no destination that it was never seen to lead to. The control is the same
// with one that it led to.
func TestARouteThatNeverLedToStableIsNotLedThere(t *testing.T) {
	play := func(led bool) *sim {
		return newSim(t).at(time.Minute, dropped(led)).errors(green, 20*time.Minute, forever, 0.2).until(time.Hour)
	}
	s := play(false)
	s.never("SetShares")
	s.happened("1m0s OpenPage ReadinessLost", "24m30s OpenPage RollbackStuck")
	if s.state.Readiness != release.Gone {
		t.Errorf("readiness is %s: %s", s.state.Readiness, s.state.ReadinessReason)
	}
	if back := s.state.Ladder.Back(); len(back) != 0 {
		t.Errorf("the ladder would add stable to %v", back)
	}
	s = play(true)
	s.happened("24m30s SetShares Performed")
	if back := s.state.Ladder.Back(); len(back) != 1 || back["main"] != 8080 {
		t.Errorf("the ladder would add stable to %v, want main with port 8080", back)
	}
}

// A frozen plan that is not the release's is acted on by nobody, and a person is paged. The control of each is the plan
// as greenwatch wrote it.
func TestAForeignPlanIsRefusedAndPaged(t *testing.T) {
	for name, forge := range map[string]func(*release.Plan){
		"another namespace":      func(p *release.Plan) { p.Namespace = "victim" },
		"another policy":         func(p *release.Plan) { p.Policy = "payments" },
		"another VirtualService": func(p *release.Plan) { p.VirtualService = "payments" },
		"another Deployment":     func(p *release.Plan) { p.Slots[0].Deployment = "payments" },
		"another destination":    func(p *release.Plan) { p.Slots[0].Host = "evil" },
		"other routes":           func(p *release.Plan) { p.HTTPRoutes = []string{"admin"} },
	} {
		for _, step := range []release.Step{release.Ready, release.Shift, release.ScaleDown} {
			play := func(forge func(*release.Plan)) *sim {
				s := newSim(t).at(time.Minute, cutover)
				s.spec.Service = thePlan().Service()
				return s.at(10*time.Minute, func(s *sim) {
					l := &release.Ladder{Step: step, Decided: s.now, Plan: *thePlan(), Routes: []string{"main"}, Needed: 3, Tried: step != release.Ready,
						Verdict: judge.Verdict{At: s.now, Tier: judge.Rollback}}
					s.state.Phase = release.RollingBack
					if step == release.ScaleDown {
						l.FirstShift, l.Shifted, l.Proven = s.now-7200, s.now-7200, s.now-7200
						s.state.Phase = release.RolledBack
						shares(0, "deployer")(s)
					}
					forge(&l.Plan)
					s.state.Ladder, s.forged = l, true
				}).until(12 * time.Minute)
			}
			s := play(forge)
			s.never("SetShares")
			s.never("ScaleAway")
			s.never("ScaleUp")
			if s.count("OpenPage RollbackStuck") != 1 {
				t.Errorf("%s, %s: not paged:\n%v", name, step, s.log)
			}
			if s = play(func(*release.Plan) {}); s.count("OpenPage RollbackStuck") != 0 || s.count("SetShares Performed")+s.count("ScaleAway Performed") != 1 {
				t.Errorf("its control, %s:\n%v", step, s.log)
			}
		}
	}
}

// A cutover that can't be true is not taken, and said; the release goes by what was seen. The control is one that can.
func TestACutoverThatCantBeTrueIsNotTaken(t *testing.T) {
	instant := func(y int) signal.Instant { return signal.At(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)) }
	for name, at := range map[string]signal.Instant{"1971": instant(1971), "year 1": instant(1), "year 0": instant(0), "9999": instant(9999),
		"an hour ahead": t0 + 3600, "before it was seen": t0 - 1} {
		s := bad(t)
		s.spec.Cutover = at
		s.until(time.Hour)
		s.happened("1m0s Watching", "24m30s SetShares Performed")
		if s.state.Cutover != t0+60 || s.count("OpenPage CutoverRefused") != 1 {
			t.Errorf("%s: cutover %s\n%v", name, s.state.Cutover, s.log)
		}
	}
	s := bad(t)
	s.spec.Cutover = t0 + 30
	s.until(time.Hour)
	s.happened("24m30s SetShares Performed")
	s.never("CutoverRefused")
	if s.state.Cutover != t0+30 {
		t.Errorf("the cutover is %s, want what the spec says", s.state.Cutover)
	}
}

// No hold lasts for ever: the control is that it holds meanwhile.
func TestAHoldIsBounded(t *testing.T) {
	for _, year := range []int{9999} {
		s := newSim(t).at(time.Minute, cutover).errors(green, 20*time.Minute, forever, 0.2)
		s.plan.Limits.AutomaticFor, s.plan.GuardEvery = dur(forever), dur(10*time.Minute)
		s.spec.People.Hold = &release.Hold{By: "mallory", Until: signal.At(time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC))}
		s.until(7*24*time.Hour - time.Minute)
		s.never("SetShares")
		if !s.state.Is(release.ConditionHeld) {
			t.Error("not held at all")
		}
		s.until(7*24*time.Hour + time.Hour)
		if s.count("SetShares Performed") != 1 {
			t.Errorf("held until %d: withheld for ever", year)
		}
	}
	for _, at := range []signal.Instant{0, -62167219200, t0 - 1} { // in the past: none at all
		s := bad(t)
		s.spec.People.Hold = &release.Hold{By: "mallory", Until: at}
		s.until(time.Hour)
		s.happened("24m30s SetShares Performed")
	}
}

// What a policy's edit makes of a slot is unknown again: nothing that was known of the slot before is said of it.
func TestAnEditThatMakesASlotAnotherThingStartsItAnew(t *testing.T) {
	plan := thePlan()
	w := seen(running(blue, "b1", 3), running(green, "g1", 3), 0)
	ledger := known().Renew(plan, w, nil)
	if len(ledger.Slots) != 2 || ledger.Carrier == nil {
		t.Fatalf("the first time it says what it speaks of: %+v", ledger)
	}
	spec := release.Spec{Number: 6, Candidate: release.Side{Slot: blue, Revision: "b1"}, Service: plan.Service()}
	ledger = ledger.Begun(spec)
	swapped := thePlan()
	swapped.Slots[0].Host, swapped.Slots[1].Host = "kb-green", "kb-blue"
	moved := thePlan()
	moved.Slots[0].Deployment = "toy"
	for name, plan := range map[string]*release.Plan{"swapped": swapped, "another Deployment": moved} {
		next := ledger.Renew(plan, seen(running(blue, "x1", 3), running(green, "g1", 3), 0), nil)
		if next.Carrier != nil || next.Accepted[len(next.Accepted)-1].Release == 6 {
			t.Errorf("%s: %+v", name, next)
		}
		next, births := release.Detect(next, []release.Open{{Spec: spec}}, seen(running(blue, "x1", 3), running(green, "g1", 3), 0), t0)
		if len(births) != 0 || !next.Knows(6) {
			t.Errorf("%s: what it runs is taken as accepted, and the open release stays known: %v, %+v", name, births, next)
		}
	}
	if same := ledger.Renew(thePlan(), w, nil); same.Carrier == nil || same.Accepted[0] != ledger.Accepted[0] {
		t.Errorf("without an edit: %+v", same)
	}
	if got := ledger.Memory("payments"); got != nil {
		t.Errorf("another VirtualService's routes are remembered to have led to %v", got)
	}
}

// A release goes by the service that it began with, and the edit is said.
func TestAReleaseGoesByTheServiceThatItBeganWith(t *testing.T) {
	plan, spec := thePlan(), release.Spec{Service: thePlan().Service()}
	plan.VirtualService, plan.Slots = "other", []release.Slot{{Name: blue, Host: "evil"}, {Name: green, Host: "kb-green"}}
	if own := plan.For(spec); !spec.Service.Is(own) || own.Generation != plan.Generation {
		t.Errorf("it goes by %+v", own)
	}
	if own := plan.For(release.Spec{}); own != plan {
		t.Error("without one of its own it goes by the policy's")
	}
}

// A release's mode is what the policy says of this very release, at each look anew; what the daemon's file withholds does
// not count.
func TestAReleasesModeIsThePolicysOfThisVeryRelease(t *testing.T) {
	mode := func(m release.Mode) *release.Plan { p := thePlan(); p.Mode = m; return p }
	elsewhere := func(edit func(*release.Plan)) *release.Plan { p := mode(release.Enforce); edit(p); return p }
	own := thePlan().Service()
	for name, c := range map[string]struct {
		plan      *release.Plan
		service   *release.Service
		was, want release.Mode
	}{
		"the policy enforces":                {mode(release.Enforce), own, "", release.Enforce},
		"it does since":                      {mode(release.Enforce), own, release.Observe, release.Enforce},
		"the policy observes":                {mode(release.Observe), own, "", release.Observe},
		"it does since it enforced":          {mode(release.Observe), own, release.Enforce, release.Observe},
		"it enforces another VirtualService": {elsewhere(func(p *release.Plan) { p.VirtualService = "toy" }), own, release.Enforce, release.Observe},
		"it enforces another Deployment":     {elsewhere(func(p *release.Plan) { p.Slots[0].Deployment = "toy" }), own, release.Enforce, release.Observe},
		"it enforces by other routes":        {elsewhere(func(p *release.Plan) { p.HTTPRoutes = []string{"main"} }), own, release.Observe, release.Enforce},
		"without a service of its own":       {mode(release.Enforce), nil, release.Enforce, release.Observe},
		"the policy is gone that enforced":   {nil, own, release.Enforce, release.Enforce},
		"the policy is gone that observed":   {nil, own, release.Observe, release.Observe},
		"the policy is gone, and unknown":    {nil, own, "", ""},
	} {
		s := newSim(t)
		s.spec.Service, s.plan, s.mode = c.service, c.plan.For(release.Spec{Service: c.service}), release.Observe
		s.state.Mode = c.was
		o := s.observe()
		if got := release.Advance(s.state, o).Mode; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := release.Halt(s.state, o, []release.Breach{{Invariant: release.OneRollback}}).Mode; got != c.want {
			t.Errorf("%s, while it is halted: %q, want %q", name, got, c.want)
		}
	}
}

// A destination that leads elsewhere than to stable's pods takes no traffic; once it leads there it does, the control.
func TestADestinationThatLeadsElsewhereTakesNoTraffic(t *testing.T) {
	s := bad(t).at(2*time.Minute, func(s *sim) { s.slot(blue).Unusable = "kb-blue leads to other pods" }).until(time.Hour)
	s.never("SetShares")
	s.happened("2m0s OpenPage ReadinessLost", "24m30s OpenPage RollbackStuck")
	s.at(61*time.Minute, func(s *sim) { s.slot(blue).Unusable = "" }).until(62 * time.Minute)
	s.happened("1h1m0s SetShares Performed")
}
