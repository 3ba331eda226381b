package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// numbers of the policy's releases, as the API server has them.
func (s *scene) numbers() (numbers []int64) {
	s.Helper()
	releases, err := s.store.History(s.Context(), s.lab.Namespace, "echo")
	must(s.T, err)
	for _, r := range releases {
		numbers = append(numbers, r.Spec.Number)
	}
	return numbers
}

func TestPruneDeletesTheOldestThatEnded(t *testing.T) {
	s := setup(t)
	const last = pageSize + 5 // more than a page
	for n := int64(1); n <= last; n++ {
		state := accepted()
		if n == 2 {
			state = watching()
		}
		s.save(s.create(n), state)
	}
	other := spec(1)
	other.Policy = "other"
	_, err := s.store.Create(t.Context(), s.lab.Namespace, other)
	must(t, err)

	for _, limit := range []int32{0, last} {
		if deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", limit); err != nil || deleted > 0 {
			t.Fatalf("limit %d: %d deleted, %v", limit, deleted, err)
		}
	}
	deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", 3)
	if err != nil || deleted != last-4 {
		t.Errorf("%d deleted, want %d: %v", deleted, last-4, err)
	}
	if diff := cmp.Diff([]int64{2, last - 2, last - 1, last}, s.numbers()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.store.Load(t.Context(), s.lab.Namespace, "other-1"); err != nil {
		t.Error("another policy's release:", err)
	}
}

func TestPruneStopsWithoutTheLease(t *testing.T) {
	s := setup(t)
	for n := int64(1); n <= 3; n++ {
		s.save(s.create(n), accepted())
	}
	s.dieAt(2)
	if deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", 1); deleted != 1 || !errors.Is(err, errLeaseLost) {
		t.Errorf("%d deleted, %v", deleted, err)
	}
	if diff := cmp.Diff([]int64{2, 3}, s.numbers()); diff != "" {
		t.Error(diff)
	}
}

func TestPruneKeepsWhatHasChanged(t *testing.T) {
	s := setup(t)
	for n := int64(1); n <= 2; n++ {
		s.save(s.create(n), accepted())
	}
	s.at(1, func() error { return s.say("echo-1", hold) })
	if deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", 1); deleted != 0 || !IsConflict(err) {
		t.Errorf("%d deleted, %v", deleted, err)
	}
	s.before = nil
	if deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", 1); deleted != 1 || err != nil {
		t.Errorf("%d deleted, %v", deleted, err)
	}
}

// spoil writes a number that the API server takes for one and greenwatch does not, as another
// version of it may do.
func (s *scene) spoil(name string) {
	s.Helper()
	_, err := s.store.releases(s.lab.Namespace).Patch(s.Context(), name, types.MergePatchType,
		[]byte(`{"status":{"before":"many"}}`), metav1.PatchOptions{FieldManager: "kubectl"}, "status")
	must(s.T, err)
}

func TestOneThatCantBeDecodedSpoilsNoOther(t *testing.T) {
	s := setup(t)
	for n := int64(1); n <= 3; n++ {
		s.save(s.create(n), accepted())
	}
	s.spoil("echo-1")
	if _, err := s.store.Load(t.Context(), s.lab.Namespace, "echo-1"); err == nil || !strings.Contains(err.Error(), "echo-1") {
		t.Errorf("error %v, want one that names the release", err)
	}
	releases, err := s.store.History(t.Context(), s.lab.Namespace, "echo")
	if len(releases) != 2 || err == nil || !strings.Contains(err.Error(), "echo-1") {
		t.Errorf("%d releases, %v; want two and an error that names the third", len(releases), err)
	}
	if deleted, err := s.store.Prune(t.Context(), s.lab.Namespace, "echo", 1); deleted != 1 || err == nil {
		t.Errorf("%d deleted, %v; want one and an error", deleted, err)
	}
	list, err := s.store.releases(s.lab.Namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	var names []string
	for _, r := range list.Items {
		names = append(names, r.GetName())
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"echo-1", "echo-3"}, names); diff != "" {
		t.Error(diff)
	}
}
