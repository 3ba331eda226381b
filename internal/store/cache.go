package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// CacheConfig says what to watch and whom to tell.
type CacheConfig struct {
	Objects dynamic.Interface
	// Namespaces to watch; empty: all of them.
	Namespaces []string
	// Changed is told of each policy that itself, or one of whose active releases, appeared, changed
	// or went away. It is called from several goroutines and must not block.
	Changed func(policy types.NamespacedName)
	// Failed is told why a watch was lost; it is tried again all the same.
	Failed func(error)
}

// Cache holds all policies and the active releases. It may lag behind what this process has written
// itself: it is for waking up and for showing; with an open intention, load.
type Cache struct {
	changed            func(types.NamespacedName)
	version            atomic.Uint64 // of the releases
	policies, releases []cache.SharedIndexInformer
}

// byPolicy is the index of releases by namespace/policy.
const byPolicy = "policy"

// NewCache makes a cache that does nothing until it is run.
func NewCache(c CacheConfig) (*Cache, error) {
	if len(c.Namespaces) == 0 {
		c.Namespaces = []string{metav1.NamespaceAll}
	}
	k := &Cache{changed: c.Changed}
	for _, namespace := range c.Namespaces {
		policies := dynamicinformer.NewFilteredDynamicInformer(
			c.Objects, v1alpha1.WatchPolicies(), namespace, 0, cache.Indexers{}, nil).Informer()
		releases := dynamicinformer.NewFilteredDynamicInformer(
			c.Objects, v1alpha1.Releases(), namespace, 0, cache.Indexers{byPolicy: policyKeys}, onlyActive).Informer()
		if err := errors.Join(k.prepare(policies, c.Failed, keepPolicy), k.prepare(releases, c.Failed, keepRelease)); err != nil {
			return nil, fmt.Errorf("prepare the cache of namespace %q: %w", namespace, err)
		}
		k.policies, k.releases = append(k.policies, policies), append(k.releases, releases)
	}
	return k, nil
}

func onlyActive(options *metav1.ListOptions) {
	options.LabelSelector = labels.Set{LabelActive: "true"}.String()
}

func (k *Cache) prepare(informer cache.SharedIndexInformer, failed func(error), keep cache.TransformFunc) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: k.tell,
		UpdateFunc: func(older, newer any) {
			if differs(older, newer) {
				k.tell(newer)
			}
		},
		DeleteFunc: k.tell,
	})
	return errors.Join(err,
		informer.SetTransform(keep),
		informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { failed(err) }))
}

func (k *Cache) tell(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if _, is := object.(*cachedRelease); is {
		k.version.Add(1)
	}
	if policy, ok := policyOf(object); ok {
		k.changed(policy)
	}
}

// Run keeps the cache until the context ends.
func (k *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, informer := range slices.Concat(k.policies, k.releases) {
		running.Go(func() { informer.RunWithContext(ctx) })
	}
	running.Wait()
}

// Sync waits until the cache is filled, or the context ends.
func (k *Cache) Sync(ctx context.Context) error {
	var synced []cache.InformerSynced
	for _, informer := range slices.Concat(k.policies, k.releases) {
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return fmt.Errorf("wait for policies and releases to be listed: %w", context.Cause(ctx))
	}
	return nil
}

// Policies gives all policies, ordered by namespace and name. Those that can't be decoded are left
// out, and named by the error.
func (k *Cache) Policies() ([]*v1alpha1.WatchPolicy, error) {
	var policies []*v1alpha1.WatchPolicy
	var faults []error
	for _, informer := range k.policies {
		for _, object := range informer.GetStore().List() {
			if p := object.(*cachedPolicy); p.fault != nil {
				faults = append(faults, p.fault)
			} else {
				policies = append(policies, p.policy.DeepCopy())
			}
		}
	}
	slices.SortFunc(policies, func(a, b *v1alpha1.WatchPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return policies, errors.Join(faults...)
}

// Policy gives a policy, or nil if there is none.
func (k *Cache) Policy(policy types.NamespacedName) (*v1alpha1.WatchPolicy, error) {
	for _, informer := range k.policies {
		object, _, err := informer.GetStore().GetByKey(policy.String())
		if err != nil {
			return nil, fmt.Errorf("look up policy %s: %w", policy, err)
		}
		if p, ok := object.(*cachedPolicy); ok {
			return p.policy.DeepCopy(), p.fault
		}
	}
	return nil, nil
}

// Active gives the active releases of a policy, the oldest first. Those that can't be decoded are
// left out, and named by the error.
func (k *Cache) Active(policy types.NamespacedName) ([]*v1alpha1.Release, error) {
	var found []any
	for _, informer := range k.releases {
		objects, err := informer.GetIndexer().ByIndex(byPolicy, policy.String())
		if err != nil {
			return nil, fmt.Errorf("look up the releases of policy %s: %w", policy, err)
		}
		found = append(found, objects...)
	}
	return releasesOf(found)
}

// All gives the active releases of all policies, ordered by namespace, policy and number. Those that
// can't be decoded are left out, and named by the error.
func (k *Cache) All() ([]*v1alpha1.Release, error) {
	var found []any
	for _, informer := range k.releases {
		found = append(found, informer.GetStore().List()...)
	}
	return releasesOf(found)
}

func releasesOf(found []any) ([]*v1alpha1.Release, error) {
	var releases []*v1alpha1.Release
	var faults []error
	for _, object := range found {
		if r := object.(*cachedRelease); r.fault != nil {
			faults = append(faults, r.fault)
		} else {
			releases = append(releases, r.release.DeepCopy())
		}
	}
	slices.SortFunc(releases, func(a, b *v1alpha1.Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Spec.Policy, b.Spec.Policy),
			cmp.Compare(a.Spec.Number, b.Spec.Number))
	})
	return releases, errors.Join(faults...)
}
