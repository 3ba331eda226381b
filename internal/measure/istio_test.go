package measure_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// recordIstio records what two proxies expose, the callers' gateway and the sidecar of a pod of green. No Envoy
// runs here: the expositions in testdata are written in the form that Istio documents for its standard metrics,
// with the labels that istio.stats sets in each case. Each minute counts once what they hold.
func recordIstio(t *testing.T, h *history) {
	t.Helper()
	for file, target := range map[string]string{
		"gateway.prom":    `job="envoy-stats",instance="10.0.0.1:15090",namespace="istio-system",pod="istio-ingressgateway-1"`,
		"shop-green.prom": `job="envoy-stats",instance="10.0.0.2:15090",namespace="production",pod="shop-green-1"`,
	} {
		text, err := os.ReadFile(filepath.Join("testdata", "istio", file))
		if err != nil {
			t.Fatal(err)
		}
		h.add("up{"+target+"}", offset-time.Minute, every, repeat(1, 12)...)
		for line := range strings.Lines(string(text)) {
			series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
			if !ok {
				continue // a comment
			}
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatalf("%s: %q: %v", file, line, err)
			}
			// A scrape drops labels without a value.
			series = strings.ReplaceAll(series, `,grpc_response_status=""`, "")
			h.add(series+","+target+"}", offset, every, then(repeat(n, 4), repeat(2*n, 4))...)
		}
	}
}

// shop is a policy that names no signals, with what is written in it besides.
func shop(change func(*v1alpha1.WatchPolicySpec)) *v1alpha1.WatchPolicy {
	slot := func(name string) v1alpha1.Slot {
		return v1alpha1.Slot{Name: name, Deployment: "shop-" + name, Destination: v1alpha1.Destination{Host: "shop-" + name}}
	}
	p := &v1alpha1.WatchPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "shop", Generation: 1},
		Spec: v1alpha1.WatchPolicySpec{Traffic: v1alpha1.Traffic{VirtualService: "shop"}, Slots: []v1alpha1.Slot{slot("blue"), slot("green")}}}
	if change != nil {
		change(&p.Spec)
	}
	return p
}

// plan gives what a policy comes to where the reporter's word counts.
func plan(t *testing.T, p *v1alpha1.WatchPolicy, reporter string) *release.Plan {
	t.Helper()
	d := policy.Default()
	d.Servers, d.Istio.Reporter = []string{"main"}, reporter
	plan, errs := policy.Parse(p, d)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return plan
}

// subsets are slots of one host.
func subsets(spec *v1alpha1.WatchPolicySpec) {
	for i, name := range []string{"blue", "green"} {
		spec.Slots[i].Destination = v1alpha1.Destination{Host: "shop", Subset: name}
	}
}

// istioCounts is what a signal counts in a minute.
type istioCounts struct {
	total, part signal.Number
	over        []signal.Over
}

