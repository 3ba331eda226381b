package release

import (
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// patience is how long a milestone waits for a Prometheus that can't be asked, before it says so instead.
const patience = signal.Duration(15 * 60e9)

// DueMilestone gives the last check of the window whose milestone is to be made next, if that check has its
// verdict, or, with the next check, gets it now. Which are made already is what the state has.
func DueMilestone(s State, withCheck bool) (schedule.Check, bool) {
	done := int(s.Checks)
	if withCheck {
		done++
	}
	c, ok := s.Grid.Last(s.Cutover, len(s.Milestones))
	if !ok || done < c.Number {
		return schedule.Check{}, false
	}
	return c, true
}

// PatientUntil gives the moment until which a milestone that can't be measured is tried again.
func PatientUntil(c schedule.Check, l Limits) signal.Instant { return c.At.Add(l.Settle + patience) }

// takeMilestone keeps the report at the end of a window. Nothing is decided from it.
func takeMilestone(t *turn) {
	m := t.o.Milestone
	c, due := DueMilestone(*t.s, false)
	if m == nil || !due || m.Window != c.Window || m.At != c.At {
		return
	}
	t.s.Milestones = append(t.s.Milestones, *m.DeepCopy())
}

// awaitsMilestone tells whether a milestone is still to come: before its last one a release is not accepted.
func (t *turn) awaitsMilestone() bool {
	_, due := DueMilestone(*t.s, false)
	return due && t.o.Plan != nil
}
