package release

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostReasserts is how often the weights are set again against another writer.
const mostReasserts = 3

// climbs are the steps of the ladder. One call climbs at most one step: what a step needs to see was
// then seen after the step before it was saved.
var climbs = map[Step]func(*turn, *Ladder){
	Recheck:     climbRecheck,
	Ready:       climbReady,
	Shift:       climbShift,
	Prove:       climbProve,
	WatchStable: climbWatchStable,
	ScaleDown:   climbScaleDown,
}

// climb takes the ladder one step further if what the step waits for has come.
func climb(t *turn) {
	if t.old.Ladder == nil || t.s.Ladder == nil || t.old.Ladder.Step != t.s.Ladder.Step || t.foreignPlan() {
		return
	}
	if step, ok := climbs[t.s.Ladder.Step]; ok {
		step(t, t.s.Ladder)
	}
}

// climbRecheck goes on when the bound still holds, judged anew after the decision was saved.
func climbRecheck(t *turn, l *Ladder) {
	if t.tookBefore(l) || t.lapsed(l) {
		return
	}
	switch {
	case !l.Automatic:
		l.Step = Ready
	case !t.judgedAnew(l):
		if t.late(l) && l.Stuck == "" {
			l.Stuck = fmt.Sprintf("the recheck had no verdict within %s", l.Plan.Limits.ProofWithin)
		}
	case t.o.Guard.Tier == judge.Rollback:
		l.Step, l.Stuck = Ready, ""
	default:
		l.Stuck = clip("the recheck is blind: "+t.o.Guard.Reason, 500)
	}
}

// judgedAnew tells whether the guard has looked again since the decision.
func (t *turn) judgedAnew(l *Ladder) bool { return t.o.Guard != nil && t.o.Guard.At >= l.Decided }

// late tells whether the rollback has taken longer than it may.
func (t *turn) late(l *Ladder) bool { return t.o.Now.Sub(l.Decided) >= l.Plan.Limits.ProofWithin }

// mayHaveMoved tells whether the weights were set, or may have been: that a write was asked for and the
// traffic is not seen to be on the candidate still.
func (t *turn) mayHaveMoved(l *Ladder) bool {
	still := t.o.World.Live && t.known() && t.o.World.Most(t.candidate().Slot) > 0
	return !l.FirstShift.IsZero() || l.Tried && !still
}

// lapsed gives an automatic rollback up, as long as no weight was moved, when a person holds it, when
// stable turns out to be as bad, or says that it is not well, or when the matrix does not call for it any more.
func (t *turn) lapsed(l *Ladder) bool {
	if !l.Automatic || t.mayHaveMoved(l) {
		return false
	}
	clear := t.judgedAnew(l) && t.o.Guard.Tier != judge.Rollback && t.o.Guard.Tier != judge.Blind
	if !clear && !t.s.Is(ConditionHeld) && !t.bothSides() && !t.wasAsBad() && !t.stableFails() {
		return false
	}
	t.s.Ladder, t.s.Decision = nil, nil
	t.watchAgain()
	if clear {
		t.stand(Standing{Tier: t.o.Guard.Tier, Signal: t.o.Guard.Signal, Reason: t.o.Guard.Reason}, *t.o.Guard)
	}
	return true
}

// watchAgain goes back to the phase that the shares say.
func (t *turn) watchAgain() {
	t.s.Phase = Canary
	if !t.s.Cutover.IsZero() {
		t.s.Phase = Watching
		t.nextCheck()
	}
}

// tookBefore ends the ladder when somebody moved the traffic before greenwatch did. After it has tried to,
// it is taken for greenwatch's own: after a crash between the write and the save there is no outcome.
func (t *turn) tookBefore(l *Ladder) bool {
	if !t.o.World.Live || !t.known() || t.o.World.Most(t.candidate().Slot) > 0 {
		return false
	}
	if l.Tried {
		t.shifted(l, t.o.Now)
		return true
	}
	l.Step, l.Moved = Done, writer(t.o.World)
	t.end(RolledBack)
	return true
}

