package rollout

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedappsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostSets is how many ReplicaSets of one Deployment are looked at: far more than the history that
// Kubernetes keeps.
const mostSets = 200

// Born asks since when a Deployment has had its newest ReplicaSet.
type Born func(ctx context.Context, namespace, deployment string) (signal.Instant, error)

// Age fills in since when the slots run what they run. It is asked only where it decides something,
// which is where the traffic is split equally: elsewhere the majority tells the sides apart. Call it
// at the first sight of a policy; it costs four requests.
func Age(ctx context.Context, plan *release.Plan, w release.World, born Born) (release.World, error) {
	if !equallySplit(w) {
		return w, nil
	}
	aged := w
	aged.Slots = append([]release.SlotView(nil), w.Slots...)
	for i := range aged.Slots {
		if !aged.Slots[i].Found {
			continue
		}
		slot, _ := plan.Slot(aged.Slots[i].Slot)
		since, err := born(ctx, plan.Namespace, slot.Deployment)
		if err != nil {
			return w, fmt.Errorf("tell the age of slot %s: %w", slot.Name, err)
		}
		aged.Slots[i].Since = since
	}
	return aged, nil
}

func equallySplit(w release.World) bool {
	if !w.Known() || len(w.Slots) != 2 {
		return false
	}
	a, b := w.Slots[0].Slot, w.Slots[1].Slot
	return w.Most(a) > 0 && w.Most(a) == w.Most(b) && w.Least(a) == w.Least(b)
}

// LiveBorn asks the API server.
func LiveBorn(apps typedappsv1.AppsV1Interface) Born {
	return func(ctx context.Context, namespace, deployment string) (signal.Instant, error) {
		dep, err := apps.Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return 0, fmt.Errorf("get Deployment %s/%s: %w", namespace, deployment, err)
		}
		sets, err := ReplicaSets(ctx, apps, dep)
		if err != nil {
			return 0, err
		}
		return Since(dep, sets), nil
	}
}

// ReplicaSets asks the API server for the ReplicaSets that the Deployment's labels select; see
// [Ready] and [Since] for telling its own among them.
func ReplicaSets(ctx context.Context, apps typedappsv1.AppsV1Interface, dep *appsv1.Deployment) ([]appsv1.ReplicaSet, error) {
	sets, err := apps.ReplicaSets(dep.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(dep.Spec.Selector),
		Limit:         mostSets,
	})
	if err != nil {
		return nil, fmt.Errorf("list ReplicaSets of Deployment %s/%s: %w", dep.Namespace, dep.Name, err)
	}
	return sets.Items, nil
}
