package release_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// deedAt is what a ladder at a step asks for.
func deedAt(step release.Step, deed release.Deed) (release.State, release.Action, release.Observed) {
	p := climbs(step, step)
	l := *p.old.Ladder
	a := release.Action{Deed: deed, Ladder: &l, Candidate: p.o.Spec.Candidate, Stable: p.o.Spec.Stable}
	if step == release.ScaleDown {
		p.o.World.Routes[0].Shares = map[string]float64{blue: 1, green: 0}
		p.o.Now = l.Proven.Add(dur(2 * time.Hour))
	}
	return p.old, a, p.o
}

// Each case is a deed that is allowed, the control, and what makes it one that is not.
func TestWhatMakesADeedForbiddenIsNamed(t *testing.T) {
	type spoil = func(*release.State, *release.Action, *release.Observed)
	hold := func(_ *release.State, _ *release.Action, o *release.Observed) {
		o.Spec.People.Hold = &release.Hold{By: "ann", Until: o.Now + 60}
	}
	for _, c := range []struct {
		what  string
		deed  release.Deed
		spoil spoil
		want  release.Invariant
	}{
		{"no rollback is under way", release.SetShares, func(s *release.State, _ *release.Action, _ *release.Observed) { s.Ladder = nil }, release.DeedIntended},
		{"another step", release.SetShares, func(s *release.State, _ *release.Action, _ *release.Observed) { s.Ladder.Step = release.Ready }, release.DeedIntended},
		{"another phase", release.SetShares, func(s *release.State, _ *release.Action, _ *release.Observed) { s.Phase = release.Accepted }, release.DeedIntended},
		{"another plan than the saved", release.SetShares, func(_ *release.State, a *release.Action, _ *release.Observed) { a.Ladder.Plan.VirtualService = "x" }, release.DeedIntended},
		{"another rollback than the saved", release.SetShares, func(_ *release.State, a *release.Action, _ *release.Observed) { a.Ladder.Decided-- }, release.DeedIntended},
		{"what a cache shows", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Live = false }, release.DeedIntended},
		{"halted", release.SetShares, func(s *release.State, _ *release.Action, _ *release.Observed) {
			s.Conditions = []signal.Condition{{Type: release.ConditionHalted, Status: "True"}}
		}, release.DeedIntended},
		{"a plan of another namespace", release.SetShares, func(s *release.State, a *release.Action, _ *release.Observed) {
			s.Ladder.Plan.Namespace, a.Ladder.Plan.Namespace = "victim", "victim"
		}, release.OwnNamespace},
		{"a plan of another namespace, scaling", release.ScaleAway, func(s *release.State, a *release.Action, _ *release.Observed) {
			s.Ladder.Plan.Namespace, a.Ladder.Plan.Namespace = "victim", "victim"
		}, release.OwnNamespace},
		{"the sides are swapped", release.SetShares, func(_ *release.State, a *release.Action, _ *release.Observed) {
			a.Candidate, a.Stable = a.Stable, a.Candidate
		}, release.OwnSides},
		{"a step rewritten by somebody, after another writer's weights stood", release.SetShares, func(s *release.State, a *release.Action, _ *release.Observed) {
			s.Ladder.Lost, a.Ladder.Lost = "argocd", "argocd"
		}, release.LadderFits},
		{"a step rewritten by somebody, after the weights were set", release.SetShares, func(s *release.State, _ *release.Action, _ *release.Observed) {
			s.Ladder.FirstShift = decidedAt + 9
		}, release.LadderFits},
		{"held", release.SetShares, hold, release.PeopleWin},
		{"held, scaling away", release.ScaleAway, hold, release.PeopleWin},
		{"nothing ready", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Slots[0].Ready = 0 }, release.ReadyFirst},
		{"too few ready for the load", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Slots[0].Ready = 2 }, release.ReadyFirst},
		{"another revision", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Slots[0].Revision = "b2" }, release.ReadyFirst},
		{"nothing known to go back to", release.SetShares, func(_ *release.State, a *release.Action, o *release.Observed) {
			o.Spec.Stable.Revision, a.Stable.Revision, o.World.Slots[0].Revision = "", "", ""
		}, release.ReadyFirst},
		{"no Deployment", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Slots[0].Found = false }, release.ReadyFirst},
		{"a destination that is not usable", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Slots[0].Unusable = "why" }, release.ReadyFirst},
		{"routes that can't be read", release.SetShares, func(_ *release.State, _ *release.Action, o *release.Observed) { o.World.Problem = "mad" }, release.ReadyFirst},
		{"what has traffic is scaled away", release.ScaleAway, func(_ *release.State, _ *release.Action, o *release.Observed) {
			o.World.Routes[0].Shares[green] = 0.01
		}, release.InUse},
		{"scaled away before its time", release.ScaleAway, func(_ *release.State, a *release.Action, o *release.Observed) { o.Now = a.Ladder.Proven + 1 }, release.InUse},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, a, o := deedAt(map[release.Deed]release.Step{release.SetShares: release.Shift, release.ScaleAway: release.ScaleDown}[c.deed], c.deed)
			if got := release.Forbidden(s, a, o); len(got) > 0 {
				t.Fatalf("allowed, and breaks %v", got)
			}
			c.spoil(&s, &a, &o)
			if got := release.Forbidden(s, a, o); !names(got, c.want) {
				t.Errorf("forbidden: %v, want %s", got, c.want)
			}
		})
	}
}

