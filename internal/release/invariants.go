package release

import (
	"fmt"
	"reflect"
	"slices"
)

// Invariant names something that must be so in every state that is saved and at every deed, whatever else goes
// wrong: a mistake in this package, a status that somebody rewrote. The rules of a release's life see to it; what
// stands here only looks, and calls none of them.
type Invariant string

// The invariants of a state that is to be saved.
const (
	LadderOrder      Invariant = "LadderOrder"      // a rollback is climbed step by step
	LadderFits       Invariant = "LadderFits"       // the ladder's step fits the phase, and what was done so far
	PlanFrozen       Invariant = "PlanFrozen"       // what a rollback rests on does not change under way
	OneRollback      Invariant = "OneRollback"      // a release is rolled back by itself once
	EndlessReasserts Invariant = "EndlessReasserts" // weights are set again against others a few times at most
	OwnNamespace     Invariant = "OwnNamespace"     // a plan is of the release's own namespace and policy
	OwnSides         Invariant = "OwnSides"         // the traffic goes from the candidate to stable
	PeopleWin        Invariant = "PeopleWin"        // what people and modes forbid is not decided; their word counts once
	NotBlind         Invariant = "NotBlind"         // only a verdict of now that says rollback decides
	NeverWorse       Invariant = "NeverWorse"       // nothing is decided in favour of a side that is as bad
	BreakerOpen      Invariant = "BreakerOpen"      // the breaker withholds what is too much
	CutoverMoved     Invariant = "CutoverMoved"     // first traffic, cutover and schedule are set once
	NoLostCheck      Invariant = "NoLostCheck"      // checks and windows come one after the other, and all before the end
	OverIsOver       Invariant = "OverIsOver"       // a release that is over does not begin again
	ToldOnce         Invariant = "ToldOnce"         // who was told is kept, and an incident is one
)

// The invariants of deeds alone.
const (
	DeedIntended Invariant = "DeedIntended" // a deed is what the saved state intends, and not halted
	ReadyFirst   Invariant = "ReadyFirst"   // traffic goes to no side that can't carry it
	InUse        Invariant = "InUse"        // what has traffic is not scaled away
)

