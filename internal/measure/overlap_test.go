package measure_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func recordOverlaps(h *history) {
	for _, pod := range []string{"api-1", "api-primary-1"} {
		labels := `{job="lapped",instance="` + pod + `",pod="` + pod + `",deployment="` + pod[:len(pod)-2] + `"`
		h.add("lapped_total"+labels+"}", offset, every, steps(0, 10, 60)...)
		h.add("lapped_seconds_bucket"+labels+`,le="1"}`, offset, every, steps(0, 10, 60)...)
		h.add("lapped_seconds_bucket"+labels+`,le="+Inf"}`, offset, every, steps(0, 10, 60)...)
	}
}

// What both slots' selectors take is a count of neither.
func testOverlaps(t *testing.T, s server) {
	c := s.client(t)
	for _, tc := range []struct {
		name, match, beside string
		kind                signal.Kind
		overlaps            bool
	}{
		{"the one's name begins like the other's", `pod=~"api-.*"`, `pod=~"api-primary-.*"`, signal.Ratio, true},
		{"and the other way round", `pod=~"api-primary-.*"`, `pod=~"api-.*"`, signal.Rate, true},
		{"a histogram", `pod=~"api-.*"`, `pod=~"api-primary-.*"`, signal.Quantile, true},
		{"anything", `pod="api-1"`, `pod=~".*"`, signal.Rate, true},
		{"by different labels", `pod="api-1"`, `deployment="api"`, signal.Rate, true},
		{"control: what tells them apart", `pod=~"api-[0-9]+"`, `pod=~"api-primary-[0-9]+"`, signal.Ratio, false},
		{"regular expressions are anchored", `deployment=~"api"`, `deployment=~"api-primary"`, signal.Rate, false},
		{"a histogram that tells them apart", `deployment="api"`, `deployment="api-primary"`, signal.Quantile, false},
		{"one for both slots, as was meant", `pod=~"api-.*"`, `pod=~"api-.*"`, signal.Rate, false},
		{"one that nothing stands beside", `pod=~"api-.*"`, "", signal.Rate, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ask := signal.Ask{Signal: "a", Kind: tc.kind, Metric: "lapped_total", Match: tc.match, Beside: tc.beside, Part: `pod="none"`}
			if tc.kind == signal.Quantile {
				ask.Metric, ask.Part, ask.Q = "lapped_seconds", "", 0.5
			}
			end := t0.Add(8 * minute)
			got := readOne(t, c, ask, measure.Range{From: end.Add(-2 * minute), To: end, Bin: minute})
			if (got.Cause == signal.Overlap) != tc.overlaps || tc.overlaps != (len(got.Bins) == 0) {
				t.Errorf("got %+v, want an overlap: %t", got, tc.overlaps)
			}
			if tc.overlaps && !(strings.Contains(got.Detail, "{"+tc.match+"}") && strings.Contains(got.Detail, "{"+tc.beside+"}")) {
				t.Errorf("it does not say both selectors: %s", got.Detail)
			}
			texts, err := c.Overlaps(t.Context(), []signal.Ask{ask}, end)
			if err != nil || (len(texts) > 0) != tc.overlaps {
				t.Errorf("of the policy it says %q, %v", texts, err)
			}
		})
	}
}

// Two selectors are looked at once an hour for both slots, and again at the first traffic; more often, at first, while one
// of them takes nothing.
func TestOverlapsAreAskedRarely(t *testing.T) {
	var asked atomic.Int64
	series := []string{`{"metric":{"greenwatch":"mine"},"value":[1767225600,"3"]}`}
	c := client(t, func(r *http.Request) io.Reader {
		if strings.HasSuffix(r.URL.Path, "/query_range") {
			return strings.NewReader(matrix(column("total", "8"), column("part", "2")))
		}
		if strings.Contains(r.FormValue("query"), `"both"`) {
			asked.Add(1)
			return strings.NewReader(vector(series...))
		}
		return strings.NewReader(vector())
	})
	ask := signal.Ask{Signal: "a", Kind: signal.Ratio, Metric: "m_total", Match: `slot="a"`, Beside: `slot="b"`, Part: `code="500"`}
	other := ask
	other.Match, other.Beside = ask.Beside, ask.Match
	look := func(step string, at signal.Instant, want int64) {
		t.Helper()
		for _, a := range []signal.Ask{ask, other} {
			if got := readOne(t, c, a, measure.Range{From: at.Add(-minute), To: at, Bin: minute}); got.Cause == signal.Overlap {
				t.Errorf("%s: %+v", step, got)
			}
		}
		if asked.Load() != want {
			t.Errorf("%s: asked %d times, want %d", step, asked.Load(), want)
		}
	}
	look("at first", t0, 1)
	look("soon after", t0.Add(4*minute), 1)
	look("while one takes nothing", t0.Add(5*minute), 2)
	look("less and less often", t0.Add(14*minute), 2)
	series = append(series, `{"metric":{"greenwatch":"theirs"},"value":[1767225600,"3"]}`)
	look("both take series", t0.Add(15*minute), 3)
	look("within the hour", t0.Add(74*minute), 3)
	ask.Since, other.Since = t0.Add(74*minute), t0.Add(74*minute)
	look("at the first traffic", t0.Add(74*minute), 4)
	look("after another hour", t0.Add(134*minute), 5)
	series = append(series, `{"metric":{"greenwatch":"both"},"value":[1767225600,"1"]}`)
	if got := readOne(t, c, ask, measure.Range{From: t0.Add(200 * minute), To: t0.Add(201 * minute), Bin: minute}); got.Cause != signal.Overlap {
		t.Errorf("control: %+v", got)
	}
}
