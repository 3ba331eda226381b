package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// BenchmarkDaemon measures what greenwatch costs while all is well: so many releases of as many
// services, all cut over and watched by the shipped example's signals and guard, over a minute of real
// time. The bins are 4 s instead of 1 m, and the bounds last as many of them as they do there, so that
// every bound has its evidence within a minute of the cutover; the queries are the same.
//
//	go test -run '^$' -bench Daemon -benchtime 1x ./internal/e2e
func BenchmarkDaemon(b *testing.B) {
	l, err := lab.Start(b.Context(), lab.Options{NoIstiod: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := l.ApplyKustomization(b.Context(), "../../deploy"); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("releases=%d", n), func(b *testing.B) {
			f := newFleet(b, l, n)
			f.cutOver()
			for b.Loop() {
				f.watchQuietly(time.Minute)
			}
		})
	}
}

// fleet is services in one namespace, a Prometheus that knows their requests, and one greenwatch.
type fleet struct {
	b         *testing.B
	lab       *lab.Lab
	objects   dynamic.Interface
	namespace string
	services  []string
	// prometheus and daemon are the URLs of both, process is the latter's.
	prometheus, daemon string
	process            *lab.Process
}

// newFleet sets up n services with blue serving and green idle, and greenwatch that knows them.
func newFleet(b *testing.B, l *lab.Lab, n int) *fleet {
	f := &fleet{b: b, lab: l, namespace: fmt.Sprintf("fleet-%d", n)}
	for i := range n {
		f.services = append(f.services, fmt.Sprintf("service-%03d", i))
	}
	var err error
	_, f.objects, err = l.Clients(lab.Admin)
	f.must(err)
	f.startPrometheus()
	f.must(l.Apply(b.Context(), "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+f.namespace+"}\n"))
	f.apply(bothSlots, "$GREEN", "v0")
	f.apply(route, "$SHARE_OF_BLUE", "100", "$SHARE_OF_GREEN", "0")
	f.applyPolicies()
	f.startDaemon()
	f.await("policies know their slots", watchPolicies, func(text []byte) (bool, error) {
		var p v1alpha1.WatchPolicy
		err := json.Unmarshal(text, &p)
		return len(p.Status.Conditions) > 0 && p.Status.Conditions[0].Status == "True" && len(p.Status.Accepted) == 2, err
	})
	return f
}

func (f *fleet) must(err error) {
	f.b.Helper()
	if err != nil {
		f.b.Fatal(err)
	}
}

const bothSlots = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME-blue, namespace: $NAMESPACE}
spec:
  selector: {matchLabels: {app: $NAME-blue}}
  template:
    metadata: {labels: {app: $NAME-blue}}
    spec: {containers: [{name: app, image: "registry.example/$NAME:v1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME-green, namespace: $NAMESPACE}
spec:
  selector: {matchLabels: {app: $NAME-green}}
  template:
    metadata: {labels: {app: $NAME-green}}
    spec: {containers: [{name: app, image: "registry.example/$NAME:$GREEN"}]}
---
`

const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: $NAME, namespace: $NAMESPACE}
spec:
  hosts: [$NAME]
  http:
  - name: primary
    route:
    - {destination: {host: $NAME-blue}, weight: $SHARE_OF_BLUE}
    - {destination: {host: $NAME-green}, weight: $SHARE_OF_GREEN}
---
`

// apply applies a manifest once for each service, with these words replaced.
func (f *fleet) apply(manifest string, words ...string) {
	f.b.Helper()
	var all strings.Builder
	for _, name := range f.services {
		all.WriteString(strings.NewReplacer(append(words, "$NAMESPACE", f.namespace, "$NAME", name)...).Replace(manifest))
	}
	f.must(f.lab.Apply(f.b.Context(), all.String()))
}

// applyPolicies makes a policy of the shipped example for each service.
func (f *fleet) applyPolicies() {
	f.b.Helper()
	example, err := os.ReadFile("../../configs/knowledgebeast.yaml")
	f.must(err)
	text := strings.NewReplacer("knowledgebeast", "$NAME", "production", "$NAMESPACE", "[oncall, deployments]", "[]",
		`deployment="${slot}"`, `service="$NAME",deployment="${slot}"`, "bin: 1m", "bin: 4s", "for: 5m", "for: 20s", "for: 10m", "for: 40s").Replace(string(example))
	f.apply(text + "\n---\n")
}

func (f *fleet) startPrometheus() {
	f.b.Helper()
	address, err := f.lab.Address()
	f.must(err)
	listener, err := net.Listen("tcp", address)
	f.must(err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(traffic{services: f.services, begun: time.Now()})
	server := &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) //nolint:errcheck // ends when the server is closed
	f.b.Cleanup(func() { server.Close() })

	p, err := f.lab.StartPrometheus(f.b.Context(), lab.PrometheusOptions{ScrapeInterval: 2 * time.Second, Targets: []lab.Target{{Address: address}}})
	f.must(err)
	f.b.Cleanup(func() { p.Close() })
	f.prometheus = p.URL()
}

// traffic is what the slots expose, in one target: each has served 100 fast requests a second since the
// beginning, and failed none.
type traffic struct {
	services []string
	begun    time.Time
}

// Describe describes nothing: what there is depends on the services.
func (t traffic) Describe(chan<- *prometheus.Desc) {}

func (t traffic) Collect(out chan<- prometheus.Metric) {
	slot := []string{"service", "deployment"}
	desc := func(name string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, "For "+name+".", append(more, slot...), nil)
	}
	requests, latency := desc("http_requests_total", "status"), desc("kb_query_duration_seconds")
	hits, misses, depth := desc("kb_cache_hits_total"), desc("kb_cache_misses_total"), desc("kb_queue_depth")
	served := float64(int64(time.Since(t.begun).Seconds() * 100))
	n := uint64(served)
	buckets := map[float64]uint64{0.005: n / 4, 0.01: n / 2, 0.025: n, 0.05: n, 0.1: n, 0.2: n, 0.5: n, 1: n, 2.5: n, 5: n}
	for _, service := range t.services {
		for _, slot := range []string{"blue", "green"} {
			out <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, served, "200", service, slot)
			out <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, 0, "500", service, slot)
			out <- prometheus.MustNewConstHistogram(latency, n, served*0.01, buckets, service, slot)
			out <- prometheus.MustNewConstMetric(hits, prometheus.CounterValue, served*0.9, service, slot)
			out <- prometheus.MustNewConstMetric(misses, prometheus.CounterValue, served*0.1, service, slot)
			out <- prometheus.MustNewConstMetric(depth, prometheus.GaugeValue, 3, service, slot)
		}
	}
}

