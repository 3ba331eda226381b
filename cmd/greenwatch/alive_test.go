package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/web"
)

// What the kubelet is told by /healthz while workers hang for good, and while they wait for Prometheus.
func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name string
		// heeds is whether what hangs ends at its deadline.
		heeds bool
		code  int
		says  string
	}{
		{"a worker hangs", false, http.StatusServiceUnavailable, "the watch stands still: the look at production/a goes on for"},
		{"Prometheus hangs", true, http.StatusOK, "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				hung := make(chan struct{})
				edges := watchdog.Edges{Policy: func(ctx context.Context, _ watchdog.Key) (watchdog.Policy, error) {
					if c.heeds {
						<-ctx.Done()
						return watchdog.Policy{}, ctx.Err()
					}
					<-hung
					return watchdog.Policy{}, errors.New("at last")
				}}
				var dog atomic.Pointer[watchdog.Daemon]
				health := web.New(web.Options{Healthy: alive(&lease{}, &dog)})
				ask := func() (int, string) {
					w := httptest.NewRecorder()
					health.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
					return w.Code, w.Body.String()
				}
				if code, body := ask(); code != http.StatusOK {
					t.Errorf("a standby: %d %s", code, body)
				}
				d := watchdog.New(watchdog.Options{Edges: edges, Settings: func() watchdog.Settings { return watchdog.Settings{} }, Log: zap.NewNop()})
				dog.Store(d)
				d.Wake(watchdog.Key{Namespace: "production", Name: "a"})
				done := make(chan error, 1)
				go func() { done <- d.Run(ctx) }()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if code, body := ask(); code != c.code || !strings.HasPrefix(body, c.says) {
					t.Errorf("%d %s, want %d %s", code, body, c.code, c.says)
				}
				cancel()
				close(hung)
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
