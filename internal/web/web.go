// Package web is what greenwatch shows over HTTP: metrics, the two probes, and plain pages that list the
// releases, each with its report. Server is how it is served, whoever calls.
//
// It only reads. Who may see the pages is said by Pages.Who; without it whoever reaches the port may. What
// a caller can cost is bounded: a page is made once for each change of what it shows, one at a time, and
// the same bytes go to everybody.
package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what a handler is made from. What is nil is not served.
type Options struct {
	// Gatherer gives the metrics.
	Gatherer prometheus.Gatherer
	// Healthy and Ready give what is wrong, or nil.
	Healthy, Ready func(context.Context) error
	// Pages are the list of releases and their reports.
	Pages *Pages
}

// New gives the handler of all that the options hold.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	if o.Gatherer != nil {
		mux.Handle("GET /metrics", metrics(o.Gatherer))
	}
	if o.Healthy != nil {
		mux.Handle("GET /healthz", probe(o.Healthy))
	}
	if o.Ready != nil {
		mux.Handle("GET /readyz", probe(o.Ready))
	}
	if o.Pages != nil {
		o.Pages.handle(mux)
	}
	return guarded(mux)
}

// metrics serves few scrapes at a time, so that they can't crowd out the rest; a scrape is written down
// before it is sent, so that who doesn't read holds up nobody.
func metrics(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

func probe(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}

// guarded keeps browsers from storing, framing, guessing or loading anything.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
