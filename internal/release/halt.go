package release

import "fmt"

// wayOn says what lifts a halt.
const wayOn = "Nothing is moved by itself until somebody lifts the halt: by rollback, by accept, or by hold and then resume."

// Halt gives what is saved instead of a state, or after a deed, that would break invariants: the old state, with what
// was told and done meanwhile and the policy's mode, its rollback stopped, and a person paged, once. It is watched and judged on.
func Halt(old State, o Observed, broken []Breach) State {
	t := &turn{old: old, s: old.fork(), o: o}
	takeMode(t)
	takeOutcomes(t)
	at := t.stop()
	if !old.Is(ConditionHalted) && len(broken) > 0 {
		text := clip(broken[0].Text, 300) + at
		t.set(ConditionHalted, true, string(broken[0].Invariant), "greenwatch was about to do what must never be: "+text+". "+wayOn)
		t.raise(CodeHalted, t.next(CodeHalted), Critical, string(broken[0].Invariant)+": "+text)
	}
	tellStory(t)
	if Same(old, *t.s) {
		return old
	}
	return fit(*t.s)
}

// next numbers an incident that is one of its own whatever the episode, and closes the one before it.
func (t *turn) next(code Code) int64 {
	number := t.s.Episode.Number
	if in := t.incident(code); in != nil {
		number = max(number, in.Episode+1)
		if in.Closed.IsZero() {
			in.Closed = t.o.Now
		}
	}
	return number
}

// stop ends a rollback where it is, and says where.
func (t *turn) stop() (at string) {
	if l := t.s.Ladder; l != nil && l.Step != Done {
		at = fmt.Sprintf("; the rollback is stopped at step %s", l.Step)
		l.Step, l.Stuck = Done, ""
	}
	switch {
	case t.s.Phase == RollingBack:
		t.watchAgain()
	case t.s.Phase == RolledBack && t.s.Ended.IsZero():
		t.end(RolledBack)
	}
	return at
}

// takeHalt lifts a halt by a person's word: a decision that is obeyed, or a hold that somebody ends.
func takeHalt(t *turn) {
	if !t.s.Is(ConditionHalted) {
		return
	}
	resumed := t.old.Is(ConditionHeld) && t.o.Spec.People.Hold == nil
	obeyed := t.s.Obeyed != t.old.Obeyed && (t.s.Phase == RollingBack || t.s.Phase == Accepted)
	if resumed || obeyed {
		t.set(ConditionHalted, false, "Lifted", "")
	}
}
