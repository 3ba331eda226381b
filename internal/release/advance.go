package release

import (
	"fmt"
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
	{"policy: mode", takeMode},
	{"outcomes", takeOutcomes},
	{"ladder: whose plan", vouch},
	{"people: hold", takeHold},
	{"people: decision", takeDecision},
	{"people: halt lifted", takeHalt},
	{"world: policy gone", orphan},
	{"world: superseded", supersede},
	{"world: shares", takeShares},
	{"world: readiness", takeReadiness},
	{"world: policy edited", takeEdit},
	{"verdict: before", takeBefore},
	{"verdict: guard", takeGuard},
	{"verdict: check", takeCheck},
	{"verdict: milestone", takeMilestone},
	{"verdict: episode", takeEpisode},
	{"life", live},
	{"verdict: unmeasured", takeUnmeasured},
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

// begin gives a new release its first phase, and the cutover that its spec has: it is written there first, and all
// that is left of it when the status was lost.
func begin(t *turn) {
	if t.s.Phase == "" {
		t.s.Phase = Deployed
		t.s.Verdict = Standing{Tier: judge.Proceed, Since: t.o.Now}
		t.s.Cutover = 0
	}
	told := t.o.Spec.Cutover
	if t.s.Cutover.IsZero() {
		t.s.Cutover = t.o.Spec.TrueCutover(t.o.Now)
	}
	t.set(ConditionCutoverRefused, !told.IsZero() && told != t.s.Cutover, "NotPlausible", fmt.Sprintf(
		"spec.cutover says %s, which is before the release was seen (%s), far ahead, or not what was seen: it is not taken, and the release goes by what greenwatch sees itself",
		told, t.o.Spec.FirstSeen))
}

// cutoverAhead is how far ahead of now a cutover may be: clocks differ.
const cutoverAhead = signal.Duration(5 * 60e9)

// TrueCutover gives the cutover of the spec, or none where it can't be true: others can write it, too.
func (s Spec) TrueCutover(now signal.Instant) signal.Instant {
	if s.Cutover < s.FirstSeen || s.Cutover > now.Add(cutoverAhead) {
		return 0
	}
	return s.Cutover
}

// takeEdit says when the policy's traffic or slots were edited since the release began.
func takeEdit(t *turn) {
	text := "the policy's traffic or slots were edited: this release goes by those that it began with, and the edit takes force with the next"
	if t.o.ModeElsewhere {
		text += "; it is not rolled back by itself: " + modeElsewhere
	}
	t.set(ConditionPolicyEdited, t.o.Edited && !t.s.Over(), "NextRelease", text)
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
