package measure_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// testBuckets looks at classic histograms of history, and at the native one of the live target.
func testBuckets(t *testing.T, s server) {
	c := s.client(t)
	quantile := func(metric, match string) signal.Ask {
		return signal.Ask{Signal: "p99", Kind: signal.Quantile, Metric: metric, Match: match, Q: 0.99}
	}
	classic := metricOf("quantile", 0)
	then, now := t0.Add(signal.Duration(time.Minute)), serverTime(t, c)
	ends := []signal.Number{0.1, 0.2, 0.5}
	for name, tc := range map[string]struct {
		ask  signal.Ask
		at   signal.Instant
		want signal.Buckets
	}{
		"classic":             {quantile(classic, `job="shop"`), then, signal.Buckets{Signal: "p99", Ends: ends}},
		"native":              {quantile("live_native", ""), now, signal.Buckets{Signal: "p99", Native: true}},
		"custom":              {quantile("custom_classic", `job="custom"`), now, signal.Buckets{Signal: "p99", Ends: []signal.Number{0.1, 1, 4}}},
		"of other labels":     {quantile(classic, `job="other"`), then, signal.Buckets{Signal: "p99", Cause: signal.Mismatch, Detail: classic + ` has 1 series, but none with job="other", now or in the hour before`}},
		"a summary is none":   {quantile("summary_seconds", ""), then, signal.Buckets{Signal: "p99", Cause: signal.WrongKind, Detail: "summary_seconds is a summary: P99 cannot be counted; turn histogram buckets on"}},
		"nothing, long after": {quantile(classic, `job="shop"`), now, signal.Buckets{Signal: "p99", Cause: signal.Empty, Detail: "no series of " + classic + " matches now"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, c.Buckets(t.Context(), []signal.Ask{tc.ask}, tc.at)[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("one ask's trouble is not another's", func(t *testing.T) {
		got := c.Buckets(t.Context(), []signal.Ask{quantile(classic, `job=`), quantile(classic, "")}, then)
		if got[0].Cause != signal.QueryError || got[0].Detail == "" || len(got[1].Ends) != 3 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestBucketsOfAServerThatIsAway(t *testing.T) {
	for status, want := range map[int]signal.Cause{502: signal.Away, 503: signal.Throttled, 403: signal.Refused} {
		s := answering(t, status, "no")
		if got := s.client(t).Buckets(t.Context(), []signal.Ask{{Signal: "p99", Kind: signal.Quantile, Metric: "h"}}, t0)[0]; got.Cause != want {
			t.Errorf("%d: got %+v, want %s", status, got, want)
		}
	}
}
