package scenario

import (
	"fmt"
	"math"
	"strings"
)

// ends are where the histogram's buckets end, the last but the one without an end.
var ends = []float64{0.05, 0.1, 0.2, 0.5, 1, 2.5}

// pod is a scraped process, and what it has counted.
type pod struct {
	ok, failed, hits, misses float64
	buckets                  []float64 // not cumulative; the last is beyond all ends
}

// Run is a scenario's number among those that share a Prometheus.
type Run struct {
	Truth
	Number int
	// Cutover is in seconds since the Unix epoch.
	Cutover float64
}

// Namespace keeps runs apart.
func (r Run) Namespace() string { return fmt.Sprintf("run-%d", r.Number) }

// Write writes what scrapes saw of a release, in the OpenMetrics text format.
func (r Run) Write(b *strings.Builder) {
	d := roll(r.Kind+"/observed", r.Seed)
	for _, s := range []struct {
		name  string
		side  Side
		share func(t float64) float64
	}{{"blue", r.Blue, func(t float64) float64 { return 1 - r.Share(t) }}, {"green", r.Green, r.Share}} {
		for p := range s.side.Pods {
			r.pod(b, d, s.name, p, s.side, s.share)
		}
		r.replicas(b, s.name, s.side)
	}
}

// pod writes the life of one pod. Green's begin ten minutes before their first traffic.
func (r Run) pod(b *strings.Builder, d dice, slot string, p int, side Side, share func(float64) float64) {
	now := pod{buckets: make([]float64, len(ends)+1)}
	begin := Begin
	if slot == "green" {
		begin = r.Deployed - 10*minute
	}
	begin += d.Float64() * r.Scrape
	restarts := side.Restarts
	noise, until := 1.0, math.Inf(-1)
	for t := begin; t < r.Until+2*minute; t += r.Scrape {
		if t > until {
			noise, until = math.Exp(r.Spread*d.NormFloat64()-r.Spread*r.Spread/2), t+minute
		}
		if len(restarts) > 0 && t >= restarts[0] {
			now, restarts = pod{buckets: make([]float64, len(ends)+1)}, restarts[1:]
		}
		now.serve(d, d.poisson(noise*r.Rate(t)*share(t)*r.Scrape/float64(side.Pods)), side, t, p)
		if side.Heard(t) && !r.Missed(t) {
			r.expose(b, slot, p, t+d.between(-0.05, 0.05), now)
		}
	}
}

// serve counts n requests.
func (x *pod) serve(d dice, n float64, side Side, t float64, p int) {
	failed := d.binomial(n, side.Errors(t, p))
	x.failed += failed
	x.ok += n - failed
	hits := d.binomial(n, side.Hits(t))
	x.hits += hits
	x.misses += n - hits
	l, above := side.Latency(t, p), 1.0
	for i, end := range ends {
		next := l.Above(end)
		k := d.binomial(n, (above-next)/math.Max(above, 1e-12))
		x.buckets[i] += k
		n, above = n-k, next
	}
	x.buckets[len(ends)] += n
}

// expose writes one scrape.
func (r Run) expose(b *strings.Builder, slot string, p int, t float64, x pod) {
	replicas := []string{""}
	if r.Twins {
		replicas = []string{`,prometheus_replica="a"`, `,prometheus_replica="b"`}
	}
	for i, replica := range replicas {
		labels := fmt.Sprintf(`job="kb",instance="%s-%d-%d",namespace=%q,deployment=%q%s`, slot, r.Number, p, r.Namespace(), slot, replica)
		at := r.Cutover + t + 2.3*float64(i)
		write := func(name, more string, v float64) { fmt.Fprintf(b, "%s{%s%s} %.0f %.3f\n", name, labels, more, v, at) }
		write("http_requests_total", `,status="200"`, x.ok)
		if x.failed > 0 {
			write("http_requests_total", `,status="503"`, x.failed)
		}
		write("kb_cache_hits_total", "", x.hits)
		write("kb_cache_misses_total", "", x.misses)
		upTo := 0.0
		for j, n := range x.buckets {
			upTo += n
			end := "+Inf"
			if j < len(ends) {
				end = fmt.Sprint(ends[j])
			}
			write("kb_query_duration_seconds_bucket", fmt.Sprintf(`,le=%q`, end), upTo)
		}
	}
}

// replicas writes what kube-state-metrics tells of a slot.
func (r Run) replicas(b *strings.Builder, slot string, side Side) {
	for t := Begin; t < r.Until+2*minute; t += 30 {
		labels := fmt.Sprintf(`job="kube-state-metrics",namespace=%q,deployment="knowledgebeast-%s"`, r.Namespace(), slot)
		fmt.Fprintf(b, "kube_deployment_spec_replicas{%s} %d %.3f\n", labels, side.Pods, r.Cutover+t)
		fmt.Fprintf(b, "kube_deployment_status_replicas_ready{%s} %d %.3f\n", labels, side.Ready(t), r.Cutover+t)
	}
}
