package measure_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Scrapes are 15 s apart and fall 7 s into a quarter minute unless a case says otherwise: four per
// bin of a minute.
const (
	offset = 7 * time.Second
	every  = 15 * time.Second
)

// counted is one known bin of a Ratio.
func counted(part, total float64) signal.Bin {
	return signal.Bin{Value: signal.Number(part / total), Part: signal.Number(part), Total: signal.Number(total)}
}

func because(c signal.Cause) signal.Bin { return signal.Bin{Cause: c} }

// ratioCase is a history of the metric and what is to be counted of it, in bins of a minute from t0
// on, skipping the first.
type ratioCase struct {
	name   string
	record func(h *history, metric string)
	want   []signal.Bin
}

func ratioCases() []ratioCase {
	ok := func(metric, pod string) string {
		return fmt.Sprintf(`%s{job="shop",instance=%q,code="200"}`, metric, pod)
	}
	bad := func(metric, pod string) string {
		return fmt.Sprintf(`%s{job="shop",instance=%q,code="500"}`, metric, pod)
	}
	return []ratioCase{
		{"plain", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 9, 16)...)
			h.add(bad(m, "a"), offset, every, steps(500, 1, 16)...)
		}, []signal.Bin{counted(4, 40), counted(4, 40), counted(4, 40)}},

		{"no series of the part is no error", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 12)...)
		}, []signal.Bin{counted(0, 40), counted(0, 40)}},

		{"new series of a known target counts whole", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 12)...)
			h.add(bad(m, "a"), offset, every, then(silence(6), []float64{7, 7}, steps(8, 1, 4))...)
		}, []signal.Bin{counted(7, 47), counted(4, 44)}},

		{"after a reset the new value counts", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(1000, 10, 6), steps(3, 10, 6))...)
			h.add(bad(m, "a"), offset, every, then(repeat(90, 6), []float64{1, 2}, repeat(2, 4))...)
		}, []signal.Bin{counted(2, 15), counted(0, 40)}},

		{"a reset that passes its former value counts the difference", func(h *history, m string) {
			h.add(ok(m, "started"), offset, every, then([]float64{1, 2, 3, 4}, []float64{5, 0, 10, 20}, steps(30, 10, 4))...)
		}, []signal.Bin{counted(0, 16), counted(0, 40)}},

		{"a fall without a restart is no reset", func(h *history, m string) {
			h.add(ok(m, "old"), offset, every, then(steps(1000, 10, 6), steps(700, 10, 6))...)
			h.add(bad(m, "old"), offset, every, then(repeat(90, 6), repeat(60, 6))...)
		}, []signal.Bin{because(signal.Mixed), counted(0, 40)}},

		{"one that is over before the bin ends neither", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, 1000, 1010, 1020, 1030, 400, 1050, 1060, 1070, 1080, 1090, 1100, 1110)
		}, []signal.Bin{because(signal.Mixed), counted(0, 40)}},

		{"nor is what rises again", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(1000, 10, 6), steps(600, 10, 4), steps(1100, 10, 6))...)
		}, []signal.Bin{because(signal.Mixed), because(signal.Mixed), because(signal.Mixed)}},

		{"where processes answer by turns nothing near is known", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(9000, 10, 4), steps(9040, 10, 4), steps(50, 10, 4), steps(90, 10, 4), steps(9160, 10, 4), steps(170, 10, 4))...)
		}, []signal.Bin{because(signal.Mixed), because(signal.Mixed), because(signal.Mixed), because(signal.Mixed), because(signal.Mixed)}},

		{"a sum over pods falls with one of them", func(h *history, m string) {
			series := fmt.Sprintf(`%s{job="shop",code="200"}`, m)
			h.add(series, offset, every, then(steps(6000, 60, 6), steps(5300, 50, 6), steps(6660, 60, 4))...)
		}, []signal.Bin{because(signal.Aggregated), counted(0, 200), because(signal.Aggregated)}},

		{"a disappearing series counts up to its last sample", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 12)...)
			h.add(ok(m, "b"), offset, every, steps(2000, 10, 6)...)
			h.add(bad(m, "b"), offset, every, steps(100, 1, 6)...)
		}, []signal.Bin{counted(2, 62), counted(0, 40)}},

		{"what a pod that is found counted before is no event", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 12)...)
			h.add(ok(m, "c"), offset+4*time.Second, every, then(silence(5), steps(5, 5, 7))...)
		}, []signal.Bin{because(signal.First), counted(0, 40+20)}},

		{"a pod that was scraped before its first request counts whole", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 12)...)
			h.add(ok(m, "heard"), offset+4*time.Second, every, then(silence(5), steps(5, 5, 7))...)
			h.add(bad(m, "heard"), offset+4*time.Second, every, then(silence(6), steps(2, 1, 6))...)
		}, []signal.Bin{counted(3, 40+15+3), counted(4, 40+20+4)}},

		{"so does one that was scraped before it within the bin", func(h *history, m string) {
			h.add(ok(m, "heard-late"), offset, every, then(silence(7), steps(5, 5, 5))...)
		}, []signal.Bin{counted(0, 5), counted(0, 20)}},

		{"and one that says that it has just started", func(h *history, m string) {
			h.add(ok(m, "started"), offset, every, then(silence(5), steps(5, 5, 7))...)
		}, []signal.Bin{counted(0, 15), counted(0, 20)}},

		{"or whose counters do", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(silence(5), steps(5, 5, 7))...)
			h.add(strings.Replace(ok(m, "a"), "{", "_created{", 1), offset, every, then(silence(5), repeat(float64(t0)+70, 7))...)
		}, []signal.Bin{counted(0, 15), counted(0, 20)}},

		{"one that started long ago does not", func(h *history, m string) {
			h.add(ok(m, "old"), offset, every, then(silence(5), steps(5000, 5, 7))...)
		}, []signal.Bin{because(signal.First), counted(0, 20)}},

		{"a label that is written otherwise is no event", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(1000, 10, 6), silence(6))...)
			h.add(strings.Replace(ok(m, "a"), `code="200"`, `code="OK"`, 1), offset, every, then(silence(6), steps(1060, 10, 6))...)
		}, []signal.Bin{because(signal.First), counted(0, 40)}},

		{"a label that the question asks for is no event either", func(h *history, m string) {
			h.add(strings.Replace(ok(m, "heard"), `job=`, `slot="old",job=`, 1), offset, every, then(steps(1000, 10, 6), silence(6))...)
			h.add(ok(m, "heard"), offset, every, then(silence(6), steps(1060, 10, 6))...)
			h.add(strings.Replace(ok(m, "heard"), `code="200"`, `code="201"`, 1), offset, every, steps(1000, 1, 12)...)
		}, []signal.Bin{because(signal.First), counted(0, 44)}},

		{"all pods found in one bin", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(silence(5), steps(5, 5, 7))...)
			h.add(ok(m, "b"), offset, every, then(silence(6), steps(2, 1, 6))...)
		}, []signal.Bin{because(signal.First), counted(0, 24)}},

		{"a hole is a gap, and so is the return", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(1000, 10, 4), silence(9), steps(5000, 10, 7))...)
		}, []signal.Bin{because(signal.Gap), because(signal.Gap), because(signal.Gap), counted(0, 40)}},

		{"one pod's return is a gap", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, then(steps(1000, 10, 4), silence(5), steps(5000, 10, 7))...)
			h.add(ok(m, "b"), offset, every, steps(1000, 10, 16)...)
		}, []signal.Bin{counted(0, 40), because(signal.Gap), counted(0, 80)}},

		{"single missed scrapes are none", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, 1000, 1010, 1020, gone, gone, 1050, 1060, gone, 1080, gone, gone, 1110)
		}, []signal.Bin{counted(0, 40), counted(0, 50)}},

		{"no new events is idle", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, repeat(1000, 12)...)
		}, []signal.Bin{because(signal.Idle), because(signal.Idle)}},

		{"an old value is not alive", func(h *history, m string) {
			h.add(ok(m, "a"), offset, every, steps(1000, 10, 8)...)
		}, []signal.Bin{counted(0, 40), because(signal.Gap), because(signal.Gap)}},

		{"a sample at the boundary belongs to the bin that ends there", func(h *history, m string) {
			h.add(ok(m, "a"), 0, 30*time.Second, 0, 1, 3, 7, 15, 31, 63)
		}, []signal.Bin{counted(0, 12), counted(0, 48)}},

		{"fewer scrapes than bins leave gaps", func(h *history, m string) {
			h.add(ok(m, "a"), offset, 2*time.Minute, steps(1000, 10, 4)...)
		}, []signal.Bin{because(signal.Gap), because(signal.Gap), because(signal.Gap)}},

		{"twins of two servers count once", func(h *history, m string) {
			for i, first := range []time.Duration{offset, offset + 3*time.Second} {
				h.add(fmt.Sprintf(`%s{job="shop",instance="a",code="200",prometheus_replica="p%d"}`, m, i), first, every, steps(1000, 10, 12)...)
				h.add(fmt.Sprintf(`%s{job="shop",instance="a",code="500",prometheus_replica="p%d"}`, m, i), first, every, steps(1000, 1, 12)...)
			}
		}, []signal.Bin{counted(4, 44), counted(4, 44)}},

		{"a new twin does not count the pod's life", func(h *history, m string) {
			for i, missed := range []int{0, 5} {
				values := then(silence(missed), steps(1000+10*float64(missed), 10, 12-missed))
				h.add(fmt.Sprintf(`%s{job="shop",instance="a",code="200",prometheus_replica="p%d"}`, m, i), offset, every, values...)
			}
		}, []signal.Bin{because(signal.Gap), counted(0, 40)}},
	}
}

