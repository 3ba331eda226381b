package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// pageSize bounds what one answer of the API server weighs: 50 releases are 2 MB at most.
const pageSize = 50

// History asks the API server for the releases of a policy, active and ended, the oldest first.
// Those that can't be decoded are left out, and named by the error.
func (s *Store) History(ctx context.Context, namespace, policy string) ([]*v1alpha1.Release, error) {
	var releases []*v1alpha1.Release
	err := s.each(ctx, namespace, policy, func(r *v1alpha1.Release) { releases = append(releases, r) })
	slices.SortFunc(releases, func(a, b *v1alpha1.Release) int { return cmp.Compare(a.Spec.Number, b.Spec.Number) })
	if err != nil {
		return releases, fmt.Errorf("list the releases of policy %s/%s: %w", namespace, policy, err)
	}
	return releases, nil
}

// Prune deletes the oldest ended releases of a policy, so that at most limit of them are left, and
// returns how many it deleted. A limit below 1 keeps all. A release that can't be decoded is kept;
// one that changes meanwhile is a conflict.
func (s *Store) Prune(ctx context.Context, namespace, policy string, limit int32) (deleted int, err error) {
	if limit < 1 {
		return 0, nil
	}
	log, listing := s.ended(ctx, namespace, policy)
	for _, e := range log[:max(0, len(log)-int(limit))] {
		if err = s.delete(ctx, namespace, e); err != nil {
			break
		}
		deleted++
	}
	if err = errors.Join(listing, err); err != nil {
		return deleted, fmt.Errorf("prune the releases of policy %s/%s: %w", namespace, policy, err)
	}
	return deleted, nil
}

// entry is what is kept in mind of an ended release.
type entry struct {
	name            string
	uid             types.UID
	resourceVersion string
	number          int64
}

// ended lists a policy's ended releases, the oldest first.
func (s *Store) ended(ctx context.Context, namespace, policy string) ([]entry, error) {
	var log []entry
	err := s.each(ctx, namespace, policy, func(r *v1alpha1.Release) {
		if !r.Status.Active() {
			log = append(log, entry{r.Name, r.UID, r.ResourceVersion, r.Spec.Number})
		}
	})
	slices.SortFunc(log, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	return log, err
}

// delete deletes the release as it was listed. One that is gone already is as good.
func (s *Store) delete(ctx context.Context, namespace string, e entry) error {
	if err := s.leased(); err != nil {
		return err
	}
	err := s.releases(namespace).Delete(ctx, e.name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &e.uid, ResourceVersion: &e.resourceVersion},
	})
	if err != nil && !IsMissing(err) {
		return fmt.Errorf("delete release %s: %w", e.name, err)
	}
	return nil
}

// each visits all releases of a policy.
func (s *Store) each(ctx context.Context, namespace, policy string, visit func(*v1alpha1.Release)) error {
	return s.list(ctx, namespace, labels.Set{LabelPolicy: policy}, visit)
}

// list lists releases page by page. What can't be decoded ends up in the error and does not end the
// listing.
func (s *Store) list(ctx context.Context, namespace string, chosen labels.Set, visit func(*v1alpha1.Release)) error {
	var faults []error
	err := pages(ctx, s.releases(namespace), chosen, func(o *unstructured.Unstructured) {
		if r, err := toRelease(o); err != nil {
			faults = append(faults, err)
		} else {
			visit(r)
		}
	})
	return errors.Join(append(faults, err)...)
}
