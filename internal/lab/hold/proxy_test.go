package hold_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab/hold"
)

// upstream is a server that keeps what it was sent and echoes the body.
type upstream struct {
	*httptest.Server

	mu   sync.Mutex
	seen []string
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), body))
		u.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) requests() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.seen...)
}

func startProxy(t *testing.T, to string) *hold.Proxy {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := hold.New(target, nil)
	if err := p.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// result is what a caller got.
type result struct {
	status int
	body   string
	err    error
}

func send(ctx context.Context, method, url, body string) result {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return result{err: err}
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return result{resp.StatusCode, string(got), err}
}

// inBackground sends while the test goes on.
func inBackground(ctx context.Context, method, url, body string) <-chan result {
	done := make(chan result, 1)
	go func() { done <- send(ctx, method, url, body) }()
	return done
}

func wantHeld(t *testing.T, h *hold.Hold) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := h.Reached(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestPassesOnWhatItGets(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL+"/base")
	if got := send(t.Context(), http.MethodPatch, p.URL()+"/a%2Fb?dryRun=All", "weights"); got != (result{201, "weights", nil}) {
		t.Errorf("got %+v", got)
	}
	want := "PATCH /base/a%2Fb?dryRun=All Bearer secret weights"
	if got := u.requests(); len(got) != 1 || got[0] != want {
		t.Errorf("upstream saw %q, want %q", got, want)
	}
	log := p.Log()
	if len(log) != 1 || log[0].Method != "PATCH" || log[0].Path != "/a%2Fb?dryRun=All" || log[0].Status != 201 || !log[0].Delivered || string(log[0].Body) != "weights" {
		t.Errorf("log %+v", log)
	}
}

func TestHoldBefore(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldBefore(hold.All(hold.MethodIs(http.MethodPatch), hold.PathContains("virtualservices"), hold.BodyContains("weight")))
	for _, other := range []struct{ method, path, body string }{
		{"GET", "/virtualservices/a", "weight"}, {"PATCH", "/deployments/a", "weight"}, {"PATCH", "/virtualservices/a", "labels"},
	} {
		if got := send(t.Context(), other.method, p.URL()+other.path, other.body); got.status != 201 {
			t.Fatalf("%+v was not passed on: %+v", other, got)
		}
	}
	done := inBackground(t.Context(), http.MethodPatch, p.URL()+"/virtualservices/a", `{"weight":100}`)
	wantHeld(t, h)
	if n := len(u.requests()); n != 3 {
		t.Errorf("upstream saw %d requests, want the 3 others", n)
	}
	if last := p.Log()[3]; last.Delivered || last.Status != 0 {
		t.Errorf("log of the held request %+v", last)
	}
	h.Release()
	if got := <-done; got.status != 201 || got.body != `{"weight":100}` {
		t.Errorf("released: %+v", got)
	}
	if got := send(t.Context(), http.MethodPatch, p.URL()+"/virtualservices/a", "weight"); got.status != 201 {
		t.Errorf("the next one is held too: %+v", got)
	}
}

func TestDropBeforeIsNeverDelivered(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldBefore(hold.Any)
	done := inBackground(t.Context(), http.MethodPost, p.URL()+"/a", "x")
	wantHeld(t, h)
	h.Drop()
	h.Release() // too late
	if got := <-done; got.err == nil {
		t.Errorf("dropped: %+v, want an error of the connection", got)
	}
	if n := len(u.requests()); n != 0 {
		t.Errorf("upstream saw %d requests", n)
	}
	if e := p.Log()[0]; e.Delivered || e.Status != 0 {
		t.Errorf("log %+v", e)
	}
}

func TestHeldRequestOutlivesItsCaller(t *testing.T) {
	for name, c := range map[string]struct {
		decide func(*hold.Hold)
		want   int
	}{"released": {(*hold.Hold).Release, 1}, "dropped": {(*hold.Hold).Drop, 0}} {
		t.Run(name, func(t *testing.T) {
			u := startUpstream(t)
			p := startProxy(t, u.URL)
			h := p.HoldBefore(hold.BodyContains("mine"))
			ctx, die := context.WithCancel(t.Context())
			done := inBackground(ctx, http.MethodPost, p.URL()+"/a", "mine")
			wantHeld(t, h)
			die()
			if got := <-done; got.err == nil {
				t.Fatalf("got %+v", got)
			}
			c.decide(h)
			// The answer to a later request says that the decision took effect in between or
			// not at all; so wait for it where something is to come.
			poll(t, func() bool { return len(u.requests()) >= c.want })
			if got := send(t.Context(), http.MethodPost, p.URL()+"/b", "other"); got.status != 201 {
				t.Fatalf("got %+v", got)
			}
			if n := len(u.requests()); n != c.want+1 {
				t.Errorf("upstream saw %d requests, want %d", n, c.want+1)
			}
		})
	}
}

func TestHoldAfter(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldAfter(hold.BodyContains("x"))
	done := inBackground(t.Context(), http.MethodPost, p.URL()+"/a", "x")
	wantHeld(t, h)
	if n := len(u.requests()); n != 1 {
		t.Errorf("upstream saw %d requests, want the held one", n)
	}
	if e := p.Log()[0]; !e.Delivered || e.Status != 0 {
		t.Errorf("log %+v, want it delivered and not answered", e)
	}
	select {
	case got := <-done:
		t.Errorf("the caller has %+v already", got)
	default:
	}
	h.Release()
	if got := <-done; got != (result{201, "x", nil}) {
		t.Errorf("released: %+v", got)
	}
}

func TestDropAfterWasDelivered(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldAfter(hold.Any)
	done := inBackground(t.Context(), http.MethodPost, p.URL()+"/a", "x")
	wantHeld(t, h)
	h.Drop()
	if got := <-done; got.err == nil {
		t.Errorf("dropped: %+v, want an error of the connection", got)
	}
	if n := len(u.requests()); n != 1 {
		t.Errorf("upstream saw %d requests, want 1", n)
	}
}

func TestReleaseInAdvanceStopsNothing(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	p.HoldBefore(hold.Any).Release()
	if got := send(t.Context(), http.MethodPost, p.URL()+"/a", "x"); got.status != 201 {
		t.Errorf("got %+v", got)
	}
}

func TestReachedGivesUp(t *testing.T) {
	p := startProxy(t, startUpstream(t).URL)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.HoldBefore(hold.Any).Reached(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline's", err)
	}
}

func TestRefuse(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	undo := p.Refuse(hold.MethodIs(http.MethodPatch), http.StatusConflict)
	for range 2 {
		if got := send(t.Context(), http.MethodPatch, p.URL()+"/a", "x"); got.status != http.StatusConflict {
			t.Errorf("got %+v, want 409", got)
		}
	}
	if got := send(t.Context(), http.MethodPost, p.URL()+"/a", "x"); got.status != 201 {
		t.Errorf("another method: %+v", got)
	}
	undo()
	if got := send(t.Context(), http.MethodPatch, p.URL()+"/a", "x"); got.status != 201 {
		t.Errorf("after undo: %+v", got)
	}
	if n := len(u.requests()); n != 2 {
		t.Errorf("upstream saw %d requests, want 2", n)
	}
	if log := p.Log(); log[0].Status != 409 || log[0].Delivered || log[3].Status != 201 {
		t.Errorf("log %+v", log)
	}
}

func TestDownAndUp(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldAfter(hold.Any)
	open := inBackground(t.Context(), http.MethodPost, p.URL()+"/a", "x")
	wantHeld(t, h)
	before := p.URL()
	if err := p.Down(); err != nil {
		t.Fatal(err)
	}
	if got := <-open; got.err == nil {
		t.Errorf("a connection outlived Down: %+v", got)
	}
	if got := send(t.Context(), http.MethodPost, p.URL()+"/a", "x"); !errors.Is(got.err, syscall.ECONNREFUSED) {
		t.Errorf("down: %+v, want the connection refused", got)
	}
	if err := p.Up(); err != nil {
		t.Fatal(err)
	}
	if p.URL() != before {
		t.Errorf("URL %s, was %s", p.URL(), before)
	}
	if got := send(t.Context(), http.MethodPost, p.URL()+"/a", "x"); got.status != 201 {
		t.Errorf("up again: %+v", got)
	}
}

func TestDeadUpstreamCutsTheConnection(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	u.Close()
	if got := send(t.Context(), http.MethodPost, p.URL()+"/a", "x"); got.err == nil {
		t.Errorf("got %+v, want an error of the connection", got)
	}
}

func TestStreamsPartByPart(t *testing.T) {
	next := make(chan string)
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for part := range next {
			_, _ = fmt.Fprintln(w, part)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer u.Close()
	p := startProxy(t, u.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req) // returns only if the header does not wait for a part
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, part := range []string{"added", "modified"} {
		next <- part
		if !lines.Scan() || lines.Text() != part {
			t.Fatalf("got %q, %v, want %q at once", lines.Text(), lines.Err(), part)
		}
	}
	close(next)
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
}

func TestCloseDropsWhatIsHeld(t *testing.T) {
	u := startUpstream(t)
	p := startProxy(t, u.URL)
	h := p.HoldBefore(hold.Any)
	done := inBackground(t.Context(), http.MethodPost, p.URL()+"/a", "x")
	wantHeld(t, h)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.err == nil {
		t.Errorf("got %+v", got)
	}
}

func TestStartWantsLoopbackAndOnce(t *testing.T) {
	p := startProxy(t, startUpstream(t).URL)
	if err := p.Start("127.0.0.1:0"); err == nil {
		t.Error("started twice")
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "10.0.0.1:0", "localhost"} {
		if err := hold.New(&url.URL{}, nil).Start(addr); err == nil {
			t.Errorf("started on %q", addr)
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
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}
