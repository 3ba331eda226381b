// Package notifytest is the test that every notifier must pass, whatever the provider: it keeps
// its secret, says rightly whether to try again and when, ends when its context does, and is
// neither led astray nor filled up by what answers. It does not test what is sent: that is the
// provider's own, and its notifier's tests'.
package notifytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// Subject is the notifier under test.
type Subject struct {
	Secret string                                 // what New gives the notifier, at least 16 characters
	New    func(baseURL string) (Notifier, error) // makes one that sends to baseURL
	Accept http.HandlerFunc                       // answers as the provider does on a good day
}

// Notifier is one notifier, ready to send.
type Notifier struct {
	Value any                                           // what holds the secret
	Send  func(context.Context) (notify.Receipt, error) // the same message each time
}

// Conform runs the test.
func Conform(t *testing.T, s Subject) {
	if len(s.Secret) < 16 {
		t.Fatal("a secret this short could be found anywhere by chance")
	}
	t.Run("delivers, with its secret in the request", s.delivers)
	t.Run("judges each answer", s.judgesAnswers)
	t.Run("retries a connection refused", s.refusedConnection)
	t.Run("retries a connection cut", s.cutConnection)
	t.Run("ends with its context", s.endsWithContext)
	t.Run("sends nothing for a context that is over", s.contextOver)
	t.Run("bounds an endless answer", s.endlessAnswer)
	t.Run("follows no redirect", s.followsNoRedirect)
	t.Run("keeps a secret that the server sends back", s.secretSentBack)
	t.Run("keeps a secret in broken HTTP", s.secretInBrokenHTTP)
}

// delivers is also the control for the secrets: one that was never sent cannot leak.
func (s Subject) delivers(t *testing.T) {
	var sent atomic.Bool
	n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		r.Body = io.NopCloser(io.TeeReader(r.Body, &body))
		s.Accept(w, r)
		io.Copy(io.Discard, r.Body)
		if strings.Contains(fmt.Sprint(r.URL, r.Header, body.String()), s.Secret) {
			sent.Store(true)
		}
	})
	receipt, err := n.Send(t.Context())
	if err != nil || receipt.Ref == "" {
		t.Errorf("on a good day: receipt %+v, error %v; want a Ref and no error", receipt, err)
	}
	if !sent.Load() {
		t.Error("no request carried the secret")
	}
	s.keeps(t, "the notifier", n.Value)
}

func (s Subject) judgesAnswers(t *testing.T) {
	for _, tc := range []struct {
		status     int
		retryAfter string
		body       string
		retryable  bool
		after      time.Duration
		sender     bool // it is the sender that is refused
	}{
		{status: 429, retryAfter: "37", retryable: true, after: 37 * time.Second},
		{status: 429, retryable: true},
		{status: 429, retryAfter: "soon", retryable: true},
		{status: 429, retryAfter: "-1", retryable: true},
		{status: 429, retryAfter: "999999999999", retryable: true, after: time.Hour},
		{status: 503, retryAfter: "5", retryable: true, after: 5 * time.Second},
		{status: 408, retryable: true},
		{status: 500, retryable: true},
		{status: 502, body: "<html>bad gateway", retryable: true},
		{status: 504, retryable: true},
		{status: 200, body: "<html>please sign in", retryable: true},
		{status: 200, retryable: true},
		{status: 400},
		{status: 401, sender: true},
		{status: 403, body: `{"message": "no"}`, sender: true},
		{status: 404, sender: true},
		{status: 407, sender: true},
		{status: 410, sender: true},
		{status: 413},
	} {
		t.Run(fmt.Sprintf("%d %s%s", tc.status, tc.retryAfter, tc.body), func(t *testing.T) {
			n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if tc.retryAfter != "" {
					w.Header().Set("Retry-After", tc.retryAfter)
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := n.Send(t.Context())
			s.wantFailure(t, err, tc.retryable, tc.after)
			if said := notify.RefusalOf(err); said != "" != tc.sender {
				t.Errorf("it holds %q against the sender, want something: %v", said, tc.sender)
			}
		})
	}
}

func (s Subject) refusedConnection(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := s.make(t, server.URL).Send(t.Context())
	s.wantFailure(t, err, true, 0)
}

func (s Subject) cutConnection(t *testing.T) {
	n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	_, err := n.Send(t.Context())
	s.wantFailure(t, err, true, 0)
}

func (s Subject) endsWithContext(t *testing.T) {
	for name, begin := range map[string]string{"before the header": "", "in the body": `{"ok": `} {
		t.Run(name, func(t *testing.T) {
			n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if begin != "" {
					io.WriteString(w, begin)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := n.Send(ctx)
			s.wantFailure(t, err, true, 0)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %q is not the context's", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s, the context 100ms", took)
			}
		})
	}
}

func (s Subject) contextOver(t *testing.T) {
	var requests atomic.Int32
	n := s.against(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := n.Send(ctx)
	s.wantFailure(t, err, true, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %q is not the context's", err)
	}
	if requests.Load() > 0 {
		t.Error("a request was sent")
	}
}

func (s Subject) endlessAnswer(t *testing.T) {
	const bound = 64 << 20 // what a notifier reads, and what waits in the sockets' buffers
	var longest atomic.Int64
	n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		var written int64
		for chunk := bytes.Repeat([]byte("x"), 64<<10); written < 2*bound; {
			n, err := w.Write(chunk)
			written += int64(n)
			if err != nil {
				break
			}
		}
		longest.Store(max(longest.Load(), written))
	})
	_, err := n.Send(t.Context())
	s.wantFailure(t, err, true, 0)
	n.close() // waits for the handlers
	if longest.Load() > bound {
		t.Errorf("read over %d bytes of one answer", longest.Load())
	}
}

