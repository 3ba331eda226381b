package store

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// Version grows after each change of the active releases. What is read after it is at least as new.
func (k *Cache) Version() uint64 { return k.version.Load() }

// Each calls f with each active release that can be decoded, in no order. They are the cache's own, not
// copies: f must not change them. For showing; see All for what is decided on.
func (k *Cache) Each(f func(*v1alpha1.Release)) {
	for _, informer := range k.releases {
		for _, object := range informer.GetStore().List() {
			if r := object.(*cachedRelease); r.fault == nil {
				f(r.release)
			}
		}
	}
}

// EachPolicy calls f with each policy that can be decoded, in no order; like Each, with the cache's own.
func (k *Cache) EachPolicy(f func(*v1alpha1.WatchPolicy)) {
	for _, informer := range k.policies {
		for _, object := range informer.GetStore().List() {
			if p := object.(*cachedPolicy); p.fault == nil {
				f(p.policy)
			}
		}
	}
}

// Find gives an active release by its name, or nil. Like Each, it gives the cache's own.
func (k *Cache) Find(release types.NamespacedName) *v1alpha1.Release {
	for _, informer := range k.releases {
		object, _, _ := informer.GetStore().GetByKey(release.String()) // a store of the cache's kind fails at nothing
		if r, ok := object.(*cachedRelease); ok && r.fault == nil {
			return r.release
		}
	}
	return nil
}
