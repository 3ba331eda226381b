package release

import "github.com/knowledgebeast/greenwatch/internal/signal"

// Ledger is what survives between the releases of one policy.
type Ledger struct {
	// LastRelease is the number of the last release.
	LastRelease int64 `json:"lastRelease,omitempty"`
	// Accepted is, per slot, the revision that is known: taken as accepted, or watched by a release.
	// +listType=map
	// +listMapKey=slot
	// +kubebuilder:validation:MaxItems=2
	Accepted []AcceptedRevision `json:"accepted,omitempty"`
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
	// Release is the number of the release that watched it; 0 where none did.
	Release int64 `json:"release,omitempty"`
	// Ended is how that release ended, while the revision is still in the slot: a rolled back one
	// that gets traffic again is a new release.
	Ended Phase `json:"ended,omitempty"`
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
