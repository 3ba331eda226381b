package measure_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const rulesFile = `
groups:
- name: lively
  interval: 500ms
  rules:
  - {alert: Burning, expr: vector(1), labels: {severity: critical}}
  - {alert: Smouldering, expr: vector(1), for: 1h}
  - {alert: Quiet, expr: vector(1) > 2}
  - {alert: Broken, expr: 'up * on (job) (label_replace(up, "a", "1", "", "") or label_replace(up, "a", "2", "", ""))'}
  - {record: Recorded, expr: vector(1)}
`

// firing records an alert's samples as the evaluation of its rule does, one a minute.
func (h *history) firing(alert, labels string, state string, minutes ...float64) {
	h.add(fmt.Sprintf(`ALERTS{alertname=%q,alertstate=%q%s}`, alert, state, labels), 0, time.Minute, minutes...)
}

// The alerts of the past, minute by minute. The first traffic is at the tenth; samples that a server does
// not mark as stale linger for five minutes.
func recordAlerts(h *history) {
	h.add(`up{job="alerts",instance="a"}`, 0, time.Minute, then(repeat(1, 70), silence(60), repeat(1, 60))...)
	h.firing("Old", "", "firing", repeat(1, 60)...)
	h.firing("Fresh", `,severity="critical"`, "firing", then(silence(20), repeat(1, 20))...)
	h.firing("Fresh", `,severity="minor"`, "firing", repeat(1, 60)...)
	h.firing("Again", "", "firing", then(repeat(1, 12), silence(20), repeat(1, 20))...)
	recordIdentities(h)
	h.firing("Joined", `,pod="old"`, "firing", repeat(1, 60)...)
	h.firing("Joined", `,pod="new"`, "firing", then(silence(30), repeat(1, 20))...)
	h.firing("Left", `,pod="gone"`, "firing", repeat(1, 12)...)
	h.firing("Left", `,pod="stays"`, "firing", repeat(1, 60)...)
	h.firing("Pending", "", "pending", repeat(1, 60)...)
	h.firing("Through", "", "firing", then(repeat(1, 70), silence(63), repeat(1, 57))...)
	h.firing("Through", "", "pending", then(silence(130), repeat(1, 3))...)
}

func testAlerts(t *testing.T, s server) {
	c := s.client(t)
	for _, tc := range []struct {
		name, alert, match string
		by                 []string
		at                 int
		unknown            bool
		firing, standing   signal.Number
	}{
		{name: "one that fired before the first traffic goes on", alert: "Old", at: 40, firing: 1, standing: 1},
		{name: "one that began after it is new", alert: "Fresh", match: `severity="critical"`, at: 30, firing: 1},
		{name: "labels tell series apart", alert: "Fresh", match: `severity="minor"`, at: 30, firing: 1, standing: 1},
		{name: "one that ended and fires again is new", alert: "Again", at: 45, firing: 1},
		{name: "one of another pod is new where pods tell", alert: "Joined", at: 45, by: []string{"pod"}, firing: 2, standing: 1},
		{name: "but not where only its target is another", alert: "Joined", at: 45, firing: 2, standing: 2},
		{name: "that another one ended makes nothing new", alert: "Left", at: 45, firing: 1, standing: 1},
		{name: "pending is not firing", alert: "Pending", at: 30, unknown: true},
		{name: "an outage of the server, and the pending after it, end nothing", alert: "Through", at: 160, firing: 1, standing: 1},
		{name: "of the past silence is unknown", alert: "Never", at: 30, unknown: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := t0.Add(minute * signal.Duration(tc.at))
			ask := signal.Ask{Signal: "a", Kind: signal.Alert, Of: tc.alert, Match: tc.match, By: tc.by, Since: t0.Add(10 * minute)}
			got := readOne(t, c, ask, measure.Range{From: end.Add(-2 * minute), To: end, Bin: minute, Past: true})
			if got.Cause != signal.Known || len(got.Bins) != 2 || len(got.Queries) != 1 {
				t.Fatalf("got %+v, want two bins and the query", got)
			}
			b := got.Bins[1]
			if b.Value != tc.firing || b.Part != tc.standing || (b.Cause == signal.Unseen) != tc.unknown {
				t.Errorf("got %+v, want %s firing, %s of them since before, unknown %t", b, tc.firing, tc.standing, tc.unknown)
			}
		})
	}
}

