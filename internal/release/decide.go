package release

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Reasons to withhold a rollback that the matrix calls for.
const (
	withheldObserve    = "Observe"
	withheldMidFlight  = "MidFlight"
	withheldHeld       = "Held"
	withheldHalted     = "Halted"
	withheldSpent      = "Spent"
	withheldLate       = "AfterAutomatic"
	withheldBothSides  = "BothSides"
	withheldStable     = "StableFails"
	withheldFleet      = "Fleet"
	withheldNamespace  = "Namespace"
	withheldShares     = "SharesUnknown"
	withheldSoleDecide = "Decided"
)

// modeElsewhere says why a mode does not count.
const modeElsewhere = "the policy names another VirtualService or Deployment by now, and its mode speaks of that alone"

// decide opens the ladder when the guard says rollback now and nothing forbids it; else it says what
// forbids it. Only what holds now decides: checks of the past and standing verdicts do not.
func decide(t *turn) {
	if !t.watched() {
		t.withhold("", "")
		return
	}
	if t.o.Guard == nil || t.o.Plan == nil {
		return
	}
	if why := t.o.Guard.HeldBack(); why != "" {
		t.withhold(withheldBothSides, "it is not the release: "+why)
		return
	}
	if t.o.Guard.Tier != judge.Rollback {
		// A look at the rollback cells alone clears nothing that still stands.
		stands := t.s.Verdict.Tier == judge.Rollback || t.s.Verdict.Tier == judge.Consider && !t.o.GuardConsider
		if !stands {
			t.withhold("", "")
		}
		return
	}
	reason, why := t.forbidden()
	t.withhold(reason, why)
	if reason == "" {
		t.open(Ladder{Automatic: true, Verdict: t.o.Guard.Brief()})
		t.s.Decision = t.o.Guard.DeepCopy()
	}
}

func (t *turn) withhold(reason, why string) {
	t.set(ConditionWithheld, reason != "", orElse(reason, "Nothing"), why)
	t.set(ConditionFleetWithheld, reason == withheldFleet, orElse(reason, "Clear"), why)
	t.set(ConditionNamespaceWithheld, reason == withheldNamespace, orElse(reason, "Clear"), why)
}

// forbidden gives the first thing that forbids an automatic rollback, or nothing.
func (t *turn) forbidden() (reason, why string) {
	o, limits := t.o, t.limits()
	switch {
	case o.Spec.MidFlight:
		return withheldMidFlight, "the release was under way when its policy was first seen"
	case o.ModeElsewhere:
		return withheldObserve, modeElsewhere + ": a person decides about this release"
	case o.Mode != Enforce:
		return withheldObserve, "the mode is Observe"
	case t.s.Is(ConditionHeld):
		return withheldHeld, t.s.Condition(ConditionHeld).Message
	case t.s.Is(ConditionHalted):
		return withheldHalted, t.s.Condition(ConditionHalted).Message
	case t.s.Is(ConditionRollbackLost) || t.s.Ladder != nil && (t.s.Ladder.Tried || !t.s.Ladder.FirstShift.IsZero()):
		return withheldSpent, "the release has been rolled back once already"
	case o.Spec.Spent > 0:
		return withheldSpent, "this revision was rolled back before: " + t.spent()
	case !t.s.Cutover.IsZero() && o.Now.Sub(t.s.Cutover) > limits.AutomaticFor:
		return withheldLate, fmt.Sprintf("more than %s after cutover a person decides", limits.AutomaticFor)
	case !t.known():
		return withheldShares, "the shares are unknown: " + o.World.Problem
	case t.bothSides():
		return withheldBothSides, "stable is as bad: " + o.Stable.Reason
	case t.wasAsBad():
		return withheldBothSides, "stable was as bad when it had traffic last: " + o.StableLast.Reason
	case t.stableFails():
		return withheldStable, "stable says itself that it is not well: " + o.StableFails
	}
	if why, full := t.fleetFull(); full {
		return withheldFleet, why
	}
	if why, full := t.namespaceFull(); full {
		return withheldNamespace, why
	}
	return "", ""
}

