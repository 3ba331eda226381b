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
	// Routes are the watched routes and the slots that each has led to.
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
}

// PastRollback is an automatic rollback of a release that has ended.
type PastRollback struct {
	// Release is the number of the release.
	Release int64          `json:"release"`
	Decided signal.Instant `json:"decided"`
}

// mostPastRollbacks is how many of them a ledger keeps.
const mostPastRollbacks = 4

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

// RouteMemory is a route, by name or else by a digest of its matches, and the slots it led to.
type RouteMemory struct {
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:MaxLength=63
	Slots []string `json:"slots"`
}
