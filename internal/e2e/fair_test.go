package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// soonEnough is within what a neighbour's verdict has to come: first come, first served it took minutes.
	soonEnough = 15 * time.Second
	// slowMark is in the queries that are slow, each for as long as slowFor.
	slowMark = `pace!="slow"`
	slowFor  = 1500 * time.Millisecond
)

// One policy with as many slow queries as it may have, each of them with a rollback cell, at a guard that looks every
// second: a neighbour's bad release is found as soon as without it. Its own budget is used up before long, which its
// status says, and what a rollback rests on is asked all the same.
func TestSlowQueriesOfOnePolicyAreNobodyElsesTrouble(t *testing.T) {
	terms := strings.ReplaceAll(stage.Policy(stage.Terms{Active: "4m", Enhanced: "10m"}), `match: 'namespace`, `match: 'service="$NAME",namespace`)
	s := set(t, stage.Options{RPS: 40, Policy: terms, QueryBudget: 30 * time.Second})
	slow := newSlow(t, s.Prometheus.URL())
	s.startDaemonAt(slow.url)
	s.watch()
	second := s.beside("second")
	s.cutOver()
	second.cutOver()
	s.awaitTier(judge.Proceed, signal.Known)
	second.awaitTier(judge.Proceed, signal.Known)
	alone := s.verdictOn("green")

	s.Options.Policy = withSlowQueries(terms)
	bad := s.beside("bad")
	bad.cutOver()
	asked := slow.asked.Load()
	s.eventually("the slow queries to wait in line", func(context.Context) error {
		if n := slow.asked.Load() - asked; n < 3 || slow.now.Load() == 0 {
			return fmt.Errorf("%d asked, %d under way", n, slow.now.Load())
		}
		return nil
	})
	beside := second.verdictOn("green")
	t.Logf("a verdict after %.1f s, and after %.1f s beside the slow queries; %d of them were asked, at most %d at once",
		alone.Seconds(), beside.Seconds(), slow.asked.Load(), slow.most.Load())
	if beside > soonEnough {
		t.Errorf("the neighbour's verdict took %s, and %s alone", beside, alone)
	}
	if n := slow.most.Load(); n > 2 {
		t.Errorf("%d of one policy's queries at once; half of four slots are 2", n)
	}

	bad.eventually("the budget to be used up, and said", func(ctx context.Context) error {
		p, err := bad.policy(ctx)
		if err != nil {
			return err
		}
		for _, c := range p.Status.Conditions {
			if c.Type == "QueryBudget" && c.Status == "False" && c.Reason == "UsedUp" {
				return nil
			}
		}
		return fmt.Errorf("the conditions are %+v", p.Status.Conditions)
	})
	s.eventually("the metric", func(ctx context.Context) error {
		return s.exposes(ctx, `greenwatch_query_budgets_used_up{prometheus="main"} 1`)
	})
	spared, err := second.policy(t.Context())
	s.must(err)
	for _, c := range spared.Status.Conditions {
		if c.Type == "QueryBudget" {
			t.Errorf("the neighbour's status has %+v", c)
		}
	}
	took := bad.verdictOn("green")
	t.Logf("its own bad release is found after %.1f s, without a budget", took.Seconds())
}

// verdictOn lets a slot fail, and gives how long it takes until a rollback is decided.
func (s *scene) verdictOn(slot string) time.Duration {
	s.t.Helper()
	failing := time.Now()
	s.fail(slot, 0.5)
	r := s.awaitPhase(release.RollingBack, release.RolledBack)
	return r.Status.Ladder.Decided.Time().Sub(failing)
}

func (s *scene) exposes(ctx context.Context, line string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.daemon.URL+"/metrics", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Contains(text, []byte(line)) {
		err = fmt.Errorf("no %s among the metrics", line)
	}
	return err
}

// withSlowQueries adds slow queries to a policy, as many as the schema takes.
func withSlowQueries(policy string) string {
	var more strings.Builder
	for i := range 28 { // beside the four that the stage's policy has
		fmt.Fprintf(&more, "  - name: slow-%d\n    query: 'max(kb_queue_depth{service=\"$NAME\",deployment=\"${slot}\",%s})'\n    rollback: {above: \"1000000\", for: 6s}\n", i, slowMark)
	}
	return strings.TrimRight(policy, "\n") + "\n" + more.String()
}

// slow stands before a Prometheus and lets the queries with the mark in them take long.
type slow struct {
	url              string
	asked, now, most atomic.Int64
}

func newSlow(t *testing.T, upstream string) *slow {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	s, pass := &slow{}, httputil.NewSingleHostReverseProxy(u)
	pass.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if form, err := url.ParseQuery(string(body) + "&" + r.URL.RawQuery); err == nil && strings.Contains(form.Get("query"), slowMark) {
			s.dawdle(r.Context())
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *slow) dawdle(ctx context.Context) {
	s.asked.Add(1)
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	select {
	case <-time.After(slowFor):
	case <-ctx.Done():
	}
}