// recordIdentities records alerts whose series are others after the twentieth minute, or at each evaluation.
func recordIdentities(h *history) {
	moves := func(alert, was, is string) {
		h.firing(alert, was, "firing", repeat(1, 20)...)
		h.firing(alert, is, "firing", then(silence(20), repeat(1, 40))...)
	}
	each := func(alert, labels string, from, to int) {
		for m := from; m < to; m++ {
			h.firing(alert, fmt.Sprintf(labels, 1200+m), "firing", then(silence(m), repeat(1, 1))...)
		}
	}
	each("Valued", `,service="a",backlog="%d"`, 0, 60)
	each("Units", `,backlog="%d.5k"`, 0, 60)
	each("Text", `,why="the queue holds %d jobs"`, 0, 60)
	each("Other", `,service="a",backlog="%d"`, 0, 60)
	each("Other", `,service="b",backlog="%d"`, 20, 60)
	each("Returned", `,backlog="%d"`, 0, 12)
	each("Returned", `,backlog="%d"`, 32, 60)
	moves("Exporter", `,job="exporter",instance="10.0.0.1:9100",pod="exporter-5d9c-a1"`, `,job="exporter",instance="10.0.0.2:9100",pod="exporter-5d9c-b2"`)
	moves("Address", `,peer="10.0.0.1",k8s_pod_uid="a"`, `,peer="10.0.0.2",k8s_pod_uid="b"`)
	moves("Worse", `,severity="1"`, `,severity="2"`)
	moves("Code", `,code="500"`, `,code="503"`)
	moves("Slot", `,deployment="shop-blue",pod="shop-blue-1"`, `,deployment="shop-green",pod="shop-green-1"`)
	moves("Version", `,version="1.2.3"`, `,version="1.2.4"`)
	moves("Name", `,topic="orders-1"`, `,topic="orders-2"`)
}

// An alert is the same one by the labels that tell alerts apart, whatever changes about its series.
func testIdentities(t *testing.T, s server) {
	c := s.client(t)
	for _, tc := range []struct {
		name, alert string
		by          []string
		isNew       bool
	}{
		{name: "a number in a label", alert: "Valued"},
		{name: "a number with a unit", alert: "Units"},
		{name: "a number in a text", alert: "Text"},
		{name: "a number, of another service", alert: "Other", isNew: true},
		{name: "a number, that had ended", alert: "Returned", isNew: true},
		{name: "another pod exports it", alert: "Exporter"},
		{name: "another address", alert: "Address"},
		{name: "another severity, by a number", alert: "Worse", isNew: true},
		{name: "another code", alert: "Code", isNew: true},
		{name: "another slot", alert: "Slot", isNew: true},
		{name: "another version", alert: "Version", isNew: true},
		{name: "another name with a number", alert: "Name", isNew: true},
		{name: "the policy says that the slot does not tell", alert: "Slot", by: []string{"alertname"}},
		{name: "the policy says that the target tells", alert: "Exporter", by: []string{"instance"}, isNew: true},
		{name: "the policy says that the number does not tell", alert: "Valued", by: []string{"service"}},
		{name: "the policy says that it does", alert: "Valued", by: []string{"service", "backlog"}, isNew: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ask := signal.Ask{Signal: "a", Kind: signal.Alert, Of: tc.alert, By: tc.by, Since: t0.Add(10 * minute)}
			for range 2 { // the second time by what was learnt
				got := readOne(t, c, ask, measure.Range{From: t0.Add(18 * minute), To: t0.Add(45 * minute), Bin: minute, Past: true})
				if got.Cause != signal.Known || len(got.Bins) != 27 {
					t.Fatalf("got %+v, want 27 bins", got)
				}
				first, last := got.Bins[0], got.Bins[26]
				if fresh := last.Value > last.Part; last.Value == 0 || fresh != tc.isNew {
					t.Errorf("in the end %s fire, %s of them since before; want new: %t", last.Value, last.Part, tc.isNew)
				}
				if tc.alert != "Returned" && (first.Value == 0 || (first.Part == 0) != (len(tc.by) == 2)) {
					t.Errorf("before it changes %s fire, %s of them since before", first.Value, first.Part)
				}
			}
		})
	}
}

// What tells alerts apart is learnt once per release, and only where one fired before.
func TestIdentitiesAreLearntOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		before bool
		want   []int64 // questions of three readings
	}{
		"one that fired before":     {true, []int64{4, 2, 2}},
		"control: one that did not": {false, []int64{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			c := client(t, func(r *http.Request) io.Reader {
				asked.Add(1)
				query := r.FormValue("query")
				list := []string{column("firing", "1")}
				switch {
				case !strings.HasSuffix(r.URL.Path, "/query_range"):
					return strings.NewReader(vector(`{"metric":{"backlog":"12"},"value":[1767225600,"1"]}`))
				case !tc.before:
					return strings.NewReader(matrix(list...))
				case strings.Contains(query, `"alive"`):
					return strings.NewReader(matrix())
				case strings.Contains(query, `"before"`):
					return strings.NewReader(matrix(append(list, column("before", "1"))...))
				case !strings.Contains(query, "backlog"):
					t.Errorf("asked with a label that carries a value: %s", query)
				}
				return strings.NewReader(matrix(append(list, column("standing", "1"))...))
			})
			ask := signal.Ask{Signal: "a", Kind: signal.Alert, Of: "A", Since: t0}
			for _, want := range tc.want {
				asked.Store(0)
				got := readOne(t, c, ask, measure.Range{From: t0, To: t0 + 60, Bin: minute, Past: true})
				if got.Cause != signal.Known || (got.Bins[0].Part == 1) != tc.before || asked.Load() != want {
					t.Errorf("got %+v by %d questions, want %d", got, asked.Load(), want)
				}
			}
		})
	}
}

