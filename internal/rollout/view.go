package rollout

import (
	"bytes"
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// View is a Deployment as a slot: what it runs and how far it is. One that is nil or being deleted
// is not found, and nothing else is said of it. Slot, Since, UnreadySince and Ticks are not in a
// Deployment; see [Observe], [Age] and [Unready].
func View(dep *appsv1.Deployment) release.SlotView {
	if dep == nil || dep.DeletionTimestamp != nil {
		return release.SlotView{}
	}
	v := release.SlotView{
		Found:    true,
		Revision: Revision(dep.Spec.Template),
		Version:  Version(dep),
		Wanted:   Wanted(dep),
		Ready:    dep.Status.ReadyReplicas,
		Updated:  dep.Status.UpdatedReplicas,
		Pods:     dep.Status.Replicas,
		Scaler:   scaler(dep.ManagedFields),
	}
	v.RolledOut = Unmixed(dep) && v.Wanted > 0 && v.Updated == v.Wanted && v.Ready == v.Wanted
	return v
}

// autoscaler is under which name the controller of HorizontalPodAutoscalers writes.
const autoscaler = "kube-controller-manager"

// scaler names who last set spec.replicas, as far as the API server tells, for people.
func scaler(fields []metav1.ManagedFieldsEntry) (name string) {
	var last metav1.Time
	for _, f := range fields {
		if f.Manager == "" || f.Time == nil || f.Time.Before(&last) || !setsReplicas(f) {
			continue
		}
		name, last = f.Manager, *f.Time
		if f.Manager == autoscaler && f.Subresource == "scale" {
			name += " (an autoscaler)"
		}
	}
	return name
}

func setsReplicas(f metav1.ManagedFieldsEntry) bool {
	const path = "f:replicas"
	if f.FieldsV1 == nil || !bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(path)) {
		return false
	}
	var set struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	return json.Unmarshal(f.FieldsV1.GetRawBytes(), &set) == nil && set.Spec[path] != nil
}

// Wanted is spec.replicas, which is 1 where it is absent.
func Wanted(dep *appsv1.Deployment) int32 {
	if dep.Spec.Replicas == nil {
		return 1
	}
	return *dep.Spec.Replicas
}

// Unmixed tells whether all of the Deployment's pods run its newest pod template, as far as its
// controller knows. Otherwise the status can't tell which of them the ready ones are.
func Unmixed(dep *appsv1.Deployment) bool {
	return dep.Status.ObservedGeneration >= dep.Generation && dep.Status.Replicas == dep.Status.UpdatedReplicas
}

// Ready is how many ready pods of the Deployment run the revision, given its ReplicaSets. Those of
// other Deployments are passed over, so that a list by labels will do.
func Ready(dep *appsv1.Deployment, revision string, sets []appsv1.ReplicaSet) (ready int32) {
	for i := range sets {
		if metav1.IsControlledBy(&sets[i], dep) && Revision(sets[i].Spec.Template) == revision {
			ready += sets[i].Status.ReadyReplicas
		}
	}
	return ready
}

// Since is when the newest of the Deployment's ReplicaSets was created.
func Since(dep *appsv1.Deployment, sets []appsv1.ReplicaSet) (since signal.Instant) {
	for i := range sets {
		if metav1.IsControlledBy(&sets[i], dep) {
			since = max(since, signal.At(sets[i].CreationTimestamp.Time))
		}
	}
	return since
}
