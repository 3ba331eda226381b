package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Outcomes of a call, as values of the label status.
const (
	statusOK       = "200"
	statusFailed   = "500" // the call was failed by a fault
	statusGaveUp   = "503" // the caller or the shutdown ended the call before its answer
	queryPath      = "/query"
	nativeFactor   = 1.1
	nativeMaxCount = 160
)

// metrics are what KnowledgeBeast exposes. They carry no label for the slot: that is the
// scrape target's to give.
type metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	hits     prometheus.Counter
	misses   prometheus.Counter
	queue    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests answered, by status.",
		}, []string{"path", "status"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                           "kb_query_duration_seconds",
			Help:                           "Time from a query's arrival to its answer.",
			Buckets:                        []float64{.005, .01, .025, .05, .1, .12, .2, .5, 1, 2.5, 5},
			NativeHistogramBucketFactor:    nativeFactor,
			NativeHistogramMaxBucketNumber: nativeMaxCount,
		}),
		hits:   prometheus.NewCounter(prometheus.CounterOpts{Name: "kb_cache_hits_total", Help: "Queries answered from the cache."}),
		misses: prometheus.NewCounter(prometheus.CounterOpts{Name: "kb_cache_misses_total", Help: "Queries that the cache could not answer."}),
		queue:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "kb_queue_depth", Help: "Queries that have arrived and are not answered."}),
	}
	reg.MustRegister(m.requests, m.duration, m.hits, m.misses, m.queue,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// A series that first appears with its first error has no increase to be seen.
	for _, status := range []string{statusOK, statusFailed, statusGaveUp} {
		m.requests.WithLabelValues(queryPath, status)
	}
	return m
}

func (m *metrics) cache(hit bool) {
	if hit {
		m.hits.Inc()
		return
	}
	m.misses.Inc()
}

func (m *metrics) answered(status string, took time.Duration) {
	m.requests.WithLabelValues(queryPath, status).Inc()
	m.duration.Observe(took.Seconds())
}
