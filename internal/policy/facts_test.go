package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestFactsAreRead(t *testing.T) {
	plan := parse(t, service+`
  signals:
  - {name: corruption, alert: {name: DataCorruption, match: 'severity="critical"', by: [service, k8s.namespace]}, rollback: {firing: true}}
  - {name: slots-own, alert: {name: Slow, match: 'slot="${slot}",v="${version}"'}, canary: {firing: true}, investigate: {firing: true}, required: true}
  - {name: exploited, report: security, rollback: {reported: true}, consider: {reported: true}}
  - {name: oom-kills, kubernetes: OOMKills, consider: {above: "0"}, rollback: {above: "2"}}
  - {name: memory, growth: {metric: used, match: 'pod=~"${deployment}-.*"', started: born, limit: 'limits{ns="${namespace}"}'}, consider: {reachesLimitWithin: 24h}, investigate: {reachesLimitWithin: 168h}}
`)
	wantRows := []judge.Row{
		{Signal: "corruption", Kind: signal.Alert, Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Above: number(0)}}}},
		{Signal: "slots-own", Kind: signal.Alert, Required: true, Cells: []judge.Cell{
			{Tier: judge.Consider, Bound: judge.Bound{Above: number(0)}, Canary: true}, {Tier: judge.Investigate, Bound: judge.Bound{Above: number(0)}}}},
		{Signal: "exploited", Kind: signal.Report, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(0)}}, {Tier: judge.Consider, Bound: judge.Bound{Above: number(0)}}}},
		{Signal: "oom-kills", Kind: signal.Pods, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(2)}}, {Tier: judge.Consider, Bound: judge.Bound{Above: number(0)}}}},
		{Signal: "memory", Kind: signal.Growth, Cells: []judge.Cell{
			{Tier: judge.Consider, Bound: judge.Bound{Below: number(24 * 3600)}}, {Tier: judge.Investigate, Bound: judge.Bound{Below: number(168 * 3600)}}}},
	}
	if diff := cmp.Diff(wantRows, plan.Matrix.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	wantAsks := []signal.Ask{
		{Signal: "corruption", Kind: signal.Alert, Of: "DataCorruption", Match: `severity="critical"`, By: []string{"service", "k8s.namespace"}},
		{Signal: "slots-own", Kind: signal.Alert, Of: "Slow", Match: `slot="green",v="v2"`},
	}
	if diff := cmp.Diff(wantAsks, plan.AsksOf(signal.Alert, "green", "v2")); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]signal.Ask{{Signal: "exploited", Kind: signal.Report, Of: "security"}}, plan.AsksOf(signal.Report, "green", "v2")); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	growth := []signal.Ask{{Signal: "memory", Kind: signal.Growth, Metric: "used", Match: `pod=~"shop-green-.*"`, Of: "born", PromQL: `limits{ns="production"}`}}
	if diff := cmp.Diff(growth, plan.AsksOf(signal.Growth, "green", "v2")); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	if asks := plan.Asks("green", "v2"); len(asks) > 0 {
		t.Errorf("facts are measured, too: %+v", asks)
	}
	if release.OfSlot(plan.Questions[0]) || !release.OfSlot(plan.Questions[1]) {
		t.Error("want the second alert alone to tell the slots apart")
	}
}

// probed is a signal that a policy may have.
const probed = "name: a, probe: {url: 'http://shop.${namespace}.svc/health'}"

