package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// latencies is a policy with bounds in seconds and in bare numbers.
const latencies = service + `
  signals:
  - {name: errors, ratio: {metric: r_total, part: 'code="500"'}, rollback: {above: 5%}}
  - name: p99
    quantile: {metric: kb_query_duration_seconds, match: 'slot="${slot}"', q: "0.99"}
    unit: seconds
    canary: {above: 120ms}
    rollback: {above: 1s}
    consider: {above: 200ms}
    investigate: {above: 100ms}
  - {name: size, quantile: {metric: size_bytes, q: "0.5"}, consider: {below: "1000"}}
  - {name: ms, quantile: {metric: latency_milliseconds, q: "0.99"}, unit: milliseconds, consider: {above: 200ms}}
`

func ends(name string, at ...signal.Number) signal.Buckets {
	return signal.Buckets{Signal: name, Ends: at}
}

func unseen(name string, c signal.Cause) signal.Buckets {
	return signal.Buckets{Signal: name, Cause: c, Detail: "in words"}
}

func TestWhichBoundsCanBeSeen(t *testing.T) {
	fine, size := ends("p99", 0.1, 0.12, 0.2, 1, 5), ends("size", 1000)
	for name, c := range map[string]struct {
		seen           []signal.Buckets
		status, reason string
		message        string
	}{
		"all of them": {[]signal.Buckets{fine, size, fine, size}, "True", "BucketsFit", ""},
		"one slot is enough": {[]signal.Buckets{unseen("p99", signal.Empty), size, fine, unseen("size", signal.Empty)},
			"True", "BucketsFit", ""},
		"between two buckets the nearer is proposed": {[]signal.Buckets{ends("p99", 0.1, 0.12, 0.15, 0.25, 1), size}, "False", "CoarseBuckets",
			"spec.signals[1].consider.above: 200ms lies between the buckets 150ms and 250ms of kb_query_duration_seconds: write 250ms (or 150ms)"},
		"the lower one may be nearer": {[]signal.Buckets{ends("p99", 0.1, 0.2, 1), size}, "False", "CoarseBuckets",
			"spec.signals[1].canary.above: 120ms lies between the buckets 100ms and 200ms of kb_query_duration_seconds: write 100ms (or 200ms)"},
		"nothing above the last bucket": {[]signal.Buckets{ends("p99", 0.1, 0.12, 0.2, 0.5), size}, "False", "CoarseBuckets",
			"spec.signals[1].rollback.above: 1s lies above the last bucket of kb_query_duration_seconds, which ends at 500ms, and nothing above that can be seen: write 500ms"},
		"nothing below the first, in bare numbers": {[]signal.Buckets{fine, ends("size", 2500)}, "False", "CoarseBuckets",
			"spec.signals[2].consider.below: 1000 lies below the first bucket of size_bytes, which ends at 2500: write 2500"},
		"no buckets at all": {[]signal.Buckets{fine, ends("size")}, "False", "CoarseBuckets", "spec.signals[2].consider.below: 1000 can't be seen: size_bytes has no buckets"},
		"one slot can't": {[]signal.Buckets{fine, size, fine, ends("size", 500, 2500)}, "False", "CoarseBuckets",
			"spec.signals[2].consider.below: 1000 lies between the buckets 500 and 2500 of size_bytes: write 500 (or 2500)"},
		"several, each with its path": {[]signal.Buckets{ends("p99", 0.1, 0.25, 1), size}, "False", "CoarseBuckets",
			"spec.signals[1].canary.above: 120ms lies between the buckets 100ms and 250ms of kb_query_duration_seconds: write 100ms (or 250ms); " +
				"spec.signals[1].consider.above: 200ms lies between the buckets 100ms and 250ms of kb_query_duration_seconds: write 250ms (or 100ms)"},
		"native histograms show any": {[]signal.Buckets{{Signal: "p99", Native: true}, size}, "True", "BucketsFit", ""},
		"nobody could look":          {[]signal.Buckets{unseen("p99", signal.Away), unseen("size", signal.Away)}, "Unknown", "PrometheusAway", "the buckets of p99 are not known: in words"},
		"one of them is not known":   {[]signal.Buckets{fine, unseen("size", signal.Empty)}, "Unknown", "Empty", "the buckets of size are not known: in words"},
		"what is known to be coarse is said": {[]signal.Buckets{ends("p99", 0.1, 0.12, 0.2, 0.5), unseen("size", signal.Empty)}, "False", "CoarseBuckets",
			"spec.signals[1].rollback.above: 1s lies above the last bucket of kb_query_duration_seconds, which ends at 500ms, and nothing above that can be seen: write 500ms"},
		"a histogram in milliseconds": {[]signal.Buckets{fine, size, ends("ms", 100, 250, 1000)}, "False", "CoarseBuckets",
			"spec.signals[3].consider.above: 200ms lies between the buckets 100ms and 250ms of latency_milliseconds: write 250ms (or 100ms)"},
	} {
		t.Run(name, func(t *testing.T) {
			want := signal.Condition{Type: "BoundsVisible", Status: c.status, Reason: c.reason, Message: c.message, LastTransitionTime: 500, ObservedGeneration: 7}
			got := policy.Visible(500, read(t, latencies), parse(t, latencies), nil, c.seen)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

// What is seen again is the same condition, so that nothing is written; another status has another time.
func TestVisibleKeepsItsTime(t *testing.T) {
	p, plan := read(t, latencies), parse(t, latencies)
	seen := []signal.Buckets{ends("p99", 0.1, 0.12, 0.2, 1), ends("size", 1000)}
	first := policy.Visible(500, p, plan, nil, seen)
	if again := policy.Visible(900, p, plan, &first, seen); again != first {
		t.Errorf("the same seen again: %+v, want %+v", again, first)
	}
	if away := policy.Visible(900, p, plan, &first, []signal.Buckets{unseen("p99", signal.Away)}); away.LastTransitionTime != 900 {
		t.Errorf("another status: %+v, want it of 900", away)
	}
}

// A bound of the daemon's own signals stands nowhere in the policy.
func TestVisibleNamesTheDaemonsOwnSignals(t *testing.T) {
	got := policy.Visible(500, read(t, service), parse(t, service), nil, []signal.Buckets{ends("p99-latency", 300)})
	if got.Status != "False" || !strings.HasPrefix(got.Message, "canary.above of the daemon's own signal p99-latency: ") {
		t.Errorf("got %+v", got)
	}
}
