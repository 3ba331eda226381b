package act

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// scaleUp gives stable the replicas that the action asks for, unless it has as many or more.
func (a *Actor) scaleUp(ctx context.Context, o order) (string, error) {
	return atOnce(func(int) (string, error) { return a.scaleUpOnce(ctx, o) })
}

func (a *Actor) scaleUpOnce(ctx context.Context, o order) (string, error) {
	stable, err := a.holding(ctx, o, o.stable)
	if err != nil {
		return "", err
	}
	if wanted := rollout.Wanted(stable); wanted >= o.replicas {
		return fmt.Sprintf("Deployment %s is at %d replicas already", stable.Name, wanted), nil
	}
	return a.scale(ctx, stable, o.replicas)
}

// scaleAway takes the candidate's replicas away once it has no traffic and stable serves.
func (a *Actor) scaleAway(ctx context.Context, o order) (string, error) {
	return atOnce(func(int) (string, error) { return a.scaleAwayOnce(ctx, o) })
}

func (a *Actor) scaleAwayOnce(ctx context.Context, o order) (string, error) {
	candidate, err := a.holding(ctx, o, o.candidate)
	if err != nil {
		return "", err
	}
	if rollout.Wanted(candidate) == 0 {
		return fmt.Sprintf("Deployment %s is at 0 replicas already", candidate.Name), nil
	}
	if err := a.serves(ctx, o); err != nil {
		return "", err
	}
	vs, err := a.virtualService(ctx, o)
	if err != nil {
		return "", err
	}
	if err := idle(vs.VirtualService, o.candidate); err != nil {
		return "", err
	}
	return a.scale(ctx, candidate, 0)
}

// serves refuses a stable without a ready replica.
func (a *Actor) serves(ctx context.Context, o order) error {
	ready, err := a.stableReady(ctx, o)
	if err != nil {
		return err
	}
	if ready == 0 {
		return notReady(o)
	}
	return nil
}

// idle refuses a slot that any route gives traffic to, watched or not. Where weights define no
// shares, proxies keep the split that they had, which may be any.
func idle(vs istio.VirtualService, p party) error {
	destination := rollout.DestinationOf(p.Slot)
	for _, route := range slices.Concat(vs.HTTP, vs.TCP, vs.TLS) {
		if !route.LeadsTo(destination, vs.Namespace) {
			continue
		}
		if !route.Defined() || route.Share(destination, vs.Namespace) > 0 {
			return refuse("spec.%s[%d] of VirtualService %s still leads traffic to slot %s", route.Kind, route.Index, vs, p.Name)
		}
	}
	return nil
}

// scale sets the replicas of the Deployment as it was read.
func (a *Actor) scale(ctx context.Context, dep *appsv1.Deployment, replicas int32) (string, error) {
	if err := a.leased(); err != nil {
		return "", err
	}
	_, err := a.apps.Deployments(dep.Namespace).UpdateScale(ctx, dep.Name, &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: dep.Namespace, Name: dep.Name, UID: dep.UID, ResourceVersion: dep.ResourceVersion,
		},
		Spec: autoscalingv1.ScaleSpec{Replicas: replicas},
	}, metav1.UpdateOptions{FieldManager: FieldManager})
	if err != nil {
		return "", writing(err, "update", "deployments/scale", dep.Namespace)
	}
	return fmt.Sprintf("scaled Deployment %s from %d to %d replicas", dep.Name, rollout.Wanted(dep), replicas), nil
}
