package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostResident is what the daemon may take of memory in these tests, in MiB: half of its Deployment's limit.
const mostResident = 256

// An answer that is none, or is huge, to one policy's questions is that policy's blindness: the daemon lives on, in
// little memory, and a neighbour's bad release is rolled back.
func TestBadAnswersToOnePolicyAreNobodyElsesTrouble(t *testing.T) {
	policy := stage.Policy(stage.Terms{Active: "4m", Enhanced: "10m"})
	policy = strings.NewReplacer(`match: 'namespace`, `match: 'service="$NAME",namespace`, `kb_queue_depth{namespace`, `kb_queue_depth{service="$NAME",namespace`).Replace(policy)
	s := set(t, stage.Options{RPS: 40, Policy: policy})
	poison := newPoison(t, s.Prometheus.URL(), `service="bad"`)
	file := s.startDaemonAt(poison.url)
	s.watch()
	bad := s.beside("bad")
	bad.cutOver()
	s.cutOver()
	s.awaitTier(judge.Proceed, signal.Known)
	s.eventually("each bad answer to have been given", func(context.Context) error { return poison.given() })
	bad.await("a blind verdict", func(r *v1alpha1.Release) bool { return r.Status.Verdict.Tier == judge.Blind })

	s.fail("green", 0.5)
	s.rolledBack()
	s.must(bad.untouched(t.Context()))
	s.must(poison.given())
	select {
	case <-s.daemon.Done():
		t.Error("the daemon has ended")
	default:
	}
	peak := residentPeak(t, file)
	t.Logf("at most %d MiB resident; given: %s", peak, poison.counts())
	if peak > mostResident {
		t.Errorf("the daemon has taken %d MiB; want at most %d", peak, mostResident)
	}
}

// startDaemonAt starts greenwatch with another address of Prometheus in its file, and gives the file.
func (s *scene) startDaemonAt(prometheus string) (file string) {
	s.t.Helper()
	return s.startDaemonOf("", prometheus)
}

// startDaemonOf does so with a program of its own; empty: greenwatch as it is.
func (s *scene) startDaemonOf(program, prometheus string) (file string) {
	s.t.Helper()
	o, err := s.Replica()
	s.must(err)
	o.Path = program
	file = o.Args[2]
	text, err := os.ReadFile(file)
	s.must(err)
	s.must(os.WriteFile(file, bytes.ReplaceAll(text, []byte(s.Prometheus.URL()), []byte(prometheus)), 0o600))
	p, err := s.Lab.Run(s.t.Context(), o)
	s.must(err)
	s.t.Cleanup(func() { s.closes(p.Stop) })
	s.daemon = &stage.Daemon{Process: p, URL: strings.TrimSuffix(o.Ready, "/readyz")}
	return file
}

// residentPeak is the most memory that the process with the file on its command line has had, in MiB.
func residentPeak(t *testing.T, file string) (peak int) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		line, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(line, []byte("\x00"+file+"\x00")) {
			continue // it has ended meanwhile, or is another
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(p), "status"))
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
			var kb int
			if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kb); n == 1 {
				peak = max(peak, kb>>10)
			}
		}
	}
	if peak == 0 {
		t.Fatal("the daemon's process is not found")
	}
	return peak
}

// poison stands before a Prometheus and answers the questions with a mark in them by bad answers in turn.
type poison struct {
	url  string
	mu   sync.Mutex
	next int
	sent map[string]int64 // bytes that were taken
}

type badAnswer struct {
	name  string
	write func(io.Writer) error
}

func text(name, body string) badAnswer {
	return badAnswer{name, func(w io.Writer) error {
		_, err := io.WriteString(w, body)
		return err
	}}
}

var badAnswers = []badAnswer{
	{"huge", func(w io.Writer) error {
		b := bufio.NewWriter(w)
		fmt.Fprint(b, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}`)
		for i := range 300_000 { // some 16 MiB
			fmt.Fprintf(b, `,{"metric":{"a":"%d"},"values":[[1767225660,"1"]]}`, i)
		}
		fmt.Fprint(b, `]}}`)
		return b.Flush()
	}},
	text("null", `null`),
	text("empty", `{}`),
	text("status", `{"status":"success"}`),
	text("data null", `{"status":"success","data":null}`),
	text("matrix of null", `{"status":"success","data":{"resultType":"matrix","result":[null]}}`),
	text("vector of null", `{"status":"success","data":{"resultType":"vector","result":[null]}}`),
	text("index", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"greenwatch":"newest"},"value":[1,"1"]},{"metric":{"greenwatch":"samples/99"},"value":[1,"5"]}]}}`),
	text("deep", strings.Repeat(`[`, 100_000)),
	text("page", `<html>please log in</html>`),
}

func newPoison(t *testing.T, upstream, mark string) *poison {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	p, pass := &poison{sent: map[string]int64{}}, httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body) + "&" + r.URL.RawQuery)
		if err == nil && strings.Contains(form.Get("query"), mark) {
			p.answer(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *poison) answer(w http.ResponseWriter) {
	p.mu.Lock()
	a := badAnswers[p.next%len(badAnswers)]
	p.next++
	p.mu.Unlock()
	c := &counting{to: w}
	_ = a.write(c) // that it is not read to its end is as it should be
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[a.name] += c.n
}

type counting struct {
	to io.Writer
	n  int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// given is an error unless each of the bad answers has been given.
func (p *poison) given() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, a := range badAnswers {
		if p.sent[a.name] == 0 {
			errs = append(errs, fmt.Errorf("nobody was told %s", a.name))
		}
	}
	return errors.Join(errs...)
}

func (p *poison) counts() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d answers, bytes of each: %v", p.next, p.sent)
}
