package release

import (
	"reflect"

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
	{"world: policy gone", orphan},
	{"world: superseded", supersede},
	{"world: shares", takeShares},
	{"world: readiness", takeReadiness},
	{"verdict: before", takeBefore},
	{"verdict: guard", takeGuard},
	{"verdict: check", takeCheck},
	{"verdict: episode", takeEpisode},
	{"life", live},
	{"ladder: decide", decide},
	{"ladder: climb", climb},
	{"tell: incidents", tellIncidents},
	{"tell: story", tellStory},
}

// Advance gives the next state. It depends on its arguments alone and changes neither; the same
// observation seen twice changes nothing the second time.
func Advance(old State, o Observed) State {
	next := old.DeepCopy()
	t := &turn{old: old, s: next, o: o}
	for _, r := range rules {
		r.apply(t)
	}
	return fit(*t.s)
}

// Same tells whether two states are equal in all that is saved.
func Same(a, b State) bool { return reflect.DeepEqual(a, b) }

// begin gives a new release its first phase.
func begin(t *turn) {
	if t.s.Phase == "" {
		t.s.Phase = Deployed
		t.s.Verdict = Standing{Tier: judge.Proceed, Since: t.o.Now}
		t.s.Cutover = t.o.Spec.Cutover
	}
}

func (t *turn) candidate() Side { return t.o.Spec.Candidate }
func (t *turn) stable() Side    { return t.o.Spec.Stable }

// watched tells whether the release is being judged.
func (t *turn) watched() bool { return t.s.Phase == Canary || t.s.Phase == Watching }

// known tells whether the shares were seen, so that the absence of traffic means something.
func (t *turn) known() bool { return t.o.World.Known() }

// end ends the release's life in the given phase.
func (t *turn) end(p Phase) {
	t.s.Phase = p
	t.s.Ended = t.o.Now
	t.s.NextCheck = 0
}

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
	c.Status, c.Reason, c.Message = status, reason, message
}
