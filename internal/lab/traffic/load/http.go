package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves /metrics, /healthz (200 once a slot was reached), /counts and
// /log?since=RFC3339Nano (without since: all calls remembered).
func (l *Load) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", l.health)
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { show(w, l.record.snapshot()) })
	mux.HandleFunc("GET /log", l.showLog)
	return mux
}

func (l *Load) health(w http.ResponseWriter, _ *http.Request) {
	if !l.hasReached() {
		http.Error(w, "no slot reached yet", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (l *Load) showLog(w http.ResponseWriter, r *http.Request) {
	since, err := parseSince(r.URL.Query().Get("since"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	show(w, l.record.since(since))
}

func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("parse since: %w", err)
	}
	return t, nil
}

func show(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// The only error is a caller that went away.
	_ = json.NewEncoder(w).Encode(v)
}
