package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// health serves the health endpoints of both slots; their database is up at first.
type health struct {
	server *httptest.Server
	mu     sync.Mutex
	states map[string]string
	asked  int
}

func newHealth(t *testing.T) *health {
	h := &health{states: map[string]string{"blue": "up", "green": "up"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{slot}/health", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asked++
		fmt.Fprintf(w, `{"components": {"database": {"status": %q}}}`, h.states[r.PathValue("slot")])
	})
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	return h
}

func (h *health) url(slot string) string { return h.server.URL + "/" + slot + "/health" }

func (h *health) set(slot, state string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states[slot] = state
}

// count is how often the endpoints were asked.
func (h *health) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}
