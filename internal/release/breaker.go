package release

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Breaker says how many automatic rollbacks are too many to be each release's own fault. It counts
// namespaces across the fleet, so that nobody's rollbacks alone withhold those of all others.
type Breaker struct {
	// Namespaces is in how many there may be automatic rollbacks within Within; 0: in all.
	Namespaces int
	// Rollbacks is how many of them one namespace may have; 0: any number.
	Rollbacks int
	Within    signal.Duration
}

// Fleet is what the other releases are doing.
type Fleet struct {
	// Rollbacks are the automatic rollbacks of the other releases, lately.
	Rollbacks []Rollback
}

// Rollback is an automatic rollback of a release of the namespace.
type Rollback struct {
	Namespace string
	Decided   signal.Instant
}

// fleetFull gives why all automatic rollbacks are withheld, if they are.
func (t *turn) fleetFull() (why string, full bool) {
	b := t.o.Breaker
	named := func(all []Rollback) int {
		names := map[string]bool{}
		for _, r := range all {
			names[r.Namespace] = true
		}
		return len(names)
	}
	return fmt.Sprintf("automatic rollbacks in %d namespaces within %s: the platform is at fault rather than this release", b.Namespaces, b.Within),
		b.open(t.o.Fleet.Rollbacks, t.o.Now, b.Namespaces, named)
}

// namespaceFull gives why the automatic rollbacks of the release's namespace are withheld, if they are.
func (t *turn) namespaceFull() (why string, full bool) {
	b := t.o.Breaker
	own := slices.DeleteFunc(slices.Clone(t.o.Fleet.Rollbacks), func(r Rollback) bool { return r.Namespace != t.o.Namespace })
	each := func(all []Rollback) int { return len(all) }
	return fmt.Sprintf("%d automatic rollbacks within %s in namespace %s: something that its services share is at fault rather than this release", b.Rollbacks, b.Within, t.o.Namespace),
		b.open(own, t.o.Now, b.Rollbacks, each)
}

// open tells whether too many rollbacks came within the time. Once it is open it stays so until the time
// has passed without a rollback; then it counts anew.
func (b Breaker) open(past []Rollback, now signal.Instant, most int, count func([]Rollback) int) bool {
	if most <= 0 {
		return false
	}
	past = slices.SortedFunc(slices.Values(past), func(x, y Rollback) int { return cmp.Compare(x.Decided, y.Decided) })
	var counted []Rollback
	open := false
	closes := func(at signal.Instant) bool {
		return open && at.Sub(counted[len(counted)-1].Decided) >= b.Within
	}
	for _, r := range past {
		if closes(r.Decided) {
			counted, open = nil, false
		}
		for !open && len(counted) > 0 && r.Decided.Sub(counted[0].Decided) >= b.Within {
			counted = counted[1:]
		}
		counted = append(counted, r)
		open = open || count(counted) >= most
	}
	return open && !closes(now)
}
