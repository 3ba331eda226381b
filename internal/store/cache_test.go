package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// cache is run until the test ends, and filled.
func (s *scene) cache(changed func(types.NamespacedName), namespaces ...string) *Cache {
	s.Helper()
	c, err := NewCache(CacheConfig{Objects: s.objects, Namespaces: namespaces, Changed: changed, Failed: func(error) {}})
	must(s.T, err)
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	s.Cleanup(func() { cancel(); <-ended })
	within, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	must(s.T, c.Sync(within))
	return c
}

func (s *scene) key(policy string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.lab.Namespace, Name: policy}
}

// awaitActive waits until these are the policy's active releases.
func (s *scene) awaitActive(c *Cache, want ...string) []*v1alpha1.Release {
	s.Helper()
	var releases []*v1alpha1.Release
	s.eventually(func(context.Context) error {
		var err error
		var names []string
		releases, err = c.Active(s.key("echo"))
		for _, r := range releases {
			names = append(names, r.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			return fmt.Errorf("active releases: %s %v", diff, err)
		}
		return nil
	})
	return releases
}

func TestTheCacheHoldsActiveReleases(t *testing.T) {
	s := setup(t)
	c := s.cache(func(types.NamespacedName) {})
	s.awaitActive(c)
	first, second := s.save(s.create(1), watching()), s.create(2)
	other := spec(7)
	other.Policy = "other"
	_, err := s.store.Create(t.Context(), s.lab.Namespace, other)
	must(t, err)
	cached := s.awaitActive(c, "echo-1", "echo-2")
	s.eventually(func(context.Context) error { // the status comes after the release itself
		cached = s.awaitActive(c, "echo-1", "echo-2")
		first.ManagedFields = nil
		if diff := cmp.Diff(first, cached[0]); diff != "" {
			return fmt.Errorf("the cache has another one: %s", diff)
		}
		return nil
	})
	cached[0].Status.Lines, cached[0].Status.Share = nil, 7 // a copy's owner may do so
	if again := s.awaitActive(c, "echo-1", "echo-2"); again[0].Status.Share != 100 {
		t.Error("the cache gave itself out of hand")
	}
	s.save(second, accepted())
	s.awaitActive(c, "echo-1")
}

func TestTheCacheOfOtherNamespacesKnowsNothing(t *testing.T) {
	s := setup(t)
	s.create(1)
	s.policy("echo")
	s.awaitActive(s.cache(func(types.NamespacedName) {}, "default"))
	here := s.cache(func(types.NamespacedName) {}, s.lab.Namespace, "default")
	s.awaitActive(here, "echo-1")
	if all, err := here.All(); err != nil || len(all) != 1 {
		t.Errorf("%d releases, %v; want one", len(all), err)
	}
	if policies, err := here.Policies(); err != nil || len(policies) != 1 || policies[0].Spec.Traffic.VirtualService != "echo" {
		t.Errorf("%v, %v; want one policy", policies, err)
	}
	for range 2 {
		p, err := here.Policy(s.key("echo"))
		if err != nil || p == nil || p.Spec.Mode != "" {
			t.Fatalf("policy %v, %v", p, err)
		}
		p.Spec.Mode = release.Enforce // a copy's owner may do so
	}
	if p, err := here.Policy(s.key("absent")); err != nil || p != nil {
		t.Errorf("a policy that is absent: %v, %v", p, err)
	}
}

func TestChangesOfPoliciesAndReleasesAreTold(t *testing.T) {
	s := setup(t)
	told := make(chan types.NamespacedName, 1000)
	s.cache(func(policy types.NamespacedName) { told <- policy }, s.lab.Namespace)
	await := func(what string, policy types.NamespacedName) (others int) {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			select {
			case got := <-told:
				if got == policy {
					return others
				}
				others++
			case <-deadline:
				t.Fatalf("%s was not told", what)
			}
		}
	}
	s.policy("echo")
	await("a new policy", s.key("echo"))
	r := s.create(1)
	await("a new release", s.key("echo"))
	must(t, s.say("echo-1", hold))
	await("a person's word", s.key("echo"))
	for n := range 5 {
		must(t, s.touch(v1alpha1.Releases(), "echo-1", n))
		must(t, s.touch(v1alpha1.WatchPolicies(), "echo", n))
	}
	other := spec(1)
	other.Policy = "other"
	_, err := s.store.Create(t.Context(), s.lab.Namespace, other)
	must(t, err)
	s.policy("third")
	if n := await("another release", s.key("other")) + await("another policy", s.key("third")); n > 0 {
		t.Errorf("%d annotations and labels of others were told", n)
	}
	s.save(s.load(r.Name), accepted())
	await("an end", s.key("echo"))
}

func TestOneThatCantBeDecodedIsNamedByTheCache(t *testing.T) {
	s := setup(t)
	s.save(s.create(1), watching())
	s.create(2)
	s.spoil("echo-1")
	c := s.cache(func(types.NamespacedName) {}, s.lab.Namespace)
	s.awaitActive(c, "echo-2")
	if _, err := c.Active(s.key("echo")); err == nil || !strings.Contains(err.Error(), "echo-1") {
		t.Errorf("error %v, want one that names the release", err)
	}
	if _, err := c.Active(s.key("other")); err != nil {
		t.Errorf("another policy's: %v", err)
	}
}
