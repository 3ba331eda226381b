package store

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// LoadPolicy asks the API server for a policy.
func (s *Store) LoadPolicy(ctx context.Context, namespace, name string) (*v1alpha1.WatchPolicy, error) {
	object, err := s.policies(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("load policy %s/%s: %w", namespace, name, err)
	}
	p, err := toPolicy(object)
	if err != nil {
		return nil, fmt.Errorf("load policy: %w", err)
	}
	return p, nil
}

// SavePolicyStatus writes a policy's status if it differs from the one that was loaded, and returns
// the policy as it is then; old stays as it is.
func (s *Store) SavePolicyStatus(ctx context.Context, old *v1alpha1.WatchPolicy, next v1alpha1.WatchPolicyStatus) (*v1alpha1.WatchPolicy, error) {
	saved, err := s.savePolicy(ctx, old, next)
	if err != nil {
		return nil, fmt.Errorf("save the status of policy %s/%s: %w", old.Namespace, old.Name, err)
	}
	return saved, nil
}

func (s *Store) savePolicy(ctx context.Context, old *v1alpha1.WatchPolicy, next v1alpha1.WatchPolicyStatus) (*v1alpha1.WatchPolicy, error) {
	unchanged, err := same(old.Status, next)
	if err != nil || unchanged {
		return old, err
	}
	object, err := toObject(kindPolicy, old.ObjectMeta, map[string]any{"spec": old.Spec, "status": next})
	if err != nil {
		return nil, err
	}
	if err := s.leased(); err != nil {
		return nil, err
	}
	written, err := s.policies(old.Namespace).UpdateStatus(ctx, object, metav1.UpdateOptions{FieldManager: FieldManager})
	if IsConflict(err) {
		written, err = s.again(ctx, err, rewrite{s.policies(old.Namespace), old.Name, []string{"status"}, restsOnPolicy(old), replacing("/status", next)})
	}
	if err != nil {
		return nil, err
	}
	return toPolicy(written)
}
