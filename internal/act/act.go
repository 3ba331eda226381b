package act

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/dynamic"
	typedappsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// FieldManager is the name under which greenwatch writes.
const FieldManager = "greenwatch"

// Config is what an Actor needs.
type Config struct {
	Apps    typedappsv1.AppsV1Interface
	Objects dynamic.Interface
	// Leads tells where a destination leads; nil where nobody asks.
	Leads rollout.Leads
	// Held tells whether the lease is held and was renewed in time; an error says why not. It is
	// asked right before each write.
	Held func() error
}

// Actor performs actions on the cluster.
type Actor struct {
	apps    typedappsv1.AppsV1Interface
	objects dynamic.Interface
	leads   rollout.Leads
	held    func() error
}

// New makes an Actor.
func New(c Config) *Actor {
	return &Actor{apps: c.Apps, objects: c.Objects, leads: c.Leads, held: c.Held}
}

// Perform performs ScaleUp, SetShares or ScaleAway for a release of the namespace and says how it went, with
// a detail for people: what was done, or what stood in the way. What was done already is Performed. Nothing
// outside of the namespace is read or written.
func (a *Actor) Perform(ctx context.Context, namespace string, action release.Action) (release.Result, string) {
	done, err := a.perform(ctx, namespace, action)
	if err != nil {
		return resultOf(err), fmt.Sprintf("%s: %v", action.Deed, err)
	}
	return release.Performed, done
}

func (a *Actor) perform(ctx context.Context, namespace string, action release.Action) (string, error) {
	order, err := orderOf(namespace, action)
	if err != nil {
		return "", err
	}
	switch action.Deed {
	case release.ScaleUp:
		return a.scaleUp(ctx, order)
	case release.SetShares:
		return a.setShares(ctx, order)
	case release.ScaleAway:
		return a.scaleAway(ctx, order)
	}
	return "", errors.New("not a deed of the cluster")
}

// order is an action with its slots looked up in the frozen plan.
type order struct {
	namespace         string // the release's
	plan              *release.Plan
	routes            []string
	back              map[string]int64 // see istio.Move
	needed, replicas  int32
	candidate, stable party
}

// party is a side of the release and the slot that it is, or was, in.
type party struct {
	release.Slot
	revision string
}

func orderOf(namespace string, action release.Action) (order, error) {
	if action.Ladder == nil {
		return order{}, errors.New("the action has no frozen plan")
	}
	plan := &action.Ladder.Plan
	candidate, isCandidate := plan.Slot(action.Candidate.Slot)
	stable, isStable := plan.Slot(action.Stable.Slot)
	switch {
	case namespace == "" || plan.Namespace != namespace:
		return order{}, refuse("the frozen plan is of namespace %q, the release of %q: nothing is done in another namespace", plan.Namespace, namespace)
	case !isCandidate || !isStable:
		return order{}, fmt.Errorf("the frozen plan lacks slot %q or %q", action.Candidate.Slot, action.Stable.Slot)
	case candidate.Name == stable.Name:
		return order{}, refuse("candidate and stable are both in slot %s: there is no other side to go to", stable.Name)
	case action.Stable.Revision == "":
		return order{}, refuse("stable's revision is gone")
	}
	return order{
		namespace: namespace,
		plan:      plan,
		routes:    action.Ladder.Routes,
		back:      action.Ladder.Back(),
		needed:    max(1, action.Ladder.Needed),
		replicas:  action.Replicas,
		candidate: party{candidate, action.Candidate.Revision},
		stable:    party{stable, action.Stable.Revision},
	}, nil
}
