package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/report"
)

// Pages are made from the active releases, which they only read.
type Pages struct {
	// Version grows whenever a release appears, changes or goes away; what Each and One give is at least
	// as new.
	Version func() uint64
	// Each calls f with every active release, in any order, and a text that changes when the release does.
	Each func(f func(r report.Release, version string))
	// One looks an active release up.
	One func(namespace, name string) (r report.Release, version string, ok bool)
	// Who says what a caller may see; nil: everybody may see everything.
	Who Who
}

// mostInFlight is how many bytes of pages may be on their way to callers at the same time.
const mostInFlight = 16 << 20

func (p *Pages) handle(mux *http.ServeMux) {
	h := &handler{who: p.Who, list: listing{version: p.Version, each: p.Each}, reports: reports{one: p.One}}
	h.left.Store(mostInFlight)
	mux.HandleFunc("GET /{$}", h.index)
	mux.HandleFunc("GET /releases/{namespace}/{name}", h.report)
}

// handler serves the pages.
type handler struct {
	who     Who
	list    listing
	reports reports
	left    atomic.Int64 // of mostInFlight
}

// index serves the list: of all namespaces that the caller may see, or of the one that ?namespace= names.
func (h *handler) index(w http.ResponseWriter, r *http.Request) {
	sees, ok := h.caller(w, r)
	if !ok {
		return
	}
	var v view
	if one := r.URL.Query().Get("namespace"); one != "" {
		v, ok = view{namespaces: []string{one}}, h.may(w, r, sees, one)
	} else {
		v, ok = h.seen(w, r, sees)
	}
	if !ok {
		return
	}
	v.number, _ = strconv.Atoi(r.URL.Query().Get("page")) // what is no number is the first
	s, err := h.list.sheet(v)
	if err != nil {
		http.Error(w, fmt.Sprintf("write the page: %v", err), http.StatusInternalServerError)
		return
	}
	h.send(w, r, "text/html; charset=utf-8", s)
}

func (h *handler) report(w http.ResponseWriter, r *http.Request) {
	sees, ok := h.caller(w, r)
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	if !ok || !h.may(w, r, sees, namespace) {
		return
	}
	s, ok := h.reports.sheet(namespace, name)
	if !ok {
		http.Error(w, "no such active release; ask kubectl get releases for those that ended", http.StatusNotFound)
		return
	}
	h.send(w, r, "text/plain; charset=utf-8", s)
}

// send sends a page, unless too many bytes are on their way to callers who don't read.
func (h *handler) send(w http.ResponseWriter, r *http.Request, kind string, s sheet) {
	n := int64(len(s.body))
	defer h.left.Add(n)
	if h.left.Add(-n) < 0 {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many pages are being sent; try again", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", s.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

// sheet is a page as it is sent.
type sheet struct {
	body []byte
	tag  string
}

func newSheet(body []byte) sheet {
	sum := sha256.Sum256(body)
	return sheet{body: body, tag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}
