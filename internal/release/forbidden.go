package release

import (
	"fmt"
	"slices"
)

// errand is a deed that is to be done for a saved state, in the world as it was seen live.
type errand struct {
	s State
	a Action
	o Observed
}

// deedsHold are the invariants of deeds. Each gives what is wrong, or nothing.
var deedsHold = []struct {
	name  Invariant
	wrong func(errand) string
}{
	{OwnNamespace, func(e errand) string { return ownNamespace(e.a.Ladder, e.o) }},
	{OwnSides, ownErrand},
	{LadderFits, func(e errand) string { return ladderDone(passage{next: e.s}) }},
	{PeopleWin, deedHeld},
	{ReadyFirst, readyFirst},
	{InUse, inUse},
	{DeedIntended, deedIntended},
}

// Forbidden gives the invariants that a change of the cluster would break. It is not made then: see Halt. Package
// act looks once more, at what is so at the very moment.
func Forbidden(s State, a Action, o Observed) []Breach {
	var out []Breach
	for _, c := range deedsHold {
		if why := c.wrong(errand{s, a, o}); why != "" {
			out = append(out, Breach{c.name, why})
		}
	}
	return out
}

// stepFor is the step that a deed belongs to.
var stepFor = map[Deed]Step{ScaleUp: Ready, SetShares: Shift, ScaleAway: ScaleDown}

func deedIntended(e errand) string {
	l, frozen := open(e.s), e.a.Ladder
	switch {
	case l == nil || frozen == nil:
		return fmt.Sprintf("%s without a rollback under way", e.a.Deed)
	case isTrue(e.s, ConditionHalted):
		return fmt.Sprintf("%s for a release that is halted", e.a.Deed)
	case l.Step != stepFor[e.a.Deed]:
		return fmt.Sprintf("%s at step %s", e.a.Deed, l.Step)
	case !slices.Contains(stepsOf[e.s.Phase], l.Step):
		return fmt.Sprintf("%s in phase %s", e.a.Deed, e.s.Phase)
	case l.Decided != frozen.Decided || !equal(l.Plan, frozen.Plan) || !equal(l.Routes, frozen.Routes) || !equal(l.Ports, frozen.Ports):
		return fmt.Sprintf("%s by another plan than the one that is saved", e.a.Deed)
	case !e.o.World.Live:
		return fmt.Sprintf("%s by what a cache shows", e.a.Deed)
	}
	return ""
}

func ownErrand(e errand) string {
	if e.a.Candidate != e.o.Spec.Candidate || e.a.Stable != e.o.Spec.Stable {
		return fmt.Sprintf("%s from slot %q to %q, which are not the release's sides", e.a.Deed, e.a.Candidate.Slot, e.a.Stable.Slot)
	}
	return ownSides(e.a.Ladder, e.a.Candidate, e.a.Stable)
}

// deedHeld is the promise people-win. A rollback that has moved weights already is not stopped half-way.
func deedHeld(e errand) string {
	h, l := e.o.Spec.People.Hold, e.a.Ladder
	if l == nil || !holds(h, e.s.Hold, e.o.Now) {
		return ""
	}
	moved := !l.FirstShift.IsZero() || shareOf(e.o.World, e.o.Spec.Candidate.Slot) == 0
	if e.a.Deed == ScaleAway || e.a.Deed == SetShares && l.Automatic && !moved && e.o.World.Known() {
		return fmt.Sprintf("%s though %s holds the release until %s", e.a.Deed, h.By, h.Until)
	}
	return ""
}

// readyFirst is the promise of that name.
func readyFirst(e errand) string {
	if e.a.Deed != SetShares {
		return ""
	}
	w, side := e.o.World, e.a.Stable
	stable, candidate := w.Slot(side.Slot), w.Slot(e.a.Candidate.Slot)
	serves := candidate.Ready > 0 && (e.s.Decision == nil || !e.s.Decision.Unavailable())
	switch {
	case w.Problem != "":
		return "the traffic would be moved though the routes can't be read: " + w.Problem
	case !stable.Found || side.Revision == "" || stable.Revision != side.Revision:
		return fmt.Sprintf("the traffic would be moved to slot %s, which does not hold revision %s", side.Slot, side.Revision)
	case stable.Unusable != "":
		return fmt.Sprintf("the traffic would be moved to slot %s, which is not usable: %s", side.Slot, stable.Unusable)
	case stable.Ready < 1 || serves && e.s.Ladder != nil && stable.Ready < e.s.Ladder.Needed:
		return fmt.Sprintf("the traffic would be moved to slot %s, which has %d ready replicas", side.Slot, stable.Ready)
	}
	return ""
}

// inUse: DESIGN, "A step that takes something away".
func inUse(e errand) string {
	l := e.a.Ladder
	if e.a.Deed != ScaleAway || l == nil {
		return ""
	}
	switch slot := e.a.Candidate.Slot; {
	case e.o.World.Known() && shareOf(e.o.World, slot) > 0:
		return fmt.Sprintf("slot %s would be scaled to 0 with a share of %g", slot, shareOf(e.o.World, slot))
	case l.Proven.IsZero() || e.o.Now < l.Proven.Add(l.Plan.Limits.KeepCandidateFor):
		return fmt.Sprintf("slot %s would be scaled to 0 before its time", slot)
	}
	return ""
}
