package store

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// cachedPolicy is what the cache keeps of a policy: the policy, or why it can't be decoded.
type cachedPolicy struct {
	metav1.ObjectMeta
	policy *v1alpha1.WatchPolicy
	fault  error
}

// cachedRelease is what the cache keeps of a release: the release, or why it can't be decoded.
type cachedRelease struct {
	metav1.ObjectMeta
	release *v1alpha1.Release
	fault   error
}

// keepPolicy decodes an object for the cache. What it is given a second time it leaves alone.
func keepPolicy(object any) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	p, err := toPolicy(u)
	if err != nil {
		return &cachedPolicy{ObjectMeta: identityOf(u), fault: err}, nil
	}
	p.ManagedFields, p.Annotations = nil, nil
	return &cachedPolicy{ObjectMeta: identityOf(u), policy: p}, nil
}

// keepRelease is keepPolicy for a release.
func keepRelease(object any) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	r, err := toRelease(u)
	if err != nil {
		return &cachedRelease{ObjectMeta: identityOf(u), fault: err}, nil
	}
	r.ManagedFields, r.Annotations = nil, nil
	return &cachedRelease{ObjectMeta: identityOf(u), release: r}, nil
}

// differs tells whether the newer one says anything new: others may write annotations and labels all the time.
func differs(older, newer any) bool {
	switch a := older.(type) {
	case *cachedPolicy:
		b, ok := newer.(*cachedPolicy)
		return !ok || a.policy == nil || b.policy == nil || a.UID != b.UID || a.policy.Generation != b.policy.Generation ||
			!reflect.DeepEqual(a.policy.Spec, b.policy.Spec) || !reflect.DeepEqual(a.policy.Status, b.policy.Status)
	case *cachedRelease:
		b, ok := newer.(*cachedRelease)
		return !ok || a.release == nil || b.release == nil || a.UID != b.UID ||
			!reflect.DeepEqual(a.release.Spec, b.release.Spec) || !reflect.DeepEqual(a.release.Status, b.release.Status)
	}
	return true
}

// identityOf is what a cache has to know of an object, whether it can be decoded or not.
func identityOf(u *unstructured.Unstructured) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:       u.GetNamespace(),
		Name:            u.GetName(),
		UID:             u.GetUID(),
		ResourceVersion: u.GetResourceVersion(),
		Labels:          u.GetLabels(),
	}
}

// policyOf names the policy that a cached object is, or is a release of.
func policyOf(object any) (types.NamespacedName, bool) {
	switch o := object.(type) {
	case *cachedPolicy:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}, true
	case *cachedRelease:
		if o.release != nil {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.release.Spec.Policy}, true
		}
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Labels[LabelPolicy]}, true
	}
	return types.NamespacedName{}, false
}

func policyKeys(object any) ([]string, error) {
	policy, ok := policyOf(object)
	if !ok {
		return nil, nil
	}
	return []string{policy.String()}, nil
}
