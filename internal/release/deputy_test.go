package release_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
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
