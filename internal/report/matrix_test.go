package report

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// shipped is the matrix of the shipped example.
func shipped(t *testing.T) judge.Matrix {
	t.Helper()
	text, err := os.ReadFile("../../configs/knowledgebeast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	d := policy.Default()
	d.Servers, d.Notifiers = []string{"main"}, []string{"oncall", "deployments"}
	plan, errs := policy.Parse(&p, d)
	if plan == nil {
		t.Fatal(errs)
	}
	return plan.Matrix
}

// minutes makes bins that end with the cutover.
func minutes(n int, b signal.Bin) []signal.Bin {
	out := make([]signal.Bin, n)
	for i := range out {
		out[i], out[i].End = b, at(i-n+1)
	}
	return out
}

func ratio(part, total signal.Number) signal.Bin {
	return signal.Bin{Part: part, Total: total, Value: part / total}
}

// split is a verdict by the shipped matrix while the traffic is split: errors of 8 %, slow enough to be
// looked into, a cache that is colder than stable's, a database that is down, a queue that several series answer for.
func split(t *testing.T) judge.Verdict {
	slow := signal.Bin{Value: 0.13, Total: 900, Over: []signal.Over{{Bound: 0.1, Least: 300, Most: 300}, {Bound: 0.12, Least: 120, Most: 120},
		{Bound: 0.2, Least: 2, Most: 40}, {Bound: 1, Least: 0, Most: 0}}}
	q := []string{`sum(http_requests_total{deployment="knowledgebeast-green",status=~"5.."})`, `sum(http_requests_total{deployment="knowledgebeast-green"})`}
	return judge.Judge(shipped(t), judge.Input{At: t0, Generation: 3, Split: true, FirstTraffic: at(-30),
		Baseline: []judge.Baseline{{Signal: "error-rate", Value: 0.0002, Total: 70000, Bins: 59}, {Signal: "p99-latency", Value: 0.085, Bins: 59},
			{Signal: "cache-hit-ratio", Value: 0.95, Total: 40000, Bins: 59}, {Signal: "throughput", Value: 20.5, Bins: 59}},
		Readings: []signal.Reading{
			{Signal: "error-rate", Bins: minutes(20, ratio(80, 1000)), Queries: q},
			{Signal: "p99-latency", Bins: minutes(20, slow)},
			{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}},
			{Signal: "cache-hit-ratio", Bins: minutes(20, ratio(900, 1500))},
			{Signal: "health", Bins: minutes(20, signal.Bin{Value: 1}), Detail: `database is "down"`},
			{Signal: "throughput", Bins: minutes(20, signal.Bin{Value: 16.67, Total: 1000})},
			{Signal: "queue-depth", Cause: signal.ManySeries, Detail: "2 series where 1 is expected: add an aggregation such as max()", Queries: []string{`kb_queue_depth{deployment="knowledgebeast-green"}`}},
		}})
}

func TestMatrixOfTheShippedPolicyFitsATerminal(t *testing.T) {
	m := shipped(t)
	for name, v := range map[string]judge.Verdict{
		"split": split(t),
		"calm":  judge.Judge(m, judge.Input{At: t0, Readings: []signal.Reading{{Signal: "error-rate", Bins: minutes(20, ratio(0, 5e6))}}}),
		"away": judge.Judge(m, judge.Input{At: t0, Split: true, Readings: []signal.Reading{
			{Signal: "error-rate", Cause: signal.Away, Detail: "dial tcp 10.0.0.1:9090: connect: connection refused while asking for the newest sample of each series of the metric"}}}),
	} {
		text := Matrix(v)
		golden(t, "matrix-"+name+".txt", text)
		for _, l := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(l); n > columnsWide {
				t.Errorf("%s: a line of %d characters: %s", name, n, l)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 60)
	for _, l := range strings.Split(wrap(long, "  "), "\n") {
		if len(l) > columnsWide || len(l) < 90 && strings.HasPrefix(l, "w") {
			t.Errorf("%d: %q", len(l), l)
		}
	}
	if got := strings.Join(strings.Fields(wrap(long, "  ")), " ") + " "; got != long {
		t.Errorf("words are lost: %q", got)
	}
	if got := wrap(strings.Repeat("x", 150)+" y", ""); got != strings.Repeat("x", 150)+"\ny" {
		t.Errorf("a word that does not fit: %q", got)
	}
}