// testRules asks for alerts now, of rules that the server evaluates.
func testRules(t *testing.T, s server) {
	c := s.client(t)
	now := func() measure.Range {
		at := serverTime(t, c)
		return measure.Range{From: at.Add(-second), To: at, Bin: second}
	}
	ask := func(name string) signal.Ask { return signal.Ask{Signal: "a", Kind: signal.Alert, Of: name} }
	eventually(t, 20*time.Second, "the rules are evaluated", func() bool {
		return readOne(t, s.client(t), ask("Burning"), now()).Bins[0].Value == 1 && readOne(t, s.client(t), ask("Broken"), now()).Bins[0].Cause == signal.BadRule
	})
	for _, tc := range []struct {
		name, alert, detail string
		cause               signal.Cause
		value               signal.Number
	}{
		{"one that fires", "Burning", "alert Burning", signal.Known, 1},
		{"one that is pending does not", "Smouldering", "alert Smouldering", signal.Known, 0},
		{"one that is loaded and silent does not", "Quiet", "alert Quiet", signal.Known, 0},
		{"one that is not loaded", "Misspelt", "no alerting rule Misspelt is loaded", signal.NoRule, 0},
		{"a recording rule is none", "Recorded", "no alerting rule Recorded", signal.NoRule, 0},
		{"one whose rule fails", "Broken", "the rule of alert Broken fails", signal.BadRule, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := readOne(t, c, ask(tc.alert), now())
			if len(got.Bins) != 1 || got.Bins[0].Cause != tc.cause || got.Bins[0].Value != tc.value || !strings.Contains(got.Detail, tc.detail) {
				t.Errorf("got %+v, want %s, cause %q and detail %q", got, tc.value, tc.cause, tc.detail)
			}
		})
	}
}

// asking stands in for a server of no samples that counts how often it is asked for its rules.
func asking(t *testing.T, status int, rules string) (server, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/rules" {
			asked.Add(1)
			w.WriteHeader(status)
			fmt.Fprint(w, rules)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	t.Cleanup(s.Close)
	return server{url: s.URL}, &asked
}

func TestRulesThatCannotBeAsked(t *testing.T) {
	ask := signal.Ask{Signal: "a", Kind: signal.Alert, Of: "A"}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		cause  signal.Cause
		detail string
		asked  int64 // in two reads
	}{
		{"control: loaded, and asked once", 200, `{"status":"success","data":{"groups":[{"rules":[{"name":"A","type":"alerting","health":"ok"}]}]}}`, signal.Known, "alert A", 1},
		{"not loaded is remembered, too", 200, `{"status":"success","data":{"groups":[]}}`, signal.NoRule, "no alerting rule A", 1},
		{"not evaluated yet", 200, `{"status":"success","data":{"groups":[{"rules":[{"name":"A","type":"alerting","health":"unknown"}]}]}}`, signal.NoRule, "not been evaluated yet", 1},
		{"a server without rules", 404, `not found`, signal.QueryError, "client error: 404", 2},
		{"a gateway without a server", 502, `<html>`, signal.Away, "server error: 502", 2},
		{"something else", 200, `hello`, signal.Away, "can't be read", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, asked := asking(t, tc.status, tc.body)
			c := s.client(t)
			readOne(t, c, ask, measure.Range{From: t0, To: t0 + 60, Bin: minute})
			got := readOne(t, c, ask, measure.Range{From: t0, To: t0 + 60, Bin: minute})
			if got.Bins[0].Cause != tc.cause || !strings.Contains(got.Detail, tc.detail) || asked.Load() != tc.asked {
				t.Errorf("got %+v after asking %d times; want cause %q, detail %q, asked %d times", got, asked.Load(), tc.cause, tc.detail, tc.asked)
			}
			past := readOne(t, c, ask, measure.Range{From: t0, To: t0 + 60, Bin: minute, Past: true})
			if asked.Load() != tc.asked || past.Bins[0].Cause != signal.Unseen {
				t.Errorf("of the past it asked for rules, or knew more than it can: %+v", past)
			}
		})
	}
}
