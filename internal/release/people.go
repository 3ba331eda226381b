package release

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// OpenWord tells whether people have said something of a release that its state does not answer yet: a
// decision, or a hold that begins, ends or says something else.
func OpenWord(s State, p People, now signal.Instant) bool {
	if d := p.Decision; d == nil && s.Obeyed != "" || d != nil && s.Obeyed != d.fact() {
		return true
	}
	_, is, message := p.held(s.Hold, now)
	return is != s.Is(ConditionHeld) || is && s.Condition(ConditionHeld).Message != clip(message, 1000)
}

// longestHold bounds a hold, whatever its end says: nobody withholds for ever by one word.
const longestHold = signal.Duration(7 * 24 * 3600e9)

// held tells whether a hold is in force, and what is said of it; seen is the hold that was seen last, and next
// the one that is seen now.
func (p People) held(seen SeenHold, now signal.Instant) (next SeenHold, is bool, message string) {
	h := p.Hold
	if h == nil || now >= h.Until {
		return seen, false, ""
	}
	if fact := h.fact(); seen.Fact != fact {
		seen = SeenHold{Fact: fact, Since: now}
	}
	until := min(h.Until, seen.Since.Add(longestHold))
	if now >= until {
		return seen, false, fmt.Sprintf("%s held it for a week, the longest that one hold lasts; hold it again if need be", h.By)
	}
	return seen, true, fmt.Sprintf("%s holds it until %s: %s", h.By, until, h.Reason)
}

func (h Hold) fact() string {
	return clip(fmt.Sprintf("%s until %s: %s", h.By, h.Until, h.Reason), 250)
}

// takeHold keeps the Held condition in step with what people wrote and with the time.
func takeHold(t *turn) {
	seen, is, message := t.o.Spec.People.held(t.s.Hold, t.o.Now)
	t.s.Hold = seen
	if is {
		t.set(ConditionHeld, true, "Hold", message)
		return
	}
	t.set(ConditionHeld, false, "Resumed", message)
}

// takeDecision obeys a person's decision, or refuses it with the reason, at once and only once: one that
// was refused is not tried again by itself, since nobody expects it to act hours later. Said again it is a
// new word: at another time, or after it was taken away. It is decided on the world as it is now, since a
// write of the traffic may have had no outcome yet.
func takeDecision(t *turn) {
	d := t.o.Spec.People.Decision
	if d == nil {
		t.s.Obeyed = ""
		return
	}
	if t.s.Obeyed == d.fact() || !t.o.World.Live && InForce(t.o.Plan, t.o.Namespace, t.o.Spec, t.old) != nil {
		return
	}
	t.s.Obeyed = d.fact()
	refusal := ""
	switch d.Choice {
	case ChooseAccept:
		refusal = t.accept()
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
	t.raise(CodeDecisionRefused, t.next(CodeDecisionRefused), Warning, text)
}

// fact is what tells a decision from another one. The time is as the person gave it: it is compared, and
// never held against a clock.
func (d Decision) fact() string {
	at := ""
	if !d.At.IsZero() {
		at = " at " + d.At.String()
	}
	return clip(fmt.Sprintf("%s by %s%s: %s", d.Choice, d.By, at, d.Reason), 250)
}

func (t *turn) accept() (refusal string) {
	l := t.s.Ladder
	open := l != nil && l.Step != Done
	switch {
	case t.s.Over():
		return "the release is over: " + string(t.s.Phase)
	case t.foreignPlan(): // whatever it says of what was done
	case open && l.Tried && l.FirstShift.IsZero() && !t.known():
		return "the traffic may have been moved, and the shares are unknown: " + t.o.World.Problem + "; mend that, then say it again"
	case t.s.Phase == RolledBack || open && t.mayHaveMoved(l) || t.watched() && t.known() && t.o.World.Most(t.candidate().Slot) == 0:
		return "the traffic has been moved already; lead it back to the candidate, then accept what is watched then"
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
	case t.s.Over():
		return "the release is over: " + string(t.s.Phase)
	case t.orphaned():
		return "its policy was deleted; set the weights of its VirtualService yourself"
	case t.o.Plan == nil:
		return "its policy is not valid: " + t.o.Invalid + "; mend it, then say it again"
	case !t.known():
		return "the shares are unknown: " + t.o.World.Problem + "; mend that, then say it again"
	case t.o.World.Most(t.candidate().Slot) == 0 || t.s.Phase == RolledBack:
		return fmt.Sprintf("the release is %s and has no traffic to move; say it again if it gets some", t.s.Phase)
	case t.stable().Revision == "":
		return t.gone() + "; set the weights of its VirtualService yourself"
	}
	if level, why := t.readiness(); level == Gone {
		return why + "; mend that, then say it again"
	}
	v := t.standing()
	v.Signal, v.Reason = "", clip(fmt.Sprintf("%s decided: %s", d.By, d.Reason), 500)
	t.open(Ladder{Automatic: false, By: d.By, Verdict: v})
	return ""
}
