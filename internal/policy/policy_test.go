package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	second = signal.Duration(1e9)
	minute = 60 * second
	hour   = 60 * minute
)

const service = `
  traffic: {virtualService: shop}
  slots:
  - {name: blue, deployment: shop-blue, destination: {host: shop, subset: blue}}
  - {name: green, deployment: shop-green, destination: {host: shop, subset: green}}
`

func read(t testing.TB, spec string) *v1alpha1.WatchPolicy {
	t.Helper()
	p := &v1alpha1.WatchPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "shop", Generation: 7}}
	if err := yaml.UnmarshalStrict([]byte("spec:"+spec), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func defaults() policy.Defaults {
	d := policy.Default()
	d.Servers = []string{"main", "other"}
	d.Notifiers = []string{"oncall", "deployments"}
	return d
}

func parse(t *testing.T, spec string) *release.Plan {
	t.Helper()
	plan, errs := policy.Parse(read(t, spec), defaults())
	if len(errs) > 0 {
		t.Fatalf("refused: %v", errs)
	}
	return plan
}

func number(n signal.Number) *signal.Number { return &n }

func TestWhatIsLeftOutIsTheDaemons(t *testing.T) {
	const match = `reporter="source",destination_workload="${deployment}",destination_workload_namespace="${namespace}"`
	want := &release.Plan{
		Namespace: "production", Policy: "shop", Generation: 7, Mode: release.Observe, VirtualService: "shop",
		Slots: []release.Slot{
			{Name: "blue", Deployment: "shop-blue", Host: "shop", Subset: "blue"},
			{Name: "green", Deployment: "shop-green", Host: "shop", Subset: "green"},
		},
		Requests:   &release.Question{Signal: policy.RequestsSignal, Kind: signal.Ratio, Metric: "istio_requests_total", Match: match},
		Schedule:   schedule.Default(),
		GuardEvery: 15 * second, Baseline: hour,
		Matrix: judge.Matrix{
			Bin: minute, UnavailableFor: 30 * second, Requests: "error-rate",
			Rows: []judge.Row{
				{Signal: "error-rate", Kind: signal.Ratio, Unit: "%", Required: true, SLO: &judge.SLO{Than: judge.Below, Value: 0.001}, Cells: cells(0.005, 0.05, 0.01, 0.001)},
				{Signal: "grpc-error-rate", Kind: signal.Ratio, Unit: "%", Required: true, SLO: &judge.SLO{Than: judge.Below, Value: 0.001}, Cells: cells(0.005, 0.05, 0.01, 0.001)},
				{Signal: "hang-ups", Kind: signal.Ratio, Unit: "%", Cells: []judge.Cell{{Tier: judge.Investigate, Bound: judge.Bound{Above: number(0.05)}, For: 3 * minute}}},
				{Signal: "p99-latency", Kind: signal.Quantile, Q: 0.99, Unit: "milliseconds", SLO: &judge.SLO{Than: judge.Below, Value: 100}, Cells: cells(250, 1000, 250, 100)},
				{Signal: "throughput", Kind: signal.Rate, Unit: "/s"},
				{Signal: "availability", Kind: signal.Kubernetes, Required: true, Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}}},
			},
		},
		Questions: []release.Question{
			{Signal: "error-rate", Kind: signal.Ratio, Metric: "istio_requests_total", Match: match, Part: `response_code=~"0|5..",response_flags!~"(.+,)?(DC|DR)(,.+)?"`},
			{Signal: "grpc-error-rate", Kind: signal.Ratio, Metric: "istio_requests_total", Match: match, Part: `grpc_response_status=~"2|4|12|13|14|15",response_flags!~"(.+,)?(DC|DR)(,.+)?"`},
			{Signal: "hang-ups", Kind: signal.Ratio, Metric: "istio_requests_total", Match: match, Part: `response_flags=~"(.+,)?(DC|DR)(,.+)?"`},
			{Signal: "p99-latency", Kind: signal.Quantile, Metric: "istio_request_duration_milliseconds", Match: match, Q: 0.99, Over: []signal.Number{100, 250, 1000}},
			{Signal: "throughput", Kind: signal.Rate, Metric: "istio_requests_total", Match: match},
			{Signal: "availability", Kind: signal.Kubernetes},
		},
		Prometheus: "main", Notify: []string{"oncall", "deployments"}, HistoryLimit: 50,
		Limits: release.Limits{
			Settle: 30 * second, WatchStableFor: 5 * minute, EpisodeClear: 30 * minute, ReassertWithin: 2 * minute,
			AutomaticFor: 24 * hour, ProofWithin: 5 * minute, KeepCandidateFor: hour, KeepStableFor: 24 * hour,
		},
	}
	if diff := cmp.Diff(want, parse(t, service)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Whose word counts, and by what it tells the slots apart, is the fleet's to say and the policy's to show.
func TestWhoReportsForIstio(t *testing.T) {
	ownHosts := strings.NewReplacer("host: shop, subset: blue", "host: shop-blue", "host: shop, subset: green", "host: shop-green").Replace(service)
	const byWorkload = `destination_workload="${deployment}",destination_workload_namespace="${namespace}"`
	for _, c := range []struct{ reporter, spec, want string }{
		{"source", ownHosts, `reporter="source",destination_service="${host}"`},
		{"waypoint", ownHosts, `reporter="waypoint",destination_service="${host}"`},
		{"destination", ownHosts, `reporter="destination",` + byWorkload},
		{"source", service, `reporter="source",` + byWorkload},
		{"source", strings.Replace(service, "host: shop, subset: green", "host: shop.production.svc.cluster.local, subset: green", 1), `reporter="source",` + byWorkload},
	} {
		d := defaults()
		d.Istio.Reporter = c.reporter
		plan, errs := policy.Parse(read(t, c.spec), d)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, q := range append(plan.Questions, *plan.Requests) {
			if q.Kind != signal.Kubernetes && q.Match != c.want {
				t.Errorf("%s, %s: %s, want %s", c.reporter, q.Signal, q.Match, c.want)
			}
		}
	}
	d := defaults()
	d.Istio.Reporter = "client"
	if _, errs := policy.Parse(read(t, service), d); len(errs) != 1 || errs[0].Error() != `spec.istio.reporter: "client" reports nothing; write source, destination or waypoint` {
		t.Errorf("an unknown reporter: %v", errs)
	}
}

// What counts requests is Istio's where neither the policy nor its first ratio says so. A fleet with signals of its
// own may have none of that: then nothing would prove a rollback.
func TestIstioCountsTheRequestsOfAPolicyWithoutARatio(t *testing.T) {
	for mode, want := range map[string]string{"Observe": "", "Enforce": "spec.traffic.requests: nothing counts requests, so a rollback could not be proven; write metric and match, add a ratio signal, or set mode: Observe"} {
		spec := service + "\n  mode: " + mode + "\n  signals: [{name: up, query: up}]"
		requests := parse(t, spec).Requests
		if requests == nil || requests.Metric != "istio_requests_total" || requests.Match != `reporter="source",destination_workload="${deployment}",destination_workload_namespace="${namespace}"` {
			t.Errorf("%s: %+v, want Istio's", mode, requests)
		}
		d := defaults()
		d.Signals = read(t, spec).Spec.Signals
		plan, errs := policy.Parse(read(t, spec), d)
		if got := fmt.Sprint(errors.Join(errs...)); want != "" && (got != want || policy.ReasonOf(errs[0]) != policy.NoRequestsMetric) || want == "" && (plan == nil || plan.Requests != nil) {
			t.Errorf("%s, in a fleet of its own signals: %+v, %v, want %q", mode, plan, errs, want)
		}
	}
}

// The signals of the daemon's file take the place of Istio's.
func TestTheFilesSignalsWin(t *testing.T) {
	d := defaults()
	d.Signals = read(t, latencies).Spec.Signals
	plan, errs := policy.Parse(read(t, service), d)
	if len(errs) > 0 || len(plan.Questions) != 4 || plan.Requests.Metric != "r_total" {
		t.Errorf("%+v, %v", plan, errs)
	}
}

// cells gives a row's cells as the checklist has them for rates and latencies.
func cells(canary, rollback, consider, investigate signal.Number) []judge.Cell {
	return []judge.Cell{
		{Tier: judge.Consider, Bound: judge.Bound{Above: &canary}, For: 3 * minute, Canary: true},
		{Tier: judge.Rollback, Bound: judge.Bound{Above: &rollback}, For: 5 * minute},
		{Tier: judge.Consider, Bound: judge.Bound{Above: &consider}, For: 10 * minute},
		{Tier: judge.Investigate, Bound: judge.Bound{Above: &investigate}, For: 3 * minute},
	}
}

func TestWhatIsWrittenWins(t *testing.T) {
	plan := parse(t, `
  mode: Enforce
  traffic: {virtualService: shop, httpRoutes: [main], requests: {metric: r_total, match: 'slot="${slot}"'}}`+
		strings.Replace(service, "  traffic: {virtualService: shop}\n", "", 1)+`
  schedule: {windows: [{name: demo, until: 60s, every: 5s}], bin: 2s}
  timing: {settle: 0s, episodeClear: 1m}
  rollback: {onCanary: true, automaticFor: 0s}
  prometheus: other
  notify: []
  historyLimit: 3
  signals:
  - {name: hits, ratio: {metric: c_total, part: 'hit="yes"'}, consider: {below: 70%}, required: false}
  - {name: slow, quantile: {metric: h, q: "0.5"}, unit: seconds, canary: {above: 120ms, for: 1s}, rollback: {above: 1m30s, for: 9s}}
  - {name: slow-ms, quantile: {metric: h, q: "0.5"}, unit: milliseconds, canary: {above: 120ms, for: 1s}, rollback: {above: 1.1s, for: 9s}}
  - {name: queue, query: 'max(q{s="${slot}"})', investigate: {above: '1.5e3', for: 3m}}
  - {name: throughput, rate: {metric: c_total, match: 's="${slot}"'}, consider: {below: "0.5"}}
  - {name: up, kubernetes: Available}
`)
	if plan.Mode != release.Enforce || plan.Prometheus != "other" || plan.HistoryLimit != 3 || len(plan.Notify) != 0 || len(plan.HTTPRoutes) != 1 {
		t.Errorf("got %+v", plan)
	}
	wantLimits := release.Limits{
		Settle: 0, WatchStableFor: 5 * minute, EpisodeClear: minute, ReassertWithin: 2 * minute,
		AutomaticFor: 0, ProofWithin: 5 * minute, KeepCandidateFor: hour, KeepStableFor: 24 * hour, OnCanary: true,
	}
	if diff := cmp.Diff(wantLimits, plan.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(schedule.Schedule{{Name: "demo", Until: 60 * second, Every: 5 * second}}, plan.Schedule); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
	wantRequests := &release.Question{Signal: policy.RequestsSignal, Kind: signal.Ratio, Metric: "r_total", Match: `slot="${slot}"`}
	if diff := cmp.Diff(wantRequests, plan.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	wantRows := []judge.Row{
		{Signal: "hits", Kind: signal.Ratio, Unit: "%", Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Below: number(0.7)}, For: 6 * second}}},
		{Signal: "slow", Kind: signal.Quantile, Q: 0.5, Unit: "seconds", Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(0.12)}, For: 6 * second, Canary: true},
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(90)}, For: 9 * second},
		}},
		{Signal: "slow-ms", Kind: signal.Quantile, Q: 0.5, Unit: "milliseconds", Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(120)}, For: 6 * second, Canary: true},
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(1100)}, For: 9 * second},
		}},
		{Signal: "queue", Kind: signal.Query, Cells: []judge.Cell{{Tier: judge.Investigate, Bound: judge.Bound{Above: number(1500)}, For: 3 * minute}}},
		{Signal: "throughput", Kind: signal.Rate, Unit: "/s", Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Below: number(0.5)}, For: 6 * second}}},
		{Signal: "up", Kind: signal.Kubernetes, Required: true},
	}
	if diff := cmp.Diff(wantRows, plan.Matrix.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	asks := plan.Asks("green", "v2")
	if len(asks) != 5 || asks[3].PromQL != `max(q{s="green"})` || asks[4].Match != `s="green"` {
		t.Errorf("asks: %+v", asks)
	}
}

