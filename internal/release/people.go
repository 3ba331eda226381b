package release

import "fmt"

// takeHold keeps the Held condition in step with what people wrote and with the time.
func takeHold(t *turn) {
	h := t.o.Spec.People.Hold
	if h == nil || t.o.Now >= h.Until {
		t.set(ConditionHeld, false, "Resumed", "")
		return
	}
	t.set(ConditionHeld, true, "Hold", fmt.Sprintf("%s holds it until %s: %s", h.By, h.Until, h.Reason))
}

// takeDecision obeys a person's decision, or refuses it with the reason, at once and only once.
func takeDecision(t *turn) {
	d := t.o.Spec.People.Decision
	if d == nil || t.s.Obeyed == d.fact() {
		return
	}
	t.s.Obeyed = d.fact()
	refusal := ""
	switch d.Choice {
	case ChooseAccept:
		refusal = t.accept(*d)
	case ChooseRollback:
		refusal = t.rollback(*d)
	default:
		refusal = fmt.Sprintf("%q is neither Rollback nor Accept", d.Choice)
	}
	if refusal != "" {
		t.refuse(fmt.Sprintf("%s by %s is refused: %s", d.Choice, d.By, refusal))
	}
}

// refuse tells a person that the decision was not obeyed. Each decision is owed an answer of its own,
// whatever the episode: refusals count by themselves.
func (t *turn) refuse(text string) {
	number := t.s.Episode.Number
	if in := t.incident(CodeDecisionRefused); in != nil {
		number = max(number, in.Episode+1)
		if in.Closed.IsZero() {
			in.Closed = t.o.Now
		}
	}
	t.raise(CodeDecisionRefused, number, Warning, text)
}

func (d Decision) fact() string {
	return clip(fmt.Sprintf("%s by %s: %s", d.Choice, d.By, d.Reason), 250)
}

func (t *turn) accept(d Decision) (refusal string) {
	switch {
	case t.s.Over() || t.s.Phase == RolledBack:
		return "the release is over: " + string(t.s.Phase)
	case t.s.Ladder != nil && !t.s.Ladder.FirstShift.IsZero():
		return "the traffic has been moved already"
	}
	t.abandon()
	t.end(Accepted)
	return ""
}

func (t *turn) rollback(d Decision) (refusal string) {
	switch {
	case t.s.Phase == RollingBack:
		t.s.Ladder.Automatic, t.s.Ladder.By = false, d.By
		return ""
	case !t.watched() && !(t.s.Phase == Deployed && t.o.World.Most(t.candidate().Slot) > 0):
		return fmt.Sprintf("the release is %s and has no traffic to move", t.s.Phase)
	case t.orphaned():
		return "its policy was deleted"
	case t.o.Plan == nil:
		return "its policy is not valid: " + t.o.Invalid
	case !t.known():
		return "the shares are unknown: " + t.o.World.Problem
	}
	if level, why := t.readiness(); level == Gone {
		return why
	}
	v := t.standing()
	v.Signal, v.Reason = "", clip(fmt.Sprintf("%s decided: %s", d.By, d.Reason), 500)
	t.open(Ladder{Automatic: false, By: d.By, Verdict: v})
	return ""
}
