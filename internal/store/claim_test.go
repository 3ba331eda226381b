package store

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Labels that were taken come back, of a release that is not over: the control is one that is.
func TestLabelsThatWereTakenComeBack(t *testing.T) {
	s := setup(t)
	s.save(s.create(1), watching())
	s.save(s.create(2), accepted())
	for _, name := range []string{"echo-1", "echo-2"} {
		_, err := s.store.releases(s.lab.Namespace).Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"labels":null}}`), metav1.PatchOptions{})
		must(t, err)
	}
	r, lost, err := s.store.Reclaim(t.Context(), s.lab.Namespace, "echo", 1)
	if err != nil || r == nil || !lost || !labelled(r) || r.Labels[LabelPolicy] != "echo" || r.Labels[LabelSlot] != "green" {
		t.Errorf("%+v, lost %v: %v", r, lost, err)
	}
	if r, lost, err = s.store.Reclaim(t.Context(), s.lab.Namespace, "echo", 1); err != nil || r == nil || lost {
		t.Errorf("once more: lost %v, %v", lost, err)
	}
	for _, number := range []int64{2, 3} { // over, and not there
		if r, _, err := s.store.Reclaim(t.Context(), s.lab.Namespace, "echo", number); r != nil || err != nil {
			t.Errorf("release %d: %+v, %v", number, r, err)
		}
	}
}

// The greatest number is found without labels, and one that leaves no room for more is passed over.
func TestTheLastNumberIsFoundWhateverTheLabels(t *testing.T) {
	s := setup(t)
	if last, err := s.store.LastNumber(t.Context(), s.lab.Namespace, "echo"); last != 0 || err != nil {
		t.Errorf("of none it is %d, %v", last, err)
	}
	for _, number := range []int64{3, 12, 1_000_000_000} {
		s.create(number)
	}
	_, err := s.store.releases(s.lab.Namespace).Patch(t.Context(), "echo-12", types.MergePatchType, []byte(`{"metadata":{"labels":null}}`), metav1.PatchOptions{})
	must(t, err)
	if last, err := s.store.LastNumber(t.Context(), s.lab.Namespace, "echo"); last != 12 || err != nil {
		t.Errorf("it is %d, %v; want 12", last, err)
	}
}

// The fleet is all that is active, and all policies with their ledgers.
func TestTheFleetIsWhatIsThereNow(t *testing.T) {
	s := setup(t)
	s.save(s.create(1), accepted())
	s.save(s.create(2), watching())
	p := s.policy("echo")
	next := *p.Status.DeepCopy()
	next.Ledger.LastRelease = 2
	_, err := s.store.SavePolicyStatus(t.Context(), p, next)
	must(t, err)
	active, policies, err := s.store.Fleet(t.Context(), s.lab.Namespace)
	if err != nil || len(active) != 1 || active[0].Spec.Number != 2 || len(policies) != 1 || policies[0].Status.Ledger.LastRelease != 2 {
		t.Errorf("active: %v, policies: %v, %v", active, policies, err)
	}
}

// A name is taken by a release of another service, or one that something was done with. The control is
// TestCreatingTwiceIsTheSameAsOnce.
func TestANameThatIsTakenSaysSo(t *testing.T) {
	s := setup(t)
	s.create(1)
	other := spec(1)
	other.Service = &release.Service{VirtualService: "payments", Slots: []release.Slot{}}
	if _, err := s.store.Create(t.Context(), s.lab.Namespace, other); !errors.Is(err, ErrTaken) {
		t.Errorf("of another service: %v", err)
	}
	s.save(s.create(2), watching())
	if _, err := s.store.Create(t.Context(), s.lab.Namespace, spec(2)); !errors.Is(err, ErrTaken) {
		t.Errorf("one that is watched: %v", err)
	}
}
