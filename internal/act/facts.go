package act

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// deployment asks for a party's Deployment. It is nil if it is gone or on its way.
func (a *Actor) deployment(ctx context.Context, o order, p party) (*appsv1.Deployment, error) {
	dep, err := a.apps.Deployments(o.namespace).Get(ctx, p.Deployment, metav1.GetOptions{})
	if rollout.IsMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Deployment %s/%s: %w", o.namespace, p.Deployment, err)
	}
	if dep.DeletionTimestamp != nil {
		return nil, nil
	}
	return dep, nil
}

// holding asks for a party's Deployment and refuses one that does not hold its revision.
func (a *Actor) holding(ctx context.Context, o order, p party) (*appsv1.Deployment, error) {
	dep, err := a.deployment(ctx, o, p)
	if err != nil {
		return nil, err
	}
	if dep == nil {
		return nil, refuse("Deployment %s of slot %s is gone", p.Deployment, p.Name)
	}
	return dep, holds(dep, p)
}

// holds refuses a Deployment with another revision than the party's.
func holds(dep *appsv1.Deployment, p party) error {
	if now := rollout.Revision(dep.Spec.Template); now != p.revision {
		return refuse("Deployment %s of slot %s holds revision %s (%s), not %s",
			p.Deployment, p.Name, now, rollout.Version(dep), p.revision)
	}
	return nil
}

// ready is how many ready pods of the Deployment run the party's revision. The status alone tells
// only where nothing is on the move; otherwise pods of another template may be among the ready ones,
// and the ReplicaSets are asked.
func (a *Actor) ready(ctx context.Context, dep *appsv1.Deployment, p party) (int32, error) {
	if rollout.Unmixed(dep) {
		return dep.Status.ReadyReplicas, nil
	}
	sets, err := rollout.ReplicaSets(ctx, a.apps, dep)
	if err != nil {
		return 0, err
	}
	return rollout.Ready(dep, p.revision, sets), nil
}

// routing is a VirtualService, and the object that it was read from.
type routing struct {
	istio.VirtualService
	object *unstructured.Unstructured
}

// virtualService asks for the VirtualService of the frozen plan.
func (a *Actor) virtualService(ctx context.Context, o order) (routing, error) {
	name := o.namespace + "/" + o.plan.VirtualService
	object, err := a.objects.Resource(rollout.VirtualServices()).Namespace(o.namespace).
		Get(ctx, o.plan.VirtualService, metav1.GetOptions{})
	if rollout.IsMissing(err) {
		return routing{}, refuse("VirtualService %s is gone", name)
	}
	if err != nil {
		return routing{}, fmt.Errorf("get VirtualService %s: %w", name, err)
	}
	read := rollout.RoutingOf(object)
	switch {
	case !read.Found:
		return routing{}, refuse("VirtualService %s is being deleted", name)
	case read.Fault != nil:
		return routing{}, refuse("%v", read.Fault)
	}
	return routing{read.VirtualService, object}, nil
}

// leased asks for the lease, right before a write.
func (a *Actor) leased() error {
	if err := a.held(); err != nil {
		return fmt.Errorf("not written without the lease: %w", err)
	}
	return nil
}
