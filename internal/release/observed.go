package release

import (
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// SlotView is what a slot looks like at one moment.
type SlotView struct {
	Slot string
	// Found is whether the Deployment exists and is not being deleted.
	Found    bool
	Revision string
	Version  string
	// Wanted is spec.replicas; Ready and Updated count pods; Pods is all of them.
	Wanted, Ready, Updated, Pods int32
	// Scaler is the field manager that last set spec.replicas; empty where the Deployment does not tell.
	Scaler string
	// RolledOut is whether the Deployment's controller has finished with the newest revision.
	RolledOut bool
	// Since is when the newest ReplicaSet was created.
	Since signal.Instant
	// Unseen is whether nobody looked, as with the past: then only its name and its revision are known.
	Unseen bool
	// Unusable says why its destination can't be given traffic; empty where it can, as far as is known.
	Unusable string
	// UnreadySince and Ticks: see signal.Availability.
	UnreadySince signal.Instant
	Ticks        int32
}

// RouteView is one watched route: its shares by slot, from 0 to 1.
type RouteView struct {
	Key string
	// Shares of what goes to the two slots, by slot name; a slot that the route doesn't lead to is absent.
	Shares map[string]float64
	// Ports by slot name: that of the slot's destination in the route, now or when it was last seen there; 0
	// where it names none. A slot that the route was never seen to lead to is absent.
	Ports map[string]int64
}

// Takes tells whether traffic of the route can be led to a slot: it leads there, or did.
func (r RouteView) Takes(slot string) bool {
	_, leads := r.Shares[slot]
	_, led := r.Ports[slot]
	return leads || led
}

// World is what the cluster looked like at one moment.
type World struct {
	// Live is whether it was read from the API server just now rather than from a cache.
	Live  bool
	Slots []SlotView
	// Routes are the watched ones.
	Routes []RouteView
	// Writer is the field manager that last set the routes.
	Writer string
	// Source is what keeps the routes' object as it is written elsewhere, as far as it tells: "Argo CD application shop".
	Source string
	// Problem says why the routes can't be read; the shares are unknown then.
	Problem string
}

// Slot gives the view of the slot of that name.
func (w World) Slot(name string) SlotView {
	for _, s := range w.Slots {
		if s.Slot == name {
			return s
		}
	}
	return SlotView{Slot: name}
}

// Known tells whether the shares are known.
func (w World) Known() bool { return w.Problem == "" && len(w.Routes) > 0 }

// Least gives the least share of a slot over the watched routes, and Most the greatest. A route of which third
// destinations have all says nothing of the slots.
func (w World) Least(slot string) float64 {
	least := 1.0
	if w.leading() == 0 {
		least = 0
	}
	for _, r := range w.Routes {
		if r.leads() {
			least = min(least, r.Shares[slot])
		}
	}
	return least
}

// leads tells whether any traffic of the route goes to a slot.
func (r RouteView) leads() bool {
	for _, share := range r.Shares {
		if share > 0 {
			return true
		}
	}
	return false
}

// leading counts the routes that lead to a slot now.
func (w World) leading() (n int) {
	for _, r := range w.Routes {
		if r.leads() {
			n++
		}
	}
	return n
}

// Most gives the greatest share of a slot over the watched routes.
func (w World) Most(slot string) float64 {
	most := 0.0
	for _, r := range w.Routes {
		most = max(most, r.Shares[slot])
	}
	return most
}

// Split tells whether a slot's traffic is neither nothing nor all.
func (w World) Split(slot string) bool { return w.Most(slot) > 0 && w.Least(slot) < 1 }

// CheckVerdict is the verdict of one check of the schedule.
type CheckVerdict struct {
	Check   schedule.Check
	Late    bool
	Verdict judge.Verdict
}

// Traffic is what the requests metric said of a stretch that began after the weights were set.
type Traffic struct {
	// From and To enclose the stretch.
	From, To signal.Instant
	// Candidate and Stable are requests; each may be unknown.
	Candidate, Stable           signal.Number
	CandidateCause, StableCause signal.Cause
}

// Result is how an action went.
type Result string

// The results.
const (
	Performed Result = "Performed"
	Conflict  Result = "Conflict" // somebody wrote in between: read and decide again
	Refused   Result = "Refused"  // its precondition does not hold
	Failed    Result = "Failed"   // an error; to be tried again
	Expired   Result = "Expired"  // given up
)

// Outcome is what came of an action.
type Outcome struct {
	Action Action
	Result Result
	At     signal.Instant
	Detail string
	// Ref is what a sink gave to edit its message by.
	Ref string
}

// Newer is another open release of the policy with a greater number.
type Newer struct {
	Name string
	// Slot and Revision are its candidate's.
	Slot, Revision string
	// Traffic is whether it has any.
	Traffic bool
}

// Observed is everything that Advance may know besides the state.
type Observed struct {
	Now signal.Instant
	// Namespace and Spec say which release it is.
	Namespace string
	Spec      Spec
	// Plan is nil when the policy is gone; Invalid says why a policy that is there has none.
	Plan    *Plan
	Invalid string
	// Edited says that the policy's traffic or slots are others by now than the release's.
	Edited bool
	// ModeElsewhere says that the policy's mode lets greenwatch act on another VirtualService or Deployment by now, and
	// not on the release's.
	ModeElsewhere bool
	// Unvouched says that nothing but the release itself says that greenwatch made it: its policy does
	// not know it.
	Unvouched bool
	// Mode is the weaker of the policy's and the daemon's.
	Mode  Mode
	World World
	// Guard is the verdict on the candidate now, if it was judged. GuardConsider tells whether it
	// covers the consider cells, too.
	Guard         *judge.Verdict
	GuardConsider bool
	// Stable is the verdict on stable now, if it was judged.
	Stable *judge.Verdict
	// StableLast is the verdict on what stable served last, if it was judged: it has no traffic now.
	StableLast *judge.Verdict
	// StableFails is what stable's own health endpoint says is not well, if it was asked and says so.
	StableFails string
	// Away says that Prometheus does not answer as it should, which is told once for all releases.
	Away bool
	// Check is the verdict of the next check, if it was due.
	Check *CheckVerdict
	// Milestone is the report at the end of a window, if it was due and could be made.
	Milestone *milestone.Milestone
	// Traffic is the proof's measurement, if it was due.
	Traffic *Traffic
	// Before is the candidate's requests per second before its first traffic, if it was due.
	Before *signal.Number
	// Baseline is what stable measured before that, if it was due.
	Baseline []judge.Baseline
	Fleet    Fleet
	Newer    []Newer
	// Replaced says that the policy knows the candidate's slot to hold something else that is no release.
	Replaced bool
	// PagesPerHour is the budget of the policy's pages; 0: none. Pages are those of its other releases.
	PagesPerHour int
	Pages        []Page
	// Sinks are where to tell.
	Sinks []Sink
	// BlindFor is how long a required signal is unknown before a person is paged.
	BlindFor signal.Duration
	// Breaker withholds automatic rollbacks where there are too many.
	Breaker Breaker
	// Outcomes are of actions performed since the state was saved.
	Outcomes []Outcome
}

// Sink is a place to tell people: a pager takes incidents, the others the story.
type Sink struct {
	Name  string
	Pages bool
}
