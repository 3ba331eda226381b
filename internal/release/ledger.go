package release

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Ledger is what survives between the releases of one policy.
type Ledger struct {
	// LastRelease is the number of the last release.
	LastRelease int64 `json:"lastRelease,omitempty"`
	// Accepted is, per slot, the revision that is known: taken as accepted, or watched by a release.
	// +listType=map
	// +listMapKey=slot
	// +kubebuilder:validation:MaxItems=2
	Accepted []AcceptedRevision `json:"accepted,omitempty"`
	// Slots and VirtualService are what the policy called its slots and its VirtualService when all this was
	// seen: an edit that makes a slot another thing makes it unknown again.
	// +kubebuilder:validation:MaxItems=2
	Slots []Slot `json:"slots,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	VirtualService string `json:"virtualService,omitempty"`
	// Open are the numbers of the releases that were begun and have not ended: nothing is done for any other.
	// +kubebuilder:validation:MaxItems=8
	Open []int64 `json:"open,omitempty"`
	// Carrier is the side that carried the majority of the traffic last.
	Carrier *Side `json:"carrier,omitempty"`
	// Stable is the last release's.
	Stable *Side `json:"stable,omitempty"`
	// Routes are the routes that lead, or led, to a slot, with its destination as it was seen there.
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=32
	Routes []RouteMemory `json:"routes,omitempty"`
	// Rollbacks are the latest automatic rollbacks of releases that have ended, the oldest first: the
	// breaker of the fleet counts them after a restart, too.
	// +listType=map
	// +listMapKey=release
	// +kubebuilder:validation:MaxItems=4
	Rollbacks []PastRollback `json:"rollbacks,omitempty"`
	// Notices are the incidents of the policy itself.
	Notices Notices `json:"notices,omitzero"`
	// Pages are the latest pages of releases that have ended, the oldest first: the policy's budget counts
	// them after a restart, too.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Pages []PastPage `json:"pages,omitempty"`
}

// mostOpen is how many releases a ledger keeps open; there are hardly ever more than two.
const mostOpen = 8

// Knows tells whether a release is one that the ledger has open. A ledger of an earlier version of greenwatch, which
// kept no such list, knows whatever it has numbered.
func (l Ledger) Knows(number int64) bool {
	if len(l.Slots) == 0 && len(l.Accepted) > 0 {
		return number <= l.LastRelease
	}
	return slices.Contains(l.Open, number)
}

// Begun enters a release that was made.
func (l Ledger) Begun(s Spec) Ledger {
	l = enter(*l.DeepCopy(), s)
	if !slices.Contains(l.Open, s.Number) {
		l.Open = tail(append(l.Open, s.Number), mostOpen)
	}
	return l
}

// Without gives the ledger without an open release that has ended, or is not there any more.
func (l Ledger) Without(number int64) Ledger {
	l.Open = slices.DeleteFunc(slices.Clone(l.Open), func(n int64) bool { return n == number })
	return l
}

// Memory gives what is remembered of the routes of a VirtualService.
func (l Ledger) Memory(virtualService string) []RouteMemory {
	if l.VirtualService != virtualService {
		return nil
	}
	return l.Routes
}

// Renew makes a ledger one of the plan's slots. What is said of a slot that is another one by now, with another
// Deployment or another destination, is forgotten, and what it runs is taken as accepted, as at first sight.
func (l Ledger) Renew(p *Plan, w World, open []Open) Ledger {
	if !w.Known() {
		return l
	}
	l = *l.DeepCopy()
	if len(l.Slots) == 0 { // of an earlier version: its open releases are known by their numbers
		for _, o := range open {
			if l.Knows(o.Spec.Number) {
				l.Open = append(l.Open, o.Spec.Number)
			}
		}
		l.Open = tail(l.Open, mostOpen)
	}
	for _, was := range l.Slots {
		if now, ok := p.Slot(was.Name); !ok || now != was {
			l = l.anew(w.Slot(was.Name), was.Name)
		}
	}
	if len(l.Slots) > 0 && len(l.Accepted) > 0 {
		for _, s := range p.Slots {
			if v := w.Slot(s.Name); v.Found && !slices.ContainsFunc(l.Slots, func(was Slot) bool { return was.Name == s.Name }) {
				l = accept(l, AcceptedRevision{Slot: s.Name, Revision: v.Revision})
			}
		}
	}
	l.Slots, l.VirtualService = slices.Clone(p.Slots), p.VirtualService
	return l
}

// anew forgets a slot, and accepts what it runs now unless nothing else is known either: then all is a first sight.
func (l Ledger) anew(v SlotView, name string) Ledger {
	l.Accepted = slices.DeleteFunc(l.Accepted, func(a AcceptedRevision) bool { return a.Slot == name })
	if len(l.Accepted) > 0 && v.Found {
		l.Accepted = append(l.Accepted, AcceptedRevision{Slot: name, Revision: v.Revision})
	}
	for _, s := range []**Side{&l.Carrier, &l.Stable} {
		if *s != nil && (*s).Slot == name {
			*s = nil
		}
	}
	return l
}

// PastRollback is an automatic rollback of a release that has ended.
type PastRollback struct {
	// Release is the number of the release.
	Release int64          `json:"release"`
	Decided signal.Instant `json:"decided"`
}

// PastPage is a page of a release that has ended.
type PastPage struct {
	// Release is the number of the release.
	Release  int64          `json:"release"`
	At       signal.Instant `json:"at"`
	Critical bool           `json:"critical,omitempty"`
}

// How many of them a ledger keeps. MostPagesPerHour is the greatest budget that it can bear witness to.
const (
	mostPastRollbacks = 4
	mostPastPages     = 2 * MostPagesPerHour
	MostPagesPerHour  = 16
)

// PagesBut gives the pages of the ended releases but one.
func (l Ledger) PagesBut(number int64) []Page {
	var out []Page
	for _, p := range l.Pages {
		if p.Release != number {
			out = append(out, Page{At: p.At, Critical: p.Critical})
		}
	}
	return out
}

// AcceptedRevision is the revision of a slot that needs no new release.
type AcceptedRevision struct {
	// +kubebuilder:validation:MaxLength=63
	Slot string `json:"slot"`
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision"`
	// Release is the number of the release that watched it; where none did, that of the last one at the time: 0 at first
	// sight.
	Release int64 `json:"release,omitempty"`
	// Ended is how that release ended, while the revision is still in the slot: a rolled back one
	// that gets traffic again is a new release.
	Ended Phase `json:"ended,omitempty"`
	// RolledBack is the number of the release that this very revision was rolled back in, by itself if it ever was, and
	// nothing else has been in the slot since. It is then nobody's stable, until a release of it is accepted.
	RolledBack int64 `json:"rolledBack,omitempty"`
	// Spent is when the matrix decided on that by itself.
	Spent signal.Instant `json:"spent,omitempty"`
}

// RouteMemory is a route, by name or else by a digest of its matches, and the destinations of the slots that it
// was seen to lead to. Only what is remembered here is ever added back to a route.
type RouteMemory struct {
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
	// +kubebuilder:validation:MaxItems=2
	Destinations []Destination `json:"destinations,omitempty"`
}

// Destination is where a route leads, as it stands there.
type Destination struct {
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host"`
	// +kubebuilder:validation:MaxLength=63
	Subset string `json:"subset,omitempty"`
	// Port is 0 where none is named.
	Port int64 `json:"port,omitempty"`
}
