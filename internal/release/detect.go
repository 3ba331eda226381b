package release

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Open is a release that is still active.
type Open struct {
	Spec  Spec
	State State
}

// Detect looks for revisions that are new to a policy and gives the releases that begin, with the
// ledger that goes with them. What it sees for the first time of all it takes as accepted, unless the
// traffic is split.
func Detect(l Ledger, open []Open, w World, now signal.Instant) (Ledger, []Spec) {
	l = *l.DeepCopy()
	for _, o := range open {
		if l.Knows(o.Spec.Number) {
			l = enter(l, o.Spec)
		}
	}
	if !w.Known() {
		return l, nil
	}
	if len(l.Accepted) == 0 {
		return firstSight(l, open, w, now)
	}
	var births []Spec
	for _, v := range w.Slots {
		if isStable(l, open, v) {
			l = back(l, v)
			continue
		}
		if !isNew(l, open, w, v) {
			continue
		}
		spec := birth(l, open, w, v, now)
		l = enter(l, spec)
		births = append(births, spec)
	}
	if len(births) == 0 {
		l.Carrier = carrier(l, w)
	}
	return l, births
}

// Settle notes in the ledger how a release ended.
func Settle(l Ledger, o Open) Ledger {
	if !o.State.Over() {
		return l
	}
	l = *l.DeepCopy()
	for i := range l.Accepted {
		if a := &l.Accepted[i]; a.Slot == o.Spec.Candidate.Slot && a.Release == o.Spec.Number && a.Revision == o.Spec.Candidate.Revision {
			a.end(o)
		}
	}
	if at, automatic := o.State.Automatic(); automatic {
		l.Rollbacks = slices.DeleteFunc(l.Rollbacks, func(p PastRollback) bool { return p.Release == o.Spec.Number })
		l.Rollbacks = tail(append(l.Rollbacks, PastRollback{Release: o.Spec.Number, Decided: at}), mostPastRollbacks)
	}
	l.Pages = slices.DeleteFunc(l.Pages, func(p PastPage) bool { return p.Release == o.Spec.Number })
	for _, p := range o.State.Pages() {
		l.Pages = append(l.Pages, PastPage{Release: o.Spec.Number, At: p.At, Critical: p.Critical})
	}
	l.Pages = tail(l.Pages, mostPastPages)
	return l
}

// end notes how the release of a revision ended.
func (a *AcceptedRevision) end(o Open) {
	a.Ended = o.State.Phase
	switch at, automatic := o.State.Automatic(); {
	case a.Ended == RolledBack && automatic:
		a.RolledBack, a.Spent = o.Spec.Number, at
	case a.Ended == RolledBack && a.Spent.IsZero():
		a.RolledBack = o.Spec.Number
	}
}

// past gives in which release the revision was rolled back, and when the matrix decided on that by itself: neither counts
// once a release of it is accepted. It is kept all the same, since an end is entered here before it is saved, and may never be.
func (a AcceptedRevision) past() (release int64, spent signal.Instant) {
	if a.Ended == Accepted {
		return 0, 0
	}
	return a.RolledBack, a.Spent
}

// firstSight takes what runs as accepted; a split makes the side with less traffic, or the younger
// one, a release that is under way. Where a release of a policy of that name is under way, its roles stand.
func firstSight(l Ledger, open []Open, w World, now signal.Instant) (Ledger, []Spec) {
	for _, v := range w.Slots {
		if v.Found {
			l = accept(l, AcceptedRevision{Slot: v.Slot, Revision: v.Revision})
		}
	}
	l.Carrier = carrier(l, w)
	before, known := underWay(open, w)
	if known && before.State.rollsBack() { // it goes on, or is judged anew once it has ended
		side, stable := before.Spec.Candidate, before.Spec.Stable
		l.Stable = &stable
		return accept(l, AcceptedRevision{Slot: side.Slot, Revision: side.Revision, Release: before.Spec.Number,
			Ended: RolledBack, RolledBack: before.Spec.Number}), nil
	}
	if len(w.Slots) != 2 || !w.Slots[0].Found || !w.Slots[1].Found {
		return l, nil
	}
	a, b := w.Slots[0], w.Slots[1]
	if w.Most(a.Slot) == 0 || w.Most(b.Slot) == 0 {
		return l, nil
	}
	candidate, stable := a, b
	if known && b.Slot == before.Spec.Candidate.Slot || !known && less(w, b, a) {
		candidate, stable = b, a
	}
	spec := Spec{Number: l.LastRelease + 1, Candidate: side(candidate), Stable: side(stable), MidFlight: true, FirstSeen: now}
	return enter(l, spec), []Spec{spec}
}

