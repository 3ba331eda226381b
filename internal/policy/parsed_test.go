package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// What is remembered is what Parse gives, of the policy and the defaults as they are now.
func TestParsedPolicies(t *testing.T) {
	var remembered policy.Parsed
	d := defaults()
	good, bad, later := read(t, service), read(t, service+"  prometheus: nobody"), read(t, service+"  mode: Enforce")
	later.Generation++
	elsewhere := defaults()
	elsewhere.Mode = release.Enforce
	for range 2 {
		for i, c := range []struct {
			policy   *v1alpha1.WatchPolicy
			defaults policy.Defaults
		}{{good, d}, {bad, d}, {later, d}, {good, elsewhere}, {good, d}} {
			want, wrong := policy.Parse(c.policy, c.defaults)
			for range 2 {
				got, errs := remembered.Parse(c.policy, c.defaults)
				if d := cmp.Diff(want, got); d != "" || fmt.Sprint(errs) != fmt.Sprint(wrong) {
					t.Errorf("%d: %s\n%v, want %v", i, d, errs, wrong)
				}
				if got != nil { // it is the caller's own
					got.Slots[0].Deployment, got.VirtualService = "x", "x"
				}
			}
		}
		remembered.Forget(types.NamespacedName{Namespace: "production", Name: "shop"})
	}
}

// Each look at a policy wants its plan: the longest PromQL that it may hold is not read each time.
func TestLongPromQLIsReadOnce(t *testing.T) {
	spec := service + "\n  signals:"
	for i := range 32 {
		spec += fmt.Sprintf("\n  - {name: s%d, query: '%s1', consider: {above: 1}}", i, strings.Repeat(`x{a="b",c=~"d.*"} + `, 190))
	}
	p, d := read(t, spec), defaults()
	if _, errs := policy.Parse(p, d); errs != nil {
		t.Fatal(errs)
	}
	once := testing.AllocsPerRun(1, func() { policy.Parse(p, d) })
	var remembered policy.Parsed
	remembered.Parse(p, d)
	if each := testing.AllocsPerRun(5, func() { remembered.Parse(p, d) }); each > once/4 {
		t.Errorf("it takes %.0f allocations each time, the first one %.0f", each, once)
	}
}