func TestBoundsAreExact(t *testing.T) {
	for text, want := range map[string]signal.Number{"5%": 0.05, "0.1%": 0.001, "0.5%": 0.005, "1%": 0.01, "30%": 0.3, "100%": 1, "0%": 0, "99.95%": 0.9995} {
		plan := parse(t, service+`
  signals: [{name: a, ratio: {metric: m, part: 'c="1"'}, rollback: {above: "`+text+`"}}]`)
		if got := *plan.Matrix.Rows[0].Cells[0].Bound.Above; got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

// one makes a policy of one signal.
func one(signal string) string { return service + "\n  signals: [{" + signal + "}]" }

const ratio = `name: a, ratio: {metric: m, part: 'c="1"'}`

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"nothing but traffic": {` {traffic: {virtualService: shop}}`, []string{"spec.slots: has 0 slots; a blue/green service has exactly two"}},
		"no VirtualService":   {strings.Replace(service, "virtualService: shop", "virtualService: ''", 1), []string{"spec.traffic.virtualService: is missing"}},
		"twice the same": {`
  traffic: {virtualService: shop}
  slots: [{name: a, deployment: d, destination: {host: h}}, {name: a, deployment: d, destination: {host: h.production.svc.cluster.local}}]`, []string{
			`spec.slots[1].name: "a" is the other slot's name, too`,
			`spec.slots[1].deployment: "d" is the other slot's Deployment, too`,
			"spec.slots[1].destination: is the other slot's destination, too; give each its own host, or its own subset of the host",
		}},
		"mode":               {service + "  mode: enforce", []string{`spec.mode: "enforce" is no mode; write Observe or Enforce`}},
		"unknown Prometheus": {service + "  prometheus: mian", []string{`spec.prometheus: the daemon's file names no Prometheus "mian"; it has main, other`}},
		"unknown notifier":   {service + "  notify: [oncall, pager]", []string{`spec.notify[1]: the daemon's file names no notifier "pager"; it has oncall, deployments`}},
		"no history":         {service + "  historyLimit: 0", []string{"spec.historyLimit: 0 keeps no release, and the last one is needed; write at least 1"}},
		"durations": {service + "  timing: {settle: 30, unavailableFor: 0s, watchStableFor: -5m}\n  rollback: {proofWithin: 1d}", []string{
			"spec.timing.watchStableFor: -5m is too short; write at least 0s",
			`spec.rollback.proofWithin: "1d" is no duration; write Go's form, such as 90s, 5m or 24h (days are written in hours)`,
			"spec.timing.unavailableFor: 0s is too short; write at least 1s",
			`spec.timing.settle: "30" is no duration`,
		}},
		"bin": {service + "  schedule: {bin: 500ms, guardEvery: 100ms}", []string{
			"spec.schedule.bin: 500ms is too short; write at least 1s",
			"spec.schedule.guardEvery: 100ms is too short; write at least 1s",
		}},
		"a coarse bin": {service + "  schedule: {bin: 2h}", []string{"spec.schedule.bin: 2h is too coarse to count in; write at most 1h"}},
		"parts of a second": {service + "  schedule: {windows: [{name: a, until: 10500ms, every: 1500ms}]}", []string{
			"spec.schedule.windows[0].until: 10500ms is not in whole seconds",
			"spec.schedule.windows[0].every: 1500ms is not in whole seconds",
		}},
		"window ends before it begins": {service + "  schedule: {windows: [{name: a, until: 1h, every: 5m}, {name: b, until: 30m, every: 5m}]}", []string{
			`spec.schedule.windows[1].until: window "b" ends at 30m, before it begins at 1h`}},
		"every longer than the window": {service + "  schedule: {windows: [{name: a, until: 1h, every: 2h}]}", []string{
			"spec.schedule.windows[0].every: 2h is longer than the window, which lasts 1h"}},
		"a window with a rest": {service + "  schedule: {windows: [{name: a, until: 1h, every: 7m}]}", []string{
			"spec.schedule.windows[0].every: 7m does not divide the window, which lasts 1h; write until: 1h3m0s, or another every"}},
		"two windows of one name": {service + "  schedule: {windows: [{name: a, until: 1h, every: 5m}, {name: a, until: 2h, every: 5m}]}", []string{
			`spec.schedule.windows[1].name: "a" names`}},

		"signals of one name": {service + "  signals: [{" + ratio + "}, {" + ratio + "}]", []string{`spec.signals[1].name: "a" is another signal's name, too`}},
		"signal's name":       {one(strings.Replace(ratio, "name: a", "name: A b", 1)), []string{`spec.signals[0].name: "A b" is no name; write lower-case letters, digits and dashes, such as error-rate`}},
		"no kind":             {one("name: a"), []string{"spec.signals[0]: has no kind; write one of ratio, quantile, rate, query, kubernetes, alert, report, growth or probe"}},
		"three kinds":         {one(ratio + ", query: up, kubernetes: Available"), []string{"spec.signals[0]: has more than one kind (ratio, query, kubernetes)"}},
		"unknown fact":        {one("name: a, kubernetes: Progressing"), []string{`spec.signals[0].kubernetes: "Progressing" is nothing that Kubernetes is asked; write one of Available, Restarts, OOMKills or CrashLoops`}},
		"ratio's parts": {one("name: a, ratio: {metric: 'm{}', match: 'a=1', part: ''}"), []string{
			"spec.signals[0].ratio.part: is missing",
			`spec.signals[0].ratio.metric: "m{}" is no metric's name; write the bare name, and labels in match`,
			`spec.signals[0].ratio.match: unexpected '1' inside braces (character 3, at "1"); write label matchers such as job="api",code=~"5.."`,
		}},
		"quantile": {one("name: a, quantile: {metric: h_bucket, q: '99'}"), []string{
			`spec.signals[0].quantile.q: "99" is not between 0 and 1; write it such as "0.99"`,
			`spec.signals[0].quantile.metric: "h_bucket" is the histogram's buckets; write its base name, without _bucket`,
		}},
		"NaN quantile": {one("name: a, quantile: {metric: h, q: NaN}"), []string{"spec.signals[0].quantile.q"}},
		"ratio of one counter and several": {one("name: a, ratio: {metric: m, part: 'a=\"1\"', parts: [h], wholes: [h]}"), []string{
			"spec.signals[0].ratio: counts one counter or several; write metric and part, or parts and wholes",
		}},
		"ratio's counters": {one("name: a, ratio: {parts: ['h{}', l], wholes: ['h{}', n]}"), []string{
			`spec.signals[0].ratio.parts[1]: "l" is not among the wholes; write it there, too`,
			`spec.signals[0].ratio.parts[0]: "h{}" is no metric's name; write the bare name, and labels in match`,
			`spec.signals[0].ratio.wholes[0]: "h{}" is no metric's name`,
		}},
		"ratio without its whole": {one("name: a, ratio: {parts: [h]}"), []string{
			`spec.signals[0].ratio.wholes: is missing; name at least one counter`,
			`spec.signals[0].ratio.parts[0]: "h" is not among the wholes`,
		}},
		"rate's parts": {one("name: a, rate: {metric: 'm{}', match: 'a=1'}, consider: {below: 5%}"), []string{
			`spec.signals[0].rate.metric: "m{}" is no metric's name`,
			`spec.signals[0].rate.match: unexpected '1' inside braces`,
			`spec.signals[0].consider.below: "5%" is no number; the bound of a signal without a unit is written such as 100`,
		}},
		"comma":               {one(`name: a, ratio: {metric: m, part: 'a="1" b="2"'}`), []string{`spec.signals[0].ratio.part: unexpected "b" between matchers; want ,`}},
		"open quote":          {one(`name: a, ratio: {metric: m, part: 'a="1'}`), []string{`spec.signals[0].ratio.part: a string is not closed (character 3, at "\"1")`}},
		"pattern":             {one(`name: a, ratio: {metric: m, part: 'a=~"5("'}`), []string{`spec.signals[0].ratio.part: "5(" is no regular expression`}},
		"placeholder":         {one(`name: a, ratio: {metric: m, part: 'a="${pod}"'}`), []string{"spec.signals[0].ratio.part: ${pod} is no placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}"}},
		"half a placeholder":  {one(`name: a, query: 'up{a="${slot"}'`), []string{"spec.signals[0].query: ${slot"}},
		"open bracket":        {one(`name: a, query: 'max(up'`), []string{`spec.signals[0].query: a parenthesis is not closed (character 7, at the end)`}},
		"wrong bracket":       {one(`name: a, query: 'max(up]'`), []string{`spec.signals[0].query: unexpected right bracket (character 7, at "]")`}},
		"open quote in query": {one(`name: a, query: 'up{a="b}'`), []string{`spec.signals[0].query: a string is not closed (character 6, at "\"b}")`}},
		"nothing in query":    {one(`name: a, query: ' '`), []string{`spec.signals[0].query: there is no expression`}},
		"a range in query":    {one(`name: a, query: 'up[5m]'`), []string{`spec.signals[0].query: is a range vector; want a scalar or an instant vector`}},
		"a string in query":   {one(`name: a, query: '"up"'`), []string{`spec.signals[0].query: is a string; want a scalar or an instant vector`}},
		"no such function":    {one(`name: a, query: 'sum(rat(up[5m]))'`), []string{`spec.signals[0].query: unknown function rat() (character 5, at "rat(up[5m]))")`}},
		"a rate of no range":  {one(`name: a, query: 'rate(up)'`), []string{`spec.signals[0].query: an instant vector as an argument of rate; want a range vector (character 6, at "up)")`}},
		"sound until filled":  {one(`name: a, query: 'up{a=${deployment}}'`), []string{`spec.signals[0].query: unexpected "shop" after =; want a string (character 6, at "shop-blue}")`}},
		"a version unquoted":  {one(`name: a, query: 'up_${version}'`), []string{`spec.signals[0].query: `}},
		"out of the braces":   {one(`name: a, ratio: {metric: m, part: 'a="1"} or up{b="2"'}`), []string{`spec.signals[0].ratio.part: unexpected '}' inside braces`}},
		"a comment in match":  {one(`name: a, rate: {metric: m, match: 'a="1" # b'}`), []string{`spec.signals[0].rate.match: unexpected '#' inside braces`}},
		"a name twice":        {one(`name: a, rate: {metric: m, match: '__name__="n"'}`), []string{`spec.signals[0].rate.match: names the metric a second time; leave __name__ out`}},
		"a name, quoted":      {one(`name: a, rate: {metric: m, match: '"n"'}`), []string{`spec.signals[0].rate.match: names the metric a second time`}},
		"a comment in limit":  {one(`name: a, growth: {metric: m, match: 'a="1"', limit: 'max by (pod) (l) # so'}, consider: {reachesLimitWithin: 24h}`), []string{`spec.signals[0].growth.limit: ends with a comment; leave it out`}},
		"a scalar for limit":  {one(`name: a, growth: {metric: m, match: 'a="1"', limit: '5'}, consider: {reachesLimitWithin: 24h}`), []string{`spec.signals[0].growth.limit: is a scalar; want an instant vector`}},

		"seconds for a ratio":      {one(ratio + ", rollback: {above: 5s}"), []string{`spec.signals[0].rollback.above: "5s" is no percentage; write it from 0% to 100%, such as 5%`}},
		"more than everything":     {one(ratio + ", rollback: {above: 101%}"), []string{`"101%" is no percentage`}},
		"percentage for seconds":   {one("name: a, query: up, unit: seconds, consider: {above: 5%}"), []string{`spec.signals[0].consider.above: "5%" is no duration; a bound in seconds is written such as 200ms or 1.5s`}},
		"negative seconds":         {one("name: a, query: up, unit: seconds, consider: {above: -5s}"), []string{`is no duration`}},
		"duration without seconds": {one("name: a, query: up, consider: {below: 5s}"), []string{`spec.signals[0].consider.below: "5s" is no number; the bound of a signal without a unit is written such as 100`}},
		"too much of a number":     {one("name: a, query: up, consider: {below: 9" + strings.Repeat("0", 400) + "}"), []string{"is no number that can be held"}},
		"unit for a ratio":         {one(ratio + ", unit: seconds"), []string{"spec.signals[0].unit: is for quantile and query; leave it out"}},
		"unknown unit":             {one("name: a, query: up, unit: bytes"), []string{`spec.signals[0].unit: "bytes" is no unit; write seconds or milliseconds, or leave it out`}},
		"number of milliseconds":   {one("name: a, query: up, unit: milliseconds, consider: {above: '5'}"), []string{`spec.signals[0].consider.above: "5" is no duration; a bound in milliseconds is written such as 200ms or 1.5s`}},
		"no bound":                 {one(ratio + ", investigate: {for: 5m}"), []string{"spec.signals[0].investigate: needs exactly one bound; write one of above, below, fallsBelowBaselineBy, risesAboveBaselineBy, unavailable: true, firing: true, reported: true, reachesLimitWithin or failing: true"}},
		"two bounds":               {one(ratio + ", investigate: {above: 1%, below: 2%}"), []string{"spec.signals[0].investigate: needs exactly one bound"}},
		"unavailable ratio":        {one(ratio + ", rollback: {unavailable: true}"), []string{"spec.signals[0].rollback.unavailable: is for kubernetes: Available; write above or below"}},
		"kubernetes above":         {one("name: a, kubernetes: Available, rollback: {above: '1'}"), []string{"spec.signals[0].rollback: Available has no value to compare; write unavailable: true"}},
		"for with unavailable":     {one("name: a, kubernetes: Available, rollback: {unavailable: true, for: 5m}"), []string{"spec.signals[0].rollback.for: does not apply to unavailable; write timing.unavailableFor"}},
		"for":                      {one(ratio + ", rollback: {above: 5%, for: often}"), []string{`spec.signals[0].rollback.for: "often" is no duration`}},
		"for over many bins":       {one(ratio + ", rollback: {above: 5%, for: 3h}"), []string{"spec.signals[0].rollback.for: 3h is more than 119 bins of 1m; write at most 1h59m0s, or a greater schedule.bin"}},
		"for just over many bins":  {one(ratio + ", rollback: {above: 5%, for: 2h1s}"), []string{"2h1s is more than 119 bins"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, errs := policy.Parse(read(t, c.spec), defaults())
			if plan != nil || len(errs) < len(c.want) {
				t.Fatalf("want %d errors and no plan, got %v and %v", len(c.want), errs, plan)
			}
			text := fmt.Sprintln(errs)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in %s", want, text)
				}
			}
		})
	}
}

