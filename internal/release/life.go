package release

import (
	"cmp"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// canaryReminder is how long a release may stay split before somebody is reminded.
const canaryReminder = signal.Duration(24 * 3600e9)

// live moves a release along its life by what the shares are.
func live(t *turn) {
	if !t.known() {
		return
	}
	switch t.s.Phase {
	case Deployed:
		liveDeployed(t)
	case Canary:
		liveCanary(t)
	case Watching:
		liveWatching(t)
	}
}

func liveDeployed(t *turn) {
	if t.o.World.Most(t.candidate().Slot) > 0 {
		t.s.Phase = Canary
		liveCanary(t)
	}
}

func liveCanary(t *turn) {
	slot := t.candidate().Slot
	switch {
	case t.o.World.Most(slot) == 0:
		t.taken()
	case t.o.Plan != nil && (t.o.World.Least(slot) >= 1 || !t.s.Cutover.IsZero()):
		t.s.Phase = Watching
		if t.s.Cutover.IsZero() {
			t.s.Cutover = max(t.o.Now, t.o.Spec.FirstSeen) // another leader's clock may have been ahead
		}
		t.s.Grid = append(t.s.Grid[:0], t.o.Plan.Schedule...)
		t.nextCheck()
	}
}

func liveWatching(t *turn) {
	if t.o.World.Most(t.candidate().Slot) == 0 {
		t.taken()
		return
	}
	if int(t.s.Checks) >= t.s.Grid.Count() && !t.s.Episode.Open() && !t.awaitsMilestone() {
		t.end(Accepted)
	}
}

// taken ends a release whose traffic somebody else took away: it is rolled back, by them.
func (t *turn) taken() {
	t.s.Decision = nil
	l := t.begun(Ladder{By: clip(t.o.World.Writer, 128), Moved: writer(t.o.World), Verdict: t.standing()})
	l.Step = Done
	t.s.Ladder = l
	t.end(RolledBack)
}

// writer names who set the routes last, for people: whose they are besides tells where weights come back from.
func writer(w World) string {
	name := cmp.Or(w.Writer, "an unknown writer")
	if w.Source != "" {
		name += " (VirtualService of " + w.Source + ")"
	}
	return clip(name, 128)
}

func (t *turn) nextCheck() {
	t.s.NextCheck = 0
	if c, ok := t.s.Grid.Check(t.s.Cutover, int(t.s.Checks)+1); ok {
		t.s.NextCheck = c.At
	}
}
