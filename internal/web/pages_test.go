package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// many are n releases of a realistic size, in fifty namespaces.
func many(n int) []report.Release {
	verdict := judge.Verdict{Tier: judge.Consider, Reason: strings.Repeat("r", 200), Evidence: make([]judge.Evidence, 8)}
	all := make([]report.Release, 0, n)
	for i := range n {
		s := release.State{Phase: release.Watching, FirstTraffic: 100, Share: 100, Verdict: release.Standing{Tier: judge.Consider, Since: 200, Reason: strings.Repeat("r", 200)},
			Latest: &verdict, Transitions: []judge.Verdict{verdict, verdict, verdict, verdict}, Lines: make([]release.CheckLine, 64),
			Conditions: make([]signal.Condition, 8), Told: make([]release.Told, 20)}
		all = append(all, report.Of(fmt.Sprintf("team-%02d", i%50), release.Spec{Policy: fmt.Sprintf("p%03d", i), Number: 1, Candidate: release.Side{Slot: "green", Version: "v2"}}, s))
	}
	return all
}

func get(t testing.TB, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAPageIsMadeOncePerChange(t *testing.T) {
	s := &shelf{releases: two()}
	h := New(Options{Pages: s.pages()})
	for range 5 {
		get(t, h, "/")
	}
	if s.listed != 1 {
		t.Errorf("the releases were read %d times for five requests, want once", s.listed)
	}
	first := get(t, h, "/").Body.String()
	s.releases[1].State.Phase, s.releases[1].State.Story = release.Orphaned, 1
	if get(t, h, "/").Body.String() != first {
		t.Error("the page was made anew, and nobody said that anything changed")
	}
	s.version++
	if now := get(t, h, "/").Body.String(); !strings.Contains(now, "Orphaned") || s.listed != 2 {
		t.Errorf("after a change the releases were read %d times, want twice, and the page is\n%s", s.listed, now)
	}
	s.releases = s.releases[:1]
	s.version++
	if now := get(t, h, "/").Body.String(); strings.Contains(now, "atlas") {
		t.Error("a release that is gone is still on the page")
	}
}

func TestAReportIsMadeOncePerChange(t *testing.T) {
	s := &shelf{releases: two()}
	h := New(Options{Pages: s.pages()})
	const path = "/releases/production/knowledgebeast-7"
	get(t, h, path)
	s.releases[0].State.Phase = release.RolledBack
	if got := get(t, h, path).Body.String(); !strings.Contains(got, "Watching") {
		t.Errorf("the report was made anew for the same version: %s", got)
	}
	s.releases[0].State.Story++
	if got := get(t, h, path).Body.String(); !strings.Contains(got, "RolledBack") {
		t.Errorf("the report of the version before: %s", got)
	}
	s.releases = nil
	if got := get(t, h, path); got.Code != 404 || s.listed > 0 {
		t.Errorf("a release that is gone: %d; all releases were read %d times to find one", got.Code, s.listed)
	}
}

func TestWhoHasThePageIsNotSentItAgain(t *testing.T) {
	for _, path := range []string{"/", "/releases/production/knowledgebeast-7"} {
		s := &shelf{releases: two()}
		h := New(Options{Pages: s.pages()})
		tag := get(t, h, path).Header().Get("ETag")
		if w := get(t, h, path, "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s with its own tag %s: %d, %d bytes", path, tag, w.Code, w.Body.Len())
		}
		s.releases[0].State.Phase, s.releases[0].State.Story = release.RolledBack, s.releases[0].State.Story+1
		s.version++
		if w := get(t, h, path, "If-None-Match", tag); w.Code != http.StatusOK {
			t.Errorf("%s with the tag of before the change: %d", path, w.Code)
		}
	}
}