// A metric's name is any that Prometheus takes, but for what is an expression; in a list it is no regular expression.
func TestNamesOfMetrics(t *testing.T) {
	for _, name := range []string{"http_requests_total", "job:requests:rate5m", "http.server.request.duration", "dotnet.gc.pause-time", "jvm/memory", "запросы", "要求.数", "1st"} {
		plan := parse(t, one("name: a, rate: {metric: '"+name+"', match: '\"service.name\"=\"${deployment}\"'}"))
		if got := plan.Questions[0].Metric; got != name {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for _, name := range []string{"", "a b", "rate(a[5m])", `a{b="c"}`, "a}", `"a"`, "a`", "a[5m]", "a, b", "a == b", "${slot}_total", "a\n", `a\b`, "a;b", "a#"} {
		p := read(t, one("name: a, rate: {metric: m}"))
		p.Spec.Signals[0].Rate.Metric = v1alpha1.MetricName(name)
		if _, errs := policy.Parse(p, defaults()); len(errs) != 1 || !strings.Contains(errs[0].Error(), "is no metric's name") {
			t.Errorf("%q: %v", name, errs)
		}
	}
	plan := parse(t, one("name: a, ratio: {parts: [cache.hits], wholes: [cache.hits, cache.misses]}"))
	if q := plan.Questions[0]; q.Match != `__name__=~"cache\\.hits|cache\\.misses"` || q.Part != `__name__=~"cache\\.hits"` {
		t.Errorf("asks for %s, and %s of it", q.Match, q.Part)
	}
}

func TestAcceptsPromQLOfAllKinds(t *testing.T) {
	for _, signal := range []string{
		`name: a, ratio: {metric: m, match: 'a="x",b!="y",c=~"z|${version}.*",d!~''w'',', part: 'code=~"5\\d\\d"'}`,
		"name: a, ratio: {metric: m, part: '\"my.label\"=`a\"b`'}",
		`name: a, ratio: {metric: 'job:errors:rate5m', part: 'a="\"}"'}`,
		`name: a, query: 'sum(rate(m{a="(",b=~"[x]"}[5m])) / on (x) group_left () y # (('`,
		`name: a, query: 'max_over_time(m{a="${slot}",n="${namespace}",d="${deployment}",v="${version}"}[5m:1m] offset 1h)'`,
	} {
		if plan := parse(t, one(signal)); len(plan.Questions) != 1 {
			t.Errorf("%s: %+v", signal, plan.Questions)
		}
	}
}

func TestOnlyTheFirstRatioIsRequiredByDefault(t *testing.T) {
	plan := parse(t, service+`
  signals:
  - {name: q, query: up}
  - {name: a, ratio: {metric: m, part: 'c="1"'}}
  - {name: b, ratio: {metric: m, part: 'c="1"'}}
  - {name: k, kubernetes: Available}
  - {name: l, kubernetes: Available, required: false}`)
	got := map[string]bool{}
	for _, r := range plan.Matrix.Rows {
		got[r.Signal] = r.Required
	}
	if diff := cmp.Diff(map[string]bool{"q": false, "a": true, "b": false, "k": true, "l": false}, got); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
}

func TestDefaultsMayNameServerAndNotifiers(t *testing.T) {
	d := defaults()
	d.Prometheus, d.Notify = "other", []string{"deployments"}
	plan, errs := policy.Parse(read(t, service), d)
	if len(errs) > 0 || plan.Prometheus != "other" || len(plan.Notify) != 1 {
		t.Errorf("got %+v, %v", plan, errs)
	}
	d.Notify = []string{}
	if plan, _ = policy.Parse(read(t, service), d); len(plan.Notify) != 0 {
		t.Errorf("want nobody told, got %v", plan.Notify)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	if errs := defaults().Validate(); len(errs) > 0 {
		t.Error(errs)
	}
	bad := defaults()
	bad.Timing.Settle = "soon"
	bad.Signals = read(t, latencies).Spec.Signals
	bad.Signals[0].Rollback.Above = "5"
	bad.Prometheus, bad.Notify = "mian", []string{"oncall", "nobody"}
	if errs := bad.Validate(); len(errs) != 4 {
		t.Errorf("want four mistakes, got %v", errs)
	}
}

func TestParseLeavesThePolicyAndTheDefaultsAlone(t *testing.T) {
	p, d := read(t, service), defaults()
	d.Signals = read(t, latencies).Spec.Signals
	before := p.DeepCopy()
	plan, _ := policy.Parse(p, d)
	plan.Notify[0], plan.Schedule[0].Name = "x", "x"
	policy.InForce(p.Spec, d).Signals[0].Rollback.Above = "x"
	if diff := cmp.Diff(before, p); diff != "" {
		t.Errorf("the policy changed:\n%s", diff)
	}
	want := defaults()
	want.Signals = read(t, latencies).Spec.Signals
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("the defaults changed:\n%s", diff)
	}
}

// A rollback that could not be saved could not be performed: a policy with too much to keep for one says so beforehand.
func TestAPolicyFitsIntoARollback(t *testing.T) {
	long := func(n int, cell string) string {
		spec := service + "\n  mode: Enforce\n  signals:"
		for i := range n {
			spec += fmt.Sprintf("\n  - {name: s%d, required: false, ratio: {metric: m, match: 'a=\"%s\"', part: 'b=\"%s\"'}, %s: {above: 5%%}}", i, strings.Repeat("x", 1000), strings.Repeat("y", 1000), cell)
		}
		return spec
	}
	for _, c := range []struct {
		n    int
		cell string
		fits bool
	}{{6, "rollback", true}, {32, "consider", true}, {32, "rollback", false}} {
		plan, errs := policy.Parse(read(t, long(c.n, c.cell)), defaults())
		err := errors.Join(errs...)
		if (plan != nil) != c.fits || !c.fits && !strings.HasPrefix(err.Error(), "spec.signals: a rollback keeps the selectors and queries") {
			t.Errorf("%d signals with a cell %s: %v", c.n, c.cell, err)
		}
	}
}

// Callers that hang up are no failures, whatever else a policy counts by Istio's requests, unless it says itself what
// it wants of them, or counts what went well.
func TestHangUpsAreNoFailures(t *testing.T) {
	const without = `,response_flags!~"(.+,)?(DC|DR)(,.+)?"`
	for _, c := range []struct{ metric, part, cell, want string }{
		{"istio_requests_total", `response_code!~"2.."`, `{above: 5%}`, `response_code!~"2.."` + without},
		{"istio_requests_total", `response_flags=~"DC|UF"`, `{above: 5%}`, `response_flags=~"DC|UF"`},
		{"istio_requests_total", `response_code=~"2.."`, `{below: 95%}`, `response_code=~"2.."`},
		{"http_requests_total", `code!~"2.."`, `{above: 5%}`, `code!~"2.."`},
	} {
		spec := service + fmt.Sprintf("\n  signals: [{name: failures, required: true, ratio: {metric: %s, match: 'x=\"${slot}\"', part: '%s'}, investigate: %s}]\n", c.metric, c.part, c.cell)
		if got := parse(t, spec).Questions[0].Part; got != c.want {
			t.Errorf("%s, %s: counts %s, want %s", c.metric, c.part, got, c.want)
		}
	}
}
