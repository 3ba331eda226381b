package release

import (
	"fmt"
	"math"
	"slices"
)

// orphan ends the watch over a release whose policy was deleted; an open ladder is finished first.
func orphan(t *turn) {
	if !t.orphaned() || t.s.Over() {
		return
	}
	if l := t.s.Ladder; t.o.Unvouched && l != nil && l.Step != Done {
		t.finish(l, "no policy knows this release, so its plan is not carried out")
		return
	}
	if t.s.Phase == Deployed || t.watched() {
		t.end(Orphaned)
	}
}

// supersede ends a release when a newer one takes traffic, or takes its slot. A rollback that is
// under way goes no further then: the traffic is the newer one's. One that is proven stays one.
func supersede(t *turn) {
	if t.s.Over() {
		return
	}
	newer := t.o.Newer
	if t.replaced() {
		newer = append(slices.Clone(newer), Newer{Name: "of what is in its slot now", Slot: t.candidate().Slot, Traffic: t.o.World.Most(t.candidate().Slot) > 0})
	}
	for _, n := range newer {
		traffic := n.Traffic || t.takes(n)
		switch mine := n.Slot == t.candidate().Slot; {
		case !traffic && !mine, t.s.Phase == RollingBack && !traffic:
		case t.s.Phase == RolledBack:
			t.finish(t.s.Ladder, "the next release, "+n.Name+", has begun")
			return
		default:
			t.abandon()
			t.end(Superseded)
			return
		}
	}
}

// takes tells whether a newer release takes traffic though it does not say so yet.
func (t *turn) takes(n Newer) bool {
	v := t.o.World.Slot(n.Slot)
	return t.known() && n.Slot != t.candidate().Slot && v.Found && v.Revision == n.Revision && t.o.World.Most(n.Slot) > 0
}

// replaced tells whether the candidate's slot holds something else, which is no release.
func (t *turn) replaced() bool {
	v := t.o.World.Slot(t.candidate().Slot)
	return t.o.Replaced && v.Found && v.Revision != t.candidate().Revision
}

// abandon takes the ladder's remaining steps away.
func (t *turn) abandon() {
	if t.s.Ladder != nil {
		t.s.Ladder.Step = Done
	}
}

// takeShares records the candidate's share and its first traffic.
func takeShares(t *turn) {
	if !t.known() || t.s.Over() {
		return
	}
	slot := t.candidate().Slot
	t.s.Share = int32(math.Floor(t.o.World.Least(slot)*100 + 1e-9))
	if t.o.World.Most(slot) > 0 && t.s.FirstTraffic.IsZero() {
		t.s.FirstTraffic = t.o.Now
		if t.o.Spec.MidFlight {
			t.s.FirstTraffic = t.o.Spec.FirstSeen
		}
		if c := t.s.Cutover; !c.IsZero() { // the status was lost
			t.s.FirstTraffic = min(t.s.FirstTraffic, c)
		}
	}
}

// takeReadiness keeps the answer to "could stable take the traffic back now?".
func takeReadiness(t *turn) {
	if t.s.Over() || t.s.Phase == RolledBack {
		return
	}
	level, why := t.readiness()
	t.s.Readiness, t.s.ReadinessReason = level, clip(why, 500)
	t.set(ConditionRollbackReady, level == Hot || level == Warm || level == Partial, string(level), why)
}

// readiness grades stable, in words that name replicas only as far as they explain the grade.
func (t *turn) readiness() (Readiness, string) {
	side := t.stable()
	v := t.o.World.Slot(side.Slot)
	switch {
	case side.Revision == "":
		return Gone, t.gone()
	case !v.Found:
		return Gone, fmt.Sprintf("the Deployment of slot %s does not exist", side.Slot)
	case v.Revision != side.Revision:
		return Gone, fmt.Sprintf("slot %s holds revision %s (%s), not stable's %s (%s)", side.Slot, v.Revision, v.Version, side.Revision, side.Version)
	case t.o.World.Problem != "":
		return Gone, "its destination is unusable: " + t.o.World.Problem
	}
	if why := t.noWayBack(); why != "" {
		return Gone, "its destination is unusable: " + why
	}
	need := t.needed()
	switch {
	case v.Ready >= need:
		return Hot, ""
	case v.Ready > 0:
		return Partial, fmt.Sprintf("%d of the %d replicas that the load needs are ready", v.Ready, need) + v.held(need)
	}
	return Warm, fmt.Sprintf("no replica is ready; %d are needed", need) + v.held(need)
}

// held names who keeps a slot at fewer replicas, as long as that is known.
func (v SlotView) held(need int32) string {
	if v.Scaler == "" || v.Wanted >= need {
		return ""
	}
	return fmt.Sprintf("; %s has set %d", v.Scaler, v.Wanted)
}

// noWayBack says what keeps the traffic of a watched route from being led to stable.
func (t *turn) noWayBack() string {
	slot := t.stable().Slot
	for _, r := range t.o.World.Routes {
		if !r.Takes(slot) {
			return fmt.Sprintf("route %s does not lead to it and was never seen to; greenwatch adds no new destination to a route", r.Key)
		}
	}
	return t.o.World.Slot(slot).Unusable
}

func (t *turn) gone() string {
	return fmt.Sprintf("the revision that carried the traffic before is not in slot %s any more", t.stable().Slot)
}

// needed is how many ready replicas of stable the candidate's load takes: what stable had when it
// last carried the majority, and never fewer than the candidate wants now.
func (t *turn) needed() int32 {
	return max(1, t.stable().Replicas, t.o.World.Slot(t.candidate().Slot).Wanted)
}
