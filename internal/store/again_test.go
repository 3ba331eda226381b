package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// odd is a person's word, and oddly a state, with what JSON may write in more ways than one.
const odd = `{"hold":{"by":"alice","reason":"<a> & \"b\" ü \u2028","until":"2026-01-01T10:00:00Z"}}`

func oddly(s release.State) release.State {
	s.Latest = &judge.Verdict{At: t0 + 1500, Tier: judge.Proceed, Reason: "<a> & \"b\" ü \u2028", Evidence: []judge.Evidence{{Signal: "e", Kind: signal.Ratio, Tier: judge.Proceed, Value: 1.0 / 3, Total: 1e15}}}
	return s
}

// touch writes what no decision rests on, as somebody else.
func (s *scene) touch(kind schema.GroupVersionResource, name string, n int) error {
	_, err := s.objects.Resource(kind).Namespace(s.lab.Namespace).Patch(s.Context(), name, types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{"touch/%d":"yes"},"labels":{"touched":"%d"}}}`, n, n), metav1.PatchOptions{FieldManager: "kubectl"})
	return err
}

// touches lets somebody else write right before each of greenwatch's writes, and says something right before
// the nth, if not nil.
func (s *scene) touches(kind schema.GroupVersionResource, name string, n int, what func() error) (writes *int) {
	writes = new(int)
	s.before = func() error {
		*writes++
		if *writes == n && what != nil {
			return what()
		}
		return s.touch(kind, name, *writes)
	}
	return writes
}

// Somebody else writes annotations and labels right before each write. All are made, each at its second try, and
// nothing of theirs is lost.
func TestForeignWritesHoldUpNoSave(t *testing.T) {
	s := setup(t)
	s.save(s.create(1), oddly(release.State{Phase: release.Canary}))
	must(t, s.say("echo-1", odd))
	r := s.load("echo-1")
	writes := s.touches(v1alpha1.Releases(), "echo-1", 0, nil)
	saved := s.save(r, oddly(accepted()))
	if *writes != 6 {
		t.Errorf("%d writes, want cutover, status and label twice each", *writes)
	}
	if saved.Spec.Cutover != t0+1200 || saved.Status.Phase != release.Accepted || saved.Status.Latest.Reason != oddly(accepted()).Latest.Reason || labelled(saved) {
		t.Errorf("saved as %+v", saved)
	}
	for n := 1; n <= *writes; n++ {
		if saved.Annotations[fmt.Sprintf("touch/%d", n)] != "yes" {
			t.Errorf("foreign write %d is lost: %v", n, saved.Annotations)
		}
	}
	if saved.Labels["touched"] != fmt.Sprint(*writes) || saved.Labels[LabelPolicy] != "echo" || saved.Spec.People.Hold == nil {
		t.Errorf("labels %v, people %+v", saved.Labels, saved.Spec.People)
	}
	s.touches(v1alpha1.Releases(), "echo-1", 0, nil)
	if again := s.save(saved, oddly(watching())); !labelled(again) || again.Labels[LabelPolicy] != "echo" {
		t.Errorf("active again, and labelled %v", again.Labels)
	}
}

// What is said, or written into the status, right before the second try of a write is never overwritten: the save
// is a conflict. That it would be made otherwise TestForeignWritesHoldUpNoSave shows.
func TestWhatADecisionRestsOnIsAConflictAtAnyTry(t *testing.T) {
	for i, write := range []string{"the cutover", "the status", "the label"} {
		for what, meddle := range map[string]func(*scene) error{
			"a word":         func(s *scene) error { return s.say("echo-1", hold) },
			"another status": func(s *scene) error { return s.spoilShare("echo-1") },
		} {
			t.Run(what+" before the second try of "+write, func(t *testing.T) {
				s := setup(t)
				r := s.save(s.create(1), release.State{Phase: release.Canary})
				writes := s.touches(v1alpha1.Releases(), "echo-1", 2*i+2, func() error { return meddle(s) })
				_, err := s.store.Save(t.Context(), r, accepted())
				if !IsConflict(err) {
					t.Fatalf("after %d writes: %v, want a conflict", *writes, err)
				}
				if *writes != 2*i+2 {
					t.Errorf("%d writes, want none after the conflict", *writes)
				}
				now, err := toRelease(s.raw("echo-1"))
				must(t, err)
				if what == "a word" && now.Spec.People.Hold == nil || what != "a word" && now.Status.Share != 7 {
					t.Errorf("it is overwritten: %+v, share %d", now.Spec.People, now.Status.Share)
				}
			})
		}
	}
}

// spoilShare writes another share into a release's status, as a leader would whose write was still under way.
func (s *scene) spoilShare(name string) error {
	_, err := s.store.releases(s.lab.Namespace).Patch(s.Context(), name, types.MergePatchType,
		[]byte(`{"status":{"share":7}}`), metav1.PatchOptions{FieldManager: "greenwatch"}, "status")
	return err
}

// An object of the same name is not the one that was loaded.
func TestAnotherReleaseIsNotSavedOver(t *testing.T) {
	s := setup(t)
	r := s.save(s.create(1), release.State{Phase: release.Canary})
	must(t, s.store.releases(s.lab.Namespace).Delete(t.Context(), "echo-1", metav1.DeleteOptions{}))
	s.save(s.create(1), release.State{Phase: release.Canary})
	if _, err := s.store.Save(t.Context(), r, watching()); !IsConflict(err) {
		t.Errorf("saved over another one: %v", err)
	}
}

func TestAPolicysStatusUnderForeignWrites(t *testing.T) {
	s := setup(t)
	p := s.policy("echo")
	writes := s.touches(v1alpha1.WatchPolicies(), "echo", 0, nil)
	saved, err := s.store.SavePolicyStatus(t.Context(), p, policyStatus())
	must(t, err)
	if *writes != 2 || saved.Annotations["touch/1"] != "yes" || saved.Annotations["touch/2"] != "yes" || saved.Status.LastRelease != 3 {
		t.Errorf("after %d writes: %v, %+v", *writes, saved.Annotations, saved.Status)
	}
	other := policyStatus()
	other.LastRelease = 4
	s.touches(v1alpha1.WatchPolicies(), "echo", 2, func() error {
		_, err := s.store.policies(s.lab.Namespace).Patch(t.Context(), "echo", types.MergePatchType,
			[]byte(`{"spec":{"mode":"Enforce"}}`), metav1.PatchOptions{FieldManager: "kubectl"})
		return err
	})
	if _, err := s.store.SavePolicyStatus(t.Context(), saved, other); !IsConflict(err) {
		t.Errorf("saved over an edit: %v", err)
	}
}

// Somebody writes to a release without pause. Each of many saves meets a conflict, and is made all the same.
func TestAFloodOfForeignWritesHoldsUpNoSave(t *testing.T) {
	s := setup(t)
	r := s.save(s.create(1), watching())
	ctx, end := context.WithCancel(t.Context())
	var writes atomic.Int64
	flooded := make(chan error)
	go func() {
		for n := 1; ; n++ {
			if err := s.touch(v1alpha1.Releases(), "echo-1", n%20); err != nil || ctx.Err() != nil {
				flooded <- err
				return
			}
			writes.Add(1)
		}
	}()
	for n := int32(1); n <= 20; n++ {
		for seen := writes.Load(); writes.Load() < seen+2; {
			time.Sleep(time.Millisecond)
		}
		stale, err := toObject(kindRelease, r.ObjectMeta, map[string]any{"spec": r.Spec, "status": r.Status})
		must(t, err)
		if _, err := s.store.releases(s.lab.Namespace).UpdateStatus(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
			t.Fatalf("a write fenced by the version is no conflict: %v", err)
		}
		next := r.Status
		next.Share = n
		r = s.save(r, next)
	}
	end()
	must(t, <-flooded)
	if r.Status.Share != 20 {
		t.Errorf("share %d after all saves", r.Status.Share)
	}
	t.Logf("20 saves under %d foreign writes", writes.Load())
}