// startDaemon starts greenwatch with the rights that its manifests grant, and a file that says no more
// than it must.
func (f *fleet) startDaemon() {
	f.b.Helper()
	address, err := f.lab.Address()
	f.must(err)
	kubeconfig, err := f.lab.Kubeconfig(lab.Greenwatch)
	f.must(err)
	file := filepath.Join(f.b.TempDir(), "greenwatch.yaml")
	f.must(os.WriteFile(file, fmt.Appendf(nil, "listen: %s\nnamespaces: [%s]\nprometheus: [{name: main, url: %q}]\n", address, f.namespace, f.prometheus), 0o600))
	f.daemon = "http://" + address
	f.process, err = f.lab.Run(f.b.Context(), lab.RunOptions{Name: "greenwatch-" + f.namespace, Program: "greenwatch",
		Args: []string{"run", "--config", file, "--kubeconfig", kubeconfig}, Ready: f.daemon + "/readyz"})
	f.must(err)
	f.b.Cleanup(func() {
		if f.b.Failed() {
			f.b.Log(f.process.Tail(40))
		}
		f.process.Stop()
	})
}

// settled is how long after its cutover a release has judged by evidence for every bound: ten bins, and
// the cells that are looked at once a minute.
const settled = 75 * time.Second

// cutOver rolls a new version out to green and gives it all the traffic, and waits until every release
// has its evidence and nothing is left to say.
func (f *fleet) cutOver() {
	f.b.Helper()
	f.apply(bothSlots, "$GREEN", "v1.1")
	f.awaitReleases("releases are Deployed", func(s release.State) bool { return s.Phase == release.Deployed })
	f.apply(route, "$SHARE_OF_BLUE", "0", "$SHARE_OF_GREEN", "100")
	f.awaitReleases("releases are watched, and well", func(s release.State) bool {
		return s.Phase == release.Watching && time.Since(s.Cutover.Time()) > settled && s.Verdict.Tier == judge.Proceed && s.Settled
	})
}

func (f *fleet) awaitReleases(what string, so func(release.State) bool) {
	f.b.Helper()
	f.await(what, releases, func(text []byte) (bool, error) {
		var r v1alpha1.Release
		err := json.Unmarshal(text, &r)
		return so(r.Status), err
	})
}

