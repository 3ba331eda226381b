package measure_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// What each good scrape of the target adds: 20 requests, 2 of them bad, and as many observations,
// one in ten of them slow.
const (
	perScrape = 20
	badOnes   = 2
	fast      = 0.1
	slow      = 2.0
)

// target is a scraped process. It counts by being scraped, so that what must be measured is known,
// and can be broken: native histograms and staleness markers can't be loaded as history.
type target struct {
	server *httptest.Server
	broken atomic.Bool
	good   atomic.Int64 // scrapes answered well
	failed atomic.Int64 // and in a row, not
}

func startTarget(t *testing.T) *target {
	t.Helper()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "live_total"}, []string{"code"})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "live_native", NativeHistogramBucketFactor: 1.1})
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "live_classic", Buckets: []float64{0.1, 0.5, 1, 4}})
	start := prometheus.NewGauge(prometheus.GaugeOpts{Name: "process_start_time_seconds"})
	reg := prometheus.NewRegistry()
	reg.MustRegister(requests, native, classic, start)
	exposed := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	var live target
	live.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if live.broken.Load() {
			live.failed.Add(1)
			http.Error(w, "broken", http.StatusServiceUnavailable)
			return
		}
		if live.good.Load() == 0 { // it has begun with its first scrape
			start.Set(float64(time.Now().Unix()))
		}
		for i := range perScrape {
			code, took := "200", fast
			if i < badOnes {
				code, took = "500", slow
			}
			requests.WithLabelValues(code).Inc()
			native.Observe(took)
			classic.Observe(took)
		}
		exposed.ServeHTTP(w, r)
		live.good.Add(1)
	}))
	t.Cleanup(live.server.Close)
	return &live
}

func (l *target) address() string { return l.server.Listener.Addr().String() }

func (l *target) awaitGood(t *testing.T, n int64) {
	t.Helper()
	n += l.good.Load()
	eventually(t, 15*time.Second, "good scrapes", func() bool { return l.good.Load() >= n })
}

// testLive measures a target that is well, breaks for several bins and is well again. Bins have two
// scrapes, give or take one.
func testLive(t *testing.T, s server, live *target) {
	c := s.client(t)
	start := serverTime(t, c)
	live.awaitGood(t, 6)
	testFresh(t, c)
	live.broken.Store(true)
	live.failed.Store(0)
	eventually(t, 15*time.Second, "failed scrapes", func() bool { return live.failed.Load() >= 6 })
	hole := serverTime(t, c)
	live.broken.Store(false)
	live.awaitGood(t, 7)
	r := measure.Range{From: start - 5, To: serverTime(t, c), Bin: second}
	readings := c.Read(t.Context(), []signal.Ask{
		{Kind: signal.Ratio, Metric: "live_total", Match: `job="live"`, Part: `code="500"`},
		{Kind: signal.Quantile, Metric: "live_native", Q: 0.95, Over: []signal.Number{fast + slow/2}},
		{Kind: signal.Quantile, Metric: "live_classic", Q: 0.95},
		{Kind: signal.Query, PromQL: fmt.Sprintf("sum(max_over_time(live_total[1m] @ %d))", hole)},
	}, r)
	overall := c.Read(t.Context(), []signal.Ask{
		watchdog.Overall(signal.Ask{Kind: signal.Quantile, Metric: "live_native", Match: `job="live"`, Q: 0.95}, r.To.Sub(r.From)),
		watchdog.Overall(signal.Ask{Kind: signal.Quantile, Metric: "live_classic", Q: 0.95}, r.To.Sub(r.From)),
	}, measure.Range{From: r.To - 1, To: r.To, Bin: second})
	if readings[3].Cause != signal.Known {
		t.Fatalf("count before the hole: %s: %s", readings[3].Cause, readings[3].Detail)
	}
	before := float64(readings[3].Bins[0].Value) // what had been counted when the target broke
	for i, exact := range []struct{ value, tolerance float64 }{
		{float64(badOnes) / perScrape, 1e-9},
		{slow, 0.1 * slow},      // a native bucket is a tenth wide
		{1 + (4.0-1)*0.5, 1e-9}, // the middle of the bucket from 1 to 4
	} {
		t.Run([]string{"ratio", "native", "classic"}[i], func(t *testing.T) {
			if i > 0 {
				if got := overall[i-1]; got.Cause != signal.Known || math.Abs(float64(got.Bins[0].Value)-exact.value) > max(exact.tolerance, 1e-6) {
					t.Errorf("of the whole time: %+v; want %g within %g", got, exact.value, exact.tolerance)
				}
			}
			checkLive(t, readings[i], hole, before, exact.value, exact.tolerance)
			for _, b := range readings[i].Bins {
				if slow := b.Total / 10; len(b.Over) > 0 && (b.Over[0].Least != slow || b.Over[0].Most != slow) || i == 1 && b.Cause == signal.Known && len(b.Over) == 0 {
					t.Errorf("above a bound %+v, want exactly %s of %s", b.Over, slow, b.Total)
				}
			}
		})
	}
}

