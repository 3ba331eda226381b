package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// mounted is a Secret as Kubernetes mounts it: the file is a link into a directory that a link leads to, which is
// replaced as a whole.
type mounted struct{ dir string }

func mount(t *testing.T, secret string) mounted {
	t.Helper()
	m := mounted{t.TempDir()}
	if err := os.Symlink("..data/secret", m.path()); err != nil {
		t.Fatal(err)
	}
	m.renew(t, secret)
	return m
}

func (m mounted) path() string { return filepath.Join(m.dir, "secret") }

func (m mounted) renew(t *testing.T, secret string) {
	t.Helper()
	made, err := os.MkdirTemp(m.dir, "..2026_")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(made, "secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(m.dir, "..next")
	if err := os.Symlink(filepath.Base(made), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

// provider takes messages as PagerDuty and Slack do, and keeps what was sent to it; it redirects whoever comes with
// the secret "moved".
type provider struct {
	server *httptest.Server
	got    []string
	to     string
}

func newProvider(t *testing.T) *provider {
	p := &provider{}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.got = append(p.got, fmt.Sprint(r.Header.Get("Authorization"), r.URL.RawQuery, string(body)))
		switch {
		case p.to != "":
			http.Redirect(w, r, p.to+r.URL.Path, http.StatusPermanentRedirect)
		case strings.HasSuffix(r.URL.Path, "/v2/enqueue"):
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, `{"status": "success", "dedup_key": "k"}`)
		case strings.HasSuffix(r.URL.Path, "conversations.history"):
			io.WriteString(w, `{"ok": true, "messages": []}`)
		default:
			io.WriteString(w, `{"ok": true, "channel": "C0123456789", "ts": "1700000000.000100"}`)
		}
	}))
	t.Cleanup(p.server.Close)
	return p
}

// came tells whether the last request carried the secret.
func (p *provider) came(secret string) bool {
	return len(p.got) > 0 && strings.Contains(p.got[len(p.got)-1], secret)
}

// notifiers are one of each kind, and how to send by them.
func notifiers(file, url string) map[string]config.Notifier {
	return map[string]config.Notifier{
		"PagerDuty": {Name: "n", PagerDuty: &config.PagerDuty{RoutingKeyFile: file, URL: url}},
		"Slack":     {Name: "n", Slack: &config.Slack{TokenFile: file, Channel: "C0123456789", URL: url + "/api"}},
	}
}

func sendBy(t *testing.T, s sink) error {
	t.Helper()
	if s.page != nil {
		_, err := s.page(t.Context(), notify.Page{DedupKey: "k", Action: notify.Trigger, Severity: notify.SeverityInfo, Summary: "s", Source: "s"})
		return err
	}
	_, err := s.tell(t.Context(), notify.Story{Key: "k", Text: "t"})
	return err
}

// recorded is a log and what it wrote.
func recorded() (*zap.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&text), zap.DebugLevel)), &text
}

// A secret that is renewed goes with the next message, without a restart; one that is gone for a moment goes on; none
// is in the log.
func TestANotifiersSecretIsReadAgain(t *testing.T) {
	for kind := range notifiers("", "") {
		t.Run(kind, func(t *testing.T) {
			p, m := newProvider(t), mount(t, "first-secret-of-all")
			log, text := recorded()
			all, err := newSinks(log, []config.Notifier{notifiers(m.path(), p.server.URL)[kind]})
			if err != nil {
				t.Fatal(err)
			}
			if err := sendBy(t, all["n"]); err != nil || !p.came("first-secret-of-all") {
				t.Fatalf("the first: %v, %q", err, p.got)
			}
			m.renew(t, "second-secret-of-all")
			if err := sendBy(t, all["n"]); err != nil || !p.came("second-secret-of-all") || p.came("first-secret-of-all") {
				t.Errorf("renewed: %v, %q", err, p.got)
			}
			m.renew(t, "")
			for range 2 {
				if err := sendBy(t, all["n"]); err != nil || !p.came("second-secret-of-all") {
					t.Errorf("emptied: %v, %q", err, p.got)
				}
			}
			if n := strings.Count(text.String(), "can't be read again"); n != 1 {
				t.Errorf("said %d times, want once: %s", n, text)
			}
			m.renew(t, "third-secret-of-all")
			if err := sendBy(t, all["n"]); err != nil || !p.came("third-secret-of-all") {
				t.Errorf("renewed again: %v, %q", err, p.got)
			}
			if strings.Contains(text.String(), "-secret-of-all") {
				t.Errorf("the log holds a secret: %s", text)
			}
		})
	}
}

// Where a redirect leads nobody goes, with the secret or without; the error says so, without it.
func TestANotifierFollowsNoRedirect(t *testing.T) {
	for kind := range notifiers("", "") {
		t.Run(kind, func(t *testing.T) {
			p, other := newProvider(t), newProvider(t)
			m := mount(t, "the-secret-of-all")
			all, err := newSinks(zap.NewNop(), []config.Notifier{notifiers(m.path(), p.server.URL)[kind]})
			if err != nil {
				t.Fatal(err)
			}
			if err := sendBy(t, all["n"]); err != nil || !p.came("the-secret-of-all") {
				t.Fatalf("the control: %v", err)
			}
			p.to = other.server.URL
			err = sendBy(t, all["n"])
			if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || strings.Contains(err.Error(), "the-secret-of-all") {
				t.Errorf("%v", err)
			}
			if len(other.got) > 0 {
				t.Errorf("followed, with %q", other.got)
			}
		})
	}
}
