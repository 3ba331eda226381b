package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

func two() []report.Release {
	spec := release.Spec{Policy: "knowledgebeast", Number: 7, Candidate: release.Side{Slot: "green", Version: "v2"}, Stable: release.Side{Slot: "blue", Version: "v1"}}
	state := release.State{Phase: release.Watching, FirstTraffic: 100, Share: 100,
		Verdict:   release.Standing{Tier: judge.Rollback, Since: 200, Reason: `<script>alert("x")</script>`},
		Incidents: []release.Incident{{Code: release.CodeRollback}, {Code: release.CodeConsider, Closed: 300}}}
	other := spec
	other.Policy = "atlas"
	return []report.Release{report.Of("production", spec, state), report.Of("production", other, release.State{Phase: release.Deployed})}
}

// shelf is where the pages of a test have their releases from. It counts what is read.
type shelf struct {
	version       uint64
	releases      []report.Release
	listed, found int
}

func (s *shelf) pages() *Pages {
	return &Pages{
		Version: func() uint64 { return s.version },
		Each: func(f func(report.Release, string)) {
			s.listed++
			for _, r := range s.releases {
				f(r, versionOf(r))
			}
		},
		One: func(namespace, name string) (report.Release, string, bool) {
			s.found++
			for _, r := range s.releases {
				if r.Namespace == namespace && r.Name == name {
					return r, versionOf(r), true
				}
			}
			return report.Release{}, "", false
		},
	}
}

// versionOf stands for a resource version: it changes with the story.
func versionOf(r report.Release) string { return fmt.Sprint(r.State.Story) }

func options() Options {
	r := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "greenwatch_leader", Help: "x"})
	r.MustRegister(g)
	well := func(context.Context) error { return nil }
	return Options{Gatherer: r, Healthy: well, Ready: well, Pages: (&shelf{releases: two()}).pages()}
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
	stuck := options()
	stuck.Healthy = func(context.Context) error { return errors.New("the loop stands still") }
	apart := options()
	apart.Pages = nil
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
		{"not alive", "GET", "/healthz", stuck, 503, "the loop stands still"},
		{"no pages here", "GET", "/", apart, 404, ""},
		{"no pages alone", "GET", "/metrics", Options{Pages: apart.Pages}, 404, ""},
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
	o.Pages = (&shelf{}).pages()
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
