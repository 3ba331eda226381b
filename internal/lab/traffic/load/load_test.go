package load_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic/load"
	"github.com/knowledgebeast/greenwatch/internal/lab/traffic/server"
)

type slot struct {
	*server.Server
	addr string

	mu   sync.Mutex
	seen metadata.MD
}

func startSlot(t *testing.T) *slot {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slot{Server: server.New(server.Options{Slot: "green", Version: "v2", Seed: 1}), addr: listener.Addr().String()}
	g := grpc.NewServer(grpc.UnaryInterceptor(s.see))
	s.Register(g)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	return s
}

func (s *slot) see(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	s.seen = md
	s.mu.Unlock()
	return next(ctx, req)
}

func (s *slot) lastHeader() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// startLoad runs a load until the test ends or stop is called, and returns its HTTP side.
func startLoad(t *testing.T, addr string, rps float64, header metadata.MD) (web string, stop func()) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := load.New(load.Options{Conn: conn, RPS: rps, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(l.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(func() { stop(); srv.Close(); _ = conn.Close() })
	return srv.URL, stop
}

func fetch(t *testing.T, url string) (int, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func counts(t *testing.T, web string) load.Counts {
	t.Helper()
	_, body := fetch(t, web+"/counts")
	var c load.Counts
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func calls(t *testing.T, web string, since time.Time) []load.Call {
	t.Helper()
	_, body := fetch(t, web+"/log?since="+url.QueryEscape(since.Format(time.RFC3339Nano)))
	var cs []load.Call
	if err := json.Unmarshal(body, &cs); err != nil {
		t.Fatal(err)
	}
	return cs
}

func TestCountsAndLogAgree(t *testing.T) {
	s := startSlot(t)
	web, stop := startLoad(t, s.addr, 200, nil)
	poll(t, func() bool { return counts(t, web).Total >= 100 })
	stop()
	c, log := counts(t, web), calls(t, web, time.Time{})
	if c.Errors != 0 || c.BySlot["green"] != c.Total || c.BySlot["blue"] != 0 {
		t.Errorf("counts %+v, want all green without errors", c)
	}
	if len(log) != c.Total {
		t.Errorf("%d calls in the log, %d counted", len(log), c.Total)
	}
	for _, call := range log {
		if call.Slot != "green" || call.Version != "v2" || call.Error != "" || !call.End.After(call.Start) {
			t.Fatalf("call %+v", call)
		}
	}
	_, body := fetch(t, web+"/metrics")
	if !strings.Contains(string(body), `client_requests_total{code="OK",slot="green"}`) {
		t.Errorf("metrics lack the green calls:\n%s", body)
	}
}

func TestFailedCallsKnowTheirSlot(t *testing.T) {
	s := startSlot(t)
	s.SetFaults(server.Faults{ErrorRatio: 1})
	web, _ := startLoad(t, s.addr, 200, nil)
	poll(t, func() bool { return counts(t, web).Total >= 20 })
	c := counts(t, web)
	if c.Errors != c.Total || c.BySlot["green"] != c.Total {
		t.Errorf("counts %+v, want all to be errors of green", c)
	}
	for _, call := range calls(t, web, time.Time{}) {
		if call.Slot != "green" || !strings.Contains(call.Error, "Internal") {
			t.Fatalf("call %+v, want an Internal error of green", call)
		}
	}
}

func TestLogSince(t *testing.T) {
	s := startSlot(t)
	web, _ := startLoad(t, s.addr, 200, nil)
	poll(t, func() bool { return counts(t, web).Total >= 20 })
	since := time.Now()
	poll(t, func() bool { return len(calls(t, web, since)) >= 5 })
	for _, call := range calls(t, web, since) {
		if call.End.Before(since) {
			t.Errorf("a call ended at %v, before %v", call.End, since)
		}
	}
	if code, _ := fetch(t, web+"/log?since=yesterday"); code != http.StatusBadRequest {
		t.Errorf("since=yesterday: %d, want 400", code)
	}
}

// The load is open: slow answers do not slow it down.
func TestSlowAnswersDoNotSlowTheLoad(t *testing.T) {
	s := startSlot(t)
	web, _ := startLoad(t, s.addr, 100, nil)
	poll(t, func() bool { return counts(t, web).Total >= 1 })
	s.SetFaults(server.Faults{Latency: server.Latency(500 * time.Millisecond)})
	since := time.Now()
	poll(t, func() bool { return time.Since(since) > 2*time.Second })
	// One call at a time would make 4 of them.
	if n := len(calls(t, web, since)); n < 75 {
		t.Errorf("%d calls ended in 2 s, want about 150", n)
	}
}

func TestHealthSaysThatASlotWasReached(t *testing.T) {
	web, _ := startLoad(t, "127.0.0.1:1", 50, nil)
	if code, _ := fetch(t, web+"/healthz"); code != http.StatusServiceUnavailable {
		t.Errorf("nothing listens: %d, want 503", code)
	}
	if c := counts(t, web); c.Total != 0 {
		t.Errorf("counted %+v before any slot was reached", c)
	}
	web, _ = startLoad(t, startSlot(t).addr, 50, nil)
	poll(t, func() bool { code, _ := fetch(t, web+"/healthz"); return code == http.StatusOK })
}

func TestHeaderGoesWithEachCall(t *testing.T) {
	s := startSlot(t)
	startLoad(t, s.addr, 50, metadata.Pairs("x-slot", "green"))
	poll(t, func() bool { v := s.lastHeader().Get("x-slot"); return len(v) == 1 && v[0] == "green" })
}

func TestRateMustBePositive(t *testing.T) {
	for _, rps := range []float64{0, -1} {
		if _, err := load.New(load.Options{RPS: rps}); err == nil {
			t.Errorf("rps %v was accepted", rps)
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
