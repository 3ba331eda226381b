package policy

import (
	"strings"

	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Istio says how to read Istio's standard metrics, by which a policy is judged that names no signals.
type Istio struct {
	// Reporter is whose word counts, since each proxy on a request's way counts it: source is the callers'
	// sidecars and gateways, destination the slots' own sidecars, waypoint that of an ambient mesh.
	Reporter string `json:"reporter"`
}

// The reporters. A caller also counts what never reached a slot, so its word is the default. Where callers
// have no proxy nothing is counted, which is said as LabelsMismatch, until the daemon's file names another. It
// is not found out by looking: a reporter that comes and goes would be a rate that rises and falls.
const (
	bySource      = "source"
	byDestination = "destination"
	byWaypoint    = "waypoint"
)

// istioMatch selects what reporters say of a slot's requests. A caller whose request found no healthy
// upstream knows no workload, but the host that it was routed to, so slots are told apart by their hosts if
// they have their own; those that are subsets of one host by their workloads, and such requests are of neither.
// A slot's own sidecar knows its workload, and names any of the hosts that lead to it.
func istioMatch(reporter string, slots []v1alpha1.Slot) v1alpha1.Selector {
	match := `reporter="` + reporter + `",`
	if reporter != byDestination && ownHosts(slots) {
		return v1alpha1.Selector(match + `destination_service="${host}"`)
	}
	return v1alpha1.Selector(match + `destination_workload="${deployment}",destination_workload_namespace="${namespace}"`)
}

func ownHosts(slots []v1alpha1.Slot) bool {
	names := map[string]bool{}
	for _, s := range slots {
		name, _, _ := strings.Cut(s.Destination.Host, ".")
		names[name] = true
	}
	return len(names) == len(slots)
}

const istioRequests = "istio_requests_total"

// What counts against a slot: Envoy's own and the application's 5xx, and 0, which is no answer at all. A
// failed call of gRPC is an HTTP 200; these are the codes of the server's faults: UNKNOWN,
// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS.
const (
	istioErrors     = `response_code=~"0|5..",` + notHungUp
	istioGRPCErrors = `grpc_response_status=~"2|4|12|13|14|15",` + notHungUp
)

// A caller that hangs up, or resets its stream, leaves a code 0, or the one that it had been answered by then. That
// is no failure of the slot, and excuses none: it is counted by itself.
const (
	flagHungUp = `"(.+,)?(DC|DR)(,.+)?"`
	notHungUp  = `response_flags!~` + flagHungUp
	hungUp     = `response_flags=~` + flagHungUp
)

// withoutHangUps leaves out of the failures that a policy counts by Istio's requests those of callers that hung up,
// unless it says itself what it wants of them.
func withoutHangUps(q release.Question) release.Question {
	if q.Metric == istioRequests && q.Part != "" && !strings.Contains(q.Match+q.Part, "response_flags") {
		q.Part += "," + notHungUp
	}
	return q
}

// istioSignals are the signals of a policy that names none: the checklist's matrix over Istio's metrics.
// Envoy's buckets end at 100, 250 and 1,000 ms, and none at the checklist's 120 and 200: the next one stands
// for those. What failed by gRPC is a part of all requests, so that a service without it is not blind.
func istioSignals(reporter string, slots []v1alpha1.Slot) []v1alpha1.Signal {
	match := istioMatch(reporter, slots)
	failed := func(name string, part v1alpha1.Selector) v1alpha1.Signal {
		return v1alpha1.Signal{
			Name: name, Required: ptr.To(true), SLO: "< 0.1%",
			Ratio:       &v1alpha1.Ratio{Metric: istioRequests, Match: match, Part: part},
			Canary:      &v1alpha1.Cell{Above: "0.5%"},
			Rollback:    &v1alpha1.Cell{Above: "5%", For: "5m"},
			Consider:    &v1alpha1.Cell{Above: "1%", For: "10m"},
			Investigate: &v1alpha1.Cell{Above: "0.1%"},
		}
	}
	return []v1alpha1.Signal{
		failed("error-rate", istioErrors),
		failed("grpc-error-rate", istioGRPCErrors),
		{
			Name:        "hang-ups",
			Ratio:       &v1alpha1.Ratio{Metric: istioRequests, Match: match, Part: hungUp},
			Investigate: &v1alpha1.Cell{Above: "5%"},
		},
		{
			Name: "p99-latency", Unit: v1alpha1.Milliseconds, SLO: "< 100ms",
			Quantile:    &v1alpha1.Quantile{Metric: "istio_request_duration_milliseconds", Match: match, Q: "0.99"},
			Canary:      &v1alpha1.Cell{Above: "250ms"},
			Rollback:    &v1alpha1.Cell{Above: "1s", For: "5m"},
			Consider:    &v1alpha1.Cell{Above: "250ms", For: "10m"},
			Investigate: &v1alpha1.Cell{Above: "100ms"},
		},
		{Name: "throughput", Rate: &v1alpha1.Rate{Metric: istioRequests, Match: match}},
		{
			Name: "availability", Required: ptr.To(true), Kubernetes: v1alpha1.Available,
			Rollback: &v1alpha1.Cell{Unavailable: true},
		},
	}
}
