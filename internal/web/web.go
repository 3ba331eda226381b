// Package web is what greenwatch shows over HTTP: metrics, the two probes, and a plain page that
// lists the releases, each with its report.
//
// It only reads, and knows no user: whoever reaches the port may see what the page shows. It does
// not listen; the server and its timeouts are the caller's.
package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/knowledgebeast/greenwatch/internal/report"
)

// Options are what the pages are made from.
type Options struct {
	Gatherer prometheus.Gatherer
	// Healthy and Ready give what is wrong, or nil. Nil functions never find anything wrong.
	Healthy, Ready func(context.Context) error
	// Releases gives the active releases, in any order.
	Releases func(context.Context) ([]report.Release, error)
}

// New gives the handler of all pages.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics(o.Gatherer))
	mux.Handle("GET /healthz", probe(o.Healthy))
	mux.Handle("GET /readyz", probe(o.Ready))
	mux.Handle("GET /{$}", index(o.Releases))
	mux.Handle("GET /releases/{namespace}/{name}", one(o.Releases))
	return guarded(mux)
}

// metrics serves few scrapes at a time, so that they can't crowd out the rest.
func metrics(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

func probe(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if check != nil {
			if err := check(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		io.WriteString(w, "ok\n")
	})
}

func index(releases func(context.Context) ([]report.Release, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, err := releases(r.Context())
		if err != nil {
			http.Error(w, fmt.Sprintf("list the releases: %v", err), http.StatusServiceUnavailable)
			return
		}
		var b bytes.Buffer
		if err := page().Execute(&b, lines(list)); err != nil {
			http.Error(w, fmt.Sprintf("write the page: %v", err), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(b.Bytes())
	})
}

func one(releases func(context.Context) ([]report.Release, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, err := releases(r.Context())
		if err != nil {
			http.Error(w, fmt.Sprintf("list the releases: %v", err), http.StatusServiceUnavailable)
			return
		}
		namespace, name := r.PathValue("namespace"), r.PathValue("name")
		for _, rel := range list {
			if rel.Namespace == namespace && rel.Name == name {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				io.WriteString(w, report.Text(rel))
				return
			}
		}
		http.Error(w, "no such active release; ask kubectl greenwatch history for those that ended", http.StatusNotFound)
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