// climbReady waits until stable can carry the load, or any replica of it where the candidate serves
// nothing.
func climbReady(t *turn, l *Ladder) {
	if t.tookBefore(l) || t.lapsed(l) || !t.o.World.Live {
		return
	}
	level, why := t.readiness()
	if level == Gone {
		l.Stuck = clip(why, 500)
		return
	}
	ready, need := t.o.World.Slot(t.stable().Slot).Ready, t.toMove(l)
	if ready >= need {
		l.Step, l.Stuck, l.Tried = Shift, "", true
		return
	}
	if v := t.o.World.Slot(t.stable().Slot); l.Scaled > 0 && v.Wanted < l.Needed {
		l.Scaler = clip(orElse(v.Scaler, "somebody"), 128)
	}
	switch {
	case l.Scaled > mostScaled:
		l.Stuck = fmt.Sprintf("stable has %d of the %d replicas that the load needs, and %s sets fewer each time that greenwatch scales it up: set its least to %d there", ready, need, l.Scaler, need)
	case t.late(l):
		l.Stuck = fmt.Sprintf("stable has not had %d ready replicas within %s", need, l.Plan.Limits.ProofWithin)
	}
}

// mostScaled is how often stable is scaled up again at once when somebody sets its replicas otherwise: from then on later
// and later, up to mostScalePause. Two that write the same field in turn end nothing.
const (
	mostScaled     = 3
	mostScalePause = signal.Duration(600e9)
)

// scalesAt is when stable is scaled up next, if need be.
func (l *Ladder) scalesAt() signal.Instant {
	if l.Scaled <= mostScaled {
		return 0
	}
	pause := signal.Duration(60e9) << min(l.Scaled-mostScaled-1, 10)
	return l.ScaledAt.Add(min(pause, mostScalePause))
}

// canMove tells whether stable could take the traffic at this moment.
func (t *turn) canMove(l *Ladder) bool {
	level, _ := t.readiness()
	return level != Gone && t.o.World.Slot(t.stable().Slot).Ready >= t.toMove(l)
}

// toMove is how many ready replicas of stable it takes to move now: if the candidate serves nothing,
// any is better.
func (t *turn) toMove(l *Ladder) int32 {
	if t.o.World.Slot(t.candidate().Slot).Ready == 0 || t.s.failsAll() {
		return 1
	}
	return max(1, l.Needed)
}

// failsAll tells whether the decision rests on a candidate that serves nothing, ready or not.
func (s State) failsAll() bool { return s.Decision != nil && s.Decision.Unavailable() }

// climbShift is passed by the outcome of the write, or by seeing that it is done: after a crash
// between the write and the save there is no outcome. A stable that is not ready any more is made
// ready again first.
func climbShift(t *turn, l *Ladder) {
	if t.o.World.Live && t.known() && t.o.World.Most(t.candidate().Slot) == 0 {
		t.shifted(l, t.o.Now)
		return
	}
	if t.o.World.Live && (t.s.Is(ConditionHeld) || t.stableFails()) && t.lapsed(l) {
		return
	}
	if t.o.World.Live && t.known() && !l.FirstShift.IsZero() && t.yields(l) {
		t.lose(l)
		return
	}
	if t.o.World.Live && !t.canMove(l) {
		l.Step = Ready
		return
	}
	if t.late(l) && l.Stuck == "" {
		l.Stuck = fmt.Sprintf("the weights could not be set within %s", l.Plan.Limits.ProofWithin)
	}
}

func (t *turn) shifted(l *Ladder, at signal.Instant) {
	l.Step, l.Shifted, l.Stuck = Prove, at, ""
	if l.FirstShift.IsZero() {
		l.FirstShift = at
	}
}

// climbProve goes on when the data plane shows that the traffic moved.
func climbProve(t *turn, l *Ladder) {
	if t.foreign(l) {
		return
	}
	switch {
	case t.proven(l):
		l.Step, l.Proven, l.Stuck = WatchStable, t.o.Now, ""
		t.s.Phase = RolledBack
	case t.late(l) && l.Stuck == "":
		l.Stuck = fmt.Sprintf("not proven within %s", l.Plan.Limits.ProofWithin)
	}
}

// foreign handles traffic that came back to the candidate after the weights were set: a few times
// they are set again, unless a person said otherwise; then the other writer's stand and nothing more is
// done by itself.
func (t *turn) foreign(l *Ladder) bool {
	if !t.o.World.Live || !t.known() || t.o.World.Most(t.candidate().Slot) == 0 {
		return false
	}
	if !t.yields(l) && l.Reasserts < mostReasserts && t.o.Now.Sub(l.FirstShift) <= l.Plan.Limits.ReassertWithin {
		l.Reasserts++
		l.Step = Shift
		if !t.canMove(l) {
			l.Step = Ready
		}
		t.s.Phase = RollingBack
		return true
	}
	t.lose(l)
	return true
}

