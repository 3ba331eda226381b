package release_test

import (
	"slices"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// The release that is bad at 24m30s is one of namespace production.
func TestTheBreakerCountsNamespacesAndOnesOwnRollbacks(t *testing.T) {
	for name, c := range map[string]struct {
		fleet   []release.Rollback
		breaker release.Breaker
		want    string
	}{
		"nobody":                        {nil, release.Breaker{}, ""},
		"three namespaces":              {threeNamespaces(), release.Breaker{}, "Fleet"},
		"two namespaces":                {slices.Concat(rolledBack("a", 1000, 1001), rolledBack("b", 1100, 1200)), release.Breaker{}, ""},
		"one that is not ours":          {rolledBack("evil", 1000, 1050, 1100, 1150, 1200), release.Breaker{}, ""},
		"two of ours and two others":    {slices.Concat(rolledBack("production", 1000, 1100), rolledBack("a", 1100)), release.Breaker{}, ""},
		"three, ours among them":        {slices.Concat(rolledBack("production", 1000), rolledBack("a", 1100), rolledBack("b", 1200)), release.Breaker{}, "Fleet"},
		"three of ours":                 {rolledBack("production", 1000, 1100, 1200), release.Breaker{}, "Namespace"},
		"three of ours in three others": {slices.Concat(threeNamespaces(), rolledBack("production", 1000, 1100, 1200)), release.Breaker{}, "Fleet"},
		"three namespaces in an hour":   {slices.Concat(rolledBack("a", 100), rolledBack("b", 800), rolledBack("c", 1450)), release.Breaker{}, ""},
		"three of ours in an hour":      {rolledBack("production", 100, 800, 1450), release.Breaker{}, ""},
		"four may":                      {threeNamespaces(), release.Breaker{Namespaces: 4, Rollbacks: 3}, ""},
		"four of ours may":              {rolledBack("production", 1000, 1100, 1200), release.Breaker{Namespaces: 3, Rollbacks: 4}, ""},
		"all may":                       {slices.Concat(threeNamespaces(), rolledBack("production", 1000, 1100, 1200)), release.Breaker{Rollbacks: 0, Namespaces: 0, Within: 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := bad(t)
			if c.breaker != (release.Breaker{}) {
				s.breaker = c.breaker
				s.breaker.Within = dur(10 * time.Minute)
			}
			s.fleet = c.fleet
			s.until(24*time.Minute + 45*time.Second).withheld(c.want)
			for reason, kind := range map[string]string{"Fleet": release.ConditionFleetWithheld, "Namespace": release.ConditionNamespaceWithheld} {
				if got := s.state.Is(kind); got != (reason == c.want) {
					t.Errorf("%s: %v", kind, got)
				}
			}
			if c.want == "" {
				s.happened("24m30s RollingBack Recheck")
			}
		})
	}
}

// It stays open, for whomever, until ten minutes have passed without a rollback.
func TestTheBreakerClosesAfterTenQuietMinutes(t *testing.T) {
	for page, fleet := range map[string][]release.Rollback{
		"FleetWithheld":     threeNamespaces(), // the last at 20m
		"NamespaceWithheld": rolledBack("production", 1000, 1100, 1200),
	} {
		s := bad(t)
		s.fleet = fleet
		s.until(40*time.Minute).happened("24m30s OpenPage "+page, "30m0s RollingBack Recheck", "30m0s ClosePage "+page, "30m0s OpenPage Rollback")
		s.never("OpenPage RollbackWithheld")
	}
}

// What never set a weight is no rollback: the ladder lapsed, the release was accepted, somebody else moved.
func TestOnlyWhatMayMoveTrafficCounts(t *testing.T) {
	at := t0 + 100
	for name, c := range map[string]struct {
		ladder *release.Ladder
		want   bool
	}{
		"no ladder":                     {nil, false},
		"decided, and on its way":       {&release.Ladder{Automatic: true, Decided: at, Step: release.Recheck}, true},
		"waiting for stable":            {&release.Ladder{Automatic: true, Decided: at, Step: release.Ready}, true},
		"moved":                         {&release.Ladder{Automatic: true, Decided: at, Step: release.Prove, FirstShift: at}, true},
		"moved and done":                {&release.Ladder{Automatic: true, Decided: at, Step: release.Done, FirstShift: at}, true},
		"ended before a weight was set": {&release.Ladder{Automatic: true, Decided: at, Step: release.Done}, false},
		"moved by somebody else":        {&release.Ladder{Automatic: true, Decided: at, Step: release.Done, Moved: "ann"}, false},
		"decided by a person":           {&release.Ladder{Decided: at, Step: release.Prove, FirstShift: at}, false},
	} {
		if got, is := (release.State{Ladder: c.ladder}).Automatic(); is != c.want || is && got != at {
			t.Errorf("%s: %v, decided %s", name, is, got)
		}
	}
}
