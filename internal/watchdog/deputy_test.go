package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// shifting is a status that asks for the weights to be set, by the plan of a service.
func shifting(spec release.Spec, p *release.Plan) release.State {
	at := signal.At(time.Now())
	plan := *p.DeepCopy()
	if spec.Service != nil {
		plan = *plan.For(spec)
	}
	plan.Namespace, plan.Policy = "production", spec.Policy
	return release.State{Phase: release.RollingBack, FirstTraffic: at, Share: 100, Readiness: release.Hot,
		Verdict: release.Standing{Tier: judge.Rollback, Since: at},
		Ladder: &release.Ladder{Step: release.Shift, By: "mallory", Decided: at, Verdict: judge.Verdict{At: at, Tier: judge.Rollback}, Plan: plan, Tried: true,
			Routes: []string{"main"}, Needed: 1}}
}

// The promise no-deputy: a release that greenwatch did not make is acted on by nobody; the control is the same status
// in one of greenwatch's own. Without a policy there is nothing that tells it from one that is to be finished: its
// plan is carried out in its own namespace, and only there.
func TestAReleaseThatGreenwatchDidNotMakeDoesNothing(t *testing.T) {
	for name, prepare := range map[string]func(*simulate.World, *simulate.Service){
		"beside the policy":            func(*simulate.World, *simulate.Service) {},
		"before the policy was made":   func(_ *simulate.World, s *simulate.Service) { s.Remove(); s.MakeAgain(week(lone)) },
		"with caches that lag behind":  func(w *simulate.World, _ *simulate.Service) { w.Freeze() },
		"while a real one is deployed": func(_ *simulate.World, s *simulate.Service) { s.Deploy(blue, "blue-2") },
	} {
		for _, number := range []int64{1, 2, 77} {
			t.Run(name, func(t *testing.T) {
				live(t, func(t *testing.T, w *simulate.World) {
					s := w.Add("service", week(lone))
					w.Until(s.Known)
					spec := release.Spec{Policy: "service", Number: number, FirstSeen: signal.At(time.Now()),
						Candidate: release.Side{Slot: blue, Revision: "blue-1"}, Stable: release.Side{Slot: green, Revision: "green-0"}}
					s.Plant(spec, shifting(spec, week(lone)))
					prepare(w, s)
					time.Sleep(10 * time.Minute)
					w.Thaw()
					time.Sleep(10 * time.Minute)
					if s.Moves(number) != 0 || s.Share(blue) != 1 {
						t.Errorf("moved %d times, blue has %v", s.Moves(number), s.Share(blue))
					}
					if _, state, _ := s.Release(number); !state.Over() {
						t.Errorf("it goes on as %s", state.Phase)
					}
				})
			})
		}
	}
	live(t, func(t *testing.T, w *simulate.World) { // nor does it end the watch of another, withhold, or use up its pages
		w.Set(func(s *watchdog.Settings) { s.PagesPerHour = 3 })
		s := w.Add("service", week(lone))
		w.Until(s.Known)
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		time.Sleep(10 * time.Minute)
		s.Serve("green-2", simulate.Bad)
		w.Freeze() // what was planted is seen by some reads and not by others
		time.AfterFunc(2*time.Minute, w.Thaw)
		for n := int64(7); n < 12; n++ {
			spec := release.Spec{Policy: "service", Number: n, FirstSeen: signal.At(time.Now()),
				Candidate: release.Side{Slot: green, Revision: "green-2"}, Stable: release.Side{Slot: blue, Revision: "blue-1"}}
			state := shifting(spec, week(lone))
			state.Ladder.Automatic = true
			for e := range int64(4) {
				state.Incidents = append(state.Incidents, release.Incident{Code: release.CodeConsider, Episode: e, Severity: release.Critical, Opened: signal.At(time.Now())})
			}
			s.Plant(spec, state)
		}
		time.Sleep(20 * time.Minute)
		if s.Moves(1) != 1 {
			t.Errorf("greenwatch's own is %s, moved %d times", s.Phase(1), s.Moves(1))
		}
		if opened, _, _, _ := w.Incident("oncall", "production/service-1/1/Rollback"); opened != 1 {
			t.Errorf("its page was opened %d times", opened)
		}
	})
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		w.Until(s.Known)
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		s.Forge(1, func(spec release.Spec, state *release.State) {
			forged := shifting(spec, week(lone))
			forged.Cutover, forged.Grid = state.Cutover, state.Grid
			*state = forged
		})
		w.Until(func() bool { return s.Moves(1) == 1 })
		if s.Moves(1) != 1 {
			t.Error("the control: greenwatch's own release was not moved by it")
		}
	})
}

