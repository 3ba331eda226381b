package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func (s *scene) policy(name string) *v1alpha1.WatchPolicy {
	s.Helper()
	must(s.T, s.lab.Apply(s.Context(), fmt.Sprintf(`
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: %s, namespace: %s, annotations: {team: shop}}
spec:
  traffic: {virtualService: echo}
  slots:
  - {name: blue, deployment: echo-blue, destination: {host: echo, subset: blue}}
  - {name: green, deployment: echo-green, destination: {host: echo, subset: green}}
`, name, s.lab.Namespace)))
	p, err := s.store.LoadPolicy(s.Context(), s.lab.Namespace, name)
	must(s.T, err)
	return p
}

func policyStatus() v1alpha1.WatchPolicyStatus {
	return v1alpha1.WatchPolicyStatus{
		ObservedGeneration: 1,
		Conditions:         []signal.Condition{{Type: "Ready", Status: "True", Reason: "Watching", LastTransitionTime: t0 + 1000}},
		Ledger: release.Ledger{
			LastRelease: 3,
			Accepted:    []release.AcceptedRevision{{Slot: "blue", Revision: "aaa"}},
			Routes:      []release.RouteMemory{{Key: "main", Destinations: []release.Destination{{Host: "kb", Subset: "blue", Port: 80}, {Host: "kb", Subset: "green"}}}},
		},
	}
}

func TestAPolicysStatus(t *testing.T) {
	s := setup(t)
	p := s.policy("echo")
	saved, err := s.store.SavePolicyStatus(t.Context(), p, policyStatus())
	must(t, err)
	loaded, err := s.store.LoadPolicy(t.Context(), s.lab.Namespace, "echo")
	must(t, err)
	if diff := cmp.Diff(policyStatus(), loaded.Status); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(p.Spec, loaded.Spec); diff != "" {
		t.Error("the spec was written:", diff)
	}
	s.dieAt(1)
	if again, err := s.store.SavePolicyStatus(t.Context(), saved, policyStatus()); err != nil || again.ResourceVersion != saved.ResourceVersion {
		t.Errorf("the same status was written twice: %v", err)
	}
	other := policyStatus()
	other.LastRelease = 4
	if _, err := s.store.SavePolicyStatus(t.Context(), saved, other); !errors.Is(err, errLeaseLost) {
		t.Errorf("another status was not written: %v", err)
	}
}

func TestAPolicyThatChangedMeanwhileIsAConflict(t *testing.T) {
	s := setup(t)
	p := s.policy("echo")
	s.at(1, func() error {
		_, err := s.store.policies(s.lab.Namespace).Patch(t.Context(), "echo", types.MergePatchType,
			[]byte(`{"spec":{"mode":"Enforce"}}`), metav1.PatchOptions{FieldManager: "kubectl"})
		return err
	})
	if _, err := s.store.SavePolicyStatus(t.Context(), p, policyStatus()); !IsConflict(err) {
		t.Errorf("saved over an edit: %v", err)
	}
	s.before = nil
	p, err := s.store.LoadPolicy(t.Context(), s.lab.Namespace, "echo")
	must(t, err)
	if _, err := s.store.SavePolicyStatus(t.Context(), p, policyStatus()); err != nil || p.Spec.Mode != release.Enforce {
		t.Errorf("after a new load: mode %s, %v", p.Spec.Mode, err)
	}
}
