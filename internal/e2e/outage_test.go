package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// longer is longer than any rollback bound of the stage's policies lasts, with all that comes on top.
const longer = 8 * time.Second

// beside adds one more service to the stage, with a load and a policy of its own.
func (s *scene) beside(name string) *scene {
	s.t.Helper()
	ctx, with := s.t.Context(), *s.Stage
	with.Name = name
	other := &scene{Stage: &with, t: s.t, client: s.client, objects: s.objects}
	var err error
	with.Service, err = s.Lab.StartService(ctx, lab.ServiceOptions{Namespace: s.Namespace, Name: name, Prometheus: s.Prometheus})
	s.must(err)
	s.t.Cleanup(func() { s.closes(with.Service.Close) })
	s.must(with.Service.Deploy(ctx, "blue", s.Blue))
	s.must(with.Service.Deploy(ctx, "green", lab.Deployment{Version: "v0"}))
	s.must(with.Service.WaitServing(ctx, "blue", s.Blue.Version))
	with.Load, err = s.Lab.StartLoad(ctx, lab.LoadOptions{Service: with.Service, RPS: s.RPS})
	s.must(err)
	s.t.Cleanup(func() { s.closes(with.Load.Close) })
	other.watch()
	return other
}

func (s *scene) closes(end func() error) {
	if err := end(); err != nil {
		s.t.Error(err)
	}
}

// untouched is an error if greenwatch has begun a rollback of the first release.
func (s *scene) untouched(ctx context.Context) error {
	r, err := s.releaseNo(ctx, 1)
	if err != nil {
		return err
	}
	if l := r.Status.Ladder; l != nil {
		return fmt.Errorf("%s is rolled back: step %s, %s", r.Name, l.Step, l.Verdict.Reason)
	}
	return s.wantWeights(ctx, 0, 100)
}

// awaitTier waits until the verdict on the first release is of that tier, for that cause.
func (s *scene) awaitTier(tier judge.Tier, cause signal.Cause) *v1alpha1.Release {
	s.t.Helper()
	return s.await(fmt.Sprintf("verdict %s %s", tier, cause), func(r *v1alpha1.Release) bool {
		return r.Status.Verdict.Tier == tier && r.Status.Verdict.Cause == cause
	})
}

// A Prometheus that is away is one incident of its own, and nobody's release is rolled back for it. When
// it is back only that counts which is so then.
func TestPrometheusIsAway(t *testing.T) {
	const key = "prometheus/main"
	terms := stage.Policy(stage.Terms{Active: "2m", Enhanced: "10m", WatchStableFor: "2s"})
	bad := open(t, stage.Options{RPS: 40, BlindFor: 10 * time.Second, Policy: strings.ReplaceAll(terms, `match: 'namespace`, `match: 'service="$NAME",namespace`)})
	good, passing := bad.beside("good"), bad.beside("passing")
	all := []*scene{bad, good, passing}
	untouched := func(ctx context.Context) (err error) {
		for _, s := range all {
			err = errors.Join(err, s.untouched(ctx))
		}
		return err
	}
	for _, s := range all {
		s.cutOver()
		s.awaitTier(judge.Proceed, signal.Known)
	}

	bad.must(bad.Prometheus.Stop())
	bad.fail("green", 0.5)
	passing.fail("green", 0.5)
	bad.steadily("nothing is rolled back unseen", longer, untouched)
	bad.eventually("the server's incident", func(context.Context) error {
		if n := len(bad.PagerDuty.IncidentsOf(key)); n != 1 {
			return fmt.Errorf("%d incidents", n)
		}
		return nil
	})
	for _, s := range all {
		s.awaitTier(judge.Blind, signal.Away)
	}
	bad.steadily("nobody is paged for a release", longer/2, func(context.Context) error {
		if codes := bad.codes(); !slices.Equal(codes, []release.Code{"main"}) {
			return fmt.Errorf("there are %s, want the server's incident alone", codes)
		}
		return nil
	})

	passing.fail("green", 0)
	passing.served("green", 20)
	bad.must(bad.Prometheus.Start(t.Context()))
	back := time.Now()
	all = []*scene{good, passing}
	bad.steadily("what was bad unseen, or never, stays", longer, untouched)
	for _, s := range all {
		s.awaitTier(judge.Proceed, signal.Known)
	}
	r := bad.awaitPhase(release.RolledBack)
	t.Logf("the bad release is rolled back, proof and all, %.1f s after Prometheus came back", since(r.Status.Ladder.Proven, back))
	bad.must(untouched(t.Context()))
	bad.finished()
	if codes := bad.codes(); !slices.Equal(codes, []release.Code{"main", release.CodeRollback}) {
		t.Errorf("incidents %s, want the server's and the rollback's", codes)
	}
	t.Logf("events about the server: %d triggers in %d incident", bad.PagerDuty.IncidentsOf(key)[0].Triggers(), len(bad.PagerDuty.IncidentsOf(key)))
}