func TestAThousandReleases(t *testing.T) {
	h := New(Options{Pages: (&shelf{releases: many(1000)}).pages()})
	seen := map[string]bool{}
	for n := 1; n <= 10; n++ {
		body := get(t, h, fmt.Sprintf("/?page=%d", n)).Body.String()
		if rows := strings.Count(body, "<a href=\"/releases/"); rows != rowsPerPage || len(body) > 200<<10 {
			t.Errorf("page %d has %d releases in %d bytes", n, rows, len(body))
		}
		if want := fmt.Sprintf("Releases %d to %d of 1000", 100*n-99, 100*n); !strings.Contains(body, want) {
			t.Errorf("page %d does not say %s", n, want)
		}
		for _, part := range strings.Split(body, "<a href=\"/releases/")[1:] {
			seen[part[:strings.Index(part, `"`)]] = true
		}
	}
	if len(seen) != 1000 {
		t.Errorf("all pages together show %d releases", len(seen))
	}
	for path, want := range map[string]string{"/?page=-1": "Releases 1 to 100", "/?page=99999": "Releases 901 to 1000", "/?page=x": "Releases 1 to 100"} {
		if body := get(t, h, path).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s does not say %s", path, want)
		}
	}
	if body := get(t, h, "/?namespace=team-07").Body.String(); strings.Count(body, "<tr>") != 21 || strings.Contains(body, "team-08") {
		t.Error("the page of one namespace shows another, or not all of it")
	}
}

// What a GET leaves to be collected is bounded by the page, not by the number of releases.
func TestAGetCostsLittle(t *testing.T) {
	const gets = 50
	h := New(Options{Pages: (&shelf{releases: many(1000)}).pages()})
	for path, most := range map[string]uint64{"/": 64 << 10, "/releases/team-07/p007-1": 64 << 10} {
		get(t, h, path)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range gets {
			drop(h, path)
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / gets; each > most {
			t.Errorf("GET %s allocates %d bytes, want at most %d", path, each, most)
		}
	}
}

// What many ask for at once is made by one of them.
func TestOneRenderingAtATime(t *testing.T) {
	s := &shelf{releases: many(200)}
	h := New(Options{Pages: s.pages()})
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { get(t, h, "/"); get(t, h, "/releases/team-07/p007-1") })
	}
	all.Wait()
	if s.listed != 1 {
		t.Errorf("32 requests at once read the releases %d times", s.listed)
	}
}

// A caller can ask for as many pages as he likes: few are kept.
func TestFewPagesAreKept(t *testing.T) {
	s := &shelf{releases: many(1000)}
	h := &handler{list: listing{version: s.pages().Version, each: s.pages().Each}, reports: reports{one: s.pages().One}}
	for i := range 500 {
		if _, err := h.list.sheet(view{namespaces: []string{fmt.Sprint("no-", i)}}); err != nil {
			t.Fatal(err)
		}
		h.reports.sheet(fmt.Sprintf("team-%02d", i%50), fmt.Sprintf("p%03d-1", i))
	}
	if a, b := len(h.list.sheets), len(h.reports.kept); a > mostSheets || b > mostSheets || a == 0 || b == 0 {
		t.Errorf("%d pages of the list and %d reports are kept, want at most %d, and some", a, b, mostSheets)
	}
}

// blocked is a caller who reads nothing until he is let go.
type blocked struct {
	*httptest.ResponseRecorder
	begun, going chan struct{}
	once         sync.Once
}

func (b *blocked) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.begun); <-b.going })
	return b.ResponseRecorder.Write(p)
}

func TestBytesInFlightAreBounded(t *testing.T) {
	s := &shelf{releases: two()}
	h := &handler{list: listing{version: s.pages().Version, each: s.pages().Each}}
	h.left.Store(mostInFlight)
	page, err := h.list.sheet(view{all: true})
	if err != nil {
		t.Fatal(err)
	}
	h.left.Store(int64(len(page.body)) + 10) // room for one
	slow := &blocked{ResponseRecorder: httptest.NewRecorder(), begun: make(chan struct{}), going: make(chan struct{})}
	var done sync.WaitGroup
	done.Go(func() { h.index(slow, httptest.NewRequest(http.MethodGet, "/", nil)) })
	<-slow.begun
	ask := func() int {
		w := httptest.NewRecorder()
		h.index(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("while somebody doesn't read: %d, want 503", code)
	}
	close(slow.going)
	done.Wait()
	if code := ask(); code != http.StatusOK {
		t.Errorf("when he has read: %d", code)
	}
}

// nowhere is a caller who reads everything and keeps nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) WriteHeader(int)             {}
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }

