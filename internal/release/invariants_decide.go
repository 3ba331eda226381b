package release

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// byItself gives the ladder that the step begins without a person's word.
func (p passage) byItself() *Ladder {
	if l := p.decided(); l != nil && l.Automatic {
		return l
	}
	return nil
}

// oneRollback is the promise once.
func oneRollback(p passage) string {
	if p.byItself() == nil {
		return ""
	}
	l := p.old.Ladder
	switch {
	case l != nil && (l.Tried || !l.FirstShift.IsZero()):
		return fmt.Sprintf("it would be rolled back a second time by itself, after the rollback decided at %s", l.Decided)
	case p.o.Spec.Spent > 0:
		return fmt.Sprintf("its revision was rolled back by itself before, as release %d, and would be again", p.o.Spec.Spent)
	case isTrue(p.old, ConditionRollbackLost):
		return "it would be rolled back by itself after another writer's weights stood"
	case over(p.old):
		return "it is over, and would be rolled back"
	}
	return ""
}

// decidedAllowed is the promise people-win: of what forbids an automatic rollback, that which people say.
func decidedAllowed(p passage) string {
	l := p.byItself()
	if l == nil {
		return ""
	}
	h, limit := p.o.Spec.People.Hold, l.Plan.Limits.AutomaticFor
	switch {
	case holds(h, p.next.Hold, p.o.Now):
		return fmt.Sprintf("it would be rolled back by itself though %s holds it until %s", h.By, h.Until)
	case p.o.Mode != Enforce:
		return "it would be rolled back by itself in mode Observe"
	case p.o.Spec.MidFlight:
		return "it was under way when its policy was first seen, and would be rolled back by itself"
	case isTrue(p.old, ConditionHalted) && isTrue(p.next, ConditionHalted):
		return "it is halted, and would be rolled back by itself"
	case !p.next.Cutover.IsZero() && p.o.Now.Sub(p.next.Cutover) > limit:
		return fmt.Sprintf("it would be rolled back by itself more than %s after the cutover", limit)
	}
	return ""
}

// holds tells whether a person's hold is in force: it ends as it says, or a week after it was first seen.
func holds(h *Hold, seen SeenHold, now signal.Instant) bool {
	return h != nil && now < h.Until && (seen.Fact != h.fact() || now < seen.Since.Add(longestHold))
}

// decidedByWord: a person's decision is obeyed, and once.
func decidedByWord(p passage) string {
	l, d := p.decided(), p.o.Spec.People.Decision
	switch {
	case l == nil || l.Automatic:
		return ""
	case d == nil || d.Choice != ChooseRollback || d.By != l.By:
		return fmt.Sprintf("it would be rolled back by the word of %q, who said no such thing", l.By)
	case p.next.Obeyed == "" || p.next.Obeyed == p.old.Obeyed:
		return "the same word of " + d.By + " would be obeyed again"
	}
	return ""
}

// decidedSeeing is the promise blind-is-not-bad.
func decidedSeeing(p passage) string {
	if p.byItself() == nil {
		return ""
	}
	switch g := p.o.Guard; {
	case g == nil:
		return "it would be rolled back by itself without a verdict"
	case g.Tier != judge.Rollback:
		return fmt.Sprintf("it would be rolled back by itself on the verdict %s", g.Tier)
	case !p.o.World.Known():
		return "it would be rolled back by itself though the shares are unknown"
	}
	return ""
}

// decidedForBetter is the promise never-worse.
func decidedForBetter(p passage) string {
	o := p.o
	stable := o.World.Slot(o.Spec.Stable.Slot)
	switch {
	case p.byItself() == nil:
	case o.Stable != nil && o.Stable.Tier == judge.Rollback && shareOf(o.World, stable.Slot) > 0 &&
		!(o.Stable.Unready() && stable.Found && stable.Wanted == 0): // which is scaled up first
		return "it would be rolled back by itself to a side that is as bad"
	case o.StableLast != nil && o.Guard != nil && shareOf(o.World, stable.Slot) == 0 && o.Guard.NoWorseThan(*o.StableLast):
		return "it would be rolled back by itself to a side that was as bad when it had traffic last"
	case o.StableFails != "" && o.World.Slot(o.Spec.Candidate.Slot).Ready > 0:
		return "it would be rolled back by itself to a side that says it is not well: " + o.StableFails
	}
	return ""
}

// decidedWithinBreaker: DESIGN, "beyond that it is the platform".
func decidedWithinBreaker(p passage) string {
	if p.byItself() == nil {
		return ""
	}
	b, own, namespaces := p.o.Breaker, 0, map[string]bool{}
	for _, r := range p.o.Fleet.Rollbacks {
		if p.o.Now.Sub(r.Decided) >= b.Within {
			continue
		}
		namespaces[r.Namespace] = true
		if r.Namespace == p.o.Namespace {
			own++
		}
	}
	if b.Namespaces > 0 && len(namespaces) >= b.Namespaces || b.Rollbacks > 0 && own >= b.Rollbacks {
		return fmt.Sprintf("it would be rolled back by itself after others in %d namespaces, %d of them in its own", len(namespaces), own)
	}
	return ""
}

// shareOf gives a slot's greatest share over the watched routes.
func shareOf(w World, slot string) float64 {
	most := 0.0
	for _, r := range w.Routes {
		most = max(most, r.Shares[slot])
	}
	return most
}

func isTrue(s State, kind string) bool {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c.Status == "True"
		}
	}
	return false
}
