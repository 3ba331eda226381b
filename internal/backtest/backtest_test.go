package backtest_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

const (
	second = signal.Duration(time.Second)
	minute = signal.Duration(time.Minute)
	hour   = signal.Duration(time.Hour)
	day    = 24 * hour
)

// cutover is nine days ago, at a moment that no grid of Prometheus' own falls on.
var cutover = signal.At(time.Now().Add(-9 * 24 * time.Hour).Truncate(time.Minute).Add(7 * time.Second))

func number(n float64) *signal.Number { s := signal.Number(n); return &s }

// plan is a week's, with the checklist's bounds on errors.
func plan() *release.Plan {
	cell := func(tier judge.Tier, above float64, lasts signal.Duration) judge.Cell {
		return judge.Cell{Tier: tier, Bound: judge.Bound{Above: number(above)}, For: lasts}
	}
	return &release.Plan{
		Namespace: "production", Policy: "shop", Mode: release.Observe, Prometheus: "main",
		Slots:      []release.Slot{{Name: "blue", Deployment: "blue", Host: "blue"}, {Name: "green", Deployment: "green", Host: "green"}},
		Schedule:   schedule.Default(),
		GuardEvery: 15 * second,
		Limits:     release.Limits{Settle: 30 * second, EpisodeClear: 30 * minute, AutomaticFor: day, ProofWithin: 5 * minute},
		Questions: []release.Question{
			{Signal: "error-rate", Kind: signal.Ratio, Metric: "http_requests_total", Match: `service="$service",slot="${slot}"`, Part: `status="500"`},
			{Signal: "availability", Kind: signal.Kubernetes},
			{Signal: "oom-kills", Kind: signal.Pods, Of: "OOMKills"},
			{Signal: "restarts", Kind: signal.Pods, Of: "Restarts"},
			{Signal: "memory", Kind: signal.Growth, Metric: "memory_bytes", Match: `service="$service",slot="${slot}"`, PromQL: "vector(8 * 1024^3)"},
		},
		Matrix: judge.Matrix{Bin: minute, UnavailableFor: 30 * second, Requests: "error-rate", Rows: []judge.Row{
			{Signal: "error-rate", Kind: signal.Ratio, Unit: "%", Required: true, Cells: []judge.Cell{
				cell(judge.Rollback, 0.05, 5*minute), cell(judge.Consider, 0.01, 10*minute), cell(judge.Investigate, 0.001, 3*minute)}},
			{Signal: "availability", Kind: signal.Kubernetes, Required: true, Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}}},
			{Signal: "oom-kills", Kind: signal.Pods, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: number(0)}}}},
			{Signal: "restarts", Kind: signal.Pods, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: number(1)}}}},
			{Signal: "memory", Kind: signal.Growth, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Below: number(168 * 3600)}}}},
		}},
	}
}

// of gives the plan for one of the services.
func of(service string) *release.Plan {
	p := plan()
	p.Policy = service
	for i := range p.Questions {
		p.Questions[i].Match = strings.ReplaceAll(p.Questions[i].Match, "$service", service)
	}
	for i := range p.Slots {
		p.Slots[i].Deployment = service + "." + p.Slots[i].Name
	}
	return p
}

// memory writes what a kubelet saw of two containers of a slot: garbage that is collected every half hour, and
// what leaks from the cutover on, in MiB an hour.
func memory(b *strings.Builder, service, slot string, perHour float64) {
	const mebibyte = 1 << 20
	for pod := range 2 {
		for t := -hour; t <= 7*day+hour; t += minute {
			used := 400 + math.Mod(t.D().Minutes()+60, 30) + perHour*max(0, t.D().Hours())
			fmt.Fprintf(b, "memory_bytes{service=%q,slot=%q,pod=\"%s-%d\"} %.0f %d\n", service, slot, slot, pod, used*mebibyte, cutover.Add(t).Time().Unix())
		}
	}
}

// kubernetes writes what kube-state-metrics saw of two containers of green: one was killed for want of memory long
// before, one is, half an hour after the cutover, where that service is. Another Deployment's is killed all the time.
func kubernetes(b *strings.Builder, service string, killed bool) {
	for t := -hour; t <= 7*day+hour; t += 2 * minute {
		at := cutover.Add(t).Time().Unix()
		again := killed && t >= 30*minute
		restarts := map[string]int{"a": 5, "b": 2}
		if again {
			restarts["b"] = 3
		}
		for pod, n := range restarts {
			labels := fmt.Sprintf("namespace=\"production\",container=\"app\",pod=\"%s.green-5c9d7b6f4-%s\"", service, pod)
			fmt.Fprintf(b, "kube_pod_container_status_restarts_total{%s} %d %d\n", labels, n, at)
			if pod == "a" || again {
				fmt.Fprintf(b, "kube_pod_container_status_last_terminated_reason{%s,reason=\"OOMKilled\"} 1 %d\n", labels, at)
			}
		}
		fmt.Fprintf(b, "kube_pod_container_status_restarts_total{namespace=\"production\",container=\"app\",pod=\"%sxgreen-5c9d7b6f4-c\"} %d %d\n", service, t/minute+100, at)
	}
}