func metricOf(kind string, i int) string { return fmt.Sprintf("%s_%02d", kind, i) }

func testRatios(t *testing.T, s server, cases []ratioCase) {
	c := s.client(t)
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			ask := signal.Ask{Signal: "errors", Kind: signal.Ratio, Metric: metricOf("ratio", i), Match: `job="shop"`, Part: `code=~"5.."`}
			r := measure.Range{From: t0.Add(minute), To: t0.Add(minute * signal.Duration(1+len(tc.want))), Bin: minute}
			got := c.Read(t.Context(), []signal.Ask{ask}, r)[0]
			compare(t, got, r, tc.want)
		})
	}
}

const minute = signal.Duration(time.Minute)

// compare checks that got's bins are want, one after the other through r.
func compare(t *testing.T, got signal.Reading, r measure.Range, want []signal.Bin) {
	t.Helper()
	if got.Cause != signal.Known {
		t.Fatalf("cause %s: %s", got.Cause, got.Detail)
	}
	timed := make([]signal.Bin, len(want))
	for i, b := range want {
		b.End = r.From.Add(r.Bin * signal.Duration(i+1))
		timed[i] = b
	}
	if d := cmp.Diff(timed, got.Bins, cmp.Comparer(near)); d != "" {
		t.Errorf("bins (-want +got):\n%s\nqueries: %q", d, got.Queries)
	}
}

