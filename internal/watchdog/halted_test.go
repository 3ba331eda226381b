package watchdog_test

import (
	"context"
	"flag"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// code says which code a story is played against.
var code = flag.String("code", "", "of TestStories: empty: as it is; halts: with a deliberate bug; moves: with the bug, and without invariants")

// story is a bad release that a deliberate bug would do something to that must never be.
type story struct {
	name, bug string
	invariant release.Invariant
	tell      func(w *simulate.World, s *simulate.Service)
	// How often setting weights is asked for: by the code as it is, before an invariant stops the bug, and at least
	// where none does.
	right, halted, wrong int
}

// bad is a release with a tenth of the traffic that has to be rolled back, after what is done before.
func bad(before func(*simulate.World, *simulate.Service)) func(*simulate.World, *simulate.Service) {
	return func(w *simulate.World, s *simulate.Service) {
		s.Canary(green, "green-2")
		before(w, s)
		s.Serve("green-2", simulate.Bad)
		time.Sleep(5 * time.Minute)
	}
}

// contested is one that another writer leads the traffic back to, again and again, and that stays bad.
func contested(w *simulate.World, s *simulate.Service) {
	s.Canary(green, "green-2")
	s.Serve("green-2", simulate.Bad)
	w.Until(func() bool { return s.Moves(1) > 0 })
	for range 4 {
		time.Sleep(8 * time.Second)
		s.Route("argocd", green, 1)
	}
	time.Sleep(5 * time.Minute)
}

var stories = []story{
	{"in mode Observe", "mode Observe is not looked at", release.PeopleWin, bad(func(w *simulate.World, _ *simulate.Service) {
		w.Set(func(s *watchdog.Settings) { s.Mode = release.Observe })
		time.Sleep(5 * time.Second)
	}), 0, 0, 1},
	{"stable is scaled down", "the traffic is moved without waiting for stable", release.ReadyFirst, bad(func(_ *simulate.World, s *simulate.Service) {
		s.Scale(blue, 0)
		time.Sleep(30 * time.Second)
	}), 1, 0, 2},
	{"of another namespace", "a deed has a plan of another namespace", release.OwnNamespace, bad(func(*simulate.World, *simulate.Service) {}), 1, 0, 1},
	{"rolled back once", "a release is rolled back by itself a second time", release.OneRollback, contested, 4, 4, 5},
}

// Played against the code as it is, each story breaks nothing. With its bug the invariant stops it: nothing more is
// moved, the release is halted, and people are paged once, whatever processes there are. The control is the bug
// without the invariants: it does what must never be.
func TestStories(t *testing.T) {
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			w, state := c.play(t)
			asked := 0
			for _, call := range w.Calls(0) {
				if call.Point == "Perform.SetShares" {
					asked++
				}
			}
			_, triggers, _, open := w.Incident("oncall", "production/service-1/0/Halted")
			if triggers == 0 {
				_, triggers, _, open = w.Incident("oncall", "production/service-1/1/Halted")
			}
			switch halts := state.Is(release.ConditionHalted); *code {
			case "halts":
				if reason := state.Condition(release.ConditionHalted); asked != c.halted || !halts || reason.Reason != string(c.invariant) || triggers != 1 || !open {
					t.Errorf("weights asked for %d times, want %d; %+v; paged %d times, open: %v\n%s", asked, c.halted, reason, triggers, open, w.Chronicle())
				}
			case "moves":
				if asked < c.wrong || halts || triggers > 0 {
					t.Errorf("weights asked for %d times, want at least %d; halted: %v", asked, c.wrong, halts)
				}
			default:
				if broken := w.Broken(); asked != c.right || halts || triggers > 0 || len(broken) > 0 {
					t.Errorf("weights asked for %d times, want %d; halted: %v; broken: %q\n%s", asked, c.right, halts, broken, w.Chronicle())
				}
			}
		})
	}
}

// play tells a story, and then lets another process go on for a while.
func (c story) play(t *testing.T) (w *simulate.World, state release.State) {
	synctest.Test(t, func(*testing.T) {
		w = simulate.NewWorld()
		s := w.Add("service", simulate.Brief())
		w.Live(24*time.Hour, func() {
			c.tell(w, s)
			w.Kill(5 * time.Second)
			time.Sleep(3 * time.Minute)
			_, state, _ = s.Release(1)
		}, func() bool { return true })
	})
	return w, state
}

// withoutInvariants are what takes all invariants out of the code.
var withoutInvariants = []bug{
	{name: "nothing is broken", file: "release/invariants.go",
		old: "func Broken(old, next State, o Observed) []Breach {", new: "func Broken(old, next State, o Observed) []Breach {\n\tif true {\n\t\treturn nil\n\t}"},
	{name: "nothing is forbidden", file: "release/forbidden.go",
		old: "func Forbidden(s State, a Action, o Observed) []Breach {", new: "func Forbidden(s State, a Action, o Observed) []Breach {\n\tif true {\n\t\treturn nil\n\t}"},
}

// Deliberate bugs that would break a promise are stopped by an invariant: make simulate plays them.
func TestSimulateInvariantsStopBugs(t *testing.T) {
	for _, c := range stories {
		t.Run(c.bug, func(t *testing.T) {
			b := bugNamed(t, c.bug)
			with, without := put(t, b), put(t, append(withoutInvariants, b)...)
			if *bugWalks == 0 {
				return
			}
			against(t, c, with, "halts")
			against(t, c, without, "moves")
			t.Logf("| %s | stopped by %s; weights asked for %d times with it, %d or more without |", c.bug, c.invariant, c.halted, c.wrong)
		})
	}
}

func bugNamed(t *testing.T, name string) bug {
	t.Helper()
	for _, b := range bugs {
		if b.name == name {
			return b
		}
	}
	t.Fatalf("no bug is %q", name)
	return bug{}
}

// against plays a story against other code.
func against(t *testing.T, c story, overlay, code string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	run := "^TestStories$/^" + strings.ReplaceAll(c.name, " ", "_") + "$"
	out, err := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count", "1", "-run", run, ".", "-args", "-code", code).CombinedOutput()
	if err != nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("%s: %v\n%s", code, err, out)
	}
}
