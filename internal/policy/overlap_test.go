package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/policy"
)

// watch makes a policy of an age in minutes over VirtualService vs.
func watch(name string, age int, blue, green string, routes ...string) *v1alpha1.WatchPolicy {
	created := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(age) * time.Minute))
	slot := func(name, host string) v1alpha1.Slot {
		return v1alpha1.Slot{Name: name, Deployment: "deploy-" + host, Destination: v1alpha1.Destination{Host: host}}
	}
	return &v1alpha1.WatchPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, CreationTimestamp: created},
		Spec: v1alpha1.WatchPolicySpec{
			Traffic: v1alpha1.Traffic{VirtualService: "vs", HTTPRoutes: routes},
			Slots:   []v1alpha1.Slot{slot("blue", blue), slot("green", green)},
		},
	}
}

func TestTheYoungerOfTwoThatOverlapIsRefused(t *testing.T) {
	elsewhere := watch("elsewhere", 1, "a", "b")
	elsewhere.Namespace = "other"
	sameHost := watch("same-host", 1, "a.ns.svc.cluster.local", "d")
	sameHost.Spec.Slots[0].Deployment = "another"
	otherVS := watch("other-vs", 1, "x", "y", "main")
	otherVS.Spec.Traffic.VirtualService = "another"
	subsets := watch("subsets", 1, "a", "b")
	for i := range subsets.Spec.Slots {
		subsets.Spec.Slots[i].Deployment = "sub-" + subsets.Spec.Slots[i].Name
		subsets.Spec.Slots[i].Destination.Subset = "s"
	}
	old := watch("old", 10, "a", "b")
	for name, c := range map[string]struct {
		policies []*v1alpha1.WatchPolicy
		want     map[string]string
	}{
		"a shared Deployment":            {[]*v1alpha1.WatchPolicy{watch("young", 1, "b", "c"), old}, map[string]string{"young": "Deployment deploy-b is watched by the older policy old"}},
		"nothing shared":                 {[]*v1alpha1.WatchPolicy{old, watch("young", 1, "c", "d")}, nil},
		"another namespace":              {[]*v1alpha1.WatchPolicy{old, elsewhere}, nil},
		"a shared destination":           {[]*v1alpha1.WatchPolicy{old, sameHost}, map[string]string{"same-host": "destination a in VirtualService vs is watched by the older policy old"}},
		"other subsets of the same host": {[]*v1alpha1.WatchPolicy{old, subsets}, nil},
		"a shared route": {[]*v1alpha1.WatchPolicy{watch("old", 10, "a", "b", "main", "more"), watch("young", 1, "c", "d", "main")},
			map[string]string{"young": "route main of VirtualService vs is watched by the older policy old"}},
		"routes apart":                  {[]*v1alpha1.WatchPolicy{watch("old", 10, "a", "b", "main"), watch("young", 1, "c", "d", "more")}, nil},
		"one name, two VirtualServices": {[]*v1alpha1.WatchPolicy{watch("old", 10, "a", "b", "main"), otherVS}, nil},
		"of one age, by name":           {[]*v1alpha1.WatchPolicy{watch("b", 5, "x", "z"), watch("a", 5, "x", "y")}, map[string]string{"b": "by the older policy a"}},
		"the refused claims nothing":    {[]*v1alpha1.WatchPolicy{old, watch("middle", 5, "b", "c"), watch("young", 1, "c", "d")}, map[string]string{"middle": "policy old"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := policy.Overlaps(c.policies)
			if len(got) != len(c.want) {
				t.Errorf("want %d refused, got %v", len(c.want), got)
			}
			for name, want := range c.want {
				err := got[types.NamespacedName{Namespace: "ns", Name: name}]
				if err == nil || !strings.Contains(err.Error(), want) || policy.ReasonOf(err) != policy.Overlap {
					t.Errorf("%s: want %q, got %v", name, want, err)
				}
			}
		})
	}
}

// Whoever may write policies writes as many as he likes: that each is held against all older ones keeps nobody waiting.
func TestManyPoliciesAreHeldAgainstEachOther(t *testing.T) {
	// The least of several tries is what it takes: the rest is what else the machine does.
	took := func(n int) time.Duration {
		var all []*v1alpha1.WatchPolicy
		for i := range n {
			all = append(all, watch(fmt.Sprint("p", i), 0, fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("r", i)))
		}
		least := time.Hour
		for range 5 {
			begun := time.Now()
			if refused := policy.Overlaps(all); len(refused) > 0 {
				t.Errorf("%d of %d are refused", len(refused), n)
			}
			least = min(least, time.Since(begun))
		}
		return least
	}
	// 16 times as many take 256 times as long where each is held against each.
	if few, many := took(1_000), took(16_000); many > 100*few {
		t.Errorf("16 times as many policies take %.0f times as long", many.Seconds()/few.Seconds())
	}
}

// refusing holds each policy against those that stand, one by one, and gives by whom it is refused.
func refusing(oldestFirst []*v1alpha1.WatchPolicy) map[string]string {
	refused := map[string]string{}
	for i, p := range oldestFirst {
		for _, o := range oldestFirst[:i] {
			if _, fallen := refused[o.Name]; !fallen && refused[p.Name] == "" && both(p, o) {
				refused[p.Name] = o.Name
			}
		}
	}
	return refused
}

func both(p, o *v1alpha1.WatchPolicy) bool {
	a, b := p.Spec.Traffic.HTTPRoutes, o.Spec.Traffic.HTTPRoutes
	bare, route := len(a) == 0 || len(b) == 0, slices.ContainsFunc(a, func(r string) bool { return slices.Contains(b, r) })
	for _, s := range p.Spec.Slots {
		for _, x := range o.Spec.Slots {
			if s.Deployment == x.Deployment {
				return p.Namespace == o.Namespace
			}
			route = route || bare && s.Destination == x.Destination
		}
	}
	return route && p.Namespace == o.Namespace && p.Spec.Traffic.VirtualService == o.Spec.Traffic.VirtualService
}

func TestWhoeverWasFirst(t *testing.T) {
	r, some := rand.New(rand.NewPCG(1, 2)), 0
	for range 1000 {
		var all []*v1alpha1.WatchPolicy
		for i := range 12 {
			var routes []string
			for range r.IntN(3) {
				routes = append(routes, fmt.Sprint("r", r.IntN(8)))
			}
			p := watch(fmt.Sprint("p", i), 100-i, fmt.Sprint("h", r.IntN(10)), fmt.Sprint("h", 10+r.IntN(10)), routes...)
			p.Namespace, p.Spec.Traffic.VirtualService = fmt.Sprint("n", r.IntN(2)), fmt.Sprint("v", r.IntN(2))
			for j := range p.Spec.Slots {
				p.Spec.Slots[j].Deployment = fmt.Sprint("d", r.IntN(60))
			}
			all = append(all, p)
		}
		want, got := refusing(all), policy.Overlaps(all)
		for _, p := range all {
			err := got[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}]
			if by := want[p.Name]; (err != nil) != (by != "") || err != nil && !strings.Contains(err.Error(), "by the older policy "+by+";") {
				t.Fatalf("%s: %v; want it refused by %q", p.Name, err, by)
			}
		}
		some += len(want)
	}
	if some == 0 {
		t.Error("nobody was refused")
	}
}
