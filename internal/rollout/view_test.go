package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// settled is a Deployment of three replicas that is rolled out.
func settled() *appsv1.Deployment {
	dep := &appsv1.Deployment{
		Spec:   appsv1.DeploymentSpec{Replicas: ptr.To[int32](3), Template: template()},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 7, Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 3},
	}
	dep.Name, dep.UID, dep.Generation = "shop-green", "uid-green", 7
	return dep
}

func TestView(t *testing.T) {
	want := release.SlotView{
		Found: true, Revision: Revision(template()), Version: "1.4.2",
		Wanted: 3, Ready: 3, Updated: 3, Pods: 3, RolledOut: true,
	}
	if diff := cmp.Diff(want, View(settled())); diff != "" {
		t.Error(diff)
	}
}

func TestOneThatIsGoneIsNotFound(t *testing.T) {
	going := settled()
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	for _, dep := range []*appsv1.Deployment{nil, going} {
		if diff := cmp.Diff(release.SlotView{}, View(dep)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRolledOut(t *testing.T) {
	tests := map[string]struct {
		edit func(*appsv1.Deployment)
		want bool
	}{
		"settled":                    {func(*appsv1.Deployment) {}, true},
		"one wanted by default":      {func(d *appsv1.Deployment) { d.Spec.Replicas = nil; d.Status = status(7, 1, 1, 1) }, true},
		"controller has not seen it": {func(d *appsv1.Deployment) { d.Generation = 8 }, false},
		"not all are updated":        {func(d *appsv1.Deployment) { d.Status = status(7, 3, 2, 3) }, false},
		"too few are there":          {func(d *appsv1.Deployment) { d.Status = status(7, 2, 2, 2) }, false},
		"old pods are still there":   {func(d *appsv1.Deployment) { d.Status = status(7, 4, 3, 4) }, false},
		"not all are ready":          {func(d *appsv1.Deployment) { d.Status = status(7, 3, 3, 2) }, false},
		"scaled down":                {func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](0); d.Status = status(7, 0, 0, 0) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dep := settled()
			test.edit(dep)
			if got := View(dep).RolledOut; got != test.want {
				t.Errorf("rolled out: %v, want %v", got, test.want)
			}
		})
	}
}

func status(generation int64, pods, updated, ready int32) appsv1.DeploymentStatus {
	return appsv1.DeploymentStatus{ObservedGeneration: generation, Replicas: pods, UpdatedReplicas: updated, ReadyReplicas: ready}
}

func set(owner types.UID, image string, ready int32, created int64) appsv1.ReplicaSet {
	s := appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Template: template()}}
	s.OwnerReferences = []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}}
	s.Spec.Template.Spec.Containers[0].Image = image
	s.Spec.Template.Labels["pod-template-hash"] = image
	s.Status.ReadyReplicas = ready
	s.CreationTimestamp = metav1.Unix(created, 0)
	return s
}

func TestOwnReplicaSetsTellReadyPodsApart(t *testing.T) {
	image := template().Spec.Containers[0].Image
	sets := []appsv1.ReplicaSet{
		set("uid-green", image, 2, 100),      // before a restart
		set("uid-green", image, 1, 300),      // after it
		set("uid-green", "app:1.4.1", 4, 50), // another revision
		set("uid-blue", image, 8, 900),       // another Deployment's
	}
	if got := Ready(settled(), Revision(template()), sets); got != 3 {
		t.Errorf("%d are ready, want 3", got)
	}
	if got := Since(settled(), sets); got != signal.Instant(300) {
		t.Errorf("since %s, want %s", got, signal.Instant(300))
	}
	if got := Since(settled(), nil); !got.IsZero() {
		t.Errorf("without ReplicaSets it is since %s, want none", got)
	}
}

// Who set the replicas last is told by the API server's managed fields; an autoscaler writes them through the scale.
func TestTheViewNamesWhoSetTheReplicas(t *testing.T) {
	at := func(minute int) *metav1.Time {
		return &metav1.Time{Time: time.Date(2026, 1, 1, 10, minute, 0, 0, time.UTC)}
	}
	entry := func(manager, subresource, fields string, at *metav1.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const replicas, status, image = `{"f:spec":{"f:replicas":{}}}`, `{"f:status":{"f:replicas":{}}}`, `{"f:spec":{"f:template":{}}}`
	for name, c := range map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   string
	}{
		"nobody tells":       {nil, ""},
		"a deployer":         {[]metav1.ManagedFieldsEntry{entry("argocd-controller", "", replicas, at(1))}, "argocd-controller"},
		"an autoscaler":      {[]metav1.ManagedFieldsEntry{entry("argocd-controller", "", replicas, at(1)), entry("kube-controller-manager", "scale", replicas, at(2))}, "kube-controller-manager (an autoscaler)"},
		"greenwatch since":   {[]metav1.ManagedFieldsEntry{entry("greenwatch", "scale", replicas, at(3)), entry("kube-controller-manager", "scale", replicas, at(2))}, "greenwatch"},
		"not of the status":  {[]metav1.ManagedFieldsEntry{entry("argocd-controller", "", replicas, at(1)), entry("kube-controller-manager", "status", status, at(2))}, "argocd-controller"},
		"not of other parts": {[]metav1.ManagedFieldsEntry{entry("argocd-controller", "", replicas, at(1)), entry("kubectl", "", image, at(2))}, "argocd-controller"},
		"nonsense":           {[]metav1.ManagedFieldsEntry{entry("kubectl", "", `"f:replicas"`, at(1)), {Manager: "x", Time: at(2)}, entry("", "", replicas, at(3)), entry("y", "", replicas, nil)}, ""},
	} {
		if got := View(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ManagedFields: c.fields}}).Scaler; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
