package release

import (
	"reflect"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// turn is one call of Advance: the state before, the state in the making, and what was observed.
type turn struct {
	old State
	s   *State
	o   Observed
}

// rules are applied in this order, each once. Earlier ones win: a person's word before the world,
// the world before the verdict.
var rules = []struct {
	name  string
	apply func(*turn)
}{
	{"begin", begin},
	{"outcomes", takeOutcomes},
	{"people: hold", takeHold},
	{"people: decision", takeDecision},
	{"people: halt lifted", takeHalt},
	{"world: policy gone", orphan},
	{"world: superseded", supersede},
	{"world: shares", takeShares},
	{"world: readiness", takeReadiness},
	{"verdict: before", takeBefore},
	{"verdict: guard", takeGuard},
	{"verdict: check", takeCheck},
	{"verdict: milestone", takeMilestone},
	{"verdict: episode", takeEpisode},
	{"life", live},
	{"ladder: decide", decide},
	{"ladder: climb", climb},
	{"tell: blind", tellBlind},
	{"tell: incidents", tellIncidents},
	{"tell: story", tellStory},
}

// Advance gives the next state. It depends on its arguments alone and changes neither. The same
// observation seen twice changes nothing the second time, but for two things: the ladder may climb one
// step with each call, and what a rule changed is seen by those before it in the next.
func Advance(old State, o Observed) State {
	next := old.fork()
	t := &turn{old: old, s: next, o: o}
	for _, r := range rules {
		r.apply(t)
	}
	if Same(old, *t.s) {
		return old
	}
	return fit(*t.s)
}

// fork copies a state for the rules to change: all but the verdicts with evidence and the milestones, by far the
// most of it, which rules replace or add to and never change. Most looks change nothing, and then nothing of it was copied.
func (s State) fork() *State {
	light := s
	light.Latest, light.Transitions, light.Decision, light.Milestones = nil, nil, nil, nil
	next := light.DeepCopy()
	next.Latest, next.Transitions, next.Decision = s.Latest, slices.Clip(s.Transitions), s.Decision
	next.Milestones = slices.Clip(s.Milestones)
	return next
}

// Same tells whether two states are equal in all that is saved. A number that is none equals itself
// there, and an empty list one that is missing.
func Same(a, b State) bool { return alike(reflect.ValueOf(a), reflect.ValueOf(b)) }

// begin gives a new release its first phase. The cutover of the spec was written first and wins.
func begin(t *turn) {
	if t.s.Phase == "" {
		t.s.Phase = Deployed
		t.s.Verdict = Standing{Tier: judge.Proceed, Since: t.o.Now}
	}
	if !t.o.Spec.Cutover.IsZero() {
		t.s.Cutover = t.o.Spec.Cutover
	}
}

func (t *turn) candidate() Side { return t.o.Spec.Candidate }
func (t *turn) stable() Side    { return t.o.Spec.Stable }

// watched tells whether the release is being judged.
func (t *turn) watched() bool { return t.s.Phase == Canary || t.s.Phase == Watching }

// known tells whether the shares were seen, so that the absence of traffic means something.
func (t *turn) known() bool { return t.o.World.Known() }

// end ends the release's life in the given phase, and the episode with it. A rollback that was
// finished for a policy that is gone ends as Orphaned.
func (t *turn) end(p Phase) {
	if p == RolledBack && t.orphaned() {
		p = Orphaned
	}
	t.s.Phase = p
	t.s.Ended = t.o.Now
	t.s.NextCheck = 0
	t.s.Episode = Episode{Number: t.s.Episode.Number}
}

// orphaned tells whether the policy was deleted; one that is there but not valid is not.
func (t *turn) orphaned() bool { return t.o.Plan == nil && t.o.Invalid == "" }

// set sets a condition; its transition time changes only when its status does.
func (t *turn) set(kind string, is bool, reason, message string) {
	status := "False"
	if is {
		status = "True"
	}
	c := t.s.Condition(kind)
	if c == nil {
		if !is {
			return
		}
		t.s.Conditions = append(t.s.Conditions, signal.Condition{Type: kind})
		c = &t.s.Conditions[len(t.s.Conditions)-1]
	}
	if c.Status != status {
		c.LastTransitionTime = t.o.Now
	}
	c.Status, c.Reason, c.Message = status, reason, clip(message, 1000)
}
