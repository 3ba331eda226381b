package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// jumps are what may happen to a clock while a release is watched. Blind is how many looks may be blind, each 15 s;
// late by how much a rollback may come later than of itself.
var jumps = []struct {
	name  string
	jump  func(w *simulate.World)
	blind int
}{
	{"nothing", func(*simulate.World) {}, 0},
	{"the daemon's, forward", func(w *simulate.World) { w.SetMachine(time.Hour) }, 0},
	{"the daemon's, back", func(w *simulate.World) { w.SetMachine(-time.Hour) }, 0},
	{"the daemon's, back a little", func(w *simulate.World) { w.SetMachine(-40 * time.Second) }, 0},
	{"the daemon's, back, and a new process", func(w *simulate.World) {
		w.SetMachine(-time.Hour)
		w.Kill(0)
	}, 0},
	{"the daemon's, forward, and a new process", func(w *simulate.World) {
		w.SetMachine(time.Hour)
		w.Kill(0)
	}, 0},
	{"the daemon's, there and back", func(w *simulate.World) {
		w.SetMachine(time.Hour)
		time.Sleep(5 * time.Minute)
		w.SetMachine(0)
	}, 0},
	{"Prometheus', forward, with all it has", func(w *simulate.World) { w.Skew("main", time.Hour) }, 10},
	{"Prometheus', back, with all it has", func(w *simulate.World) { w.Skew("main", -time.Hour) }, 10},
	{"Prometheus', forward", func(w *simulate.World) { w.SetClock("main", time.Hour) }, 10},
	{"Prometheus', back a little", func(w *simulate.World) { w.SetClock("main", -40*time.Second) }, 20},
}

// A clock that is set in mid-release costs a few looks at most: a good release stays, and one that turns bad is rolled
// back in its time.
func TestAClockIsSet(t *testing.T) {
	for _, c := range jumps {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				s.Cutover(green, "green-2")
				time.Sleep(20 * time.Minute)
				before := w.Meter.Blindness()[signal.Known]
				begun := time.Now()
				c.jump(w)
				time.Sleep(20*time.Minute - time.Since(begun))
				if looks := w.Meter.Blindness()[signal.Known] - before; looks < 78-c.blind {
					t.Errorf("%d looks of the guard saw something in 20 minutes, want %d: %v", looks, 78-c.blind, w.Meter.Blindness())
				}
				if _, state, _ := s.Release(1); state.Phase != release.Watching || state.Verdict.Tier != judge.Proceed {
					t.Errorf("a good release is %s with %s: %s", state.Phase, state.Verdict.Tier, state.Verdict.Reason)
				}
				s.Serve("green-2", simulate.Bad)
				since := time.Now()
				time.Sleep(10 * time.Minute)
				if took := s.MovedAt(1).Sub(since); took < 4*time.Minute || took > 6*time.Minute+30*time.Second {
					t.Errorf("rolled back after %s of bad data, want about 5m", took)
				}
				if !s.In(1, release.RolledBack)() {
					t.Errorf("it is %s ten minutes later, want RolledBack, proven", s.Phase(1))
				}
			})
		})
	}
}

// A clock that is set while a ladder is climbed, before and after the weights were set, holds up neither the traffic
// nor its proof.
func TestAClockIsSetInMidRollback(t *testing.T) {
	for _, c := range jumps {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(lone))
				s.Cutover(green, "green-2")
				time.Sleep(20 * time.Minute)
				s.Scale(blue, 0)
				s.Serve("green-2", simulate.Bad)
				w.Until(s.In(1, release.RollingBack))
				c.jump(w)
				time.Sleep(12 * time.Minute)
				if n := s.Moves(1); n != 1 || !s.In(1, release.RolledBack)() {
					t.Errorf("moved %d times, and %s", n, s.Phase(1))
				}
			})
		})
	}
}

// What a server recorded before its clock was set back comes again under the times of now. It is not taken for what is
// so: the server is not believed until its clock has passed all that.
func TestASetBackPrometheusIsNotBelieved(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Serve("green-1", simulate.Bad) // an hour before, in the same slot
		s.Cutover(green, "green-1")
		w.Until(s.In(1, release.RolledBack))
		time.Sleep(35 * time.Minute)
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		w.SetClock("main", -time.Hour)
		time.Sleep(50 * time.Minute)
		if _, state, _ := s.Release(2); s.Moves(2) > 0 || state.Verdict.Tier != judge.Blind || state.Verdict.Cause != signal.Lag {
			t.Errorf("%d moves, and the verdict is %s %s: %s", s.Moves(2), state.Verdict.Tier, state.Verdict.Cause, state.Verdict.Reason)
		}
		s.Serve("green-2", simulate.Bad)
		time.Sleep(20 * time.Minute)
		if s.Moves(2) != 1 {
			t.Error("its clock has passed what it had recorded for ten minutes, and the bad release is still there")
		}
	})
}
