package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func startPrometheus(t *testing.T, o PrometheusOptions) *Prometheus {
	t.Helper()
	p, err := cluster.ForTest(t).StartPrometheus(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}

// expose serves the metrics of the registry on the lab's host and returns the address.
func expose(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}}
	server.Start()
	t.Cleanup(server.Close)
	return listener.Addr().String()
}

func wantValue(t *testing.T, p *Prometheus, query string, want float64) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		got, err := p.Value(ctx, query)
		if err == nil && got != want {
			return fmt.Errorf("%s is %v, want %v", query, got, want)
		}
		return err
	})
}

func TestPrometheusScrapesAndSurvivesAnOutage(t *testing.T) {
	registry := prometheus.NewRegistry()
	work := prometheus.NewCounter(prometheus.CounterOpts{Name: "work_total"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Buckets: []float64{1}, NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(work, took)
	work.Add(7)
	took.Observe(0.5)
	p := startPrometheus(t, PrometheusOptions{ScrapeInterval: 200 * time.Millisecond})
	must(t, p.SetTarget(Target{Address: expose(t, registry), Labels: map[string]string{"deployment": "green"}}))

	wantValue(t, p, `work_total{deployment="green"}`, 7)
	wantValue(t, p, `histogram_count(took_seconds)`, 1)
	wantValue(t, p, `took_seconds_bucket{le="1.0"}`, 1)

	at := time.Now()
	must(t, p.Stop())
	if _, err := p.Value(t.Context(), "1"); err == nil {
		t.Fatal("a stopped Prometheus answered")
	}
	work.Inc()
	must(t, p.Start(t.Context()))
	wantValue(t, p, `work_total`, 8)
	wantValue(t, p, fmt.Sprintf("work_total @ %.3f", float64(at.UnixMilli())/1000), 7)
}

func TestPrometheusFollowsItsTargetsAndRules(t *testing.T) {
	registry := prometheus.NewRegistry()
	address := expose(t, registry)
	p := startPrometheus(t, PrometheusOptions{ScrapeInterval: 200 * time.Millisecond, Targets: []Target{{Address: address}}})
	wantValue(t, p, `up`, 1)

	rule := "groups: [{name: g, rules: [{alert: DataCorruptionDetected, expr: up == 1}]}]"
	must(t, p.SetRules(t.Context(), rule))
	wantValue(t, p, `count(ALERTS{alertname="DataCorruptionDetected",alertstate="firing"})`, 1)
	if err := p.SetRules(t.Context(), "groups: [{name: g, rules: [{alert: Broken, expr: '('}]}]"); err == nil {
		t.Error("broken rules were accepted")
	}

	must(t, p.RemoveTarget(address))
	wantValue(t, p, `count(up) or vector(0)`, 0)
}

func TestAPausedPrometheusDoesNotAnswer(t *testing.T) {
	p := startPrometheus(t, PrometheusOptions{})
	must(t, p.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := p.Value(ctx, "1"); ctx.Err() == nil {
		t.Errorf("a paused Prometheus answered, with error %v", err)
	}
	must(t, p.Resume())
	wantValue(t, p, "1", 1)
}

func TestPrometheusKnowsHistory(t *testing.T) {
	p := startPrometheus(t, PrometheusOptions{})
	then := time.Now().Add(-48 * time.Hour).Unix()
	must(t, p.Backfill(t.Context(), fmt.Sprintf("# TYPE old gauge\nold{slot=\"blue\"} 5 %d\n# EOF\n", then)))
	wantValue(t, p, fmt.Sprintf("old @ %d", then), 5)
}