// spent says in which release the very revision was rolled back before, and who led traffic to it again.
func (t *turn) spent() string {
	return fmt.Sprintf("as %s, and %s led traffic to it again; it is not rolled back by itself a second time unless it is rolled out anew",
		Spec{Policy: t.o.Spec.Policy, Number: t.o.Spec.Spent}.Name(), writer(t.o.World))
}

// bothSides tells whether stable has traffic and is as bad: moving there can't help. One that was scaled to 0 can be
// scaled up; while that goes on nothing is held against it but what it serves.
func (t *turn) bothSides() bool {
	v := t.o.World.Slot(t.stable().Slot)
	if t.o.Stable == nil || t.o.Stable.Tier != judge.Rollback || t.o.World.Most(v.Slot) == 0 {
		return false
	}
	warming := t.s.Phase == RollingBack || v.Wanted == 0
	return !t.o.Stable.Unready() || !v.Found || !warming
}

// wasAsBad tells whether stable, which has no traffic now, was as bad as the candidate is when it had some.
func (t *turn) wasAsBad() bool {
	last := t.o.StableLast
	return last != nil && t.o.Guard != nil && t.o.World.Most(t.stable().Slot) == 0 && t.o.Guard.NoWorseThan(*last)
}

// stableFails tells whether stable says itself that it is not well: a dependency that both sides share, say.
// It is better all the same than a candidate without a ready replica.
func (t *turn) stableFails() bool {
	return t.o.StableFails != "" && t.o.World.Slot(t.candidate().Slot).Ready > 0
}

// open begins the ladder of a rollback.
func (t *turn) open(l Ladder) {
	t.s.Decision = nil
	t.s.Ladder = t.begun(l)
	t.s.Phase = RollingBack
	t.s.NextCheck = 0
}

// neverLed is the port of a route that was never seen to lead to stable.
const neverLed = -1

// Back gives, by the keys of the routes that led to stable, the port that it had there.
func (l *Ladder) Back() map[string]int64 {
	back := map[string]int64{}
	for i, key := range l.Routes {
		if i < len(l.Ports) && l.Ports[i] != neverLed {
			back[key] = l.Ports[i]
		}
	}
	return back
}

// begun freezes all that the rest of a ladder needs, now.
func (t *turn) begun(l Ladder) *Ladder {
	l.Step = Recheck
	l.Decided = t.o.Now
	l.Needed = t.needed()
	if t.o.Plan != nil {
		l.Plan = *t.o.Plan.DeepCopy()
	}
	l.Plan = frozen(l.Plan)
	l.Routes = []string{}
	for _, r := range t.o.World.Routes {
		l.Routes = append(l.Routes, r.Key)
		port, led := r.Ports[t.stable().Slot]
		if !led {
			port = neverLed
		}
		l.Ports = append(l.Ports, port)
	}
	if t.s.Before != nil {
		l.Before = *t.s.Before
	}
	return &l
}

// standing gives the standing verdict as the verdict of this moment, without evidence.
func (t *turn) standing() judge.Verdict {
	v := t.s.Verdict
	return judge.Verdict{At: t.o.Now, Tier: v.Tier, Signal: v.Signal, Reason: v.Reason}
}

// frozen gives the part of a plan that a ladder needs: the rollback tier, all the limits, and whatever
// endpoint may say that stable is not well. Its lists
// are never missing, since the schema takes that amiss.
func frozen(p Plan) Plan {
	p.Mode = Weaker(p.Mode, p.Mode)
	p.Matrix = p.Matrix.Only(func(c judge.Cell) bool { return c.Tier == judge.Rollback })
	if p.Matrix.Rows == nil {
		p.Matrix.Rows = []judge.Row{}
	}
	if p.Slots == nil {
		p.Slots = []Slot{}
	}
	asked := map[string]bool{}
	for _, r := range p.Matrix.Rows {
		asked[r.Signal] = true
	}
	questions := []Question{}
	for _, q := range p.Questions {
		if asked[q.Signal] || q.Kind == signal.Probe && OfSlot(q) {
			questions = append(questions, q)
		}
	}
	p.Questions = questions
	p.Schedule = schedule.Schedule{}
	return p
}