func near(a, b signal.Number) bool { return math.Abs(float64(a-b)) <= 1e-12 }

// recordTargets records what is known of the targets that the cases name: when they were scraped, and have started.
func recordTargets(h *history) {
	h.add(`up{job="shop",instance="heard"}`, offset, every, repeat(1, 16)...)
	h.add(`up{job="shop",instance="heard-late"}`, offset, every, then(silence(5), repeat(1, 11))...)
	h.add(`up{job="shop",instance="old"}`, offset, every, then(silence(5), repeat(1, 11))...)
	h.add(`process_start_time_seconds{job="shop",instance="started"}`, offset, every, repeat(float64(t0)+70, 16)...)
	h.add(`process_start_time_seconds{job="shop",instance="old"}`, offset, every, repeat(float64(t0)-4000, 16)...)
}

// recordOthers records what the cases beyond the tables need.
func recordOthers(h *history) {
	h.add(`cache_hits_total{job="shop",instance="a"}`, offset, every, steps(100, 9, 12)...)
	h.add(`cache_misses_total{job="shop",instance="a"}`, offset, every, steps(50, 1, 12)...)
	for pod, buckets := range map[string]map[string]float64{"a": {"0.1": 6, "0.5": 10, "+Inf": 10}, "again": {"0.1": 6, "0.5": 10, "+Inf": 10}, "b": {"0.2": 0, "1": 10, "+Inf": 10}} {
		for le, n := range buckets {
			h.add(fmt.Sprintf(`mixed_seconds_bucket{job="shop",instance=%q,le=%q}`, pod, le), offset, every, steps(100, n, 12)...)
		}
	}
	h.add(`up{job="shop",instance="long"}`, -time.Second, every, 1)
	h.add(`long_total{job="shop",instance="long"}`, time.Second, time.Second, steps(1, 1, longBins*2)...)
	h.add(`twice_total{job="shop",instance="a",pod="a",code="200"}`, offset, every, steps(100, 10, 12)...)
	h.add(`twice_total{job="pods",instance="a:81",pod="a",code="200"}`, offset+time.Second, every, steps(100, 10, 12)...)
	h.add(`apart_total{job="shop",instance="a",pod="a",container="x"}`, offset, every, steps(100, 10, 12)...)
	h.add(`apart_total{job="shop",instance="b",pod="a",container="y"}`, offset, every, steps(70, 10, 12)...)
	for code, n := range map[string]float64{"200": 10, "500": 3} { // the app's port, and a sidecar that passes it on
		h.add(fmt.Sprintf(`sidecar_total{job="shop",instance="a",namespace="n",pod="a",container="app",code=%q}`, code), offset, every, steps(100, n, 12)...)
		h.add(fmt.Sprintf(`sidecar_total{job="shop",instance="b",namespace="n",pod="a",container="istio-proxy",code=%q}`, code), offset+5*time.Second, every, steps(100+n/3, n, 12)...)
		h.add(fmt.Sprintf(`relabelled_total{job="shop",instance="a",pod="a",team="x",code=%q}`, code), offset, every, steps(100, n, 12)...)
		h.add(fmt.Sprintf(`relabelled_total{job="shop",instance="a",pod="a",team="y",tier="z",code=%q}`, code), offset+5*time.Second, every, steps(100+n/3, n, 12)...)
		h.add(fmt.Sprintf(`paths_total{job="shop",instance="a",pod="a",path="/x",code=%q}`, code), offset, every, steps(100, n, 12)...)
		h.add(fmt.Sprintf(`paths_total{job="shop",instance="a",pod="a",path="/y",code=%q}`, code), offset, every, steps(120, n, 12)...)
	}
	h.add(`idle_total{job="shop",instance="a"}`, offset, every, repeat(7, 12)...)
	h.add(`early_total{job="shop",instance="a"}`, offset, every, steps(1, 1, 4)...)
	h.add(`{"dotted.total",job="shop",instance="a"}`, offset, every, steps(100, 10, 12)...)
	h.add(`depth{job="shop",instance="a"}`, offset, every, then(repeat(3, 8), silence(12), repeat(5, 4))...)
	h.add(`depth{job="shop",instance="b"}`, offset, every, repeat(4, 8)...)
	h.add(`odd{job="shop",instance="a"}`, offset, every, math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1), 1, 1, 1, 1)
}