func drop(h http.Handler, path string) {
	h.ServeHTTP(nowhere{http.Header{}}, httptest.NewRequest(http.MethodGet, path, nil))
}

func BenchmarkGet(b *testing.B) {
	h := New(Options{Pages: (&shelf{releases: many(1000)}).pages()})
	for _, path := range []string{"/", "/releases/team-07/p007-1"} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			drop(h, path)
			for b.Loop() {
				drop(h, path)
			}
		})
	}
}

// A change of one of a thousand releases, and the page after it.
func BenchmarkGetAfterAChange(b *testing.B) {
	s := &shelf{releases: many(1000)}
	h := New(Options{Pages: s.pages()})
	b.ReportAllocs()
	for b.Loop() {
		s.version++
		s.releases[7].State.Story++
		drop(h, "/")
	}
}

// Who sees what, where the pages ask for an identity.
func TestWhoSeesWhat(t *testing.T) {
	s := &shelf{releases: many(100)}
	p := s.pages()
	asked := map[string]int{}
	p.Who = func(_ context.Context, token string) (Sees, error) {
		if token == "hang" {
			return nil, errors.New("no API server")
		}
		if token != "root" && token != "team" && token != "none" {
			return nil, ErrNobody
		}
		return func(_ context.Context, namespace string) (bool, error) {
			asked[namespace]++
			return token == "root" || token == "team" && namespace == "team-07", nil
		}, nil
	}
	h := New(Options{Pages: p, Healthy: func(context.Context) error { return nil }})
	for _, c := range []struct {
		token, path string
		code, rows  int
	}{
		{"", "/", 401, 0},
		{"Basic cm9vdDpyb290", "/", 401, 0},
		{"Bearer ", "/", 401, 0},
		{"Bearer forged", "/", 401, 0},
		{"Bearer forged", "/releases/team-07/p007-1", 401, 0},
		{"Bearer hang", "/", 503, 0},
		{"Bearer root", "/", 200, 100},
		{"Bearer team", "/", 200, 2},
		{"bearer team", "/", 200, 2},
		{"Bearer none", "/", 200, 0},
		{"Bearer team", "/?namespace=team-07", 200, 2},
		{"Bearer team", "/?namespace=team-08", 403, 0},
		{"Bearer team", "/releases/team-07/p007-1", 200, 0},
		{"Bearer team", "/releases/team-08/p008-1", 403, 0},
		{"Bearer team", "/releases/team-08/there-is-none-1", 403, 0},
		{"Bearer root", "/releases/team-08/there-is-none-1", 404, 0},
		{"", "/healthz", 200, 0},
	} {
		t.Run(c.token+" "+c.path, func(t *testing.T) {
			w := get(t, h, c.path, "Authorization", c.token)
			if rows := bytes.Count(w.Body.Bytes(), []byte("<a href=\"/releases/")); w.Code != c.code || rows != c.rows {
				t.Errorf("got %d with %d releases, want %d with %d: %.300s", w.Code, rows, c.code, c.rows, w.Body)
			}
			if c.code == 401 && !strings.Contains(w.Header().Get("WWW-Authenticate"), "Bearer") {
				t.Error("401 does not say how to say who one is")
			}
			if c.code != 200 && strings.Contains(w.Body.String(), "there-is-none") {
				t.Error("it says whether there is such a release")
			}
		})
	}
}

// One request does not ask the API server about a thousand namespaces; the page says what was left out.
func TestFewNamespacesAreAskedFor(t *testing.T) {
	var all []report.Release
	for i := range 200 {
		r := two()[0]
		r.Namespace = fmt.Sprintf("n-%03d", i)
		all = append(all, r)
	}
	p := (&shelf{releases: all}).pages()
	asked := 0
	p.Who = func(context.Context, string) (Sees, error) {
		return func(_ context.Context, namespace string) (bool, error) { asked++; return namespace != "", nil }, nil
	}
	body := get(t, New(Options{Pages: p}), "/", "Authorization", "Bearer x").Body.String()
	if asked > mostAsked+1 || !strings.Contains(body, "150 namespaces more were not looked at") {
		t.Errorf("asked %d times; the page says\n%s", asked, body)
	}
}