// await waits until there is an object that is so for each service. It looks once a second, which costs
// greenwatch less of the machine than looking as often as can be.
func (f *fleet) await(what string, kind schema.GroupVersionResource, so func(text []byte) (bool, error)) {
	f.b.Helper()
	begun, tick := time.Now(), time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		n, another, err := f.count(kind, so)
		f.must(err)
		if n == len(f.services) {
			f.b.Logf("%d %s after %s", n, what, time.Since(begun).Round(time.Second))
			return
		}
		if time.Since(begun) > 3*time.Minute {
			f.b.Fatalf("%d of %d %s after %s; another is %s", n, len(f.services), what, time.Since(begun).Round(time.Second), another)
		}
		<-tick.C
	}
}

// count counts the objects that are so, and gives one that is not.
func (f *fleet) count(kind schema.GroupVersionResource, so func(text []byte) (bool, error)) (n int, another string, err error) {
	list, err := f.objects.Resource(kind).Namespace(f.namespace).List(f.b.Context(), metav1.ListOptions{})
	if err != nil {
		return 0, "", err
	}
	for _, object := range list.Items {
		text, err := object.MarshalJSON()
		if err != nil {
			return 0, "", err
		}
		switch is, err := so(text); {
		case err != nil:
			return 0, "", err
		case is:
			n++
		default:
			another = string(text)
		}
	}
	return n, another, nil
}

// watchQuietly reports what greenwatch used in a time in which nothing happens, in all and for each
// release. It may write nothing then but its lease.
func (f *fleet) watchQuietly(d time.Duration) {
	f.b.Helper()
	before, begun := f.readings(f.daemon), time.Now()
	asked := f.readings(f.prometheus)
	resident, heap := 0.0, 0.0
	tick := time.NewTicker(d / 12)
	defer tick.Stop()
	for time.Since(begun) < d {
		<-tick.C
		now := f.readings(f.daemon)
		resident, heap = max(resident, now["process_resident_memory_bytes"]), max(heap, now["go_memstats_alloc_bytes"])
	}
	after, answered := f.readings(f.daemon), f.readings(f.prometheus)
	minutes := time.Since(begun).Minutes()
	rate := func(from, to map[string]float64, name string) float64 { return (to[name] - from[name]) / minutes }
	leases, reads, writes := f.requests(begun)

	f.b.ReportMetric(0, "ns/op") // the time is given
	for unit, value := range map[string]float64{
		"MiB-resident":            resident / (1 << 20),
		"MiB-heap":                heap / (1 << 20),
		"cpu-ms/min":              1000 * rate(before, after, "process_cpu_seconds_total"),
		"guard-ticks/min":         rate(before, after, "greenwatch_guard_evaluations_total"),
		"prometheus-asks/min":     rate(before, after, "greenwatch_prometheus_query_seconds"),
		"prometheus-requests/min": rate(asked, answered, "prometheus_http_requests_total"),
		"api-requests/min":        rate(before, after, "greenwatch_api_requests_total"),
		"api-reads/min":           float64(len(reads)) / minutes,
		"api-writes/min":          float64(len(writes)) / minutes,
		"lease-renewals/min":      float64(leases) / minutes,
	} {
		f.b.ReportMetric(value, unit)
		if unit != "lease-renewals/min" {
			f.b.ReportMetric(value/float64(len(f.services)), unit+"/release")
		}
	}
	if len(writes) > 0 {
		f.b.Errorf("greenwatch wrote %d times while nothing happened, such as %s %s", len(writes), writes[0].Verb, writes[0].URI)
	}
	if len(reads) > 0 {
		f.b.Logf("greenwatch read %d times, such as %s %s", len(reads), reads[0].Verb, reads[0].URI)
	}
	if n := rate(before, after, "greenwatch_guard_evaluations_total"); n < 3*float64(len(f.services)) {
		f.b.Errorf("%.1f guard ticks a minute, want 4 for each of %d releases", n, len(f.services))
	}
}

// readings scrapes a server: each metric's sum over its labels, a histogram's count.
func (f *fleet) readings(url string) map[string]float64 {
	f.b.Helper()
	response, err := http.Get(url + "/metrics")
	f.must(err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	f.must(err)
	sums := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			scrape := false // such as this one itself
			for _, l := range m.GetLabel() {
				scrape = scrape || l.GetName() == "handler" && l.GetValue() == "/metrics"
			}
			if scrape {
				continue
			}
			sums[name] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sums
}

// requests are greenwatch's to the API server since a moment: renewals of its lease, reads and writes.
func (f *fleet) requests(since time.Time) (leases int, reads, writes []lab.Request) {
	f.b.Helper()
	all, err := f.lab.Audit()
	f.must(err)
	for _, r := range all {
		switch {
		case r.User.Username != greenwatchUser || r.At.Before(since):
		case r.Object.Resource == "leases":
			leases++
		case r.Writes():
			writes = append(writes, r)
		default:
			reads = append(reads, r)
		}
	}
	return leases, reads, writes
}