const longBins = 12_000

func testOtherRatios(t *testing.T, s server) {
	c := s.client(t)
	two := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute}
	t.Run("several metrics by name", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio,
			Match: `__name__=~"cache_(hits|misses)_total",job="shop"`, Part: `__name__="cache_hits_total"`}}, two)[0]
		compare(t, got, two, []signal.Bin{counted(36, 40), counted(36, 40)})
	})
	t.Run("a name with a dot", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "dotted.total", Part: `code="500"`}}, two)[0]
		compare(t, got, two, []signal.Bin{counted(0, 40), counted(0, 40)})
	})
	t.Run("a rate", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Rate, Metric: "dotted.total"}}, two)[0]
		compare(t, got, two, []signal.Bin{{Value: signal.Number(40.0 / 60), Total: 40}, {Value: signal.Number(40.0 / 60), Total: 40}})
		if len(got.Queries) != 1 || strings.Contains(got.Queries[0], "code") {
			t.Errorf("queries %q, want one", got.Queries)
		}
	})
	t.Run("a rate of nothing is 0", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Rate, Metric: "idle_total"}}, two)[0]
		compare(t, got, two, []signal.Bin{{}, {}})
	})
	t.Run("bins that overlap", func(t *testing.T) {
		r := measure.Range{From: t0.Add(minute), To: t0.Add(3 * minute), Bin: minute, Every: 15 * second}
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "dotted.total", Part: `code="500"`}}, r)[0]
		if len(got.Bins) != 5 {
			t.Fatalf("%d bins, want 5: %+v", len(got.Bins), got)
		}
		for i, b := range got.Bins {
			want := counted(0, 40)
			if want.End = r.From.Add(minute + signal.Duration(i)*15*second); !cmp.Equal(b, want) {
				t.Errorf("bin %d is %+v, want %+v", i, b, want)
			}
		}
	})
	t.Run("no seam between chunks", func(t *testing.T) {
		r := measure.Range{From: t0, To: t0.Add(2 * second * longBins), Bin: 2 * second}
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "long_total", Part: `code="500"`}}, r)[0]
		want := make([]signal.Bin, longBins)
		for i := range want {
			want[i] = counted(0, 2)
		}
		compare(t, got, r, want)
	})
	t.Run("many bins that end at no multiple of their length", func(t *testing.T) {
		r := measure.Range{From: t0.Add(61 * second), To: t0.Add(61*second + 100*4*second), Bin: 4 * second}
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "long_total", Part: `code="500"`}}, r)[0]
		compare(t, got, r, slices.Repeat([]signal.Bin{counted(0, 4)}, 100))
	})
	t.Run("nothing has the labels", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "long_total", Match: `slot="green"`}}, two)[0]
		if want := `long_total has 1 series, but none with slot="green", now or in the hour before`; got.Cause != signal.Mismatch || got.Detail != want {
			t.Errorf("%s: %q, want %q", got.Cause, got.Detail, want)
		}
	})
	t.Run("two monitors on one pod", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "twice_total", Part: `code="500"`}, {Kind: signal.Rate, Metric: "apart_total"}}, two)
		compare(t, got[0], two, []signal.Bin{because(signal.Duplicates), because(signal.Duplicates)})
		if got[1].Bins[1].Cause != signal.Known || got[1].Bins[1].Total != 80 {
			t.Errorf("two pods are no duplicates, nor are two containers: %+v", got[1])
		}
	})
	for metric, twice := range map[string]bool{"sidecar_total": true, "relabelled_total": true, "paths_total": false} {
		t.Run("two scrapes of one pod by other labels: "+metric, func(t *testing.T) {
			got := readOne(t, c, signal.Ask{Kind: signal.Ratio, Metric: metric, Match: `job="shop"`, Part: `code="500"`}, two)
			want := because(signal.Duplicates)
			if !twice {
				want = counted(24, 104)
			}
			compare(t, got, two, []signal.Bin{want, want})
		})
	}
	t.Run("nothing matches", func(t *testing.T) {
		got := c.Read(t.Context(), []signal.Ask{{Signal: "errors", Kind: signal.Ratio, Metric: "nothing_total"}}, two)[0]
		if got.Cause != signal.Empty || got.Signal != "errors" || len(got.Bins) > 0 || got.Detail == "" {
			t.Errorf("reading %+v", got)
		}
	})
	t.Run("matches before the range only", func(t *testing.T) {
		r := measure.Range{From: t0.Add(20 * minute), To: t0.Add(22 * minute), Bin: minute}
		got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "early_total"}}, r)[0]
		compare(t, got, r, []signal.Bin{because(signal.Gap), because(signal.Gap)})
	})
}