// stretch is a part of a service's life, from its moment after the cutover on.
type stretch struct {
	from   signal.Duration
	errors float64
	silent bool
}

// before is what blue served until an hour after the cutover: two errors in a thousand requests.
var before = []stretch{{errors: 0.002}, {from: hour, silent: true}}

// history writes what scrapes of a slot with 100 requests a second saw.
func history(b *strings.Builder, service, slot, status string, share func(stretch) float64, life []stretch) {
	const every, requests = 30 * second, 3000
	total := 0.0
	for t := -hour; t <= 7*day+hour; t += every {
		now := life[0]
		for _, s := range life {
			if s.from <= t {
				now = s
			}
		}
		if total += requests * share(now); !now.silent {
			fmt.Fprintf(b, "http_requests_total{job=\"shop\",instance=%q,service=%q,slot=%q,status=%q} %.0f %d\n", service+slot, service, slot, status, total, cutover.Add(t).Time().Unix())
		}
	}
}

var lives = map[string][]stretch{
	"good":   {{}},
	"leaky":  {{}},
	"killed": {{}},
	"bad":    {{}, {from: 20 * minute, errors: 0.2}, {from: 30 * minute}},
	"burst":  {{}, {from: 20 * minute, errors: 0.2}, {from: 23 * minute}, {from: 30 * hour, errors: 0.02}, {from: 31 * hour}},
	"dead":   {{}, {from: 26 * hour, errors: 1}},
	"silent": {{}, {from: 2 * hour, silent: true}, {from: 5 * hour}},
}

