// Package hold is a reverse proxy that stands between a program and a server and stops chosen
// requests at chosen moments: before the server has seen them, or after it has answered and
// before the caller knows. A test then kills the program right there, lets the request go on,
// or cuts it off.
//
// It listens on loopback and passes on everything else as it is: headers, bearer tokens, and
// streamed answers part by part. It changes no request, and does not forward upgraded
// connections (exec, port-forward).
//
// client-go sends a rest.Config's bearer token over plain HTTP too, but does not even read the
// credentials of a kubeconfig whose server is plain HTTP: for that there is StartTLS.
package hold

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// errDropped stops an answer on its way back.
var errDropped = errors.New("dropped by order")

// Entry is one request that arrived.
type Entry struct {
	Method string
	Path   string // with the query
	At     time.Time
	Body   []byte
	// Delivered says whether the upstream was sent the request.
	Delivered bool
	// Status is that of the answer given to the caller: 0 while there is none, and for good
	// when the connection was cut.
	Status int
}

// Proxy passes requests to one upstream. Its methods may be called at any time.
type Proxy struct {
	pass *httputil.ReverseProxy

	mu       sync.Mutex
	log      []*Entry
	armed    []*Hold // waiting for their request
	taken    []*Hold // have stopped one
	refusals []*refusal

	door door
}

type refusal struct {
	match  Match
	status int
}

// New makes a proxy to upstream, whose path goes before each request's. The transport is for
// the upstream's TLS; nil is http.DefaultTransport.
func New(upstream *url.URL, transport http.RoundTripper) *Proxy {
	p := &Proxy{}
	p.pass = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport:      transport,
		FlushInterval:  -1, // each part of a streamed answer at once
		ModifyResponse: p.answered,
		// A caller of a dead upstream would see its connection fail, not a gateway's answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { cut() },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	return p
}

// HoldBefore stops the next request that matches before it is delivered.
func (p *Proxy) HoldBefore(match Match) *Hold { return p.arm(newHold(match, before)) }

// HoldAfter stops the next request that matches after the upstream has answered and before the
// answer is given to the caller. Of a streamed answer it holds the beginning.
func (p *Proxy) HoldAfter(match Match) *Hold { return p.arm(newHold(match, after)) }

func (p *Proxy) arm(h *Hold) *Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = append(p.armed, h)
	return h
}

// Refuse answers all requests that match with status and does not deliver them, until undo is
// called. A Hold before delivery comes first.
func (p *Proxy) Refuse(match Match, status int) (undo func()) {
	r := &refusal{match, status}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = append(p.refusals, r)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refusals = slices.DeleteFunc(p.refusals, func(other *refusal) bool { return other == r })
	}
}

// Log returns all requests in the order of their arrival.
func (p *Proxy) Log() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries := make([]Entry, len(p.log))
	for i, e := range p.log {
		entries[i] = *e
	}
	return entries
}

// flight is a request on its way through the proxy.
type flight struct {
	request *http.Request // as it arrived
	body    []byte
	entry   *Entry
}

type flightKey struct{}

// ServeHTTP passes one request on, unless it is to be stopped or refused.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		cut()
	}
	f := &flight{request: r, body: body, entry: p.note(r, body)}
	w = &statusWriter{ResponseWriter: w, before: func(status int) { p.set(func() { f.entry.Status = status }) }}
	ctx := r.Context()
	if h := p.take(f, before); h != nil {
		if h.stop() {
			cut()
		}
		// Once released, it is delivered whether or not somebody still waits for the answer.
		ctx = context.WithoutCancel(ctx)
	}
	if status, refused := p.refusal(f); refused {
		http.Error(w, "refused by order", status)
		return
	}
	p.set(func() { f.entry.Delivered = true })
	p.pass.ServeHTTP(w, f.outgoing(context.WithValue(ctx, flightKey{}, f)))
}

// answered is called when the upstream has answered.
func (p *Proxy) answered(resp *http.Response) error {
	f, ok := resp.Request.Context().Value(flightKey{}).(*flight)
	if !ok {
		return nil
	}
	if h := p.take(f, after); h != nil && h.stop() {
		return errDropped
	}
	return nil
}

func (p *Proxy) note(r *http.Request, body []byte) *Entry {
	e := &Entry{Method: r.Method, Path: r.URL.RequestURI(), At: time.Now(), Body: body}
	p.set(func() { p.log = append(p.log, e) })
	return e
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// take returns the Hold for this request at this moment, nil if there is none.
func (p *Proxy) take(f *flight, at moment) *Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.armed, func(h *Hold) bool { return h.at == at && f.matches(h.match) })
	if i < 0 {
		return nil
	}
	h := p.armed[i]
	p.armed = slices.Delete(p.armed, i, i+1)
	p.taken = append(p.taken, h)
	return h
}

func (p *Proxy) refusal(f *flight) (status int, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.refusals {
		if f.matches(r.match) {
			return r.status, true
		}
	}
	return 0, false
}

func (f *flight) matches(match Match) bool { return match(f.outgoing(f.request.Context())) }

// outgoing is the request with its body afresh.
func (f *flight) outgoing(ctx context.Context) *http.Request {
	r := f.request.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(f.body))
	r.ContentLength = int64(len(f.body))
	r.TransferEncoding = nil
	if len(f.body) == 0 {
		r.Body = http.NoBody
	}
	return r
}

// cut closes the connection to the caller without an answer.
func cut() { panic(http.ErrAbortHandler) }

// statusWriter tells the status before it is sent, so that whoever got an answer finds its
// status in the log.
type statusWriter struct {
	http.ResponseWriter
	before func(status int)
}

func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // informational ones precede the answer
		w.before(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a streamed answer be flushed.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
