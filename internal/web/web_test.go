package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

func releases(context.Context) ([]report.Release, error) {
	spec := release.Spec{Policy: "knowledgebeast", Number: 7, Candidate: release.Side{Slot: "green", Version: "v2"}, Stable: release.Side{Slot: "blue", Version: "v1"}}
	state := release.State{Phase: release.Watching, FirstTraffic: 100, Share: 100,
		Verdict:   release.Standing{Tier: judge.Rollback, Since: 200, Reason: `<script>alert("x")</script>`},
		Incidents: []release.Incident{{Code: release.CodeRollback}, {Code: release.CodeConsider, Closed: 300}}}
	other := spec
	other.Policy = "atlas"
	return []report.Release{report.Of("production", spec, state), report.Of("production", other, release.State{Phase: release.Deployed})}, nil
}

func options() Options {
	r := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "greenwatch_leader", Help: "x"})
	r.MustRegister(g)
	return Options{Gatherer: r, Releases: releases}
}

func ask(t *testing.T, o Options, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	New(o).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestPaths(t *testing.T) {
	away := options()
	away.Ready = func(context.Context) error { return errors.New("the caches are not filled yet") }
	away.Releases = func(context.Context) ([]report.Release, error) { return nil, errors.New("no API server") }
	for _, c := range []struct {
		name, method, path string
		options            Options
		code               int
		body               string
	}{
		{"metrics", "GET", "/metrics", options(), 200, "greenwatch_leader 0"},
		{"alive", "GET", "/healthz", options(), 200, "ok\n"},
		{"ready", "GET", "/readyz", options(), 200, "ok\n"},
		{"not ready, yet alive", "GET", "/healthz", away, 200, "ok\n"},
		{"not ready", "GET", "/readyz", away, 503, "the caches are not filled yet"},
		{"no list", "GET", "/", away, 503, "list the releases: no API server"},
		{"list", "GET", "/", options(), 200, `<a href="/releases/production/knowledgebeast-7">production/knowledgebeast-7</a>`},
		{"report", "GET", "/releases/production/knowledgebeast-7", options(), 200, "knowledgebeast v2 (green): Watching"},
		{"no such release", "GET", "/releases/production/knowledgebeast-8", options(), 404, "no such active release"},
		{"no such page", "GET", "/debug/pprof", options(), 404, ""},
		{"head", "HEAD", "/", options(), 200, ""},
		{"nothing is written here", "POST", "/", options(), 405, ""},
		{"nothing is deleted here", "DELETE", "/releases/production/knowledgebeast-7", options(), 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(t, c.options, c.method, c.path)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("got %d %q, want %d with %q", w.Code, w.Body, c.code, c.body)
			}
		})
	}
}

func TestThePageIsEscapedSortedAndAlone(t *testing.T) {
	body := ask(t, options(), "GET", "/").Body.String()
	if strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("a reason is not escaped")
	}
	if strings.Index(body, "atlas") > strings.Index(body, "knowledgebeast") {
		t.Error("the releases are not in order")
	}
	if !strings.Contains(body, "Rolling back<br>") || strings.Contains(body, "Consider a rollback") {
		t.Error("want the open incident and not the closed one")
	}
	for _, outside := range []string{"http://", "https://", "src="} {
		if strings.Contains(body, outside) {
			t.Errorf("the page loads or links something from outside: %s", outside)
		}
	}
}

func TestThePageOfAnIdleDaemon(t *testing.T) {
	o := options()
	o.Releases = func(context.Context) ([]report.Release, error) { return nil, nil }
	if body := ask(t, o, "GET", "/").Body.String(); !strings.Contains(body, "No release is being watched.") {
		t.Error(body)
	}
}

func TestBrowsersAreKeptShort(t *testing.T) {
	h := ask(t, options(), http.MethodGet, "/").Header()
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
		t.Errorf("the policy for content is %q", csp)
	}
}
