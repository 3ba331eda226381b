package release

import (
	"fmt"
	"slices"
)

// after gives the steps that may follow a step of the same ladder.
var after = map[Step][]Step{
	Recheck:     {Ready, Done},
	Ready:       {Shift, Prove, Done}, // Prove: a write had no outcome, and is seen to be done
	Shift:       {Ready, Prove, Done},
	Prove:       {WatchStable, Ready, Shift, Done}, // Ready, Shift: set again against another writer
	WatchStable: {ScaleDown, Ready, Shift, Done},
	ScaleDown:   {Done},
}

// fresh tells whether the next state has a ladder that the old one had not.
func (p passage) fresh() bool {
	old, next := p.old.Ladder, p.next.Ladder
	return next != nil && (old == nil || old.Decided != next.Decided || old.Step == Done && next.Step != Done)
}

// decided gives the ladder that the step begins, if it is one that will move traffic.
func (p passage) decided() *Ladder {
	if !p.fresh() {
		return nil
	}
	return open(p.next)
}

// ladderOrder: DESIGN, "The ladder is a list of recorded steps".
func ladderOrder(p passage) string {
	old, next := p.old.Ladder, p.next.Ladder
	switch {
	case next == nil:
		return given(old)
	case p.fresh() && open(p.old) != nil:
		return fmt.Sprintf("another rollback would begin while one is at step %s", old.Step)
	case p.fresh():
		if next.Step != Recheck && next.Step != Done {
			return fmt.Sprintf("a rollback would begin at step %s", next.Step)
		}
		return ""
	case next.Step == old.Step:
		return ""
	case !slices.Contains(after[old.Step], next.Step):
		return fmt.Sprintf("the rollback would go from step %s to %s", old.Step, next.Step)
	case old.Step == Ready && next.Step == Prove && !old.Tried:
		return "the rollback would be proven though the weights were never set"
	}
	return again(old, next)
}

// given looks at a rollback that is given up: nothing may have been moved for it.
func given(old *Ladder) string {
	if old == nil || old.Automatic && old.FirstShift.IsZero() && slices.Contains([]Step{Recheck, Ready, Shift}, old.Step) {
		return ""
	}
	return fmt.Sprintf("a rollback that is at step %s would be forgotten", old.Step)
}

// again: back from a step beyond the weights only to set them once more, which is counted.
func again(old, next *Ladder) string {
	beyond := old.Step == Prove || old.Step == WatchStable
	want := old.Reasserts
	if beyond && (next.Step == Ready || next.Step == Shift) {
		want++
	}
	if next.Reasserts != want {
		return fmt.Sprintf("from step %s to %s would count %d reasserts, not %d", old.Step, next.Step, next.Reasserts, want)
	}
	return ""
}

// stepsOf are the steps that a phase may be at; any other phase has no ladder, or one that is done.
var stepsOf = map[Phase][]Step{
	RollingBack: {Recheck, Ready, Shift, Prove},
	RolledBack:  {WatchStable, ScaleDown, Done},
}

func ladderFits(p passage) string {
	l, steps := p.next.Ladder, stepsOf[p.next.Phase]
	switch {
	case l == nil && p.next.Phase == RollingBack:
		return "it would be rolling back without a ladder"
	case l == nil || steps == nil && l.Step == Done || slices.Contains(steps, l.Step):
		return ""
	}
	return fmt.Sprintf("in phase %s the rollback would be at step %s", p.next.Phase, l.Step)
}

// ladderDone holds a ladder's step against what it says was done.
func ladderDone(p passage) string {
	l := open(p.next)
	if l == nil {
		return ""
	}
	before := l.Step == Recheck || l.Step == Ready || l.Step == Shift
	switch {
	case l.Step == Recheck && (l.Tried || !l.FirstShift.IsZero()):
		return "it would be rechecked though weights were set, or may have been"
	case before && !l.FirstShift.IsZero() && l.Reasserts == 0:
		return fmt.Sprintf("it would be at step %s though the weights were set at %s, and nobody set others", l.Step, l.FirstShift)
	case l.Step == Shift && !l.Tried:
		return "the weights would be set and not noted as tried"
	case !before && (l.FirstShift.IsZero() || l.Shifted.IsZero()):
		return fmt.Sprintf("it would be at step %s though the weights were never set", l.Step)
	case !before && l.Step != Prove && l.Proven.IsZero():
		return fmt.Sprintf("it would be at step %s though it was never proven", l.Step)
	case l.Lost != "":
		return "it would go on though the weights of " + l.Lost + " stand"
	}
	return ""
}

// planFrozen: DESIGN, "the ladder reads only that".
func planFrozen(p passage) string {
	a, b := p.old.Ladder, p.next.Ladder
	if a == nil || b == nil || p.fresh() {
		return ""
	}
	d := p.o.Spec.People.Decision
	taken := a.Automatic && !b.Automatic && d != nil && d.Choice == ChooseRollback
	switch {
	case !equal(a.Plan, b.Plan) || !equal(a.Routes, b.Routes) || !equal(a.Ports, b.Ports) || a.Needed != b.Needed || !equal(a.Before, b.Before):
		return "the plan of a rollback that is under way would change"
	case !equal(a.Verdict, b.Verdict):
		return "the verdict that a rollback rests on would change"
	case (a.Automatic != b.Automatic || a.By != b.By) && !taken && (a.Automatic || b.Automatic || d == nil):
		return fmt.Sprintf("who decided on the rollback would change from %q to %q", a.By, b.By)
	}
	return ""
}

// mostAgain is how often weights are set again: DESIGN, "Up to 3 reasserts".
const mostAgain = 3

func endlessReasserts(p passage) string {
	if l := p.next.Ladder; l != nil && l.Reasserts > mostAgain {
		return fmt.Sprintf("the weights would be set for the %d. time against another writer", l.Reasserts)
	}
	return ""
}

// ownNamespace is the promise no-deputy.
func ownNamespace(l *Ladder, o Observed) string {
	if l == nil || l.Plan.Namespace == o.Namespace && l.Plan.Policy == o.Spec.Policy {
		return ""
	}
	return fmt.Sprintf("the rollback's plan is of policy %s/%s, the release of %s/%s", l.Plan.Namespace, l.Plan.Policy, o.Namespace, o.Spec.Policy)
}

func ownSides(l *Ladder, candidate, stable Side) string {
	if l == nil {
		return ""
	}
	named := func(side Side) bool {
		return side.Slot != "" && slices.ContainsFunc(l.Plan.Slots, func(s Slot) bool { return s.Name == side.Slot })
	}
	if candidate.Slot == stable.Slot || !named(candidate) || !named(stable) {
		return fmt.Sprintf("a rollback from slot %q to %q, which are not the two of its plan", candidate.Slot, stable.Slot)
	}
	return ""
}
