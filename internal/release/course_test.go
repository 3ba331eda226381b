package release_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// turns are what can happen to a release.
var turns = []func(s *sim, n int){
	func(s *sim, n int) {
		shares([]float64{0, 0.05, 0.5, 1, 1, 1}[n%6], []string{"ann", "argocd", ""}[n%3])(s)
	},
	func(s *sim, n int) { cutover(s) },
	func(s *sim, n int) {
		s.errors(green, s.since(), s.since()+time.Duration(n)*time.Minute, float64(n%5)/4)
	},
	func(s *sim, n int) { s.errors(green, s.since(), forever, 0.5) },
	func(s *sim, n int) { s.errors(blue, s.since(), s.since()+time.Duration(n)*time.Minute, 0.5) },
	func(s *sim, n int) { s.troubles = nil },
	func(s *sim, n int) { ready(blue, int32(n%4), int32(n%3))(s) },
	func(s *sim, n int) { ready(blue, 3, 3)(s) },
	func(s *sim, n int) {
		ready(green, int32(n%4), int32(n%3))(s)
		v := s.slot(green)
		v.Ticks, v.UnreadySince = int32(n%3), s.now-60
	},
	func(s *sim, n int) { revision(blue, []string{"b1", "b1", "b2"}[n%3])(s) },
	func(s *sim, n int) { revision(green, []string{"g2", "g2", "g3"}[n%3])(s) },
	func(s *sim, n int) { s.slot([]string{blue, green}[n%2]).Found = n%4 > 0 },
	func(s *sim, n int) { s.blind[green] = []signal.Cause{signal.Known, signal.Gap, signal.Idle}[n%3] },
	func(s *sim, n int) { s.mode = []release.Mode{release.Enforce, release.Enforce, release.Observe}[n%3] },
	func(s *sim, n int) { hold(s.since() + time.Duration(n)*time.Minute)(s) },
	func(s *sim, n int) { s.spec.People.Hold = nil },
	func(s *sim, n int) {
		decision([]release.Choice{"Rollback", "Accept", "Rollback"}[n%3], fmt.Sprint("person", n%4))(s)
	},
	func(s *sim, n int) { s.spec.People.Decision = nil },
	func(s *sim, n int) { s.world.Problem = []string{"", "", "it is mad"}[n%3] },
	func(s *sim, n int) { s.world.Live = n%3 > 0 },
	func(s *sim, n int) {
		s.plan, s.invalid = thePlan(), ""
		if n%5 == 0 {
			s.plan, s.invalid = nil, []string{"", "Overlap", "Overlap"}[n%3]
		}
	},
	func(s *sim, n int) {
		s.fleet = append(s.fleet[max(0, len(s.fleet)-3):], release.Rollback{Namespace: []string{"production", "a", "b", "c"}[n%4], Decided: s.now - signal.Instant(n)})
	},
	func(s *sim, n int) { s.dead["oncall"] = n%2 == 0 },
	func(s *sim, n int) { s.sticky = n%2 == 0 },
	func(s *sim, n int) {
		s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
			return []release.Result{release.Performed, release.Performed, release.Conflict, release.Refused, release.Failed}[n%5], "so it is"
		}
	},
	func(s *sim, n int) {
		if n%4 == 0 {
			s.newer = []release.Newer{{Name: "kb-8", Slot: []string{blue, green}[n%2], Traffic: n%8 == 0}}
		}
	},
}

// play plays one course; whatever it is, the promises hold.
func play(t *testing.T, course []byte) *sim {
	t.Helper()
	s := newSim(t)
	automatic := map[signal.Instant]bool{}
	at := time.Duration(0)
	for len(course) >= 3 {
		turn, n, wait := turns[int(course[0])%len(turns)], int(course[1]), time.Duration(course[2])
		course = course[3:]
		at += wait * wait * time.Second / 100
		s.at(at, func(s *sim) { turn(s, n) })
	}
	check := func(a release.Action) {
		if a.Deed != release.SetShares && a.Deed != release.ScaleUp {
			return
		}
		stable := s.slot(blue)
		if stable.Revision != s.spec.Stable.Revision || !stable.Found || a.Deed == release.SetShares && stable.Ready == 0 {
			t.Errorf("%s: %s to a stable that is %+v", s.since(), a.Deed, *stable)
		}
		if a.Deed == release.SetShares && a.Ladder.Automatic {
			automatic[a.Ladder.Decided] = true
			if a.Ladder.FirstShift.IsZero() && (s.spec.MidFlight || s.spec.People.Hold != nil && s.now < s.spec.People.Hold.Until) && s.world.Live {
				t.Errorf("%s: moved though it is held", s.since())
			}
		}
	}
	s.before = check
	s.until(at + time.Hour)
	if len(automatic) > 1 {
		t.Errorf("rolled back %d times by itself", len(automatic))
	}
	pages := map[string]int{}
	for _, in := range s.state.Incidents {
		pages[in.Key("production", s.spec.Name())]++
	}
	for key, n := range pages {
		if n > 1 {
			t.Errorf("%d incidents are %s", n, key)
		}
	}
	return s
}

func TestAnyCourseKeepsThePromises(t *testing.T) {
	ends := map[string]int{}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		course := make([]byte, 3*(8+r.IntN(20)))
		for i := range course {
			course[i] = byte(r.Uint32())
		}
		// Half of them begin with a cutover that goes wrong, so that ladders are seen enough.
		if seed%2 == 0 {
			course = slices.Concat([]byte{1, 0, 60, 3, 0, 80, 12, 0, 170}, course)
		}
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := play(t, course)
			ends[string(s.state.Phase)]++
			for _, step := range []string{"SetShares", "ScaleUp", "OpenPage RollbackStuck", "OpenPage RollbackWithheld"} {
				ends[step] += min(1, strings.Count(strings.Join(s.log, "\n"), " "+step))
			}
		}) {
			break
		}
	}
	for _, must := range []string{"RolledBack", "Accepted", "Superseded", "SetShares", "ScaleUp", "OpenPage RollbackStuck", "OpenPage RollbackWithheld"} {
		if ends[must] == 0 {
			t.Errorf("no course came to %s: %v", must, ends)
		}
	}
}

func FuzzCourse(f *testing.F) {
	f.Add([]byte{1, 0, 60, 3, 0, 80, 12, 0, 170})
	f.Fuzz(func(t *testing.T, course []byte) {
		if len(course) < 200 {
			play(t, course)
		}
	})
}
