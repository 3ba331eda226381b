package measure_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func checkUnknown(t *testing.T, got signal.Reading, cause signal.Cause, detail string) {
	t.Helper()
	if got.Cause != cause || !strings.Contains(got.Detail, detail) || len(got.Bins) > 0 {
		t.Errorf("cause %q, detail %q, %d bins; want cause %q, detail with %q, no bins", got.Cause, got.Detail, len(got.Bins), cause, detail)
	}
}

var (
	hour   = measure.Range{From: t0, To: t0.Add(60 * minute), Bin: minute}
	anyAsk = signal.Ask{Signal: "depth", Kind: signal.Query, PromQL: "depth"}
)

func readOne(t *testing.T, c *measure.Client, a signal.Ask, r measure.Range) signal.Reading {
	t.Helper()
	return c.Read(t.Context(), []signal.Ask{a}, r)[0]
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		cause  signal.Cause
		detail string
	}{
		{"bad data", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter"}`, signal.QueryError, "invalid parameter"},
		{"execution", 422, `{"status":"error","errorType":"execution","error":"many-to-many"}`, signal.QueryError, "many-to-many"},
		{"the server's own timeout", 503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, signal.Timeout, "query timed out"},
		{"starting up", 503, `Service Unavailable`, signal.Throttled, "server error: 503: Service Unavailable"},
		{"a gateway without a server", 502, `<html>`, signal.Away, "server error: 502"},
		{"a gateway's page", 504, "<html><head><title>x</title><style>a{b}</style></head>\r\n<body><h1>504\tGateway Time-out</h1></body></html>", signal.Away, "server error: 504: 504 Gateway Time-out"},
		{"internal", 500, `{"status":"error","errorType":"internal","error":"block gone"}`, signal.Away, "block gone"},
		{"no rights", 401, `Unauthorized`, signal.Refused, "client error: 401: Unauthorized"},
		{"no tenant", 401, "no org id\n", signal.Refused, "client error: 401: no org id"},
		{"no rights, says the API server", 403, `{"kind":"Status","message":"prometheuses is forbidden"}`, signal.Refused, "client error: 403: prometheuses is forbidden"},
		{"too many", 429, `{"status":"error","errorType":"too_many_requests","error":"too many outstanding requests"}`, signal.Throttled, "client error: 429: too many outstanding requests"},
		{"too many, without a word", 429, ``, signal.Throttled, "client error: 429"},
		{"no healthy upstream", 503, `no healthy upstream`, signal.Throttled, "server error: 503: no healthy upstream"},
		{"words that spell", 429, "a\x00b\x1b[31m\u202e\xff c <b>d</b> 5 < 6 > 4", signal.Throttled, "429: a b [31m c d 5 < 6 > 4"},
		{"a proxy that repeats a token", 403, `Authorization: Bearer eyJhbGciOi.hush-hush_12 is not allowed`, signal.Refused, "Authorization: Bearer <secret> is not allowed"},
		{"a long refusal", 403, strings.Repeat("ä", 600), signal.Refused, "ä…"},
		{"control: a bad gateway's 404 is about what is asked", 404, `404 page not found`, signal.QueryError, "client error: 404: 404 page not found"},
		{"another server", 200, `<html>hello</html>`, signal.Away, "not Prometheus"},
		{"too large", 200, strings.Repeat(" ", 2000), signal.TooLarge, "more than 1000 bytes"},
		{"a message with a password", 400, `{"status":"error","errorType":"bad_data","error":"get http://eve:hush@remote: no"}`, signal.QueryError, "http://<secret>@remote"},
		{"a long message", 400, `{"status":"error","errorType":"bad_data","error":"` + strings.Repeat("ä", 400) + `"}`, signal.QueryError, "ä…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := answering(t, tc.status, tc.body)
			c := s.client(t, func(o *measure.Options) { o.MaxBody = 1000 })
			got := readOne(t, c, anyAsk, hour)
			checkUnknown(t, got, tc.cause, tc.detail)
			if len(got.Detail) > 512 || strings.Contains(got.Detail, "hush") {
				t.Errorf("detail %q is too long or tells a password", got.Detail)
			}
			if f := c.Newest(t.Context(), []signal.Ask{{Kind: signal.Ratio, Metric: "x"}}, t0); f.Cause != tc.cause {
				t.Errorf("newest: cause %q; want %q", f.Cause, tc.cause)
			}
			if _, err := c.Clock(t.Context()); err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("clock: error %v; want one without a password", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := server{url: "http://eve:hush@" + address}.client(t)
	got := readOne(t, c, anyAsk, hour)
	checkUnknown(t, got, signal.Away, "connection refused")
	if _, err := c.Clock(t.Context()); err == nil || strings.Contains(got.Detail+err.Error(), "eve") {
		t.Errorf("detail %q, clock %v; want no user in either", got.Detail, err)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	c := answering(t, 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`).client(t)
	ratio := signal.Ask{Kind: signal.Ratio, Metric: "x"}
	for _, tc := range []struct {
		name   string
		ask    signal.Ask
		r      measure.Range
		cause  signal.Cause
		detail string
	}{
		{"control: nothing is wrong", ratio, hour, signal.Empty, "no series"},
		{"a fact of the cluster", signal.Ask{Kind: signal.Kubernetes}, hour, signal.QueryError, `kind "Kubernetes"`},
		{"a quantile above 1", signal.Ask{Kind: signal.Quantile, Metric: "x", Q: 99}, hour, signal.QueryError, "quantile 99; want 0 to 1"},
		{"no bin", ratio, measure.Range{From: t0, To: t0 + 60}, signal.QueryError, "bin 0s"},
		{"parts of seconds", ratio, measure.Range{From: t0, To: t0 + 60, Bin: second / 2}, signal.QueryError, "whole seconds"},
		{"backwards", ratio, measure.Range{From: t0, To: t0 - 60, Bin: minute}, signal.QueryError, "end after the start"},
		{"parts of seconds apart", ratio, measure.Range{From: t0, To: t0 + 60, Bin: minute, Every: second / 2}, signal.QueryError, "whole seconds"},
		{"half a bin apart", ratio, measure.Range{From: t0, To: t0 + 100, Bin: minute, Every: minute / 2}, signal.QueryError, "multiple of 30s"},
		{"half a bin", ratio, measure.Range{From: t0, To: t0 + 90, Bin: minute}, signal.QueryError, "multiple of the bin"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkUnknown(t, readOne(t, c, tc.ask, tc.r), tc.cause, tc.detail)
		})
	}
}

// hanging answers queries with "slow" in them when the test ends or the client gives up, all others
// at once.
func hanging(t *testing.T) (s server, most *atomic.Int64) {
	t.Helper()
	var now atomic.Int64
	most = &atomic.Int64{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if strings.Contains(r.FormValue("query"), "slow") {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767225660,"1"]]}]}}`)
	}))
	t.Cleanup(h.Close)
	return server{url: h.URL}, most
}

func TestSlowQueriesDelayNoOther(t *testing.T) {
	s, most := hanging(t)
	c := s.client(t, func(o *measure.Options) { o.Concurrency, o.Timeout = 2, 300*time.Millisecond })
	asks := []signal.Ask{{Kind: signal.Query, PromQL: "slow"}}
	for range 20 {
		asks = append(asks, signal.Ask{Kind: signal.Query, PromQL: "quick"})
	}
	readings := c.Read(t.Context(), asks, measure.Range{From: t0, To: t0 + 60, Bin: minute})
	checkUnknown(t, readings[0], signal.Timeout, "no answer in time")
	for i, r := range readings[1:] {
		if r.Cause != signal.Known || len(r.Bins) != 1 || r.Bins[0].Value != 1 {
			t.Errorf("quick ask %d: %+v", i, r)
		}
	}
	if n := most.Load(); n > 2 {
		t.Errorf("%d queries at once; want 2 at most", n)
	}
}

func TestWaitingForRoomEndsWithTheCaller(t *testing.T) {
	s, _ := hanging(t)
	c := s.client(t, func(o *measure.Options) { o.Concurrency = 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	slow := signal.Ask{Kind: signal.Query, PromQL: "slow"}
	for _, r := range c.Read(ctx, []signal.Ask{slow, slow, slow}, hour) {
		checkUnknown(t, r, signal.Timeout, "in time")
	}
}

func TestURLsThatAreNone(t *testing.T) {
	for _, u := range []string{"", "prometheus:9090", "ftp://x", "http://", "http://eve:hush@[::1"} {
		if _, err := measure.New(measure.Options{URL: u}); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: error %v; want one without a password", u, err)
		}
	}
}
