package standin

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxBody bounds what is read of a request; each stand-in's own limit lies below it.
const maxBody = 2 << 20

// Request is one request as it arrived.
type Request struct {
	At     time.Time
	Method string
	Path   string
	Header http.Header
	Body   []byte
	// Status is the HTTP status that it was answered with, 0 while it is not answered.
	Status int
}

// failure is an answer that was ordered. Its Retry-After is left out when zero.
type failure struct {
	status     int
	retryAfter time.Duration
}

// gate is what both stand-ins do before they look at a request: keep it, tell the hooks, hold
// it while blocked, fail it when so ordered.
type gate struct {
	mu       sync.Mutex
	requests []*Request
	hooks    []func(Request)
	next     []failure
	always   *failure
	blocked  chan struct{} // closed by Unblock; nil while open
	waiting  int
}

// Requests returns all requests in the order of their arrival, failed and held ones too.
func (g *gate) Requests() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Request, len(g.requests))
	for i, r := range g.requests {
		all[i] = *r
	}
	return all
}

// OnRequest calls hook with each request that arrives from now on, before it is answered and
// while its sender waits.
func (g *gate) OnRequest(hook func(Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks = append(g.hooks, hook)
}

// FailNext answers the next n requests with status, and with a Retry-After if it is not zero
// (whole seconds, rounded up). They change nothing.
func (g *gate) FailNext(n, status int, retryAfter time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = append(g.next, slices.Repeat([]failure{{status, retryAfter}}, n)...)
}

// Fail answers all requests like FailNext does, until Heal.
func (g *gate) Fail(status int, retryAfter time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.always = &failure{status, retryAfter}
}

// Heal takes back what Fail and FailNext ordered.
func (g *gate) Heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next, g.always = nil, nil
}

// Block keeps all requests waiting until Unblock. One whose sender is seen to give up before
// that changes nothing; Waiting tells.
func (g *gate) Block() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.blocked == nil {
		g.blocked = make(chan struct{})
	}
}

// Unblock lets go the requests that Block holds; they are answered as usual.
func (g *gate) Unblock() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.blocked != nil {
		close(g.blocked)
		g.blocked = nil
	}
}

// Waiting counts the requests that Block holds and whose senders still wait.
func (g *gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// pass hands a request and its body to serve, unless it is to fail: then to fail.
func (g *gate) pass(w http.ResponseWriter, r *http.Request, fail func(http.ResponseWriter, int), serve func(http.ResponseWriter, *http.Request, []byte)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "read the body: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	kept := g.keep(r, body)
	if !g.await(r) {
		return
	}
	answer := &statusWriter{ResponseWriter: w, before: func(status int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		kept.Status = status
	}}
	f, failing := g.failure()
	if !failing {
		serve(answer, r, body)
		return
	}
	if f.retryAfter > 0 {
		answer.Header().Set("Retry-After", strconv.Itoa(wholeSeconds(f.retryAfter)))
	}
	fail(answer, f.status)
}

func (g *gate) keep(r *http.Request, body []byte) *Request {
	req := &Request{At: time.Now(), Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: bytes.Clone(body)}
	g.mu.Lock()
	g.requests = append(g.requests, req)
	hooks, seen := slices.Clone(g.hooks), *req
	g.mu.Unlock()
	for _, hook := range hooks {
		hook(seen)
	}
	return req
}

// await returns when the gate is open, and false if the sender gave up before.
func (g *gate) await(r *http.Request) bool {
	g.mu.Lock()
	blocked := g.blocked
	if blocked == nil {
		g.mu.Unlock()
		return true
	}
	g.waiting++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.waiting--
	}()
	select {
	case <-blocked:
		return r.Context().Err() == nil
	case <-r.Context().Done():
		return false
	}
}

func (g *gate) failure() (failure, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.next) > 0 {
		f := g.next[0]
		g.next = g.next[1:]
		return f, true
	}
	if g.always != nil {
		return *g.always, true
	}
	return failure{}, false
}

func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// statusWriter tells the status before it is sent, so that whoever got an answer finds its
// status among the requests.
type statusWriter struct {
	http.ResponseWriter
	before func(status int)
}

func (w *statusWriter) WriteHeader(status int) {
	w.before(status)
	w.ResponseWriter.WriteHeader(status)
}
