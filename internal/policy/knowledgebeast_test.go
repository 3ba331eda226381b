package policy_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func shippedPlan(t *testing.T) *release.Plan {
	t.Helper()
	text, err := os.ReadFile("../../configs/knowledgebeast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	plan, errs := policy.Parse(&p, defaults())
	if len(errs) > 0 {
		t.Fatalf("the shipped example is refused: %v", errs)
	}
	return plan
}

func TestExampleIsTheChecklistsSchedule(t *testing.T) {
	plan := shippedPlan(t)
	// First 1 Hour: every 5 minutes. First 24 Hours: every 30 minutes. First 7 Days: daily.
	counts := map[string]int{}
	for n := 1; n <= plan.Schedule.Count(); n++ {
		c, ok := plan.Schedule.Check(0, n)
		if !ok {
			t.Fatalf("no check %d", n)
		}
		counts[c.Window]++
	}
	if diff := cmp.Diff(map[string]int{"active": 12, "enhanced": 46, "standard": 6}, counts); diff != "" {
		t.Errorf("checks per window (-want +got):\n%s", diff)
	}
	if end := plan.Schedule.End(0); end != 7*24*3600 {
		t.Errorf("the schedule ends after %d seconds", end)
	}
	// Rollback SLA: < 5 minutes. 9.1: Monitor for 5 minutes. 7.8: 1 hour, 24 hours.
	l := plan.Limits
	for name, c := range map[string]struct{ got, want signal.Duration }{
		"proofWithin":      {l.ProofWithin, 5 * minute},
		"watchStableFor":   {l.WatchStableFor, 5 * minute},
		"keepCandidateFor": {l.KeepCandidateFor, hour},
		"keepStableFor":    {l.KeepStableFor, 24 * hour},
		"automaticFor":     {l.AutomaticFor, 24 * hour},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

// 10.2, Verify SLO compliance: P99 latency < 100ms, error rate < 0.1%, cache hit ratio > 70%. Its availability of 100% is
// no signal's: what Kubernetes says of the past is not kept.
func TestExampleHasTheChecklistsSLOs(t *testing.T) {
	got := map[string]judge.SLO{}
	for _, row := range shippedPlan(t).Matrix.Rows {
		if row.SLO != nil {
			got[row.Signal] = *row.SLO
		}
	}
	want := map[string]judge.SLO{"p99-latency": {Than: judge.Below, Value: 0.1}, "error-rate": {Than: judge.Below, Value: 0.001},
		"cache-hit-ratio": {Than: judge.Above, Value: 0.7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SLOs (-checklist +example):\n%s", diff)
	}
}

func TestExampleAsksForTheServicesMetrics(t *testing.T) {
	plan := shippedPlan(t)
	want := []signal.Ask{
		{Signal: "error-rate", Kind: signal.Ratio, Metric: "http_requests_total", Match: `deployment="green"`, Part: `status=~"5.."`},
		{Signal: "p99-latency", Kind: signal.Quantile, Metric: "kb_query_duration_seconds", Match: `deployment="green"`, Q: 0.99, Over: []signal.Number{0.1, 0.12, 0.2, 1}},
		{Signal: "cache-hit-ratio", Kind: signal.Ratio, Match: `__name__=~"kb_cache_hits_total|kb_cache_misses_total",deployment="green"`, Part: `__name__=~"kb_cache_hits_total"`},
		{Signal: "p99-degradation", Kind: signal.Quantile, Metric: "kb_query_duration_seconds", Match: `deployment="green"`, Q: 0.99},
		{Signal: "throughput", Kind: signal.Rate, Metric: "http_requests_total", Match: `deployment="green"`},
		{Signal: "queue-depth", Kind: signal.Query, PromQL: `max(kb_queue_depth{deployment="green"})`},
	}
	if diff := cmp.Diff(want, plan.Asks("green", "v2.0.0")); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	requests, ok := plan.AskRequests("blue", "v1")
	if !ok || requests.Metric != "http_requests_total" || requests.Match != `deployment="blue"` {
		t.Errorf("requests: %+v, %t", requests, ok)
	}
	if plan.Mode != release.Enforce || plan.Matrix.Requests != "error-rate" {
		t.Errorf("mode %s, requests %s", plan.Mode, plan.Matrix.Requests)
	}
}
