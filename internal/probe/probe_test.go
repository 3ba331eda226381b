package probe

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// here trusts the test's own servers.
func here() Trust { return Trust{Hosts: []Host{{Host: "127.0.0.1"}}} }

func TestAnEndpointSaysHowItsComponentsAre(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		named []string
		want  int
		text  string
	}{
		"as the checklist has it":       {`{"components": {"chromadb": {"status": "up"}, "database": {"status": "up"}}}`, nil, 0, ""},
		"as Spring has it":              {`{"status": "UP", "components": {"db": {"status": "UP", "details": {"validationQuery": "isValid()"}}}}`, nil, 0, ""},
		"one is down":                   {`{"components": {"chromadb": {"status": "down"}, "database": {"status": "up"}}}`, nil, 1, `chromadb is "down"`},
		"two are":                       {`{"components": {"chromadb": {"status": "down"}, "disk": {}}}`, nil, 2, `chromadb is "down", disk is ""`},
		"components in a word":          {`{"components": {"chromadb": "down", "database": "ok", "disk": "pass"}}`, nil, 1, `chromadb is "down"`},
		"no components":                 {`{"status": "healthy", "version": "v2.0.0"}`, nil, 0, ""},
		"the whole is ill":              {`{"status": "degraded"}`, nil, 1, `the whole is "degraded"`},
		"the whole is ill, too":         {`{"status": "DOWN", "components": {"disk": {"status": "DOWN"}}}`, nil, 1, `disk is "DOWN"`},
		"another than those named":      {`{"status": "degraded", "components": {"chromadb": {"status": "down"}, "disk": {"status": "up"}}}`, []string{"disk"}, 0, ""},
		"one that is named is missing":  {`{"status": "healthy"}`, []string{"disk"}, 1, "disk is missing"},
		"not JSON":                      {`<html>hush</html>`, nil, 1, "its answer can't be understood: it is not the JSON that is expected"},
		"JSON of another kind":          {`{"components": ["hush"]}`, nil, 1, "its answer can't be understood: it is not the JSON that is expected"},
		"a component of another kind":   {`{"components": {"disk": ["hush"]}}`, nil, 1, "its answer can't be understood: it is not the JSON that is expected"},
		"a status of another kind":      {`{"components": {"disk": {"status": true}}}`, nil, 1, "its answer can't be understood: it is not the JSON that is expected"},
		"JSON that says nothing":        {`{}`, nil, 1, "its answer can't be understood: it has neither a status nor components"},
		"nothing":                       {``, nil, 1, "its answer can't be understood: it is not the JSON that is expected"},
		"as much as is read":            {strings.Repeat(" ", maxBody-len(`{"status": "up"}`)) + `{"status": "up"}`, nil, 0, ""},
		"more than is read":             {strings.Repeat(" ", maxBody+1-len(`{"status": "up"}`)) + `{"status": "up"}`, nil, 1, "its answer can't be understood: it is longer than 65536 bytes"},
		"words that are a text of many": {`{"components": {"a\nb": {"status": "` + strings.Repeat("x", 64) + `"}}}`, nil, 1, `ab is "` + strings.Repeat("x", 63) + `…"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/health" {
					t.Errorf("asked by %s %s", r.Method, r.URL)
				}
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			n, text, err := New(Options{Trust: here}).Failing(t.Context(), "production", s.URL+"/health", c.named)
			if err != nil || n != c.want || text != c.text {
				t.Errorf("%d, %q, %v; want %d, %q", n, text, err, c.want, c.text)
			}
		})
	}
}

// An answer other than 200 is one component that fails. Where a redirect leads nobody goes.
func TestAnotherAnswerThan200Fails(t *testing.T) {
	for status, want := range map[int]string{204: "it answers with 204 No Content", 302: "it answers with 302 Found", 404: "it answers with 404 Not Found", 503: "it answers with 503 Service Unavailable"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				t.Error("the redirect was followed")
			}
			w.Header().Set("Location", "/followed")
			w.WriteHeader(status)
		}))
		n, text, err := New(Options{Trust: here}).Failing(t.Context(), "production", s.URL+"/health", nil)
		if err != nil || n != 1 || text != want {
			t.Errorf("%d: %d, %q, %v; want %q", status, n, text, err, want)
		}
		s.Close()
	}
}

// speaking answers each connection with a text, whatever is asked, and ends it.
func speaking(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// Whoever can't be reached says nothing, and an error quotes nothing of what was said.
func TestWhoeverCannotBeReachedSaysNothing(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	defer encrypted.Close()
	for name, c := range map[string]struct{ address, want string }{
		"nobody there":         {gone.URL, "connection refused"},
		"no HTTP":              {speaking(t, "SSH-2.0-hush\r\n"), "does not speak HTTP as it should"},
		"half an answer":       {speaking(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hush\""), "read the answer: the connection ended"},
		"a header too long":    {speaking(t, "HTTP/1.1 200 OK\r\nX-Hush: "+strings.Repeat("x", 2*maxBody)+"\r\n\r\n"), "does not speak HTTP as it should"},
		"an unknown authority": {encrypted.URL, "its certificate can't be verified"},
	} {
		t.Run(name, func(t *testing.T) {
			n, text, err := New(Options{Trust: here}).Failing(t.Context(), "production", c.address, nil)
			if err == nil || n != 0 || text != "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%d, %q, %v; want %s", n, text, err, c.want)
			}
		})
	}
}

func TestAnAnswerThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer s.Close()
	defer close(end)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	if _, _, err := New(Options{Trust: here}).Failing(ctx, "production", s.URL, nil); err == nil || !strings.Contains(err.Error(), "no answer within 5s") {
		t.Errorf("%v", err)
	}
}

// An answer without end is not read to the end.
func TestAnAnswerWithoutEndIsLeft(t *testing.T) {
	sent := make(chan int, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		for range 1 << 12 {
			m, err := w.Write(make([]byte, 1<<14))
			if n += m; err != nil {
				break
			}
		}
		sent <- n
	}))
	defer s.Close()
	if n, text, err := New(Options{Trust: here}).Failing(t.Context(), "production", s.URL, nil); n != 1 || !strings.Contains(text, "longer than 65536 bytes") {
		t.Errorf("%d, %q, %v", n, text, err)
	}
	if n := <-sent; n >= 1<<26 {
		t.Errorf("%d bytes were read", n)
	}
}

// Nobody is asked who may not be: the server would fail the test.
func TestWhoMayNotBeAskedIsNot(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"status": "up"}`)
	}))
	defer s.Close()
	if _, _, err := New(Options{Trust: here}).Failing(t.Context(), "production", s.URL, nil); err != nil || asked != 1 {
		t.Fatalf("the control: asked %d times, %v", asked, err)
	}
	local := url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strings.TrimPrefix(s.URL, "http://127.0.0.1:"))}
	for _, address := range []string{s.URL, local.String()} {
		if _, _, err := New(Options{Trust: func() Trust { return Trust{} }}).Failing(t.Context(), "production", address, nil); err == nil || !strings.Contains(err.Error(), "may not be asked") || asked != 1 {
			t.Errorf("%s: asked %d times, %v", address, asked, err)
		}
	}
}

func TestNoProxyIsUsed(t *testing.T) {
	if New(Options{Trust: here}).client(target{}).Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy of the environment would be asked for what it alone may reach")
	}
}
