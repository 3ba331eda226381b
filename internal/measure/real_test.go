package measure_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// TestPrometheus holds the expressions to a real server: what they count is compared with what was
// recorded, or with what the scraped process did.
func TestPrometheus(t *testing.T) {
	h := &history{}
	ratios, quantiles := ratioCases(), quantileCases()
	for i, tc := range ratios {
		tc.record(h, metricOf("ratio", i))
	}
	for i, tc := range quantiles {
		tc.record(h, metricOf("quantile", i))
	}
	recordTargets(h)
	recordOthers(h)
	recordAllWorkers(h)
	recordFreshness(h)
	recordAlerts(h)
	recordMemory(h)
	recordNatures(h)
	recordOverlaps(h)
	recordIstio(t, h)
	live, custom := startTarget(t), startTarget(t)
	s := startPrometheus(t, h, live.address(), custom.address())
	t.Run("live", func(t *testing.T) { testLive(t, s, live) })
	t.Run("custom buckets", func(t *testing.T) { testCustomBuckets(t, s, custom) })
	t.Run("ratio", func(t *testing.T) { testRatios(t, s, ratios) })
	t.Run("other", func(t *testing.T) { testOtherRatios(t, s) })
	t.Run("workers", func(t *testing.T) { testWorkers(t, s) })
	t.Run("quantile", func(t *testing.T) { testQuantiles(t, s, quantiles) })
	t.Run("buckets", func(t *testing.T) { testBuckets(t, s) })
	t.Run("istio", func(t *testing.T) { testIstio(t, s) })
	t.Run("query", func(t *testing.T) { testQueries(t, s) })
	t.Run("newest", func(t *testing.T) { testNewest(t, s) })
	t.Run("alerts", func(t *testing.T) { testAlerts(t, s) })
	t.Run("identities", func(t *testing.T) { testIdentities(t, s) })
	t.Run("rules", func(t *testing.T) { testRules(t, s) })
	t.Run("overlaps", func(t *testing.T) { testOverlaps(t, s) })
	t.Run("growth", func(t *testing.T) { testGrowth(t, s) })
	t.Run("natures", func(t *testing.T) { testNatures(t, s) })
	t.Run("names", func(t *testing.T) { testNames(t, s) })
}

func recordFreshness(h *history) {
	h.add(`fresh_total{job="shop",instance="a"}`, offset, every, steps(1, 1, 40)...)
	h.add(`fresh_total{job="shop",instance="b"}`, 4500*time.Millisecond, every, steps(1, 1, 40)...)
	h.add(`fresh_total{job="shop",instance="young"}`, 9*time.Minute, every, 1, 2)
	h.add(`fresh_total{job="shop",instance="dead"}`, offset, every, steps(1, 1, 20)...)
	h.add(`fresh_total{job="slow",instance="a"}`, 20*time.Second, time.Minute, steps(1, 1, 10)...)
	h.add(`missed_total{job="shop",instance="a"}`, offset, every, 1, 2, gone, 4, 5, gone, gone, 8)
	h.add(`once_total{job="shop",instance="a"}`, offset, every, 1)
	h.add(`summary_seconds{job="shop",instance="a",quantile="0.5"}`, offset, every, repeat(1, 12)...)
}

func testNewest(t *testing.T, s server) {
	c := s.client(t)
	ratio := func(metric, match string) signal.Ask {
		return signal.Ask{Kind: signal.Ratio, Metric: metric, Match: match}
	}
	shop, slow := ratio("fresh_total", `job="shop"`), ratio("fresh_total", `job="slow"`)
	for _, tc := range []struct {
		name     string
		asks     []signal.Ask
		now      time.Duration
		at       time.Duration
		interval time.Duration
		cause    signal.Cause
	}{
		// Scraped at 9m22 (a), 9m19.5 (b) and 9m15 (young); the dead one's last sample is of 4m52.
		{"the target scraped longest ago decides", []signal.Ask{shop}, 9*time.Minute + 25*time.Second, 9*time.Minute + 15*time.Second, every, signal.Known},
		{"a begun second counts as ended", []signal.Ask{ratio("fresh_total", `instance="b"`)}, 9*time.Minute + 25*time.Second, 9*time.Minute + 20*time.Second, every, signal.Known},
		{"the slowest job's interval", []signal.Ask{shop, slow}, 9*time.Minute + 25*time.Second, 9*time.Minute + 15*time.Second, time.Minute, signal.Known},
		{"missed scrapes don't change the interval", []signal.Ask{ratio("missed_total", "")}, 2 * time.Minute, 112 * time.Second, every, signal.Known},
		{"one sample has no interval", []signal.Ask{ratio("once_total", "")}, time.Minute, 7 * time.Second, 0, signal.Known},
		{"histograms", []signal.Ask{{Kind: signal.Quantile, Metric: metricOf("quantile", 0), Q: 0.9}}, time.Minute, 52 * time.Second, every, signal.Known},
		{"silent for long", []signal.Ask{ratio("once_total", "")}, 10 * time.Minute, 0, 0, signal.Gap},
		{"nothing matches", []signal.Ask{ratio("nothing_total", "")}, time.Minute, 0, 0, signal.Empty},
		{"queries name no series", []signal.Ask{{Kind: signal.Query, PromQL: "vector(1)"}}, time.Minute, 0, 0, signal.Empty},
		{"a broken matcher", []signal.Ask{ratio("fresh_total", `job=`)}, time.Minute, 0, 0, signal.QueryError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := c.Newest(t.Context(), tc.asks, t0.Add(signal.Duration(tc.now)))
			want := measure.Freshness{Interval: signal.Duration(tc.interval), Cause: tc.cause, Detail: got.Detail}
			if tc.at != 0 {
				want.At = t0.Add(signal.Duration(tc.at))
			}
			if got != want || (got.Detail == "") != (tc.cause == signal.Known) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}