// The promise no-deputy: who may let greenwatch act on a service of their own, and so writes it into a policy that
// observed another one, lets it act on that other one not even for the release that is under way. The control: the
// same mode, of the service itself, which only who may patch its VirtualService and scale its Deployments may write.
func TestAModeCountsForTheServiceThatThePolicyNames(t *testing.T) {
	toy := func(p *release.Plan) {
		p.VirtualService = "toy"
		for i := range p.Slots {
			p.Slots[i].Deployment = "toy-" + p.Slots[i].Name
		}
	}
	for name, c := range map[string]struct {
		edit  func(*release.Plan)
		moves int
	}{
		"the service itself":     {asItIs, 1},
		"by other routes":        {func(p *release.Plan) { p.HTTPRoutes = []string{"main"} }, 1},
		"another service":        {toy, 0},
		"another VirtualService": {func(p *release.Plan) { p.VirtualService = "toy" }, 0},
		"another Deployment":     {func(p *release.Plan) { p.Slots[0].Deployment = "toy" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(func(p *release.Plan) { lone(p); p.Mode = release.Observe }))
				w.Until(s.Known)
				s.Cutover(green, "green-2")
				w.Until(s.In(1, release.Watching))
				if _, state, _ := s.Release(1); state.Mode != release.Observe {
					t.Errorf("the release's mode is %q at first", state.Mode)
				}
				s.Edit(func(p *release.Plan) { p.Mode = release.Enforce; c.edit(p) })
				s.Serve("green-2", simulate.Bad)
				time.Sleep(20 * time.Minute)
				if s.Moves(1) != c.moves {
					t.Errorf("moved %d times, want %d", s.Moves(1), c.moves)
				}
				_, state, _ := s.Release(1)
				if acts := state.Mode == release.Enforce; acts != (c.moves > 0) {
					t.Errorf("the release's mode is %q", state.Mode)
				}
				if why := state.Condition(release.ConditionWithheld); c.moves == 0 && (why == nil || !strings.Contains(why.Message, "names another VirtualService or Deployment")) {
					t.Errorf("withheld: %+v", why)
				}
			})
		})
	}
}

// A release whose label is taken away is watched all the same, and gets it back; one that was deleted is not looked for
// for ever. The control is TestQuietGuardWritesNothing: the label stays, and it is rolled back.
func TestALabelThatIsTakenEndsNoWatch(t *testing.T) {
	for _, restart := range []bool{false, true} {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", week(lone))
			w.Until(s.Known)
			s.Cutover(green, "green-2")
			w.Until(s.In(1, release.Watching))
			s.Unlist(1)
			if restart {
				w.Kill(time.Second)
			}
			time.Sleep(time.Minute)
			if !s.Listed(1) {
				t.Error("it has not got its label back within a minute")
			}
			s.Serve("green-2", simulate.Bad)
			time.Sleep(20 * time.Minute)
			if s.Moves(1) != 1 {
				t.Errorf("moved %d times, want once", s.Moves(1))
			}
		})
	}
}

