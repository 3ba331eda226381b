package watchdog_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// Where both slots' selectors take the same series the policy is not ready, before the first release already, and says
// so; its releases are watched all the same. It is looked at every few minutes at most.
func TestOverlappingSelectorsAreSaid(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(asItIs))
		says := func(want string) {
			t.Helper()
			got := s.Problems()
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != watchdog.Problem{Reason: watchdog.ReasonOverlap, Message: want}) {
				t.Errorf("the policy says %+v, want %q", got, want)
			}
		}
		w.Until(s.Known) // a process that can end is there
		s.SetOverlaps()
		time.Sleep(10 * time.Minute)
		says("")
		s.SetOverlaps("errors: two", "latency: one")
		time.Sleep(61 * time.Minute)
		says("errors: two; latency: one")
		if asked := s.Overlaps().Asked; len(asked) != 2 || asked[0].Match == asked[0].Beside || asked[0].Beside == "" {
			t.Errorf("asked for %+v, want both signals, with the other slot's selectors", asked)
		}
		w.Fault("main", simulate.Fault{Hang: true})
		time.Sleep(61 * time.Minute)
		says("errors: two; latency: one")
		w.Fault("main", simulate.Fault{})
		time.Sleep(6 * time.Minute)
		s.Cutover(green, "green-2")
		time.Sleep(6 * time.Minute)
		says("errors: two; latency: one")
		if spec, _, ok := s.Release(1); !ok || spec.Candidate.Slot != green {
			t.Error("no release of it is watched")
		}
		if asked := s.Overlaps().Asked; len(asked) != 2 || asked[0].Since.IsZero() {
			t.Errorf("asked for %+v, want it anew since the first traffic", asked)
		}
		s.SetOverlaps()
		time.Sleep(61 * time.Minute)
		says("")
		before := s.Overlaps().Looks
		time.Sleep(5 * time.Hour)
		if looks := s.Overlaps().Looks - before; looks < 4 || looks > 6 {
			t.Errorf("%d looks in five hours, want one an hour", looks)
		}
	})
}
