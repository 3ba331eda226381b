package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/config"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// told is a Prometheus that notes what it was sent for a token.
type told struct {
	mu     sync.Mutex
	tokens []string
}

func (o *told) note(r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens = append(o.tokens, r.Header.Get("Authorization"))
}

func (o *told) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.tokens)
}

// The token is that which its file holds at the moment, goes to the server of the daemon's file alone, and is in no
// reading.
func TestTheTokenIsReadAgainAndGoesNowhereElse(t *testing.T) {
	var asked, elsewhere told
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere.note(r) }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.note(r)
		if r.Header.Get("Authorization") == "Bearer third" {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusPermanentRedirect)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[60,"7"]]}]}}`)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "token")
	seen, err := newServers([]config.Prometheus{{Name: "main", URL: s.URL, Timeout: 10 * time.Second, Concurrency: 1, BearerTokenFile: file}}, 0, nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() gwsignal.Reading {
		return seen.read(t.Context(), watchdog.Asker{Prometheus: "main"}, []gwsignal.Ask{{Kind: gwsignal.Query, PromQL: "x"}}, watchdog.Span{From: 0, To: 60, Bin: gwsignal.Duration(time.Minute)})[0]
	}
	for _, token := range []string{"first", "second", "third"} {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := ask()
		if known := r.Cause == gwsignal.Known; known != (token != "third") || strings.Contains(fmt.Sprint(r), token) {
			t.Errorf("with the %s token: %+v", token, r)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r := ask(); r.Cause != gwsignal.Away || !strings.Contains(r.Detail, "read the secret") {
		t.Errorf("without a file: %+v; want that the secret can't be read", r)
	}
	if got, want := asked.all(), []string{"Bearer first", "Bearer second", "Bearer third"}; !slices.Equal(got, want) {
		t.Errorf("the server was sent %q; want %q", got, want)
	}
	if got := elsewhere.all(); len(got) > 0 {
		t.Errorf("another server was sent %q; want it not asked", got)
	}
}
