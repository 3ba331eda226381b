package measure_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var bounds = []string{"0.1", "0.2", "0.5", "+Inf"}

// buckets records a classic histogram: per bound one row of cumulative counts.
func (h *history) buckets(metric, pod string, first, every time.Duration, rows ...[]float64) {
	for i, row := range rows {
		h.add(fmt.Sprintf(`%s_bucket{job="shop",instance=%q,le=%q}`, metric, pod, bounds[i]), first, every, row...)
	}
}

func at(value, total float64) signal.Bin {
	return signal.Bin{Value: signal.Number(value), Total: signal.Number(total)}
}

type quantileCase struct {
	name   string
	q      signal.Number
	bin    signal.Duration
	record func(h *history, metric string)
	want   []signal.Bin
}

func quantileCases() []quantileCase {
	return []quantileCase{
		{"plain", 0.9, minute, func(h *history, m string) {
			h.buckets(m, "a", offset, every, steps(600, 6, 12), steps(800, 8, 12), steps(1000, 10, 12), steps(1000, 10, 12))
		}, []signal.Bin{at(0.35, 40), at(0.35, 40)}}, // the 36th of 40: 4 of the 8 in 0.2 to 0.5

		{"several pods are one distribution", 0.5, minute, func(h *history, m string) {
			h.buckets(m, "a", offset, every, steps(600, 10, 12), steps(600, 10, 12), steps(600, 10, 12), steps(600, 10, 12))
			h.buckets(m, "b", offset, every, repeat(5, 12), steps(5, 30, 12), steps(5, 30, 12), steps(5, 30, 12))
		}, []signal.Bin{at(0.1+0.1*40/120, 160), at(0.1+0.1*40/120, 160)}},

		// After the reset the first bucket has passed its former value, the others have not.
		{"a histogram is reset as a whole", 0.5, minute, func(h *history, m string) {
			h.buckets(m, "a", offset, every,
				then(repeat(2, 6), repeat(6, 6)), then(repeat(50, 6), repeat(8, 6)),
				then(repeat(100, 6), repeat(8, 6)), then(repeat(100, 6), repeat(8, 6)))
		}, []signal.Bin{at(0.1*4/6, 8), because(signal.Idle)}},

		{"a pod that was scraped before its first request counts whole", 0.5, minute, func(h *history, m string) {
			row := then(silence(6), steps(2, 2, 6))
			h.buckets(m, "heard", offset, every, row, row, row, row)
		}, []signal.Bin{at(0.05, 4), at(0.05, 8)}},

		{"one that is found late does not", 0.5, minute, func(h *history, m string) {
			row := then(silence(6), steps(2, 2, 6))
			h.buckets(m, "a", offset, every, row, row, row, row)
		}, []signal.Bin{because(signal.First), at(0.05, 8)}},

		{"a fall without a restart is no reset", 0.5, minute, func(h *history, m string) {
			row := then(steps(1000, 2, 6), steps(900, 2, 6))
			h.buckets(m, "a", offset, every, row, row, row, row)
		}, []signal.Bin{because(signal.Mixed), at(0.05, 8)}},

		{"an end that is written otherwise is no event", 0.5, minute, func(h *history, m string) {
			h.buckets(m, "a", offset, every, steps(1000, 2, 12), then(steps(1000, 2, 6), silence(6)), steps(1000, 2, 12), steps(1000, 2, 12))
			h.add(m+`_bucket{job="shop",instance="a",le="0.20"}`, offset, every, then(silence(6), steps(1012, 2, 6))...)
		}, []signal.Bin{because(signal.First), at(0.05, 8)}},

		{"a hole is a gap, and so is the return", 0.5, minute, func(h *history, m string) {
			row := then(steps(1000, 2, 4), silence(4), steps(5000, 2, 8))
			h.buckets(m, "a", offset, every, row, row, row, row)
		}, []signal.Bin{because(signal.Gap), because(signal.Gap), at(0.05, 8)}},

		{"above the last bound that bound is all that is known", 0.99, minute, func(h *history, m string) {
			h.buckets(m, "a", offset, every, repeat(7, 8), repeat(7, 8), repeat(7, 8), steps(7, 5, 8))
		}, []signal.Bin{at(0.5, 20)}},

		{"bins of two seconds, scrapes of one", 0.9, 2 * second, func(h *history, m string) {
			h.buckets(m, "a", 300*time.Millisecond, time.Second,
				steps(600, 6, 9), steps(800, 8, 9), steps(1000, 10, 9), steps(1000, 10, 9))
		}, []signal.Bin{at(0.35, 20), at(0.35, 20), at(0.35, 20)}},

		{"one observation is counted as one", 0.5, 2 * second, func(h *history, m string) {
			row := []float64{4, 4, 4, 5, 5, 5, 5, 5, 6}
			h.buckets(m, "a", 300*time.Millisecond, time.Second, repeat(0, 9), row, row, row)
		}, []signal.Bin{at(0.15, 1), because(signal.Idle), because(signal.Idle)}},
	}
}

