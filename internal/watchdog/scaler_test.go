package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// Who sets stable's replicas otherwise is named before it matters and paged for, and not fought: in forty minutes they are
// written a dozen times at most. Once there are enough, the traffic is moved. Without anybody else one write is enough.
func TestAnAutoscalerThatHoldsStableIsNamedAndNotFought(t *testing.T) {
	for name, held := range map[string]bool{"held": true, "left alone": false} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", simulate.Brief())
				s.Cutover(green, "green-2")
				s.Scale(green, 6)
				time.Sleep(70 * time.Second)
				s.Scale(blue, 2)
				time.Sleep(time.Minute)
				if _, state, _ := s.Release(1); !strings.HasSuffix(state.ReadinessReason, "2 of the 6 replicas that the load needs are ready; autoscaler has set 2") {
					t.Errorf("readiness says %q", state.ReadinessReason)
				}
				s.Serve("green-2", simulate.Quality{Errors: 0.2})
				writes := 0
				for range 40 * 4 {
					time.Sleep(15 * time.Second)
					if held && s.Wanted(blue) > 2 {
						writes++
						s.Scale(blue, 2)
					}
				}
				_, state, _ := s.Release(1)
				if !held {
					if s.Moves(1) != 1 || state.Ladder.Scaled != 1 {
						t.Errorf("moved %d times after scaling up %d times", s.Moves(1), state.Ladder.Scaled)
					}
					return
				}
				if s.Moves(1) > 0 || writes < 6 || writes > 12 {
					t.Errorf("moved %d times, scaled up %d times, want 0, and 6 to 12", s.Moves(1), writes)
				}
				stuck := incidents(state, release.CodeRollbackStuck)
				if len(stuck) != 1 || !stuck[0].Closed.IsZero() || stuck[0].Text != "stable has 2 of the 6 replicas that the load needs, and autoscaler sets fewer each time that greenwatch scales it up: set its least to 6 there" {
					t.Errorf("paged: %+v", stuck)
				}
				s.Scale(blue, 6)
				time.Sleep(time.Minute)
				if s.Moves(1) != 1 {
					t.Errorf("moved %d times once there were enough", s.Moves(1))
				}
			})
		})
	}
}

func incidents(s release.State, code release.Code) (all []release.Incident) {
	for _, in := range s.Incidents {
		if in.Code == code {
			all = append(all, in)
		}
	}
	return all
}
