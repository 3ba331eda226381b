package main

import (
	"slices"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/store"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// What histograms can show is a condition beside Ready, written where it differs, said as an event once,
// and gone with the spec that it spoke of.
func TestWhichBoundsCanBeSeenIsACondition(t *testing.T) {
	o := desk(t)
	admin := o.Cluster
	var err error
	if admin.Kubeconfig, err = shared.ForTest(t).Kubeconfig(lab.Admin); err != nil {
		t.Fatal(err)
	}
	p, err := as(admin)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	c := &cluster{store: store.New(store.Config{Objects: p.objects, Held: func() error { return nil }}),
		coarse:   func(_ *v1alpha1.WatchPolicy, message string) { said = append(said, message) },
		defaults: policy.Default}
	object, err := c.store.LoadPolicy(t.Context(), o.Cluster.Namespace, "kb")
	if err != nil {
		t.Fatal(err)
	}
	above := gwsignal.Number(0.2)
	plan := &release.Plan{Questions: []release.Question{{Signal: "p99", Metric: "latency_seconds"}}}
	plan.Matrix.Rows = []judge.Row{{Signal: "p99", Kind: gwsignal.Quantile, Unit: "seconds", Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: &above}}}}}
	now := func() watchdog.Policy {
		latest := c.policies.newer(object)
		return watchdog.Policy{Plan: plan, Generation: object.Generation, Handle: latest}
	}
	step := func(what string, wantSaid int, want map[string]string, do func() error) string {
		t.Helper()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got := c.policies.newer(object)
		for kind, status := range want {
			if x := condition(got.Status.Conditions, kind); x == nil && status != "" || x != nil && x.Status != status {
				t.Errorf("%s: %+v, want %s %q", what, got.Status.Conditions, kind, status)
			}
		}
		if len(said) != wantSaid {
			t.Errorf("%s: said %q, want %d", what, said, wantSaid)
		}
		return got.ResourceVersion
	}
	coarse := []gwsignal.Buckets{{Signal: "p99", Ends: []gwsignal.Number{0.1, 0.25}}}
	step("first sight", 0, map[string]string{"Ready": "True", "BoundsVisible": ""}, func() error { return c.saveLedger(t.Context(), now(), release.Ledger{}, nil) })
	first := step("coarse", 1, map[string]string{"Ready": "True", "BoundsVisible": "False"}, func() error { return c.saveBuckets(t.Context(), now(), coarse) })
	again := step("the same again", 1, map[string]string{"BoundsVisible": "False"}, func() error { return c.saveBuckets(t.Context(), now(), coarse) })
	if again != first {
		t.Error("the same was written again")
	}
	step("a quiet look", 1, map[string]string{"Ready": "True", "BoundsVisible": "False"}, func() error { return c.saveLedger(t.Context(), now(), release.Ledger{}, nil) })
	step("away", 1, map[string]string{"BoundsVisible": "Unknown"}, func() error {
		return c.saveBuckets(t.Context(), now(), []gwsignal.Buckets{{Signal: "p99", Cause: gwsignal.Away, Detail: "gone"}})
	})
	step("fine", 1, map[string]string{"BoundsVisible": "True"}, func() error {
		return c.saveBuckets(t.Context(), now(), []gwsignal.Buckets{{Signal: "p99", Native: true}})
	})
	step("another spec", 1, map[string]string{"Ready": "True", "BoundsVisible": ""}, func() error {
		p := now()
		p.Generation++
		return c.saveLedger(t.Context(), p, release.Ledger{}, nil)
	})
	if !slices.Equal(said, []string{"spec.signals[0].consider.above: 200ms lies between the buckets 100ms and 250ms of latency_seconds: write 250ms (or 100ms)"}) {
		t.Errorf("said %q", said)
	}
}