const second = signal.Duration(time.Second)

func testQueries(t *testing.T, s server) {
	c := s.client(t)
	r := measure.Range{From: t0.Add(minute), To: t0.Add(6 * minute), Bin: minute}
	number := func(v float64) signal.Bin { return signal.Bin{Value: signal.Number(v)} }
	gap, nan := because(signal.Gap), because(signal.NaN)
	for _, tc := range []struct {
		name, promql string
		want         []signal.Bin
	}{
		{"one number, alive for two bins, then a hole", `max(depth{instance="a"})`, []signal.Bin{number(3), number(3), gap, gap, number(5)}},
		{"a scalar", `scalar(vector(2))`, []signal.Bin{number(2), number(2), number(2), number(2), number(2)}},
		{"not a number", `odd`, []signal.Bin{nan, number(1), number(1), gap, gap}},
		{"a shadow is no second series", `sum by (instance) (depth{instance="b"}) / 2 or 0 * vector(1) / 0`, []signal.Bin{number(2), number(2), gap, gap, gap}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Query, PromQL: tc.promql}}, r)[0]
			compare(t, got, r, tc.want)
		})
	}
	for _, tc := range []struct {
		name, promql string
		want         signal.Cause
		detail       string
	}{
		{"several series", `depth`, signal.ManySeries, "2 series"},
		{"nothing", `nothing`, signal.Empty, "nothing"},
		{"a syntax error", `max(`, signal.QueryError, "parse error"},
		{"a runtime error", `depth * on (job) group_left depth`, signal.QueryError, "found duplicate series"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := c.Read(t.Context(), []signal.Ask{{Kind: signal.Query, PromQL: tc.promql}}, r)[0]
			checkUnknown(t, got, tc.want, tc.detail)
		})
	}
}
