package measure_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// recordNatures records metrics that are no histograms, or bear another name than is asked for.
func recordNatures(h *history) {
	add := func(series string, step float64) { h.add(series, offset, every, steps(100, step, 12)...) }
	for _, slot := range []string{"blue", "green"} {
		labels := `job="shop",slot="` + slot + `"`
		add(`timer_seconds{`+labels+`,quantile="0.99"}`, 0)
		add(`timer_seconds_count{`+labels+`}`, 10)
		add(`timer_seconds_sum{`+labels+`}`, 1)
		add(`plain_seconds_count{`+labels+`}`, 10)
		add(`plain_seconds_sum{`+labels+`}`, 1)
		add(`depth_now{`+labels+`}`, 0)
		add(`calls_total{`+labels+`}`, 10)
		add(`jobs{`+labels+`}`, 10)
	}
	// Blue has buckets, and green is a summary: a library was exchanged.
	for _, le := range []string{"0.1", "+Inf"} {
		add(`swapped_seconds_bucket{job="shop",slot="blue",le="`+le+`"}`, 10)
		add(`both_seconds_bucket{job="shop",slot="green",le="`+le+`"}`, 10)
		h.add(`{"http.server.request.duration_bucket",job="shop","service.name"="green",le="`+le+`"}`, offset, every, steps(100, 10, 12)...)
	}
	add(`swapped_seconds{job="shop",slot="green",quantile="0.5"}`, 0)
	add(`both_seconds{job="shop",slot="green",quantile="0.5"}`, 0)
	h.add(`{"http.server.request.count",job="shop","service.name"="green"}`, offset, every, steps(100, 10, 12)...)
}

func p99(metric, match string) signal.Ask {
	return signal.Ask{Signal: "p99", Kind: signal.Quantile, Metric: metric, Match: match, Q: 0.99, Over: []signal.Number{0.1}}
}

// Where a question finds nothing, what the metric is instead is said; the controls find something, or truly nothing.
func testNatures(t *testing.T, s server) {
	c := s.client(t)
	r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
	const green = `slot="green"`
	rate := func(metric, match string) signal.Ask {
		return signal.Ask{Kind: signal.Rate, Metric: metric, Match: match}
	}
	for _, tc := range []struct {
		name   string
		ask    signal.Ask
		cause  signal.Cause
		detail string
	}{
		{"a summary", p99("timer_seconds", green), signal.WrongKind, "timer_seconds is a summary: P99 cannot be counted; turn histogram buckets on"},
		{"a summary, of other labels", p99("timer_seconds", `slot="red"`), signal.WrongKind, "timer_seconds is a summary"},
		{"a summary of one slot", p99("swapped_seconds", green), signal.WrongKind, "swapped_seconds is a summary"},
		{"a count alone", p99("plain_seconds", green), signal.WrongKind, "plain_seconds has plain_seconds_count, but no buckets: P99 cannot be counted"},
		{"a gauge", p99("depth_now", green), signal.WrongKind, "depth_now is a number per series, a gauge or a counter: P99 cannot be counted; name a histogram"},
		{"a counter without _total", rate("calls", green), signal.WrongKind, "calls has no series, but calls_total has: write that name"},
		{"a counter with _total", rate("jobs_total", green), signal.WrongKind, "jobs_total has no series, but jobs has: write that name"},
		{"a histogram as a counter", rate("plain_seconds", green), signal.WrongKind, "plain_seconds has no series, but plain_seconds_count has"},
		{"control: other labels", p99("swapped_seconds", `slot="red"`), signal.Mismatch, `swapped_seconds has 1 series, but none with slot="red"`},
		{"control: a counter's other labels", rate("calls_total", `slot="red"`), signal.Mismatch, `calls_total has 2 series, but none with slot="red"`},
		{"control: nothing of the name", p99("nothing_seconds", green), signal.Empty, "no series matches"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkUnknown(t, c.Read(t.Context(), []signal.Ask{tc.ask}, r)[0], tc.cause, tc.detail)
		})
	}
	for name, ask := range map[string]signal.Ask{
		"control: buckets":          p99("swapped_seconds", `slot="blue"`),
		"control: quantiles beside": p99("both_seconds", green),
	} {
		t.Run(name, func(t *testing.T) { checkCounted(t, c.Read(t.Context(), []signal.Ask{ask}, r)[0], 40) })
	}
}

// Names beyond ASCII are asked for as they are.
func testNames(t *testing.T, s server) {
	c := s.client(t)
	r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
	const green = `"service.name"="green"`
	count := signal.Ask{Signal: "count", Kind: signal.Rate, Metric: "http.server.request.count", Match: green}
	for i, got := range c.Read(t.Context(), []signal.Ask{count, p99("http.server.request.duration", green)}, r) {
		t.Run([]string{"a counter", "a histogram"}[i], func(t *testing.T) { checkCounted(t, got, 40) })
	}
	f := c.Newest(t.Context(), []signal.Ask{count, p99("http.server.request.duration", green)}, t0.Add(signal.Duration(2*time.Minute)))
	if f.Cause != signal.Known || f.Interval != signal.Duration(every) {
		t.Errorf("newest: %+v", f)
	}
	checkUnknown(t, c.Read(t.Context(), []signal.Ask{{Kind: signal.Rate, Metric: "http.server.request.count", Match: `"service.name"="red"`}}, r)[0],
		signal.Mismatch, "http.server.request.count has 1 series, but none with")
}

func checkCounted(t *testing.T, got signal.Reading, total signal.Number) {
	t.Helper()
	if got.Cause != signal.Known || len(got.Bins) != 2 {
		t.Fatalf("got %+v, want two bins", got)
	}
	for _, b := range got.Bins {
		if b.Cause != signal.Known || b.Total != total {
			t.Errorf("bin %+v, want %s events", b, total)
		}
	}
}