// depth is a policy whose signal queue-depth is required, and asked for by the query.
func depth(query string) string {
	const was = `query: 'max(kb_queue_depth{namespace="${namespace}",deployment="${slot}"})'`
	return strings.Replace(stage.Policy(stage.Terms{Active: "2m", Enhanced: "10m", EpisodeClear: "3s"}), was,
		"required: true\n    rollback: {above: \"50\", for: 6s}\n    query: '"+query+"'", 1)
}

// A query that gives no number makes the release blind, with the cause, however long it lasts. The same
// policy with a query that gives one acts by it.
func TestAnAnswerThatIsNoNumber(t *testing.T) {
	const good = `max(kb_queue_depth{namespace="${namespace}",deployment="${slot}"}) * 0 + 49`
	s := open(t, stage.Options{Policy: depth(good), BlindFor: 5 * time.Second})
	s.cutOver()
	s.awaitTier(judge.Proceed, signal.Known)
	for _, c := range []struct {
		cause signal.Cause
		query string
	}{
		{signal.NaN, `max(kb_queue_depth{namespace="${namespace}",deployment="${slot}"}) * NaN`},
		{signal.Empty, `max(kb_queue_depth{namespace="${namespace}",deployment="nowhere"}) + 100`},
		{signal.ManySeries, `kb_queue_depth{namespace="${namespace}"} + 100`},
	} {
		s.Options.Policy = depth(c.query)
		s.must(s.Watch(t.Context()))
		r := s.awaitTier(judge.Blind, c.cause)
		t.Logf("%s: %s", c.cause, r.Status.Verdict.Reason)
		s.steadily("blind is not bad", longer, func(ctx context.Context) error {
			r, err := s.releaseNo(ctx, 1)
			if err == nil && (r.Status.Verdict.Tier != judge.Blind || r.Status.Verdict.Cause != c.cause) {
				err = fmt.Errorf("the verdict is %s %s: %s", r.Status.Verdict.Tier, r.Status.Verdict.Cause, r.Status.Verdict.Reason)
			}
			return errors.Join(err, s.untouched(ctx))
		})
		s.incident(release.CodeBlindLasting)
	}
	s.Options.Policy = depth(good)
	s.must(s.Watch(t.Context()))
	s.awaitTier(judge.Proceed, signal.Known)
	s.must(s.untouched(t.Context()))
	s.Options.Policy = depth(strings.Replace(good, "49", "51", 1))
	s.must(s.Watch(t.Context()))
	s.rolledBack()
}

// People who can't be told do not hold up a rollback, and are told once they can be.
func TestNobodyCanBeTold(t *testing.T) {
	const retryAfter = 5 * time.Second
	s := open(t, stage.Options{})
	s.cutOver()
	s.told("v2")
	s.PagerDuty.Block()
	s.Slack.Fail(http.StatusTooManyRequests, retryAfter)
	failing := time.Now()
	s.fail("green", 0.5)
	r, moved := s.rolledBack()
	t.Logf("decided %.1f s, moved %.1f s, proven %.1f s after green began to fail", since(r.Status.Ladder.Decided, failing), moved.Sub(failing).Seconds(),
		since(r.Status.Ladder.Proven, failing))
	if late := moved.Sub(r.Status.Ladder.Decided.Time()); late > 3*time.Second {
		t.Errorf("the weights were set %s after the decision, want at once", late)
	}
	if n := len(s.PagerDuty.Incidents()); n != 0 || s.PagerDuty.Waiting() == 0 {
		t.Errorf("%d incidents and %d requests waiting, want 0 and some: PagerDuty was to hang", n, s.PagerDuty.Waiting())
	}
	s.eventually("Slack to be tried again in vain", func(context.Context) error {
		if n := len(s.limited()); n < 2 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	s.PagerDuty.Unblock()
	s.Slack.Heal()
	s.finished()
	s.paged(release.CodeRollback)
	s.told("v2")
	limited := s.limited()
	for i, r := range limited[1:] {
		if gap := r.At.Sub(limited[i].At); gap < retryAfter {
			t.Errorf("Slack was asked again after %s, though it said %s", gap, retryAfter)
		}
	}
	t.Logf("requests to Slack since it failed %d, to PagerDuty %d", len(limited), len(s.PagerDuty.Requests()))
}

func since(at signal.Instant, from time.Time) float64 { return at.Time().Sub(from).Seconds() }

// limited are the requests that Slack refused for their rate, and the first after them.
func (s *scene) limited() (found []standin.Request) {
	for _, r := range s.Slack.Requests() {
		switch {
		case r.Status == http.StatusTooManyRequests:
			found = append(found, r)
		case len(found) > 0:
			return append(found, r)
		}
	}
	return found
}