// A candidate that serves nothing is worse than any replica of stable.
func TestAnyReplicaIsEnoughForACandidateThatServesNothing(t *testing.T) {
	s, a, o := deedAt(release.Shift, release.SetShares)
	o.World.Slots[0].Ready, o.World.Slots[1].Ready = 1, 0
	if got := release.Forbidden(s, a, o); len(got) > 0 {
		t.Errorf("forbidden: %v", got)
	}
}

// halted plays a bad release whose rollback breaks an invariant at a step.
func halted(t *testing.T, step release.Step) *sim {
	t.Helper()
	s := newSim(t).at(time.Minute, cutover).errors(green, 20*time.Minute, forever, 0.2).until(24 * time.Minute)
	for s.state.Ladder == nil || s.state.Ladder.Step != step {
		s.now++
		s.advance(s.observe())
		if s.since() > time.Hour {
			t.Fatalf("it never came to step %s", step)
		}
	}
	o := s.observe()
	s.state = saved(t, release.Halt(s.state, o, []release.Breach{{Invariant: release.ReadyFirst, Text: "so it is"}}))
	return s
}

func TestAHaltedReleaseIsWatchedAndMovesNothing(t *testing.T) {
	for _, step := range []release.Step{release.Recheck, release.Ready, release.Shift} {
		t.Run(string(step), func(t *testing.T) {
			s := halted(t, step)
			checks := s.state.Checks
			s.until(3 * time.Hour)
			s.never("SetShares")
			s.phase(release.Watching)
			if s.state.Checks <= checks || s.state.Verdict.Tier != judge.Rollback {
				t.Errorf("it is not judged any more: %d checks, %s", s.state.Checks, s.state.Verdict.Tier)
			}
			if !s.state.Is(release.ConditionHalted) || s.count("OpenPage Halted") != 1 || s.count("ClosePage Halted") != 0 {
				t.Errorf("halted %v, paged %d times", s.state.Is(release.ConditionHalted), s.count("OpenPage Halted"))
			}
			if c := s.state.Condition(release.ConditionWithheld); c == nil || c.Status != "True" || c.Reason != "Halted" {
				t.Errorf("withheld: %+v", c)
			}
		})
	}
}

// What a person says lifts it: a rollback goes at once, a hold that is ended gives the release back to the matrix.
func TestAPersonsWordLiftsAHalt(t *testing.T) {
	for _, c := range []struct {
		what  string
		say   func(*sim)
		want  release.Phase
		moved bool
	}{
		{"rollback", decision(release.ChooseRollback, "ann"), release.RolledBack, true},
		{"accept", decision(release.ChooseAccept, "ann"), release.Accepted, false},
		{"hold and resume", func(s *sim) {
			hold(2 * time.Hour)(s)
			s.at(s.since()+time.Minute, func(s *sim) { s.spec.People.Hold = nil })
		}, release.RolledBack, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := halted(t, release.Ready)
			s.at(40*time.Minute, c.say).until(5 * time.Hour)
			s.phase(c.want)
			if s.state.Is(release.ConditionHalted) || s.count("ClosePage Halted") != 1 {
				t.Errorf("halted %v, closed %d times", s.state.Is(release.ConditionHalted), s.count("ClosePage Halted"))
			}
			if moved := s.count("SetShares Performed") == 1; moved != c.moved {
				t.Errorf("moved: %v", moved)
			}
		})
	}
}

// A hold that runs out, and a decision that is refused, lift nothing.
func TestWhatIsNoWordLiftsNoHalt(t *testing.T) {
	s := halted(t, release.Ready)
	s.at(40*time.Minute, hold(time.Hour)).at(70*time.Minute, revision(blue, "b9")).at(75*time.Minute, decision(release.ChooseRollback, "ann")).until(3 * time.Hour)
	s.never("SetShares")
	s.happened("1h15m0s OpenPage DecisionRefused")
	if !s.state.Is(release.ConditionHalted) {
		t.Error("it is not halted any more")
	}
}

// Halted again after it was lifted is another incident; halted twice is one.
func TestAHaltPagesOncePerLift(t *testing.T) {
	s := halted(t, release.Ready)
	again := func(s *sim) {
		s.state = saved(t, release.Halt(s.state, s.observe(), []release.Breach{{Invariant: release.OwnNamespace, Text: "and so"}}))
	}
	s.at(30*time.Minute, again).at(31*time.Minute, again).until(32 * time.Minute)
	if n := s.count("OpenPage Halted"); n != 1 {
		t.Errorf("paged %d times while halted", n)
	}
	s.at(33*time.Minute, hold(2*time.Hour)).at(34*time.Minute, func(s *sim) { s.spec.People.Hold = nil; s.mode = release.Observe })
	s.at(36*time.Minute, again).until(40 * time.Minute)
	if n := s.count("OpenPage Halted"); n != 2 {
		t.Errorf("paged %d times, halted again after it was lifted", n)
	}
}

// A rollback whose weights were set, or may have been, is not begun again by itself once the halt is lifted.
func TestAHaltDoesNotMakeARollbackASecondTime(t *testing.T) {
	s := halted(t, release.Shift)
	s.at(30*time.Minute, hold(2*time.Hour)).at(31*time.Minute, func(s *sim) { s.spec.People.Hold = nil }).until(3 * time.Hour)
	s.never("SetShares")
	if c := s.state.Condition(release.ConditionWithheld); c == nil || c.Reason != "Spent" {
		t.Errorf("withheld: %+v", c)
	}
}
