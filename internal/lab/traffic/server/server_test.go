package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic"
	"github.com/knowledgebeast/greenwatch/internal/lab/traffic/server"
)

// slot is a Server behind real sockets.
type slot struct {
	*server.Server
	calls   testpb.TestServiceClient
	web     string
	crashed chan struct{}
}

func start(t *testing.T) slot {
	t.Helper()
	crashed := make(chan struct{}, 1)
	s := server.New(server.Options{Slot: "green", Version: "v2", Seed: 7, Crash: func() { crashed <- struct{}{} }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.Register(g)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return slot{Server: s, calls: testpb.NewTestServiceClient(conn), web: web.URL, crashed: crashed}
}

func (s slot) call(t *testing.T, timeout time.Duration) (metadata.MD, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var header metadata.MD
	_, err := s.calls.UnaryCall(ctx, &testpb.SimpleRequest{}, grpc.Header(&header))
	return header, err
}

func (s slot) order(t *testing.T, faults string) (code int, body string) {
	t.Helper()
	resp, err := http.Post(s.web+"/faults", "application/json", strings.NewReader(faults))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func (s slot) fetch(t *testing.T, path string) (code int, body string) {
	t.Helper()
	resp, err := http.Get(s.web + path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (s slot) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	code, body := s.fetch(t, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d", code)
	}
	for _, line := range lines {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("/metrics lacks %q", line)
		}
	}
}

func TestStatusSeriesStartAtZero(t *testing.T) {
	start(t).wantMetrics(t,
		`http_requests_total{path="/query",status="200"} 0`,
		`http_requests_total{path="/query",status="500"} 0`,
		`http_requests_total{path="/query",status="503"} 0`,
		`kb_cache_hits_total 0`,
		`kb_cache_misses_total 0`,
		`kb_queue_depth 0`,
		`kb_query_duration_seconds_count 0`,
		`kb_query_duration_seconds_bucket{le="0.12"} 0`,
	)
}

func TestAnswersSayTheirSlot(t *testing.T) {
	s := start(t)
	for _, faults := range []string{`{}`, `{"errorRatio":1}`} {
		s.order(t, faults)
		header, _ := s.call(t, time.Second)
		if header.Get(traffic.SlotHeader)[0] != "green" || header.Get(traffic.VersionHeader)[0] != "v2" {
			t.Errorf("faults %s: header %v, want green and v2", faults, header)
		}
	}
}

func TestErrorRatio(t *testing.T) {
	s := start(t)
	s.order(t, `{"errorRatio":0.5}`)
	failed := 0
	const calls = 200
	for range calls {
		_, err := s.call(t, time.Second)
		if err == nil {
			continue
		}
		failed++
		if status.Code(err) != codes.Internal {
			t.Fatalf("error %v, want Internal", err)
		}
	}
	if failed < calls*3/10 || failed > calls*7/10 {
		t.Errorf("%d of %d calls failed, want about half", failed, calls)
	}
	s.wantMetrics(t, "kb_query_duration_seconds_count 200")
	s.order(t, `{}`)
	if _, err := s.call(t, time.Second); err != nil {
		t.Errorf("faults taken back: %v", err)
	}
}

func TestErrorsAreCountedAs500(t *testing.T) {
	s := start(t)
	s.order(t, `{"errorRatio":1}`)
	for range 3 {
		if _, err := s.call(t, time.Second); err == nil {
			t.Fatal("a call succeeded at errorRatio 1")
		}
	}
	s.wantMetrics(t,
		`http_requests_total{path="/query",status="500"} 3`,
		`http_requests_total{path="/query",status="200"} 0`)
}

func TestLatencyIsServedAndObserved(t *testing.T) {
	s := start(t)
	s.order(t, `{"latency":"130ms"}`)
	began := time.Now()
	if _, err := s.call(t, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 130*time.Millisecond {
		t.Errorf("the call took %v, want at least 130ms", took)
	}
	s.wantMetrics(t,
		`kb_query_duration_seconds_bucket{le="0.12"} 0`,
		`kb_query_duration_seconds_bucket{le="+Inf"} 1`)
}

func TestCallThatGivesUpIs503AndKnowsItsSlot(t *testing.T) {
	s := start(t)
	s.order(t, `{"latency":"30s"}`)
	header, err := s.call(t, 100*time.Millisecond)
	if status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("error %v, want DeadlineExceeded", err)
	}
	if len(header.Get(traffic.SlotHeader)) == 0 {
		t.Error("the timed-out call does not know its slot")
	}
	poll(t, func() bool {
		_, body := s.fetch(t, "/metrics")
		return strings.Contains(body, `http_requests_total{path="/query",status="503"} 1`)
	})
}

func TestSilentHidesMetricsAndServesOn(t *testing.T) {
	s := start(t)
	s.order(t, `{"silent":true}`)
	if code, _ := s.fetch(t, "/metrics"); code != http.StatusServiceUnavailable {
		t.Errorf("/metrics: %d, want 503", code)
	}
	if _, err := s.call(t, time.Second); err != nil {
		t.Errorf("call: %v", err)
	}
	s.order(t, `{}`)
	s.wantMetrics(t, `http_requests_total{path="/query",status="200"} 1`)
}

func TestCrashIsAnsweredThenCarriedOut(t *testing.T) {
	s := start(t)
	if code, _ := s.order(t, `{"crash":true}`); code != http.StatusOK {
		t.Errorf("status %d, want 200", code)
	}
	select {
	case <-s.crashed:
	case <-time.After(5 * time.Second):
		t.Error("no crash")
	}
}

func TestCacheHitRatio(t *testing.T) {
	s := start(t)
	s.order(t, `{"cacheHitRatio":0}`)
	for range 4 {
		if _, err := s.call(t, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	s.wantMetrics(t, "kb_cache_hits_total 0", "kb_cache_misses_total 4")
	s.order(t, `{"cacheHitRatio":1}`)
	if _, err := s.call(t, time.Second); err != nil {
		t.Fatal(err)
	}
	s.wantMetrics(t, "kb_cache_hits_total 1", "kb_cache_misses_total 4")
}

func TestFaultsAreShownAndReplaced(t *testing.T) {
	s := start(t)
	s.order(t, `{"errorRatio":0.2,"latency":"800ms","cacheHitRatio":0.2}`)
	if _, body := s.fetch(t, "/faults"); strings.TrimSpace(body) != `{"errorRatio":0.2,"latency":"800ms","silent":false,"crash":false,"cacheHitRatio":0.2}` {
		t.Errorf("faults %s", body)
	}
	s.order(t, `{"silent":true}`)
	if _, body := s.fetch(t, "/faults"); strings.TrimSpace(body) != `{"errorRatio":0,"latency":"0s","silent":true,"crash":false}` {
		t.Errorf("faults after a second order %s", body)
	}
}

func TestBadFaultsAreRefused(t *testing.T) {
	s := start(t)
	for _, faults := range []string{`{"errorRatio":2}`, `{"errorRatio":-1}`, `{"latency":"soon"}`, `{"latency":"-1s"}`, `{"latency":"2h"}`, `{"cacheHitRatio":1.1}`, `{"slow":true}`, `[]`, ``} {
		if code, _ := s.order(t, faults); code != http.StatusBadRequest {
			t.Errorf("faults %q: %d, want 400", faults, code)
		}
	}
	if s.Faults() != (server.Faults{}) {
		t.Errorf("a refused order left faults %+v", s.Faults())
	}
}

func TestHealthFollowsReadiness(t *testing.T) {
	s := start(t)
	if code, _ := s.fetch(t, "/healthz"); code != http.StatusServiceUnavailable {
		t.Errorf("before it is ready: %d, want 503", code)
	}
	s.SetReady(true)
	if code, _ := s.fetch(t, "/healthz"); code != http.StatusOK {
		t.Errorf("once ready: %d, want 200", code)
	}
}

// Prometheus gets native histograms over protobuf only.
func TestDurationIsNativeToo(t *testing.T) {
	s := start(t)
	if _, err := s.call(t, time.Second); err != nil {
		t.Fatal(err)
	}
	h := nativeHistogram(t, s.web+"/metrics", "kb_query_duration_seconds")
	if h.GetSchema() != 3 || len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 {
		t.Errorf("schema %d, spans %v, %d classic buckets: want schema 3, a span, classic buckets too",
			h.GetSchema(), h.GetPositiveSpan(), len(h.GetBucket()))
	}
}

func nativeHistogram(t *testing.T, url, name string) *dto.Histogram {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for dec := expfmt.NewDecoder(resp.Body, expfmt.ResponseFormat(resp.Header)); ; {
		var family dto.MetricFamily
		if err := dec.Decode(&family); err != nil {
			t.Fatalf("find %s: %v", name, err)
		}
		if family.GetName() == name {
			return family.GetMetric()[0].GetHistogram()
		}
	}
}

func poll(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("not so within 10 s")
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}
