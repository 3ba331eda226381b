package server

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxFaultsBody is ample: all faults together are some hundred bytes.
const maxFaultsBody = 64 << 10

// Handler serves /metrics, /healthz and /faults (GET shows the faults in force, POST replaces
// them all; what a POST leaves out is off).
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.unlessSilent(promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /faults", s.showFaults)
	mux.HandleFunc("POST /faults", s.orderFaults)
	return mux
}

func (s *Server) unlessSilent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Faults().Silent {
			http.Error(w, "silent by order", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) showFaults(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// The only error is a caller that went away.
	_ = json.NewEncoder(w).Encode(s.Faults())
}

func (s *Server) orderFaults(w http.ResponseWriter, r *http.Request) {
	f, err := parseFaults(http.MaxBytesReader(w, r.Body, maxFaultsBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.SetFaults(f)
	s.showFaults(w, r)
	if f.Crash {
		// The answer leaves first, or nobody could tell an obeyed order from a lost one.
		_ = http.NewResponseController(w).Flush()
		s.options.Crash()
	}
}
