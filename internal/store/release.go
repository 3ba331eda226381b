package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Load asks the API server for a release. One that ended and whose label was not removed, since the
// process died between the two writes, loses it now, if the lease is held.
func (s *Store) Load(ctx context.Context, namespace, name string) (*v1alpha1.Release, error) {
	object, err := s.releases(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("load release %s/%s: %w", namespace, name, err)
	}
	r, err := toRelease(object)
	if err != nil {
		return nil, fmt.Errorf("load release: %w", err)
	}
	if !labelled(r) || r.Status.Active() || s.leased() != nil {
		return r, nil
	}
	if r, err = s.label(ctx, r); err != nil {
		return nil, fmt.Errorf("load release %s/%s: %w", namespace, name, err)
	}
	return r, nil
}

// Create makes a release. One of the same name is the same release, made by a process that died over it, if it has
// the same number, sides, policy and service and nothing has been done with it yet, and is returned as it is;
// otherwise it is ErrTaken.
func (s *Store) Create(ctx context.Context, namespace string, spec release.Spec) (*v1alpha1.Release, error) {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: spec.Name(), Labels: map[string]string{
		LabelActive: "true", LabelPolicy: spec.Policy, LabelSlot: spec.Candidate.Slot,
	}}
	object, err := toObject(kindRelease, meta, map[string]any{"spec": spec})
	if err != nil {
		return nil, err
	}
	if err := s.leased(); err != nil {
		return nil, fmt.Errorf("create release %s/%s: %w", namespace, meta.Name, err)
	}
	created, err := s.releases(namespace).Create(ctx, object, metav1.CreateOptions{FieldManager: FieldManager})
	if apierrors.IsAlreadyExists(err) {
		return s.existing(ctx, namespace, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("create release %s/%s: %w", namespace, meta.Name, err)
	}
	return toRelease(created)
}

func (s *Store) existing(ctx context.Context, namespace string, spec release.Spec) (*v1alpha1.Release, error) {
	r, err := s.Load(ctx, namespace, spec.Name())
	if err != nil {
		return nil, err
	}
	service, err := same(r.Spec.Service, spec.Service)
	if err != nil {
		return nil, err
	}
	if !sameRelease(r.Spec, spec) || !service || r.Status.Phase != "" {
		return nil, fmt.Errorf("create release %s/%s: %w, of revision %s in slot %s after %s in slot %s",
			namespace, spec.Name(), ErrTaken, r.Spec.Candidate.Revision, r.Spec.Candidate.Slot, r.Spec.Stable.Revision, r.Spec.Stable.Slot)
	}
	return r, nil
}

// sameRelease reports whether both are one release: what is observed of it may differ from look to look.
func sameRelease(a, b release.Spec) bool {
	return a.Policy == b.Policy && a.Number == b.Number && a.Candidate.Is(b.Candidate) && a.Stable.Is(b.Stable)
}

// Save writes what differs between the release as it was loaded and its next state, and returns it
// as it is then; old stays as it is. The cutover is written first: whoever finds a status that
// speaks of it finds it in the spec. The label that makes a release watched is set right last.
// After an error load the release again: some of it may have been written.
func (s *Store) Save(ctx context.Context, old *v1alpha1.Release, next release.State) (*v1alpha1.Release, error) {
	saved, err := s.save(ctx, old, next)
	if err != nil {
		return nil, fmt.Errorf("save release %s/%s: %w", old.Namespace, old.Name, err)
	}
	return saved, nil
}

func (s *Store) save(ctx context.Context, old *v1alpha1.Release, next release.State) (*v1alpha1.Release, error) {
	if err := fits(next); err != nil {
		return nil, err
	}
	unchanged, err := same(old.Status, next)
	if err != nil {
		return nil, err
	}
	current, err := s.cutOver(ctx, old, next)
	if err != nil {
		return nil, err
	}
	if !unchanged {
		if current, err = s.status(ctx, current, next); err != nil {
			return nil, err
		}
	}
	if labelled(current) != next.Active() {
		return s.label(ctx, current)
	}
	return current, nil
}