// A policy that is deleted and made again goes on after the numbers of its releases.
func TestAPolicyThatIsMadeAgainIsWatched(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Minute} {
		live(t, func(t *testing.T, w *simulate.World) {
			s := w.Add("service", week(lone))
			w.Until(s.Known)
			s.Cutover(green, "green-2")
			w.Until(s.In(1, release.Watching))
			s.Remove()
			time.Sleep(wait)
			s.MakeAgain(week(lone))
			time.Sleep(time.Minute)
			if s.Phase(1) != release.Orphaned {
				t.Errorf("the former policy's release is %s", s.Phase(1))
			}
			s.Serve("blue-3", simulate.Bad)
			s.Cutover(blue, "blue-3")
			time.Sleep(20 * time.Minute)
			if s.Moves(2) != 1 || s.Share(blue) != 0 {
				t.Errorf("release 2 is %s, moved %d times, blue has %v", s.Phase(2), s.Moves(2), s.Share(blue))
			}
		})
	}
}

// A number that somebody else has taken keeps no release from beginning.
func TestATakenNumberKeepsNoReleaseFromBeginning(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		w.Until(s.Known)
		for _, n := range []int64{1, 2, 5} {
			s.Plant(release.Spec{Policy: "service", Number: n, Candidate: release.Side{Slot: green, Revision: "x"}, Stable: release.Side{Slot: blue, Revision: "y"}},
				release.State{Phase: release.Accepted, Settled: true})
		}
		s.Serve("green-2", simulate.Bad)
		s.Cutover(green, "green-2")
		time.Sleep(20 * time.Minute)
		if s.Moves(6) != 1 {
			t.Errorf("release 6 is %s", s.Phase(6))
		}
	})
}

// While a policy's status can't be saved, a version that is rolled out makes one release however often it is looked at,
// whatever was rolled out before it and whether the policy is a new one; when it can be, that one is watched. The
// control is a status that can be saved all along.
func TestLooksThatCannotSaveMakeNoReleaseEach(t *testing.T) {
	for name, c := range map[string]struct {
		refused bool
		again   bool // the policy is made again first
	}{"saved all along": {}, "not saved": {refused: true}, "made again": {again: true}, "made again, not saved": {refused: true, again: true}} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				w.Until(s.Known)
				former := int64(0)
				if c.again {
					s.Cutover(green, "green-1")
					w.Until(s.In(1, release.Watching))
					s.Cutover(blue, "blue-1")
					s.Remove()
					s.MakeAgain(week(lone))
					time.Sleep(time.Minute)
					former = 1
				}
				w.Refuse("SaveLedger", c.refused)
				s.Deploy(green, "green-2")
				time.Sleep(5 * time.Minute)
				s.Serve("green-3", simulate.Bad)
				s.Cutover(green, "green-3")
				time.Sleep(5 * time.Minute)
				w.Refuse("SaveLedger", false)
				time.Sleep(20 * time.Minute)
				n := former + 2
				if _, _, more := s.Release(n + 1); more || s.Moves(n) != 1 {
					t.Errorf("release %d is %s, moved %d times; one more: %v", n, s.Phase(n), s.Moves(n), more)
				}
			})
		})
	}
	live(t, func(t *testing.T, w *simulate.World) { // a policy that is made again in the middle of a release, and never saved yet
		s := w.Add("service", week(lone))
		w.Until(s.Known)
		s.Canary(green, "green-2")
		w.Until(s.In(1, release.Canary))
		w.Refuse("SaveLedger", true)
		s.Remove()
		s.MakeAgain(week(lone))
		time.Sleep(5 * time.Minute)
		_, _, made := s.Release(2)
		if _, _, more := s.Release(3); !made || more {
			t.Errorf("one was made: %v; and one more: %v", made, more)
		}
	})
}

