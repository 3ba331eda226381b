package policy_test

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func FuzzParse(f *testing.F) {
	f.Add("spec:" + service)
	f.Add("spec:" + one(ratio+`, rollback: {above: 5%, for: 5m}`))
	f.Add("spec:" + one(`name: a, query: 'max(up{a="${slot}"}[5m:1m]) # x', unit: seconds, consider: {below: 200ms}`))
	f.Add("spec:" + one(`name: a, quantile: {metric: m, q: "0.9", match: 'a=~"x\\."'}, canary: {above: "1e3"}`))
	f.Add("spec: {schedule: {windows: [{name: a, until: 0s, every: 0s}], bin: 0s}, signals: [{}], slots: [{}]}")
	f.Fuzz(func(t *testing.T, text string) {
		var p v1alpha1.WatchPolicy
		if yaml.Unmarshal([]byte(text), &p) != nil {
			return
		}
		plan, errs := policy.Parse(&p, defaults())
		if (plan == nil) != (len(errs) > 0) {
			t.Fatalf("a plan %v beside errors %v", plan, errs)
		}
		policy.Ready(signal.Instant(1), 1, nil, errs...)
		if plan == nil {
			return
		}
		for _, row := range plan.Matrix.Rows {
			for _, cell := range row.Cells {
				if n := plan.Matrix.Bins(cell); n < 3 || n > 120 {
					t.Errorf("%s: a bound over %d bins", row.Signal, n)
				}
			}
		}
		if plan.Schedule.Count() < 1 {
			t.Error("a plan without a check")
		}
	})
}