// Invariants are all of them.
func Invariants() []Invariant {
	var all []Invariant
	for _, c := range statesHold {
		all = append(all, c.name)
	}
	for _, c := range deedsHold {
		all = append(all, c.name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Breach is an invariant that does not hold, and in which way.
type Breach struct {
	Invariant Invariant
	Text      string
}

// passage is a step of a release's life that is to be saved.
type passage struct {
	old, next State
	o         Observed
}

// statesHold are the invariants of a state that is to be saved. Each gives what is wrong, or nothing.
var statesHold = []struct {
	name  Invariant
	wrong func(passage) string
}{
	{LadderOrder, ladderOrder},
	{LadderFits, ladderFits},
	{LadderFits, ladderDone},
	{PlanFrozen, planFrozen},
	{OneRollback, oneRollback},
	{EndlessReasserts, endlessReasserts},
	{OwnNamespace, func(p passage) string { return ownNamespace(open(p.next), p.o) }},
	{OwnSides, func(p passage) string { return ownSides(open(p.next), p.o.Spec.Candidate, p.o.Spec.Stable) }},
	{PeopleWin, decidedAllowed},
	{PeopleWin, decidedByWord},
	{NotBlind, decidedSeeing},
	{NeverWorse, decidedForBetter},
	{BreakerOpen, decidedWithinBreaker},
	{CutoverMoved, cutoverMoved},
	{NoLostCheck, checksInOrder},
	{NoLostCheck, windowsInOrder},
	{NoLostCheck, acceptedEarly},
	{OverIsOver, overIsOver},
	{ToldOnce, toldOnce},
}

// Broken gives the invariants that a step from a saved state to the next breaks. Such a state is not saved: see
// Halt.
func Broken(old, next State, o Observed) []Breach {
	var out []Breach
	for _, c := range statesHold {
		if why := c.wrong(passage{old, next, o}); why != "" {
			out = append(out, Breach{c.name, why})
		}
	}
	return out
}

// open gives the ladder that still has something to do, or nil.
func open(s State) *Ladder {
	if s.Ladder == nil || s.Ladder.Step == Done {
		return nil
	}
	return s.Ladder
}

// cutoverMoved: DESIGN, "write-once". What the spec says counts where it can be true: others can write it, too.
func cutoverMoved(p passage) string {
	old, next, spec := p.old, p.next, p.o.Spec
	told := spec.Cutover
	if told < spec.FirstSeen || told > p.o.Now.Add(cutoverAhead) {
		told = 0
	}
	switch {
	case old.Phase != "" && !old.Cutover.IsZero() && next.Cutover != old.Cutover:
		return fmt.Sprintf("the cutover was at %s and would become %s", old.Cutover, next.Cutover)
	case old.Cutover.IsZero() && !told.IsZero() && next.Cutover != told:
		return fmt.Sprintf("the cutover was at %s and would become %s", told, next.Cutover)
	case old.Cutover.IsZero() && told.IsZero() && !next.Cutover.IsZero() && (next.Cutover < spec.FirstSeen || next.Cutover > max(p.o.Now, spec.FirstSeen)):
		return fmt.Sprintf("a cutover at %s is not between the first sight at %s and now", next.Cutover, spec.FirstSeen)
	case !old.FirstTraffic.IsZero() && next.FirstTraffic != old.FirstTraffic:
		return fmt.Sprintf("the first traffic was at %s and would become %s", old.FirstTraffic, next.FirstTraffic)
	case len(old.Grid) > 0 && !equal(old.Grid, next.Grid):
		return "the schedule, frozen at the cutover, would change"
	}
	return ""
}

// checksInOrder is the promise no-lost-check.
func checksInOrder(p passage) string {
	n := p.next.Checks
	if n == p.old.Checks {
		return ""
	}
	if n != p.old.Checks+1 {
		return fmt.Sprintf("after %d checks there would be %d", p.old.Checks, n)
	}
	if len(p.next.Lines) == 0 {
		return fmt.Sprintf("check %d would have no line", n)
	}
	line := p.next.Lines[len(p.next.Lines)-1]
	c, ok := p.next.Grid.Check(p.next.Cutover, int(n))
	if !ok || line.Number != n || line.At != c.At || line.Tier == "" {
		return fmt.Sprintf("check %d would be number %d of %s, %q; it is due at %s", n, line.Number, line.At, line.Tier, c.At)
	}
	return ""
}

func windowsInOrder(p passage) string {
	if n, m := len(p.old.Milestones), len(p.next.Milestones); m < n || m > n+1 {
		return fmt.Sprintf("after %d milestones there would be %d", n, m)
	}
	return ""
}

// acceptedEarly: DESIGN, "End of schedule without an open episode: Accepted".
func acceptedEarly(p passage) string {
	d := p.o.Spec.People.Decision
	byWord := d != nil && d.Choice == ChooseAccept
	if p.next.Phase != Accepted || p.old.Phase == Accepted || byWord || int(p.next.Checks) >= p.next.Grid.Count() {
		return ""
	}
	return fmt.Sprintf("it would be accepted after %d of %d checks", p.next.Checks, p.next.Grid.Count())
}

func overIsOver(p passage) string {
	if over(p.old) && p.next.Phase != p.old.Phase {
		return fmt.Sprintf("it is over, %s, and would become %s", p.old.Phase, p.next.Phase)
	}
	return ""
}

func over(s State) bool {
	return slices.Contains([]Phase{Accepted, Superseded, Orphaned}, s.Phase) || s.Phase == RolledBack && open(s) == nil
}

// toldOnce is the promise once: as long as an incident is kept, so is who was told of it.
func toldOnce(p passage) string {
	seen := map[string]bool{}
	for _, in := range p.next.Incidents {
		key := fmt.Sprintf("%d/%s", in.Episode, in.Code)
		if seen[key] {
			return "incident " + key + " would be there twice"
		}
		seen[key] = true
	}
	for _, r := range p.old.Told {
		kept := func(n Told) bool {
			return n.Sink == r.Sink && n.Key == r.Key && n.Opened == r.Opened && (r.Closed.IsZero() || n.Closed == r.Closed)
		}
		if seen[r.Key] && !r.Opened.IsZero() && !slices.ContainsFunc(p.next.Told, kept) {
			return fmt.Sprintf("that %s was told of incident %s would be forgotten", r.Sink, r.Key)
		}
	}
	return ""
}

func equal[T any](a, b T) bool { return alike(reflect.ValueOf(a), reflect.ValueOf(b)) }