func TestProbesAreRead(t *testing.T) {
	d := defaults()
	d.Probes.Hosts = []probe.Host{{Host: "api.example.com"}, {Host: "hr.example.com", Namespaces: []string{"hr"}}}
	plan, errs := policy.Parse(read(t, service+`
  signals:
  - {name: health, probe: {url: 'http://shop-${slot}.${namespace}.svc:8080/health?v=${version}', components: [disk, database]}, consider: {failing: true, for: 5m}, rollback: {above: "2"}}
  - {name: front, probe: {url: 'https://api.example.com/health'}}
  - {name: own, probe: {url: 'http://${host}:8080/health'}}
`), d)
	if errs != nil {
		t.Fatal(errs)
	}
	wantRows := []judge.Row{
		{Signal: "health", Kind: signal.Probe, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: number(2)}, For: 3 * minute},
			{Tier: judge.Consider, Bound: judge.Bound{Above: number(0)}, For: 5 * minute}}},
		{Signal: "front", Kind: signal.Probe},
		{Signal: "own", Kind: signal.Probe},
	}
	if diff := cmp.Diff(wantRows, plan.Matrix.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	wantAsks := []signal.Ask{
		{Signal: "health", Kind: signal.Probe, URL: "http://shop-green.production.svc:8080/health?v=v2", Components: []string{"disk", "database"}, Over: []signal.Number{0, 2}},
		{Signal: "front", Kind: signal.Probe, URL: "https://api.example.com/health"},
		{Signal: "own", Kind: signal.Probe, URL: "http://shop.production.svc.cluster.local:8080/health"},
	}
	if diff := cmp.Diff(wantAsks, plan.AsksOf(signal.Probe, "green", "v2")); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	if asks := plan.Asks("green", "v2"); len(asks) > 0 {
		t.Errorf("Prometheus is asked, too: %+v", asks)
	}
	if !release.OfSlot(plan.Questions[0]) || release.OfSlot(plan.Questions[1]) || release.OfSlot(plan.Questions[2]) {
		t.Error("want the first probe alone to tell the slots apart: both lead to one host")
	}
}

// One look at a release asks only so many endpoints.
func TestThereAreOnlySoManyProbes(t *testing.T) {
	for n, want := range map[int]string{4: "", 5: "spec.signals[4].probe: is one probe too many; write at most 4, each for several components"} {
		text := service + "  signals:"
		for i := range n {
			text += fmt.Sprintf("\n  - {%s}", strings.Replace(probed, "name: a", fmt.Sprint("name: p", i), 1))
		}
		_, errs := policy.Parse(read(t, text), defaults())
		if len(errs) > 1 || (len(errs) == 0) != (want == "") || len(errs) == 1 && errs[0].Error() != want {
			t.Errorf("%d probes: %v, want %q", n, errs, want)
		}
	}
}

