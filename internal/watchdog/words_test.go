package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// promptly is how soon a person's word is obeyed, whatever Prometheus does.
const promptly = 2 * time.Second

// A person's word is obeyed while Prometheus hangs, in the middle of a look that waits for it too, and the
// traffic is moved as fast as with a Prometheus that answers.
func TestAWordWaitsForNoMeasurement(t *testing.T) {
	decided := func(c release.Choice) func(*release.People) {
		return func(p *release.People) { p.Decision = &release.Decision{Choice: c, By: "ann"} }
	}
	held := func(s *simulate.Service) bool { _, state, _ := s.Release(1); return state.Is(release.ConditionHeld) }
	holds := func(p *release.People) {
		p.Hold = &release.Hold{By: "ann", Until: signal.At(time.Now().Add(time.Hour))}
	}
	words := []struct {
		name   string
		before func(*release.People)
		say    func(*release.People)
		obeyed func(*simulate.Service) bool
	}{
		{"rollback", nil, decided(release.ChooseRollback), func(s *simulate.Service) bool { return s.Share(blue) == 1 }},
		{"accept", nil, decided(release.ChooseAccept), func(s *simulate.Service) bool { return s.Phase(1) == release.Accepted }},
		{"hold", nil, holds, held},
		{"resume", holds, func(p *release.People) { p.Hold = nil }, func(s *simulate.Service) bool { return !held(s) }},
	}
	for _, word := range words {
		for _, hangs := range []bool{true, false} {
			for _, after := range []time.Duration{time.Minute, 77 * time.Second, 200 * time.Second} {
				live(t, func(t *testing.T, w *simulate.World) {
					w.Workers = 1
					s := w.Add("service", simulate.Week())
					s.Cutover(green, "green-2")
					time.Sleep(10 * time.Minute)
					if word.before != nil {
						s.Say(1, word.before)
					}
					w.Fault("main", simulate.Fault{Hang: hangs})
					time.Sleep(after)
					s.Say(1, word.say)
					time.Sleep(promptly)
					if !word.obeyed(s) {
						t.Errorf("%s is not obeyed within %s, hanging is %v, after %s", word.name, promptly, hangs, after)
					}
				})
			}
		}
	}
}

// Of two releases of a policy, one is watched by a Prometheus that hangs: a word about the other one waits for
// it no more than one about itself.
func TestAWordWaitsForNoOtherRelease(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", simulate.Week())
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		s.Deploy(blue, "blue-2")
		time.Sleep(2 * time.Minute)
		w.Fault("main", simulate.Fault{Hang: true})
		time.Sleep(time.Minute)
		s.Say(2, func(p *release.People) { p.Decision = &release.Decision{Choice: release.ChooseAccept, By: "ann"} })
		time.Sleep(promptly)
		if got := s.Phase(2); got != release.Accepted {
			t.Errorf("the second release is %q, want Accepted", got)
		}
		if got := s.Phase(1); got != release.Watching {
			t.Errorf("the first release is %q, want Watching", got)
		}
	})
}

// After a word the guard goes on where it was.
func TestTheGuardGoesOnAfterAWord(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", simulate.Week())
		s.Cutover(green, "green-2")
		time.Sleep(10 * time.Minute)
		guards := w.Meter.Guarding()
		for range 40 { // each changes the hold, at odd moments
			until := time.Now().Add(time.Hour)
			s.Say(1, func(p *release.People) { p.Hold = &release.Hold{By: "ann", Until: signal.At(until)} })
			time.Sleep(7700 * time.Millisecond)
		}
		if n := w.Meter.Guarding() - guards; n < 19 || n > 22 {
			t.Errorf("%d looks of the guard in 308 s, want one every 15 s", n)
		}
	})
}