// underWay gives the newest release that is not over and whose sides are in their slots.
func underWay(open []Open, w World) (newest Open, ok bool) {
	holds := func(s Side) bool { v := w.Slot(s.Slot); return v.Found && v.Revision == s.Revision }
	for _, o := range open {
		if !o.State.Over() && holds(o.Spec.Candidate) && holds(o.Spec.Stable) && (!ok || o.Spec.Number > newest.Spec.Number) {
			newest, ok = o, true
		}
	}
	return newest, ok
}

// rollsBack tells whether a release is being, or has been, rolled back.
func (s State) rollsBack() bool { return s.Phase == RollingBack || s.Phase == RolledBack }

// isStable tells whether a slot holds the stable of a release that is not over: what is gone back to, or brought back
// so that it can be, is no release of its own, whatever was in the slot meanwhile.
func isStable(l Ledger, open []Open, v SlotView) bool {
	return v.Found && slices.ContainsFunc(open, func(o Open) bool {
		s := o.Spec.Stable
		mine := o.Spec.Service == nil || l.has(o.Spec.Service, v.Slot)
		return l.Knows(o.Spec.Number) && !o.State.Over() && mine && s.Is(Side{Slot: v.Slot, Revision: v.Revision})
	})
}

// back accepts what a slot holds again.
func back(l Ledger, v SlotView) Ledger {
	a, ok := accepted(l, v.Slot)
	switch {
	case !ok || a.Revision != v.Revision:
		a = AcceptedRevision{Slot: v.Slot, Revision: v.Revision, Release: l.LastRelease}
	case a.Ended == RolledBack:
		a.Ended = ""
	}
	return accept(l, a)
}

// Replaced tells whether a release's slot is known to hold something else by now that is no release.
func (l Ledger) Replaced(s Spec) bool {
	a, ok := accepted(l, s.Candidate.Slot)
	return ok && a.Release >= s.Number && a.Revision != s.Candidate.Revision && (s.Service == nil || l.has(s.Service, s.Candidate.Slot))
}

// less tells whether a carries less traffic than b, or as much and is the younger.
func less(w World, a, b SlotView) bool {
	x, y := carried(w, a.Slot), carried(w, b.Slot)
	if x != y {
		return x < y
	}
	return a.Since > b.Since
}

// carried adds up a slot's shares over the routes.
func carried(w World, slot string) float64 {
	sum := 0.0
	for _, r := range w.Routes {
		sum += r.Shares[slot]
	}
	return sum
}

// isNew tells whether what a slot holds begins a release: another revision than the known one, or one
// that was rolled back and has traffic again.
func isNew(l Ledger, open []Open, w World, v SlotView) bool {
	if !v.Found {
		return false
	}
	traffic := w.Most(v.Slot) > 0
	if a, ok := accepted(l, v.Slot); ok && a.Revision == v.Revision {
		return a.Ended == RolledBack && traffic && !watches(open, a.Release)
	}
	if traffic { // where nothing is wanted, none of it will be updated
		return v.Updated > 0 || v.Wanted == 0
	}
	return v.RolledOut
}

func watches(open []Open, number int64) bool {
	for _, o := range open {
		if o.Spec.Number == number && !o.State.Over() {
			return true
		}
	}
	return false
}

func birth(l Ledger, open []Open, w World, v SlotView, now signal.Instant) Spec {
	spec := Spec{Number: l.LastRelease + 1, Candidate: side(v), Stable: stableFor(l, w, v.Slot), FirstSeen: now}
	if rolledBack(l, open, spec.Stable) {
		spec.Stable = Side{Slot: spec.Stable.Slot}
	}
	if a, ok := accepted(l, v.Slot); ok && a.Revision == v.Revision {
		if before, spent := a.past(); !spent.IsZero() && now.Sub(spent) < spentFor {
			spec.Spent = before
		}
	}
	return spec
}

