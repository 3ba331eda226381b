package measure_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// scraped answers as a server that scrapes one target every 15 s, with so many samples of it, and counts how often it
// was asked for them.
func scraped(t *testing.T, samples int) (server, *atomic.Int64) {
	t.Helper()
	raw := &atomic.Int64{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.FormValue("query"); !strings.HasSuffix(q, "[10m]") {
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[
				{"metric":{"greenwatch":"newest"},"value":[1767225660,"1767225660"]},
				{"metric":{"greenwatch":"samples/0","job":"shop","pod":"a"},"value":[1767225660,"%d"]}]}}`, samples)
			return
		}
		raw.Add(1)
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767225630,"1"],[1767225645,"1"],[1767225660,"1"]]}]}}`)
	}))
	t.Cleanup(h.Close)
	return server{url: h.URL}, raw
}

// A scrape interval is asked for once a minute, by all who ask about the same series; not remembered where there are
// too few samples to rest on.
func TestAScrapeIntervalIsAskedForOnceAMinute(t *testing.T) {
	const now = signal.Instant(1767225660)
	asks := []signal.Ask{{Signal: "rate", Kind: signal.Rate, Metric: "m", Match: `a="b"`}}
	for _, tc := range []struct {
		samples int
		want    int64
	}{{40, 2}, {2, 5}} {
		s, raw := scraped(t, tc.samples)
		c := s.client(t)
		for i, at := range []signal.Instant{0, 15, 30, 59, 60} {
			by := measure.Asker{Namespace: "production", Policy: fmt.Sprint("policy-", i)}
			f := c.For(by).Newest(t.Context(), asks, now+at)
			if f.Cause != signal.Known || f.Interval.D().Seconds() != 15 {
				t.Errorf("%d samples, %d s later: %+v", tc.samples, at, f)
			}
		}
		if n := raw.Load(); n != tc.want {
			t.Errorf("%d samples: asked for them %d times in a minute, want %d", tc.samples, n, tc.want)
		}
	}
}