func (s Subject) followsNoRedirect(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Store(true)
		s.Accept(w, r)
	}))
	defer elsewhere.Close()
	for _, status := range []int{302, 307, 308} {
		n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		})
		_, err := n.Send(t.Context())
		s.wantFailure(t, err, false, 0)
		if notify.RefusalOf(err) == "" {
			t.Errorf("HTTP %d holds nothing against the sender: its base URL is another's", status)
		}
	}
	if reached.Load() {
		t.Error("the message, with its secret, went to where the redirect pointed")
	}
}

// secretSentBack plays the proxies and servers that quote the request in their complaint.
func (s Subject) secretSentBack(t *testing.T) {
	bodies := []string{
		"refused: " + s.Secret,
		fmt.Sprintf(`{"status": %q, "message": %[1]q, "errors": ["routing_key", %[1]q]}`, s.Secret),
		fmt.Sprintf(`{"ok": false, "error": %q}`, s.Secret),
		fmt.Sprintf(`{"ok": false, "error": "missing_scope", "needed": %q,
			"response_metadata": {"messages": [%[1]q]}}`, s.Secret),
	}
	for _, status := range []int{200, 400, 403, 500} {
		for _, body := range bodies {
			n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", "/"+s.Secret)
				w.Header().Set("Retry-After", s.Secret)
				w.WriteHeader(status)
				io.WriteString(w, body)
			})
			_, err := n.Send(t.Context())
			if err == nil {
				t.Errorf("HTTP %d %s: no error", status, body)
				continue
			}
			s.keeps(t, "the error", err)
			s.keeps(t, "what is held against the sender", notify.RefusalOf(err))
		}
	}
}

// secretInBrokenHTTP makes the HTTP client itself quote what came.
func (s Subject) secretInBrokenHTTP(t *testing.T) {
	for _, answer := range []string{
		s.Secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + s.Secret + "\r\n\r\n",
		"HTTP/1.1 307 Temporary Redirect\r\nLocation: %zz" + s.Secret + "\r\nContent-Length: 0\r\n\r\n",
	} {
		n := s.against(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, answer)
		})
		_, err := n.Send(t.Context())
		if err == nil {
			t.Errorf("%q: no error", answer)
			continue
		}
		s.keeps(t, "the error", err)
	}
}

// wantFailure checks what an error says of repetition, and that it says no secret.
func (s Subject) wantFailure(t *testing.T, err error, retryable bool, after time.Duration) {
	t.Helper()
	failed, ok := errors.AsType[*notify.Error](err)
	if !ok {
		t.Errorf("error %v (%T), want a *notify.Error", err, err)
		return
	}
	if failed.Retryable != retryable || failed.After != after {
		t.Errorf("retryable %v after %s, want %v after %s: %v", failed.Retryable, failed.After, retryable, after, err)
	}
	s.keeps(t, "the error", err)
}

// keeps looks for the secret in all that a program could make of a value.
func (s Subject) keeps(t *testing.T, what string, value any) {
	t.Helper()
	for how, shown := range show(value) {
		if strings.Contains(shown, s.Secret) {
			t.Errorf("%s leaks the secret by %s: %s", what, how, shown)
		}
	}
	if err, ok := value.(error); ok && errors.Unwrap(err) != nil {
		s.keeps(t, what+"'s cause", errors.Unwrap(err))
	}
}

func show(value any) map[string]string {
	shown := map[string]string{"zap": logged(value)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		shown[verb] = fmt.Sprintf(verb, value)
	}
	if text, err := json.Marshal(value); err == nil {
		shown["JSON"] = string(text)
	}
	return shown
}

func logged(value any) string {
	var out bytes.Buffer
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zap.DebugLevel))
	log.Info("here", zap.Any("any", value), zap.Reflect("reflect", value))
	return out.String()
}

// running is a notifier and the server that it sends to.
type running struct {
	Notifier
	close func()
}

// against makes a notifier whose provider is handler.
func (s Subject) against(t *testing.T, handler http.HandlerFunc) running {
	t.Helper()
	server := httptest.NewServer(handler)
	closing := sync.OnceFunc(server.Close)
	t.Cleanup(closing)
	return running{s.make(t, server.URL), closing}
}

func (s Subject) make(t *testing.T, baseURL string) Notifier {
	t.Helper()
	n, err := s.New(baseURL)
	if err != nil {
		t.Fatalf("make a notifier for %s: %v", baseURL, err)
	}
	return n
}
