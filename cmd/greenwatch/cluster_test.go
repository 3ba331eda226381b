package main

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// Who is refused for an older policy is found out anew when something is written in a policy, one comes, or one goes;
// not when greenwatch itself writes a status.
func TestWhoIsRefusedIsFoundOutAnewWhenPoliciesChange(t *testing.T) {
	asked := 0
	list := func() ([]*v1alpha1.WatchPolicy, error) { asked++; return nil, nil }
	k := types.NamespacedName{Namespace: "production", Name: "shop"}
	is := func(uid types.UID, generation int64) *v1alpha1.WatchPolicy {
		return &v1alpha1.WatchPolicy{ObjectMeta: metav1.ObjectMeta{UID: uid, Generation: generation}}
	}
	var o overlaps
	for i, c := range []struct {
		met   *v1alpha1.WatchPolicy
		asked int
	}{{nil, 1}, {is("a", 1), 2}, {is("a", 1), 2}, {is("a", 2), 3}, {is("a", 2), 3}, {is("b", 2), 4}, {nil, 5}, {nil, 5}, {is("b", 2), 6}} {
		o.meet(k, c.met)
		o.refresh(list)
		o.refresh(list)
		if asked != c.asked {
			t.Errorf("%d: asked %d times, want %d", i, asked, c.asked)
		}
	}
}