// What keeps a policy from being watched, or a release from being saved, pages once, and is over when it is.
func TestWhatIsRefusedForGoodPagesOnce(t *testing.T) {
	for _, c := range []struct {
		edge string
		code release.Code
	}{{"Create", release.CodeNotWatched}, {"SaveLedger", release.CodeNotWatched}, {"Save.status", release.CodeSaveRefused}} {
		t.Run(c.edge, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				w.Until(s.Known)
				w.Refuse(c.edge, true)
				s.Serve("green-2", simulate.Bad)
				s.Cutover(green, "green-2")
				time.Sleep(20 * time.Minute)
				key := "production/service/1/" + string(c.code)
				if opened, triggers, _, open := w.Incident("oncall", key); opened != 1 || triggers != 1 || !open {
					t.Errorf("%s: opened %d times by %d triggers, open: %v", key, opened, triggers, open)
				}
				if s.Moves(1) != 0 {
					t.Error("moved by what could not be saved")
				}
				w.Refuse(c.edge, false)
				time.Sleep(20 * time.Minute)
				if s.Moves(1) != 1 {
					t.Errorf("moved %d times when it could be, want once", s.Moves(1))
				}
				time.Sleep(40 * time.Minute)
				if opened, _, _, open := w.Incident("oncall", key); opened != 1 || open {
					t.Errorf("%s: opened %d times, open: %v; want it over", key, opened, open)
				}
			})
		})
	}
}

// An edit of slots while a release is active takes force with the next, and through a restart.
func TestAnEditTakesForceWithTheNextRelease(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		w.Until(s.Known)
		s.Cutover(green, "green-2")
		w.Until(s.In(1, release.Watching))
		s.Edit(func(p *release.Plan) { p.Slots[0].Host, p.Slots[1].Host = "evil", "blue" })
		time.Sleep(time.Minute)
		w.Kill(time.Second)
		s.Serve("green-2", simulate.Bad)
		time.Sleep(20 * time.Minute)
		spec, state, _ := s.Release(1)
		if s.Moves(1) != 1 || state.Ladder == nil || state.Ladder.Plan.Slots[0].Host != "blue" || spec.Service.Slots[0].Host != "blue" {
			t.Fatalf("moved %d times, by %+v", s.Moves(1), state.Ladder)
		}
		time.Sleep(2 * time.Hour)
		s.Cutover(green, "green-4")
		time.Sleep(time.Minute)
		if spec, _, _ := s.Release(2); spec.Service == nil || spec.Service.Slots[0].Host != "evil" {
			t.Errorf("the next release goes by %+v", spec.Service)
		}
	})
}

// A pager that is for other namespaces hears nothing of what somebody wrote into a release. The control is the same
// pager when it is for all.
func TestAReleaseNamesNoPagerOfOthers(t *testing.T) {
	for _, reserved := range []bool{true, false} {
		live(t, func(t *testing.T, w *simulate.World) {
			w.AddPager("theirs")
			if reserved {
				w.Set(func(s *watchdog.Settings) { s.SinksOnlyFor = map[string][]string{"theirs": {"elsewhere"}} })
			}
			s := w.Add("service", week(lone))
			w.Until(s.Known)
			plan := week(lone)
			plan.Notify = []string{"theirs"}
			spec := release.Spec{Policy: "service", Number: 7, FirstSeen: signal.At(time.Now()),
				Candidate: release.Side{Slot: green, Revision: "green-2"}, Stable: release.Side{Slot: blue, Revision: "blue-1"}}
			state := shifting(spec, plan)
			state.Incidents = []release.Incident{{Code: release.CodeRollbackStuck, Severity: release.Critical, Opened: signal.At(time.Now())}}
			state.Told = []release.Told{{Sink: "theirs", Key: "0/RollbackStuck", Ref: "x", Opened: signal.At(time.Now())}}
			s.Plant(spec, state)
			time.Sleep(10 * time.Minute)
			_, triggers, resolves, _ := w.Incident("theirs", "production/service-7/0/RollbackStuck")
			if heard := triggers + resolves; heard > 0 == reserved {
				t.Errorf("reserved %v: it heard %d times", reserved, heard)
			}
		})
	}
}
