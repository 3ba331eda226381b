package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestFactsAreRead(t *testing.T) {
	plan := parse(t, service+`
  signals:
  - {name: corruption, alert: {name: DataCorruption, match: 'severity="critical"'}, rollback: {firing: true}}
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
		{Signal: "corruption", Kind: signal.Alert, Of: "DataCorruption", Match: `severity="critical"`},
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

func TestRefusesFacts(t *testing.T) {
	for name, c := range map[string]struct{ signal, want string }{
		"an alert without a name":  {"name: a, alert: {name: ''}", "spec.signals[0].alert.name: is missing"},
		"an alert's labels":        {"name: a, alert: {name: A, match: 'b=1'}", `spec.signals[0].alert.match: "b=1" is no label matcher`},
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
	} {
		t.Run(name, func(t *testing.T) {
			plan, errs := policy.Parse(read(t, one(c.signal)), defaults())
			if text := fmt.Sprintln(errs); plan != nil || !strings.Contains(text, c.want) {
				t.Errorf("want %q in %s", c.want, text)
			}
		})
	}
}