// yields tells whether a person's word lets the weights of others stand: a hold, where the rollback is
// automatic, or that the candidate be accepted.
func (t *turn) yields(l *Ladder) bool {
	d := t.o.Spec.People.Decision
	return l.Automatic && t.s.Is(ConditionHeld) || d != nil && d.Choice == ChooseAccept
}

// lose ends a ladder: another writer's weights stand.
func (t *turn) lose(l *Ladder) {
	l.Step, l.Lost, l.Stuck = Done, writer(t.o.World), ""
	t.watchAgain()
	t.set(ConditionRollbackLost, true, "OtherWriter", fmt.Sprintf("%s put traffic back on the candidate; its weights stand", l.Lost))
}

// proven tells whether the requests that reach the candidate have fallen to what they were before its
// first traffic, or under 1 % of the service's. Where the policy counts no requests there is nothing
// but the weights to go by.
func (t *turn) proven(l *Ladder) bool {
	if l.Plan.Requests == nil {
		return t.o.World.Live && t.o.Now.Sub(l.Shifted) >= l.Plan.Limits.Settle
	}
	m := t.o.Traffic
	if m == nil || m.From < l.Shifted || m.To <= m.From {
		return false
	}
	seconds := signal.Number(m.To.Sub(m.From).D().Seconds())
	if m.CandidateCause != signal.Known {
		return t.silent(m)
	}
	whole := m.Candidate
	if m.StableCause == signal.Known {
		whole += m.Stable
	}
	return m.Candidate <= l.Before*seconds*1.5 || m.Candidate < whole/100
}

// silent takes a candidate without ready replicas, whose metrics are gone with it, as proof once
// stable is seen to serve.
func (t *turn) silent(m *Traffic) bool {
	return t.o.World.Live && t.o.World.Slot(t.candidate().Slot).Ready == 0 && m.StableCause == signal.Known && m.Stable > 0
}

// climbWatchStable watches stable for a while after the rollback.
func climbWatchStable(t *turn, l *Ladder) {
	if t.o.Now.Sub(l.FirstShift) <= l.Plan.Limits.ReassertWithin && t.foreign(l) {
		return
	}
	if t.cancelled(l) {
		return
	}
	if t.o.Stable != nil && t.o.Stable.Tier == judge.Rollback && l.StableBad == "" {
		l.StableBad = clip(t.o.Stable.Reason, 500)
	}
	if t.o.Now.Sub(l.Proven) >= l.Plan.Limits.WatchStableFor && t.stableWell(l) {
		l.Step = ScaleDown
	}
}

// stableWell tells whether stable has not been bad, or was seen to be well again: until then the
// candidate is not taken away.
func (t *turn) stableWell(l *Ladder) bool {
	if l.StableBad == "" {
		return true
	}
	return t.o.Stable != nil && t.o.Stable.Tier != judge.Rollback && t.o.Stable.Tier != judge.Blind
}

// climbScaleDown waits for the candidate to be scaled to 0.
func climbScaleDown(t *turn, l *Ladder) {
	if t.cancelled(l) {
		return
	}
	if v := t.o.World.Slot(t.candidate().Slot); t.o.World.Live && v.Found && v.Wanted == 0 {
		t.finish(l, "")
	}
}

// cancelled drops the last steps when the candidate's slot has traffic again or another revision.
func (t *turn) cancelled(l *Ladder) bool {
	if !t.known() {
		return false
	}
	v := t.o.World.Slot(t.candidate().Slot)
	switch {
	case t.o.World.Most(t.candidate().Slot) > 0:
		t.finish(l, "the candidate's slot has traffic again, by "+writer(t.o.World))
	case !v.Found:
		t.finish(l, "the Deployment of the candidate's slot is gone")
	case v.Revision != t.candidate().Revision:
		t.finish(l, "the candidate's slot holds another revision")
	default:
		return false
	}
	return true
}

func (t *turn) finish(l *Ladder, why string) {
	l.Step, l.Stuck = Done, clip(why, 500)
	t.end(RolledBack)
}
