package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// ActiveIn asks the API server for the active releases of a namespace, or of all; of one policy where
// it is named.
func (s *Store) ActiveIn(ctx context.Context, namespace, policy string) ([]*v1alpha1.Release, error) {
	var found []*v1alpha1.Release
	chosen := labels.Set{LabelActive: "true"}
	if policy != "" {
		chosen[LabelPolicy] = policy
	}
	err := s.list(ctx, namespace, chosen, func(r *v1alpha1.Release) { found = append(found, r) })
	slices.SortFunc(found, func(a, b *v1alpha1.Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Spec.Policy, b.Spec.Policy), cmp.Compare(a.Spec.Number, b.Spec.Number))
	})
	if err != nil {
		return found, fmt.Errorf("list the active releases: %w", err)
	}
	return found, nil
}

// Active asks the API server for the active releases of a policy, the oldest first.
func (s *Store) Active(ctx context.Context, namespace, policy string) ([]*v1alpha1.Release, error) {
	var found []*v1alpha1.Release
	chosen := labels.Set{LabelPolicy: policy, LabelActive: "true"}
	if err := s.list(ctx, namespace, chosen, func(r *v1alpha1.Release) { found = append(found, r) }); err != nil {
		return nil, fmt.Errorf("list the active releases of policy %s/%s: %w", namespace, policy, err)
	}
	slices.SortFunc(found, func(a, b *v1alpha1.Release) int { return cmp.Compare(a.Spec.Number, b.Spec.Number) })
	return found, nil
}