// spentFor is how long a revision that was rolled back by itself is not rolled back by itself again, unless it is rolled
// out anew: who leads traffic to it again means it, and is not fought.
const spentFor = signal.Duration(24 * 3600e9)

// rolledBack tells whether a side was rolled back, or is being: nobody goes back to that.
func rolledBack(l Ledger, open []Open, s Side) bool {
	a, ok := accepted(l, s.Slot)
	before, _ := a.past()
	return ok && a.Revision == s.Revision && (before > 0 || a.Ended == RolledBack) || slices.ContainsFunc(open, func(o Open) bool {
		moved := o.State.Ladder != nil && !o.State.Ladder.FirstShift.IsZero() // another writer's weights may stand since
		return l.Knows(o.Spec.Number) && (o.State.rollsBack() || moved) && o.Spec.Candidate.Is(s)
	})
}

// stableFor gives the side to go back to: the one that carried the majority, as long as it is the
// other slot. A change in the very slot that carries the traffic goes back to what the release before
// had as stable, if that still is where it was.
func stableFor(l Ledger, w World, candidate string) Side {
	other := otherSlot(w, candidate)
	if w.Most(other.Slot) > w.Most(candidate) || w.Most(candidate) == 0 {
		return side(other)
	}
	for _, past := range []*Side{l.Carrier, l.Stable} {
		if past == nil || past.Slot != other.Slot {
			continue
		}
		if other.Found && past.Revision == other.Revision {
			s := side(other)
			s.Replicas = max(s.Replicas, past.Replicas)
			return s
		}
		return Side{Slot: other.Slot}
	}
	return Side{Slot: other.Slot}
}

func otherSlot(w World, slot string) SlotView {
	for _, v := range w.Slots {
		if v.Slot != slot {
			return v
		}
	}
	return SlotView{}
}

func side(v SlotView) Side {
	return Side{Slot: v.Slot, Revision: v.Revision, Version: clip(v.Version, 128), Replicas: v.Wanted}
}

// carrier gives the side that carries the majority now, or did last, if what it holds is known.
func carrier(l Ledger, w World) *Side {
	for _, v := range w.Slots {
		a, ok := accepted(l, v.Slot)
		if !ok || a.Revision != v.Revision || carried(w, v.Slot)*2 <= float64(w.leading()) {
			continue
		}
		s := side(v)
		return &s
	}
	return l.Carrier
}

func accepted(l Ledger, slot string) (AcceptedRevision, bool) {
	for _, a := range l.Accepted {
		if a.Slot == slot {
			return a, true
		}
	}
	return AcceptedRevision{}, false
}

func accept(l Ledger, a AcceptedRevision) Ledger {
	for i := range l.Accepted {
		if l.Accepted[i].Slot == a.Slot {
			l.Accepted[i] = a
			return l
		}
	}
	l.Accepted = append(l.Accepted, a)
	return l
}

// has tells whether a slot of a release is what the ledger speaks of under that name.
func (l Ledger) has(s *Service, name string) bool {
	slot, _ := s.Slot(name)
	i := slices.IndexFunc(l.Slots, func(x Slot) bool { return x.Name == name })
	return len(l.Slots) == 0 || i >= 0 && l.Slots[i] == slot
}

// enter brings a release into the ledger. One that is there already, or an older one, changes nothing.
func enter(l Ledger, s Spec) Ledger {
	if s.Service != nil && !l.has(s.Service, s.Candidate.Slot) {
		l.LastRelease = max(l.LastRelease, s.Number)
		return l
	}
	if a, ok := accepted(l, s.Candidate.Slot); !ok || a.Release < s.Number {
		next := AcceptedRevision{Slot: s.Candidate.Slot, Revision: s.Candidate.Revision, Release: s.Number}
		if a.Revision == next.Revision {
			next.RolledBack, next.Spent = a.past()
		}
		l = accept(l, next)
	}
	if s.Number > l.LastRelease {
		l.LastRelease = s.Number
		stable := s.Stable
		l.Stable = &stable
	}
	return l
}
