package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// A tool that applies its weights every ten minutes undoes a rollback at leisure. That is one more release and one more
// page in an hour, which name the tool and what it applies; nobody fights it. A deployer's next revision is a release
// like any other.
func TestWeightsThatAreAppliedAgainAndAgainAreOnePage(t *testing.T) {
	rolledBack := func(w *simulate.World) *simulate.Service {
		p := simulate.Brief()
		p.Limits.KeepCandidateFor = signal.Duration(24 * time.Hour)
		s := w.Add("service", p)
		s.Source = "Argo CD application shop"
		s.Cutover(green, "green-2")
		time.Sleep(70 * time.Second)
		s.Serve("green-2", simulate.Bad)
		w.Until(s.In(1, release.RolledBack))
		return s
	}
	paged := func(s *simulate.Service, number int64) (codes []release.Code) {
		_, state, _ := s.Release(number)
		for _, in := range state.Incidents {
			codes = append(codes, in.Code)
		}
		return codes
	}
	live(t, func(t *testing.T, w *simulate.World) {
		s := rolledBack(w)
		for range 6 {
			time.Sleep(10 * time.Minute)
			s.Route("argocd-controller", green, 1)
		}
		time.Sleep(5 * time.Minute)
		_, state, _ := s.Release(2)
		c := state.Condition(release.ConditionWithheld)
		if c == nil || c.Reason != "Spent" || !strings.Contains(c.Message, "as service-1, and argocd-controller (VirtualService of Argo CD application shop) led traffic to it again") {
			t.Errorf("withheld: %+v", c)
		}
		if s.Moves(1) != 1 || s.Moves(2) != 0 {
			t.Errorf("moved %d and %d times", s.Moves(1), s.Moves(2))
		}
		if _, _, third := s.Release(3); third {
			t.Error("there is a third release")
		}
		if got := paged(s, 2); len(got) != 2 || got[0] != release.CodePastRollback || got[1] != release.CodeRollbackWithheld {
			t.Errorf("people were told of %v", got)
		}
	})
	live(t, func(t *testing.T, w *simulate.World) {
		s := rolledBack(w)
		time.Sleep(10 * time.Minute)
		s.Serve("green-3", simulate.Bad)
		s.Cutover(green, "green-3")
		time.Sleep(5 * time.Minute)
		if s.Moves(2) != 1 {
			t.Errorf("another revision was moved %d times", s.Moves(2))
		}
	})
}
