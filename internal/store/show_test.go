package store

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

func TestReleasesAreShownWithoutCopies(t *testing.T) {
	c, err := NewCache(CacheConfig{Objects: fake.NewSimpleDynamicClient(runtime.NewScheme()), Namespaces: []string{"a", "b"},
		Changed: func(types.NamespacedName) {}, Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	add := func(informer int, namespace, name string, fault error) *v1alpha1.Release {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
		r := &v1alpha1.Release{ObjectMeta: meta}
		object := &cachedRelease{ObjectMeta: meta, release: r, fault: fault}
		if err := c.releases[informer].GetStore().Add(object); err != nil {
			t.Fatal(err)
		}
		c.tell(object)
		return r
	}
	first, second := add(0, "a", "echo-1", nil), add(1, "b", "echo-2", nil)
	add(1, "b", "broken-1", errors.New("can't be decoded"))
	if c.Version() != 3 {
		t.Errorf("version %d after three changes", c.Version())
	}
	c.tell(&cachedPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "echo"}})
	if c.Version() != 3 {
		t.Error("the version of the releases grew with a policy")
	}
	seen := map[*v1alpha1.Release]bool{}
	c.Each(func(r *v1alpha1.Release) { seen[r] = true })
	if len(seen) != 2 || !seen[first] || !seen[second] {
		t.Errorf("seen %v, want the two of the cache itself", seen)
	}
	for name, want := range map[string]*v1alpha1.Release{"echo-2": second, "echo-1": nil, "broken-1": nil} {
		if got := c.Find(types.NamespacedName{Namespace: "b", Name: name}); got != want {
			t.Errorf("find b/%s: %v, want %v", name, got, want)
		}
	}
}
