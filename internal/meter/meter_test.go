package meter

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func fresh(t *testing.T) (*Meter, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewRegistry()
	m := New(Options{Registerer: r, Version: "v1.2.3", Revision: "abc", GuardAge: func() time.Duration { return 90 * time.Second }})
	m.Names([]string{"main"}, []string{"oncall"})
	return m, r
}

func expect(t *testing.T, r prometheus.Gatherer, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(r, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

func TestActiveReleasesCountEveryPhase(t *testing.T) {
	m, r := fresh(t)
	m.Phases([]release.Phase{release.Watching, release.Watching, release.Canary})
	m.Phases([]release.Phase{release.Watching, release.RollingBack})
	expect(t, r, "greenwatch_active_releases", `
# HELP greenwatch_active_releases Releases that are being watched or have steps to do, by phase.
# TYPE greenwatch_active_releases gauge
greenwatch_active_releases{phase="Accepted"} 0
greenwatch_active_releases{phase="Canary"} 0
greenwatch_active_releases{phase="Deployed"} 0
greenwatch_active_releases{phase="Orphaned"} 0
greenwatch_active_releases{phase="RolledBack"} 0
greenwatch_active_releases{phase="RollingBack"} 1
greenwatch_active_releases{phase="Superseded"} 0
greenwatch_active_releases{phase="Watching"} 1
`)
}

func TestChecksAndGuards(t *testing.T) {
	m, r := fresh(t)
	m.Checked(judge.Proceed, false)
	m.Checked(judge.Proceed, true)
	m.Guarded(judge.Blind, signal.Gap, signal.Duration(15*time.Second))
	m.Guarded(judge.Blind, "from a server", signal.Duration(15*time.Second))
	m.Guarded(judge.Rollback, signal.Known, signal.Duration(15*time.Second))
	expect(t, r, "greenwatch_checks_total", `
# HELP greenwatch_checks_total Checks of the schedule that have their verdict.
# TYPE greenwatch_checks_total counter
greenwatch_checks_total{late="false",verdict="Blind"} 0
greenwatch_checks_total{late="false",verdict="Consider"} 0
greenwatch_checks_total{late="false",verdict="Investigate"} 0
greenwatch_checks_total{late="false",verdict="Proceed"} 1
greenwatch_checks_total{late="false",verdict="Rollback"} 0
greenwatch_checks_total{late="true",verdict="Blind"} 0
greenwatch_checks_total{late="true",verdict="Consider"} 0
greenwatch_checks_total{late="true",verdict="Investigate"} 0
greenwatch_checks_total{late="true",verdict="Proceed"} 1
greenwatch_checks_total{late="true",verdict="Rollback"} 0
`)
	expect(t, r, "greenwatch_blind_seconds_total", `
# HELP greenwatch_blind_seconds_total Time under guard without enough evidence to judge, by cause, summed over the releases.
# TYPE greenwatch_blind_seconds_total counter
greenwatch_blind_seconds_total{cause="Gap"} 15
greenwatch_blind_seconds_total{cause="other"} 15
`)
	expect(t, r, "greenwatch_guard_evaluations_total", `
# HELP greenwatch_guard_evaluations_total Evaluations of the guard between checks.
# TYPE greenwatch_guard_evaluations_total counter
greenwatch_guard_evaluations_total{verdict="Blind"} 2
greenwatch_guard_evaluations_total{verdict="Consider"} 0
greenwatch_guard_evaluations_total{verdict="Investigate"} 0
greenwatch_guard_evaluations_total{verdict="Proceed"} 0
greenwatch_guard_evaluations_total{verdict="Rollback"} 1
`)
	expect(t, r, "greenwatch_guard_age_seconds", `
# HELP greenwatch_guard_age_seconds Age of the oldest guard evaluation among the active releases; 0 where there are none.
# TYPE greenwatch_guard_age_seconds gauge
greenwatch_guard_age_seconds 90
`)
}

func TestLabelsOutsideTheirSetsAreOther(t *testing.T) {
	m, r := fresh(t)
	m.Queried("main", time.Second, signal.Known)
	m.Queried("from a policy", time.Second, signal.Timeout)
	m.Queried("from another", time.Second, signal.Timeout)
	m.Delivered("oncall", "delivered")
	m.Delivered("nobody", "retried")
	m.Delivered("oncall", "what")
	expect(t, r, "greenwatch_prometheus_query_errors_total", `
# HELP greenwatch_prometheus_query_errors_total Queries without a usable answer, by cause.
# TYPE greenwatch_prometheus_query_errors_total counter
greenwatch_prometheus_query_errors_total{cause="Timeout",prometheus="other"} 2
`)
	expect(t, r, "greenwatch_deliveries_total", `
# HELP greenwatch_deliveries_total Attempts to deliver a page or an edition of a story, by outcome.
# TYPE greenwatch_deliveries_total counter
greenwatch_deliveries_total{outcome="delivered",sink="oncall"} 1
greenwatch_deliveries_total{outcome="other",sink="oncall"} 1
greenwatch_deliveries_total{outcome="retried",sink="other"} 1
`)
	expect(t, r, "greenwatch_prometheus_query_seconds", `
# HELP greenwatch_prometheus_query_seconds How long Prometheus took to answer a query.
# TYPE greenwatch_prometheus_query_seconds histogram
greenwatch_prometheus_query_seconds_bucket{prometheus="main",le="+Inf"} 1
greenwatch_prometheus_query_seconds_sum{prometheus="main"} 1
greenwatch_prometheus_query_seconds_count{prometheus="main"} 1
greenwatch_prometheus_query_seconds_bucket{prometheus="other",le="+Inf"} 2
greenwatch_prometheus_query_seconds_sum{prometheus="other"} 2
greenwatch_prometheus_query_seconds_count{prometheus="other"} 2
`)
}

func TestWhoRefuses(t *testing.T) {
	m, r := fresh(t)
	m.Names(nil, []string{"oncall", "deployments"})
	m.Refuses("oncall", true)
	m.Refuses("deployments", true)
	m.Refuses("deployments", false)
	expect(t, r, "greenwatch_notifier_refuses", `
# HELP greenwatch_notifier_refuses 1 where a notifier refuses whatever it is sent: its key, its token or its channel is not right.
# TYPE greenwatch_notifier_refuses gauge
greenwatch_notifier_refuses{sink="deployments"} 0
greenwatch_notifier_refuses{sink="oncall"} 1
`)
}

func TestNewNamesAreTakenUp(t *testing.T) {
	m, r := fresh(t)
	m.Names(nil, []string{"deployments"})
	m.Delivered("deployments", "delivered")
	m.Delivered("oncall", "delivered")
	expect(t, r, "greenwatch_deliveries_total", `
# HELP greenwatch_deliveries_total Attempts to deliver a page or an edition of a story, by outcome.
# TYPE greenwatch_deliveries_total counter
greenwatch_deliveries_total{outcome="delivered",sink="deployments"} 1
greenwatch_deliveries_total{outcome="delivered",sink="other"} 1
`)
}

func TestTheDaemonItself(t *testing.T) {
	m, r := fresh(t)
	m.Leads(true)
	m.Reloaded(nil)
	m.Reloaded(errors.New("nonsense in it"))
	m.Reloaded(errors.New("nonsense in it"))
	expect(t, r, "greenwatch_leader", `
# HELP greenwatch_leader 1 where this process leads, else 0.
# TYPE greenwatch_leader gauge
greenwatch_leader 1
`)
	expect(t, r, "greenwatch_config_reloads_total", `
# HELP greenwatch_config_reloads_total Readings of the daemon's file after the first.
# TYPE greenwatch_config_reloads_total counter
greenwatch_config_reloads_total{outcome="done"} 1
greenwatch_config_reloads_total{outcome="failed"} 2
`)
	m.Leads(false)
	if got := testutil.ToFloat64(m.leader); got != 0 {
		t.Errorf("leader = %g after losing the lead", got)
	}
}

func TestBudgetsThatAreUsedUp(t *testing.T) {
	m, r := fresh(t)
	m.Overspent("main", 2)
	m.Overspent("unheard-of", 1)
	expect(t, r, "greenwatch_query_budgets_used_up", `
# HELP greenwatch_query_budgets_used_up Policies that have used up their budget of a Prometheus' time.
# TYPE greenwatch_query_budgets_used_up gauge
greenwatch_query_budgets_used_up{prometheus="main"} 2
greenwatch_query_budgets_used_up{prometheus="other"} 1
`)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAPIRequestsAreCounted(t *testing.T) {
	m, r := fresh(t)
	for _, c := range []struct {
		method string
		code   int
		err    error
	}{{"GET", 200, nil}, {"PATCH", 409, nil}, {"BREW", 799, nil}, {"GET", 0, errors.New("connection refused")}} {
		client := m.CountAPI(transport(func(*http.Request) (*http.Response, error) {
			if c.err != nil {
				return nil, c.err
			}
			return &http.Response{StatusCode: c.code}, nil
		}))
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://kubernetes", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.RoundTrip(req); !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.method, err, c.err)
		}
	}
	expect(t, r, "greenwatch_api_requests_total", `
# HELP greenwatch_api_requests_total Requests to the Kubernetes API by method and status code; 0 is no answer.
# TYPE greenwatch_api_requests_total counter
greenwatch_api_requests_total{code="0",verb="GET"} 1
greenwatch_api_requests_total{code="0",verb="other"} 1
greenwatch_api_requests_total{code="200",verb="GET"} 1
greenwatch_api_requests_total{code="409",verb="PATCH"} 1
`)
}

func TestNamesAndHelpAreInOrder(t *testing.T) {
	m, r := fresh(t)
	m.Queried("main", time.Second, signal.Timeout)
	m.Delivered("oncall", "delivered")
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestBrokenInvariantsAreCountedByName(t *testing.T) {
	m, r := fresh(t)
	m.Broke(release.OneRollback)
	m.Broke("from a stranger")
	if n, err := testutil.GatherAndCount(r, "greenwatch_invariants_broken_total"); err != nil || n != len(release.Invariants())+1 {
		t.Errorf("%d series, want one per invariant and other: %v", n, err)
	}
	if got := testutil.ToFloat64(m.broken.WithLabelValues("OneRollback")); got != 1 {
		t.Errorf("OneRollback was counted %g times", got)
	}
}