// checkLive expects all that was counted before the hole, a gap at its end, and then no more than a
// few scrapes per bin.
func checkLive(t *testing.T, got signal.Reading, hole signal.Instant, before, value, tolerance float64) {
	t.Helper()
	if got.Cause != signal.Known {
		t.Fatalf("cause %s: %s", got.Cause, got.Detail)
	}
	var counted, after float64
	causes := map[signal.Instant]signal.Cause{}
	for _, b := range got.Bins {
		causes[b.End] = b.Cause
		if b.Cause != signal.Known {
			continue
		}
		if math.Abs(float64(b.Value)-value) > tolerance {
			t.Errorf("bin at %s: value %s; want %g within %g", b.End, b.Value, value, tolerance)
		}
		if b.End <= hole {
			counted += float64(b.Total)
			continue
		}
		after++
		if b.Total > 4*perScrape {
			t.Errorf("bin at %s: %s events; want no more than four scrapes' worth", b.End, b.Total)
		}
	}
	if counted != before || before < 6*perScrape {
		t.Errorf("%g events before the hole; want %g, and at least %d", counted, before, 6*perScrape)
	}
	if causes[hole] != signal.Gap || after == 0 {
		t.Errorf("cause %q in the hole, %g known bins after it; want a gap, and some", causes[hole], after)
	}
	if t.Failed() {
		t.Logf("hole up to %s, bins %+v", hole, got.Bins)
	}
}

func testFresh(t *testing.T, c *measure.Client) {
	t.Helper()
	now := serverTime(t, c)
	f := c.Newest(t.Context(), []signal.Ask{
		{Kind: signal.Ratio, Metric: "live_total"},
		{Kind: signal.Quantile, Metric: "live_native", Q: 0.95},
		{Kind: signal.Quantile, Metric: "live_classic", Q: 0.95},
	}, now)
	if f.Cause != signal.Known || f.Interval != second/2 || f.At > now || f.At < now-2 {
		t.Errorf("freshness %+v at %s; want an interval of 500ms and less than 2 s of age", f, now)
	}
}

func serverTime(t *testing.T, c *measure.Client) signal.Instant {
	t.Helper()
	now, err := c.Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(now); d < -time.Minute || d > time.Minute {
		t.Errorf("clock %s; want this machine's", now)
	}
	return signal.At(now)
}

// A native histogram with the buckets of the classic one that it was is as coarse: of the tenth that lies from 1 to 4 nothing is
// known of a bound between, and all at an end. Its own interpolation would say a half.
func testCustomBuckets(t *testing.T, s server, custom *target) {
	c := s.client(t)
	custom.awaitGood(t, 4)
	to := serverTime(t, c)
	r := measure.Range{From: to - 4, To: to, Bin: second}
	ask := signal.Ask{Signal: "p95", Kind: signal.Quantile, Metric: "custom_classic", Match: `job="custom"`, Q: 0.95, Over: []signal.Number{0.3, 1, 2.5, 4}}
	got, known := readOne(t, c, ask, r), 0
	for _, b := range got.Bins {
		if b.Cause != signal.Known {
			continue
		}
		known++
		slow := b.Total / 10
		for i, want := range []signal.Over{{Bound: 0.3, Least: slow, Most: slow}, {Bound: 1, Least: slow, Most: slow}, {Bound: 2.5, Most: slow}, {Bound: 4}} {
			if b.Over[i] != want {
				t.Errorf("over %s: %+v, want %+v", want.Bound, b.Over[i], want)
			}
		}
	}
	if known == 0 {
		t.Errorf("nothing is known: %+v", got)
	}
}
