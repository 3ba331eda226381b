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

// TestExampleIsTheChecklistsMatrix holds the shipped example to the checklist, cell by cell. The
// bounds are written as the checklist's own lines have them.
func TestExampleIsTheChecklistsMatrix(t *testing.T) {
	type place struct {
		signal string
		tier   judge.Tier
		canary bool
	}
	above := func(n signal.Number, lasts signal.Duration) judge.Cell {
		return judge.Cell{Bound: judge.Bound{Above: &n}, For: lasts}
	}
	third := signal.Number(0.3)
	const atLeast = 3 * minute // where the checklist names no time: the least that a bound lasts
	want := map[place]judge.Cell{
		// Rollback Immediately If: Error rate > 5% for 5 minutes
		{"error-rate", judge.Rollback, false}: above(0.05, 5*minute),
		// Rollback Immediately If: P99 latency > 1 second for 5 minutes
		{"p99-latency", judge.Rollback, false}: above(1, 5*minute),
		// Rollback Immediately If: Service completely unavailable
		{"availability", judge.Rollback, false}: {Bound: judge.Bound{Unavailable: true}},
		// Rollback Immediately If: Data corruption detected
		{"data-corruption", judge.Rollback, false}: above(0, 0),
		// Rollback Immediately If: Security vulnerability exploited
		{"security", judge.Rollback, false}: above(0, 0),
		// Consider Rollback If: Customer complaints about specific feature
		{"complaints", judge.Consider, false}: above(0, 0),
		// Consider Rollback If: Error rate 1-5% for 10 minutes
		{"error-rate", judge.Consider, false}: above(0.01, 10*minute),
		// Consider Rollback If: P99 latency 200-1000ms for 10 minutes
		{"p99-latency", judge.Consider, false}: above(0.2, 10*minute),
		// Consider Rollback If: Cache hit ratio drops > 30%
		{"cache-hit-ratio", judge.Consider, false}: {Bound: judge.Bound{FallsBy: &third}, For: 10 * minute},
		// Monitor and Investigate If: Error rate 0.1-1% (below SLO but elevated)
		{"error-rate", judge.Investigate, false}: above(0.001, atLeast),
		// Monitor and Investigate If: P99 latency 100-200ms (slightly above SLO)
		{"p99-latency", judge.Investigate, false}: above(0.1, atLeast),
		// 7.5, Criteria for proceeding: Error rate < 0.5%
		{"error-rate", judge.Consider, true}: above(0.005, atLeast),
		// 7.5, Criteria for proceeding: P99 latency < 120ms (allow 20% regression initially)
		{"p99-latency", judge.Consider, true}: above(0.12, atLeast),
	}
	got := map[place]judge.Cell{}
	for _, row := range shippedPlan(t).Matrix.Rows {
		for _, c := range row.Cells {
			at := place{row.Signal, c.Tier, c.Canary}
			c.Tier, c.Canary = "", false
			got[at] = c
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-checklist +example):\n%s", diff)
	}
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

func TestExampleAsksForTheServicesMetrics(t *testing.T) {
	plan := shippedPlan(t)
	want := []signal.Ask{
		{Signal: "error-rate", Kind: signal.Ratio, Metric: "http_requests_total", Match: `deployment="green"`, Part: `status=~"5.."`},
		{Signal: "p99-latency", Kind: signal.Quantile, Metric: "kb_query_duration_seconds", Match: `deployment="green"`, Q: 0.99, Over: []signal.Number{0.1, 0.12, 0.2, 1}},
		{Signal: "cache-hit-ratio", Kind: signal.Ratio, Match: `__name__=~"kb_cache_hits_total|kb_cache_misses_total",deployment="green"`, Part: `__name__=~"kb_cache_hits_total"`},
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