func TestRefusesFacts(t *testing.T) {
	for name, c := range map[string]struct{ signal, want string }{
		"an alert without a name":  {"name: a, alert: {name: ''}", "spec.signals[0].alert.name: is missing"},
		"what tells no alert":      {"name: a, alert: {name: A, by: [alertstate]}", `spec.signals[0].alert.by[0]: "alertstate" tells no alert from another`},
		"what is no label":         {"name: a, alert: {name: A, by: [severity, 'a) (b']}", `spec.signals[0].alert.by[1]: "a) (b" tells no alert from another`},
		"an alert's labels":        {"name: a, alert: {name: A, match: 'b=1'}", `spec.signals[0].alert.match: unexpected '1' inside braces (character 3, at "1"); write label matchers`},
		"an alert's placeholder":   {"name: a, alert: {name: A, match: 'b=\"${pod}\"'}", "spec.signals[0].alert.match: ${pod} is no placeholder"},
		"a bound for an alert":     {"name: a, alert: {name: A}, rollback: {above: '0'}", "spec.signals[0].rollback: an alert fires or does not; write firing: true"},
		"no bound for an alert":    {"name: a, alert: {name: A}, rollback: {firing: false}", "spec.signals[0].rollback: needs exactly one bound"},
		"two bounds for an alert":  {"name: a, alert: {name: A}, rollback: {firing: true, above: '1'}", "spec.signals[0].rollback: needs exactly one bound"},
		"firing for a ratio":       {ratio + ", rollback: {firing: true}", "spec.signals[0].rollback.firing: is for an alert signal; write another bound, or alert: {name: ...}"},
		"firing for availability":  {"name: a, kubernetes: Available, rollback: {firing: true}", "spec.signals[0].rollback.firing: is for an alert signal"},
		"for with firing":          {"name: a, alert: {name: A}, rollback: {firing: true, for: 5m}", "spec.signals[0].rollback.for: does not apply to firing: an alert's rule has its own"},
		"a kind of report":         {"name: a, report: Security Hole", `spec.signals[0].report: "Security Hole" is no name; write lower-case letters, digits and dashes, such as security`},
		"a bound for a report":     {"name: a, report: b, rollback: {above: '0'}", "spec.signals[0].rollback: a report is there or is not; write reported: true"},
		"firing for a report":      {"name: a, report: b, rollback: {firing: true}", "spec.signals[0].rollback.firing: is for an alert signal"},
		"reported for an alert":    {"name: a, alert: {name: A}, rollback: {reported: true}", "spec.signals[0].rollback: an alert fires or does not; write firing: true"},
		"reported for a ratio":     {ratio + ", rollback: {reported: true}", "spec.signals[0].rollback.reported: is for a report signal; write another bound, or report: security"},
		"for with reported":        {"name: a, report: b, rollback: {reported: true, for: 5m}", "spec.signals[0].rollback.for: does not apply to reported: one report is enough"},
		"a report and an alert":    {"name: a, report: b, alert: {name: A}", "spec.signals[0]: has more than one kind (alert, report)"},
		"no bound for a number":    {"name: a, kubernetes: OOMKills, consider: {unavailable: true}", "spec.signals[0].consider: is a number of something; write above, such as above: 0"},
		"half a restart":           {"name: a, kubernetes: Restarts, consider: {above: '0.5'}", `spec.signals[0].consider.above: "0.5" is no whole number; write such as 0 or 2`},
		"less than no restart":     {"name: a, kubernetes: Restarts, consider: {above: '-1'}", `spec.signals[0].consider.above: "-1" is no whole number`},
		"restarts in percent":      {"name: a, kubernetes: Restarts, consider: {above: 5%}", `spec.signals[0].consider.above: "5%" is no number`},
		"for with a number":        {"name: a, kubernetes: CrashLoops, consider: {above: '0', for: 5m}", "spec.signals[0].consider.for: does not apply to a number of something since the first traffic; leave it out"},
		"reported for a number":    {"name: a, kubernetes: CrashLoops, consider: {reported: true}", "spec.signals[0].consider.reported: is for a report signal"},
		"a forecast that moves":    {"name: a, growth: {metric: m}, rollback: {reachesLimitWithin: 9h}", "spec.signals[0].rollback: a forecast moves no traffic; write consider or investigate"},
		"a forecast in a canary":   {"name: a, growth: {metric: m}, canary: {reachesLimitWithin: 9h}", "spec.signals[0].canary: a forecast moves no traffic; write consider or investigate"},
		"a bound for a forecast":   {"name: a, growth: {metric: m}, consider: {above: '0'}", "spec.signals[0].consider: growth is told by when the limit is reached; write reachesLimitWithin: 168h"},
		"too far ahead":            {"name: a, growth: {metric: m}, consider: {reachesLimitWithin: 169h}", "spec.signals[0].consider.reachesLimitWithin: 169h is further ahead than a climb is followed; write at most 168h"},
		"at once":                  {"name: a, growth: {metric: m}, consider: {reachesLimitWithin: 0s}", "spec.signals[0].consider.reachesLimitWithin: 0s is too short"},
		"a forecast of a ratio":    {ratio + ", consider: {reachesLimitWithin: 9h}", "spec.signals[0].consider.reachesLimitWithin: is for a growth signal"},
		"for with a forecast":      {"name: a, growth: {metric: m}, consider: {reachesLimitWithin: 9h, for: 5m}", "spec.signals[0].consider.for: does not apply to reachesLimitWithin"},
		"growth of nothing":        {"name: a, growth: {metric: ''}", "spec.signals[0].growth.metric"},
		"a limit that is no query": {"name: a, growth: {metric: m, limit: 'x{a=\"${pod}\"}'}", "spec.signals[0].growth.limit"},
		"unit for an alert":        {"name: a, alert: {name: A}, unit: seconds", "spec.signals[0].unit: is for quantile and query"},
		"an alert and a query":     {"name: a, alert: {name: A}, query: up", "spec.signals[0]: has more than one kind (query, alert)"},
		"two bounds for a probe":   {probed + ", consider: {failing: true, above: '1'}", "spec.signals[0].consider: needs exactly one bound"},
		"no bound for a probe":     {probed + ", consider: {below: '1'}", "spec.signals[0].consider: a probe counts components that fail; write failing: true, or above for more than so many, such as above: 1"},
		"a probe in percent":       {probed + ", consider: {above: 5%}", `spec.signals[0].consider.above: "5%" is no number`},
		"half a component":         {probed + ", consider: {above: '0.5'}", `spec.signals[0].consider.above: "0.5" is no whole number`},
		"firing for a probe":       {probed + ", consider: {firing: true}", "spec.signals[0].consider.firing: is for an alert signal"},
		"unavailable for a probe":  {probed + ", consider: {unavailable: true}", "spec.signals[0].consider: a probe counts components"},
		"failing for a ratio":      {ratio + ", consider: {failing: true}", "spec.signals[0].consider.failing: is for a probe signal; write another bound, or probe: {url: ...}"},
		"failing for an alert":     {"name: a, alert: {name: A}, consider: {failing: true}", "spec.signals[0].consider: an alert fires or does not; write firing: true"},
		"failing for a number":     {"name: a, kubernetes: OOMKills, consider: {failing: true}", "spec.signals[0].consider.failing: is for a probe signal"},
		"failing for too long":     {probed + ", consider: {failing: true, for: 3h}", "spec.signals[0].consider.for: 3h is more than 119 bins of 1m"},
		"unit for a probe":         {probed + ", unit: seconds", "spec.signals[0].unit: is for quantile and query"},
		"a probe and a query":      {probed + ", query: up", "spec.signals[0]: has more than one kind (query, probe)"},
		"a probe's placeholder":    {"name: a, probe: {url: 'http://${pod}.production.svc/health'}", "spec.signals[0].probe.url: ${pod} is no placeholder; write ${slot}"},
		"a probe of no URL":        {"name: a, probe: {url: 'shop:8080/health'}", "spec.signals[0].probe.url: is no URL that can be asked; write it such as http://shop-${slot}.${namespace}.svc:8080/health"},
		"a probe with a password":  {"name: a, probe: {url: 'http://eve:hush@shop.production.svc/health'}", "spec.signals[0].probe.url: holds a user's name or password"},
		"a probe's fragment":       {"name: a, probe: {url: 'http://shop.production.svc/health#a'}", "spec.signals[0].probe.url: ends in a fragment"},
		"a probe of all the net":   {"name: a, probe: {url: 'http://shop.example.com/health'}", "spec.signals[0].probe.url: leads to shop.example.com, which may not be asked; write a Service of the policy's own namespace, NAME.production.svc or NAME.production.svc.cluster.local, or have the host named in probes.hosts of the daemon's file"},
		"a probe of another's":     {"name: a, probe: {url: 'http://shop.staging.svc/health'}", "spec.signals[0].probe.url: leads to shop.staging.svc, which"},
		"a probe of one's shorts":  {"name: a, probe: {url: 'http://${deployment}/health'}", "spec.signals[0].probe.url: leads to shop-blue, which"},
		"a probe of one slot's":    {"name: a, probe: {url: 'http://${slot}.${namespace}.svc.${slot}/health'}", "spec.signals[0].probe.url: leads to blue.production.svc.blue, which"},
		"a nameless component":     {"name: a, probe: {url: 'http://shop.production.svc', components: ['']}", "spec.signals[0].probe.components: holds an empty name; leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, errs := policy.Parse(read(t, one(c.signal)), defaults())
			if text := fmt.Sprintln(errs); plan != nil || !strings.Contains(text, c.want) {
				t.Errorf("want %q in %s", c.want, text)
			}
		})
	}
}