func testIstio(t *testing.T, s server) {
	c := s.client(t)
	exactly := func(bound, n signal.Number) signal.Over { return signal.Over{Bound: bound, Least: n, Most: n} }
	for name, tc := range map[string]struct {
		policy   *v1alpha1.WatchPolicy
		reporter string
		slot     string
		want     map[string]istioCounts
	}{
		// 10 by the application, 20 without a healthy upstream, 5 without a connection, 3 without an answer; 6 of
		// gRPC; and 7 callers hung up, which is no failure. Those of the sidecar are the same requests, and another namespace's shop-green is another's.
		"the callers' word": {shop(nil), "source", "green", map[string]istioCounts{
			"error-rate":      {total: 993, part: 38},
			"grpc-error-rate": {total: 993, part: 6},
			"hang-ups":        {total: 993, part: 7},
			"throughput":      {total: 993},
			"p99-latency":     {total: 990, over: []signal.Over{exactly(100, 47), exactly(250, 22), exactly(1000, 10)}},
		}},
		"a slot without gRPC is not blind": {shop(nil), "source", "blue", map[string]istioCounts{
			"error-rate":      {total: 300},
			"grpc-error-rate": {total: 300},
			"hang-ups":        {total: 300},
			"throughput":      {total: 300},
			"p99-latency":     {total: 300, over: []signal.Over{exactly(100, 0), exactly(250, 0), exactly(1000, 0)}},
		}},
		// The sidecar never saw those that did not reach it.
		"the slots' own word": {shop(nil), "destination", "green", map[string]istioCounts{
			"error-rate":      {total: 917, part: 10},
			"grpc-error-rate": {total: 917},
			"hang-ups":        {total: 917, part: 7},
			"throughput":      {total: 917},
			"p99-latency":     {total: 917, over: []signal.Over{exactly(100, 47), exactly(250, 22), exactly(1000, 10)}},
		}},
		// Without a healthy upstream no workload is known: these 20 are of neither subset.
		"subsets of one host": {shop(subsets), "source", "green", map[string]istioCounts{
			"error-rate":      {total: 973, part: 18},
			"grpc-error-rate": {total: 973, part: 6},
			"hang-ups":        {total: 973, part: 7},
			"throughput":      {total: 973},
			"p99-latency":     {total: 970, over: []signal.Over{exactly(100, 47), exactly(250, 22), exactly(1000, 10)}},
		}},
		"a bound of 200 ms is enclosed": {shop(with200ms), "source", "green", map[string]istioCounts{
			"p99-latency": {total: 990, over: []signal.Over{{Bound: 200, Least: 22, Most: 47}}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			asks := plan(t, tc.policy, tc.reporter).Asks(tc.slot, "")
			got := map[string]istioCounts{}
			for _, r := range c.Read(t.Context(), asks, measure.Range{From: t0, To: t0.Add(2 * minute), Bin: minute}) {
				if r.Cause != signal.Known || len(r.Bins) != 2 {
					t.Fatalf("%s: %s: %s", r.Signal, r.Cause, r.Detail)
				}
				for _, b := range r.Bins {
					seen := istioCounts{b.Total, b.Part, b.Over}
					if first, ok := got[r.Signal]; ok && !cmp.Equal(first, seen, cmp.AllowUnexported(istioCounts{})) || b.Cause != signal.Known {
						t.Errorf("%s: %+v, and the minute before %+v", r.Signal, b, first)
					}
					got[r.Signal] = seen
				}
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(istioCounts{})); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no proxy of that kind reports", func(t *testing.T) {
		asks := plan(t, shop(nil), "waypoint").Asks("green", "")
		got := c.Read(t.Context(), asks[:1], measure.Range{From: t0, To: t0.Add(minute), Bin: minute})[0]
		checkUnknown(t, got, signal.Mismatch, `none with reporter="waypoint",destination_service="shop-green.production.svc.cluster.local"`)
	})
	t.Run("which bounds can be seen", func(t *testing.T) {
		for _, tc := range []struct {
			policy *v1alpha1.WatchPolicy
			status string
			says   string
		}{
			{shop(nil), "True", ""},
			{shop(with200ms), "False", "spec.signals[0].consider.above: 200ms lies between the buckets 100ms and 250ms of istio_request_duration_milliseconds: write 250ms (or 100ms)"},
		} {
			plan := plan(t, tc.policy, "source")
			var asks []signal.Ask
			for _, a := range append(plan.Asks("blue", ""), plan.Asks("green", "")...) {
				if a.Kind == signal.Quantile {
					asks = append(asks, a)
				}
			}
			seen := c.Buckets(t.Context(), asks, t0.Add(signal.Duration(time.Minute)))
			if got := policy.Visible(t0, tc.policy, plan, nil, seen); got.Status != tc.status || got.Message != tc.says {
				t.Errorf("got %+v, want %s: %s", got, tc.status, tc.says)
			}
		}
	})
}

// with200ms asks for the checklist's own bound.
func with200ms(spec *v1alpha1.WatchPolicySpec) {
	spec.Signals = []v1alpha1.Signal{{
		Name: "p99-latency", Unit: v1alpha1.Milliseconds,
		Quantile: &v1alpha1.Quantile{Metric: "istio_request_duration_milliseconds",
			Match: `reporter="source",destination_service="${host}"`, Q: "0.99"},
		Consider: &v1alpha1.Cell{Above: "200ms", For: "10m"},
	}}
}
