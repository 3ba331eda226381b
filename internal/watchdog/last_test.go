package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// What stable served last counts where it has no traffic any more: a release that is slow is not undone for one whose
// requests failed, whether people left that in one step or after a while of both. One that fails more is.
func TestTheTrafficIsNotMovedToWhatFailedLast(t *testing.T) {
	slow, failing := simulate.Quality{Latency: 2}, simulate.Quality{Errors: 1}
	for name, c := range map[string]struct {
		before, after simulate.Quality
		split         time.Duration
		moves         int
	}{
		"a slow release after one that fails":            {failing, slow, 0, 0},
		"both have traffic before":                       {failing, slow, 2 * time.Minute, 0},
		"a release that fails after one that fails":      {failing, failing, 0, 0},
		"a slow release after one that is well":          {simulate.Quality{}, slow, 0, 1},
		"a slow release after a slow one":                {slow, slow, 0, 0},
		"a release that fails after one that is slow":    {slow, failing, 0, 1},
		"a release that fails after one that fails less": {simulate.Quality{Errors: 0.2}, failing, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", simulate.Brief())
				w.Until(s.Known)
				s.Serve("blue-1", c.before)
				time.Sleep(3 * time.Minute)
				s.Deploy(green, "green-2")
				s.Serve("green-2", c.after)
				time.Sleep(30 * time.Second)
				if c.split > 0 {
					s.Route("pipeline", green, 0.5)
					time.Sleep(c.split)
				}
				s.Route("pipeline", green, 1)
				time.Sleep(5 * time.Minute)
				_, state, _ := s.Release(1)
				withheld := state.Condition(release.ConditionWithheld)
				if s.Moves(1) != c.moves {
					t.Fatalf("moved %d times, want %d; withheld: %+v", s.Moves(1), c.moves, withheld)
				}
				if c.moves == 0 && (withheld == nil || withheld.Reason != "BothSides") {
					t.Errorf("withheld: %+v", withheld)
				}
				if c.before == failing && c.after == slow && !strings.HasPrefix(withheld.Message, "stable was as bad when it had traffic last: ") {
					t.Errorf("the message is %q", withheld.Message)
				}
			})
		})
	}
}