func testQuantiles(t *testing.T, s server, cases []quantileCase) {
	c := s.client(t)
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			ask := signal.Ask{Kind: signal.Quantile, Metric: metricOf("quantile", i), Match: `job="shop"`, Q: tc.q}
			r := measure.Range{From: t0.Add(tc.bin), To: t0.Add(tc.bin * signal.Duration(1+len(tc.want))), Bin: tc.bin}
			got := c.Read(t.Context(), []signal.Ask{ask}, r)[0]
			compare(t, got, r, tc.want)
			if len(got.Queries) != 1 {
				t.Errorf("queries %q; want the classic histogram's alone", got.Queries)
			}
		})
	}
	t.Run("above a bound", func(t *testing.T) {
		over := func(bound, least, most signal.Number) signal.Over {
			return signal.Over{Bound: bound, Least: least, Most: most}
		}
		ask := signal.Ask{Kind: signal.Quantile, Metric: metricOf("quantile", 0), Match: `job="shop"`, Q: 0.9, Over: []signal.Number{0.05, 0.2, 0.3, 2}}
		r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
		got := c.Read(t.Context(), []signal.Ask{ask}, r)[0]
		want := at(0.35, 40) // 24 up to 0.1, 32 up to 0.2, all up to 0.5
		want.Over = []signal.Over{over(0.05, 16, 40), over(0.2, 8, 8), over(0.3, 0, 8), over(2, 0, 0)}
		compare(t, got, r, []signal.Bin{want, want})
		const detail = "no bucket ends at 0.05; the nearest is 0.1; no bucket ends at 0.3; the nearest are 0.2 and 0.5; no bucket ends at 2; the nearest is 0.5, and nothing above it can be seen"
		if got.Detail != detail || len(got.Queries) != 2 {
			t.Errorf("%q, want %q; queries %q", got.Detail, detail, got.Queries)
		}
		beyond := ask
		beyond.Metric = metricOf("quantile", 8) // all beyond the last bound
		got = c.Read(t.Context(), []signal.Ask{beyond}, measure.Range{From: t0.Add(minute), To: t0.Add(2 * minute), Bin: minute})[0]
		if o := got.Bins[0].Over; o[3] != over(2, 0, 20) || o[2] != over(0.3, 20, 20) {
			t.Errorf("what lies in the last bucket may be anything: %+v", o)
		}
	})
	t.Run("above a bound that only some have", func(t *testing.T) {
		ask := signal.Ask{Kind: signal.Quantile, Metric: "mixed_seconds", Q: 0.9, Over: []signal.Number{0.5}}
		r := measure.Range{From: t0.Add(minute), To: t0.Add(2 * minute), Bin: minute}
		for match, want := range map[string]signal.Over{
			`instance="a"`:        {Bound: 0.5},
			`instance="b"`:        {Bound: 0.5, Most: 40},
			`instance=~"a|b"`:     {Bound: 0.5, Most: 80}, // all of b's may be above 0.5, and none is known to be
			`instance=~"a|again"`: {Bound: 0.5},
		} {
			ask.Match = match
			got := readOne(t, c, ask, r)
			if len(got.Bins) != 1 || len(got.Bins[0].Over) != 1 || got.Bins[0].Over[0] != want {
				t.Errorf("%s: %+v, want %+v", match, got, want)
			}
			seen := c.Buckets(t.Context(), []signal.Ask{ask}, t0.Add(2*minute))[0]
			if visible := slices.Contains(seen.Ends, 0.5); visible != (match == `instance="a"` || match == `instance=~"a|again"`) {
				t.Errorf("%s: ends %v", match, seen.Ends)
			}
		}
	})
	t.Run("no histogram has the labels", func(t *testing.T) {
		r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Quantile, Metric: metricOf("quantile", 1), Match: `slot="green"`, Q: 0.5}}, r)[0]
		checkUnknown(t, got, signal.Mismatch, "has 2 series, but none with slot=")
	})
}
