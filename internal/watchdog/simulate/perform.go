package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// perform changes the cluster after checking the preconditions live, as package act does. What it is
// asked to do although it must not is noted as a broken promise only where the daemon could know.
func (s *Service) perform(a release.Action, now time.Time) (release.Result, string) {
	result, detail := s.performs(a, now)
	if result == release.Refused {
		s.refused++
	}
	return result, detail
}

func (s *Service) performs(a release.Action, now time.Time) (release.Result, string) {
	stable, candidate := s.slots[a.Stable.Slot].live(), s.slots[a.Candidate.Slot].live()
	ready := stable.ready(now)
	switch {
	case a.Stable.Revision == "":
		return release.Refused, "stable's revision is gone"
	case a.Deed != release.ScaleAway && (stable.missing || stable.revision != a.Stable.Revision):
		return release.Refused, "stable's slot holds another revision"
	}
	switch a.Deed {
	case release.ScaleUp:
		if stable.wanted < a.Replicas {
			s.scale("greenwatch", a.Stable.Slot, a.Replicas, now)
			s.wakeAt(0)
		}
		return release.Performed, ""
	case release.SetShares:
		if ready == 0 || ready < a.Ladder.Needed && candidate.ready(now) > 0 {
			return release.Refused, fmt.Sprintf("stable has %d ready replicas", ready)
		}
		return s.setShares(a, now)
	case release.ScaleAway:
		return s.scaleAway(a, candidate, ready, now)
	}
	return release.Failed, "not a deed of the cluster"
}

func (s *Service) scaleAway(a release.Action, candidate deployment, ready int32, now time.Time) (release.Result, string) {
	switch {
	case candidate.missing || candidate.revision != a.Candidate.Revision:
		return release.Refused, "the candidate's slot holds another revision"
	case candidate.wanted == 0:
		return release.Performed, "there already"
	case s.vs.live().shares[a.Candidate.Slot] > 0:
		return release.Refused, "the candidate has traffic"
	case ready == 0:
		return release.Refused, "stable has no ready replica"
	}
	s.scale("greenwatch", a.Candidate.Slot, 0, now)
	s.wakeAt(0)
	return release.Performed, ""
}

// releaseOf gives the name of the release that an action belongs to.
func releaseOf(a release.Action) string { return strings.Split(a.Key, "/")[1] }