// remembering gives a Prometheus that remembers all lives.
func remembering(t *testing.T) *lab.Prometheus {
	t.Helper()
	p, err := cluster.ForTest(t).StartPrometheus(t.Context(), lab.PrometheusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	var b strings.Builder
	b.WriteString("# TYPE http_requests counter\n")
	for name, life := range lives {
		for slot, life := range map[string][]stretch{"blue": before, "green": life} {
			history(&b, name, slot, "200", func(s stretch) float64 { return 1 - s.errors }, life)
			history(&b, name, slot, "500", func(s stretch) float64 { return s.errors }, life)
		}
	}
	b.WriteString("# TYPE memory_bytes gauge\n")
	for service, perHour := range map[string]float64{"good": 0, "leaky": 40} {
		memory(&b, service, "blue", 0)
		memory(&b, service, "green", perHour)
	}
	b.WriteString("# TYPE kube_pod_container_status_restarts counter\n# TYPE kube_pod_container_status_last_terminated_reason gauge\n")
	kubernetes(&b, "good", false)
	kubernetes(&b, "killed", true)
	b.WriteString("# EOF\n")
	if err := p.Backfill(t.Context(), b.String()); err != nil {
		t.Fatal(err)
	}
	return p
}

func week(t *testing.T, service, url string) (backtest.Result, error) {
	t.Helper()
	c, err := measure.New(measure.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	p := of(service)
	p.Baseline = hour
	return backtest.Run(t.Context(), backtest.Options{Plan: p, Candidate: "green", Cutover: cutover}.Asking(c))
}

// Each life is decided as the daemon would have, at the time at which it would have.
func TestThePastIsJudged(t *testing.T) {
	p := remembering(t)
	for _, c := range []struct {
		service, decision string
		// after and before enclose the decision, counted from the cutover.
		after, before signal.Duration
		checks        int
		worst         string // of all transitions
		compared      string // how the reason of the decision ends
		blind         func(seconds int64) bool
	}{
		{"good", "proceed", 7 * day, 8 * day, 64, "blind", "", func(n int64) bool { return n <= 6*60 }},
		{"leaky", "consider", 7 * day, 8 * day, 64, "consider", "memory: full in 166h", nil},
		{"killed", "consider", 7 * day, 8 * day, 64, "consider", "oom-kills is 1, above 0", nil},
		{"bad", "rollback", 24 * minute, 25*minute + 45*second, 64, "rollback", "; blue is now: 0.2 % of 36000", nil},
		{"burst", "proceed", 7 * day, 8 * day, 64, "consider", "", nil},
		{"dead", "rollback", 26*hour + 30*second, 26*hour + 2*minute, 64, "rollback", "", nil},
		{"silent", "proceed", 7 * day, 8 * day, 64, "blind", "", func(n int64) bool { return n > 3*3600-600 && n < 3*3600+900 }},
	} {
		t.Run(c.service, func(t *testing.T) {
			begun := time.Now()
			r, err := week(t, c.service, p.URL())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("seven days in %s; %s at %s, blind for %d s, %d transitions", time.Since(begun).Round(10*time.Millisecond),
				r.Decision.Verdict, r.Decision.Time, r.BlindSeconds, len(r.Transitions))
			if at := r.Decision.Time.Sub(cutover); r.Decision.Verdict != c.decision || at < c.after || at > c.before {
				t.Errorf("decision %+v, %s after the cutover, want %s between %s and %s", r.Decision, at, c.decision, c.after, c.before)
			}
			if len(r.Checks) != c.checks {
				t.Errorf("%d checks, want %d", len(r.Checks), c.checks)
			}
			for _, check := range r.Checks {
				if b := check.Signals[0].Baseline; b == nil || math.Abs(*b-0.002) > 1e-9 {
					t.Fatalf("the baseline at %s is %v, want blue's share of errors, 0.002", check.Time, b)
				}
			}
			if !strings.HasSuffix(r.Decision.Reason, c.compared) {
				t.Errorf("the reason %q does not say %q", r.Decision.Reason, c.compared)
			}
			if worst := worst(r.Transitions); worst != c.worst {
				t.Errorf("the worst transition is to %s, want %s: %+v", worst, c.worst, r.Transitions)
			}
			if c.blind != nil && !c.blind(r.BlindSeconds) {
				t.Errorf("blind for %d s", r.BlindSeconds)
			}
		})
	}
	t.Run("away", func(t *testing.T) {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
		if r, err := week(t, "good", p.URL()); err == nil {
			t.Errorf("a Prometheus that is away gave %+v", r.Decision)
		}
	})
}

// A server that can't be asked is asked once, not for every block of the week.
func TestAServerThatCannotBeAskedEndsIt(t *testing.T) {
	for _, cause := range []signal.Cause{signal.Away, signal.Timeout} {
		asked := 0
		_, err := backtest.Run(t.Context(), backtest.Options{Plan: of("good"), Candidate: "green", Cutover: cutover,
			Fetch: func(_ context.Context, asks []signal.Ask, _ watchdog.Span, _ signal.Duration) []signal.Reading {
				asked++
				return []signal.Reading{{Signal: asks[0].Signal, Cause: cause, Detail: "no answer in time"}}
			}})
		if err == nil || err.Error() != "backtest good: ask for kube_deployment_spec_replicas: no answer in time" || asked != 1 {
			t.Errorf("%s: asked %d times, %v; want once, and why", cause, asked, err)
		}
	}
}

// One that turns questions away, or answers in part, makes the release blind, by its own words; each check says so.
func TestAServerThatTurnsQuestionsAwayIsNoVerdict(t *testing.T) {
	for _, cause := range []signal.Cause{signal.Throttled, signal.Refused, signal.Incomplete} {
		r, err := backtest.Run(t.Context(), backtest.Options{Plan: of("good"), Candidate: "green", Cutover: cutover, Until: cutover.Add(hour),
			Fetch: func(_ context.Context, asks []signal.Ask, _ watchdog.Span, _ signal.Duration) []signal.Reading {
				return []signal.Reading{{Signal: asks[0].Signal, Cause: cause, Detail: "no org id"}}
			}})
		if err != nil || r.Decision.Verdict != "blind" || !strings.Contains(r.Decision.Reason, string(cause)+" (no org id)") {
			t.Errorf("%s: %+v, %v; want blind, and why", cause, r.Decision, err)
		}
	}
}

func worst(all []backtest.Transition) string {
	rank := []string{"rollback", "consider", "investigate", "blind", "proceed"}
	for _, tier := range rank {
		for _, t := range all {
			if t.To == tier {
				return tier
			}
		}
	}
	return "none"
}

// What a backtest can't know, or can't be, is an error that says so.
func TestWhatCannotBeIsRefused(t *testing.T) {
	version := of("good")
	version.Questions[0].Match += `,version="${version}"`
	for name, c := range map[string]struct {
		options backtest.Options
		want    string
	}{
		"slot":    {backtest.Options{Plan: of("good"), Candidate: "red", Cutover: cutover}, `no slot "red"; it has blue and green`},
		"times":   {backtest.Options{Plan: of("good"), Candidate: "green", Cutover: cutover, Deployed: cutover + 1}, "after the cutover"},
		"until":   {backtest.Options{Plan: of("good"), Candidate: "green", Cutover: cutover, Until: cutover}, "not after the cutover"},
		"version": {backtest.Options{Plan: version, Candidate: "green", Cutover: cutover}, "error-rate asks for ${version}"},
	} {
		if _, err := backtest.Run(t.Context(), c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