// cutOver writes the cutover into the spec, once.
func (s *Store) cutOver(ctx context.Context, r *v1alpha1.Release, next release.State) (*v1alpha1.Release, error) {
	switch {
	case next.Cutover.IsZero() || next.Cutover == r.Spec.Cutover:
		return r, nil
	case !r.Spec.Cutover.IsZero() && r.Status.Cutover != r.Spec.Cutover:
		return r, nil // somebody else's word, which was not taken; the schedule is immutable, and the status has the true one
	case !r.Spec.Cutover.IsZero():
		return nil, fmt.Errorf("the cutover was at %s and can't become %s", r.Spec.Cutover, next.Cutover)
	}
	patched, err := s.patch(ctx, r, map[string]any{"spec": map[string]any{"cutover": next.Cutover}}, replacing("/spec/cutover", next.Cutover))
	if err != nil {
		return nil, fmt.Errorf("write the cutover: %w", err)
	}
	return patched, nil
}

func (s *Store) status(ctx context.Context, r *v1alpha1.Release, next release.State) (*v1alpha1.Release, error) {
	object, err := toObject(kindRelease, r.ObjectMeta, map[string]any{"spec": r.Spec, "status": next})
	if err != nil {
		return nil, err
	}
	if err := s.leased(); err != nil {
		return nil, err
	}
	written, err := s.releases(r.Namespace).UpdateStatus(ctx, object, metav1.UpdateOptions{FieldManager: FieldManager})
	if IsConflict(err) {
		written, err = s.again(ctx, err, rewrite{s.releases(r.Namespace), r.Name, []string{"status"}, restsOn(r), replacing("/status", next)})
	}
	if err != nil {
		return nil, fmt.Errorf("write the status: %w", err)
	}
	return toRelease(written)
}

func labelled(r *v1alpha1.Release) bool { return r.Labels[LabelActive] == "true" }

// label sets or removes the label of an active release, as its status has it.
func (s *Store) label(ctx context.Context, r *v1alpha1.Release) (*v1alpha1.Release, error) {
	var value any // null removes it
	if r.Status.Active() {
		value = "true"
	}
	patched, err := s.patch(ctx, r, map[string]any{"metadata": map[string]any{
		"labels": map[string]any{LabelActive: value},
	}}, relabelling(r.Status.Active()))
	if err != nil {
		return nil, fmt.Errorf("set label %s: %w", LabelActive, err)
	}
	return patched, nil
}

// relabelling is what label changes.
func relabelling(active bool) func(*unstructured.Unstructured) []operation {
	path := "/metadata/labels/" + strings.ReplaceAll(LabelActive, "/", "~1")
	return func(now *unstructured.Unstructured) []operation {
		labels := now.GetLabels()
		switch is := labels[LabelActive] == "true"; {
		case is == active:
			return nil
		case !active:
			return []operation{{"remove", path, nil}}
		case labels == nil:
			return []operation{{"test", "/metadata/labels", nil}, {"add", "/metadata/labels", map[string]string{LabelActive: "true"}}}
		}
		return []operation{{"add", path, "true"}}
	}
}

// patch merges the change into the release as it was loaded; after a conflict it is tried as operations.
func (s *Store) patch(ctx context.Context, r *v1alpha1.Release, change map[string]any, operations func(*unstructured.Unstructured) []operation) (*v1alpha1.Release, error) {
	fence(change, r.ResourceVersion)
	patch, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	if err := s.leased(); err != nil {
		return nil, err
	}
	patched, err := s.releases(r.Namespace).Patch(ctx, r.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	if IsConflict(err) {
		patched, err = s.again(ctx, err, rewrite{s.releases(r.Namespace), r.Name, nil, restsOn(r), operations})
	}
	if err != nil {
		return nil, err
	}
	return toRelease(patched)
}

// fence makes the API server answer 409 if the object is no longer the one that was loaded.
func fence(change map[string]any, resourceVersion string) {
	metadata, ok := change["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		change["metadata"] = metadata
	}
	metadata["resourceVersion"] = resourceVersion
}
