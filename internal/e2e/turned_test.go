package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A policy's probe goes where its Services' pods are, and not where a Service of type ExternalName says. The control
// is the same endpoint, named in the policy and allowed by the daemon's file.
func TestAProbeIsNotLedElsewhere(t *testing.T) {
	for _, c := range []struct {
		name, url string
		hosts     []string
		asked     bool
		detail    string
	}{
		{"by a Service that leads elsewhere", "http://${slot}-side.$NAMESPACE.svc:PORT/${slot}/health", nil, false, "of type ExternalName"},
		{"by the file's leave", "http://127.0.0.1:PORT/${slot}/health", []string{"127.0.0.1"}, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			health := newHealth(t)
			_, port, _ := strings.Cut(strings.TrimPrefix(health.server.URL, "http://"), ":")
			s := set(t, stage.Options{Policy: stage.Policy(stage.Terms{Health: strings.ReplaceAll(c.url, "PORT", port)}), ProbeHosts: c.hosts})
			for _, slot := range []string{"blue", "green"} {
				s.apply(fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: %s-side, namespace: %s}, spec: {type: ExternalName, externalName: localhost}}", slot, s.Namespace))
			}
			s.startDaemon()
			s.watch()
			s.cutOver()
			r := s.await("two checks", func(r *v1alpha1.Release) bool { return r.Status.Checks >= 2 })
			seen := evidence(r.Status.Latest.Evidence, "health")
			if seen == nil || !strings.Contains(seen.Detail, c.detail) || (seen.Cause == signal.Known) != c.asked {
				t.Errorf("the evidence is %+v, want %q", seen, c.detail)
			}
			if n := health.count(); n > 0 != c.asked {
				t.Errorf("the endpoint was asked %d times", n)
			}
		})
	}
}

func evidence(all []judge.Evidence, name string) *judge.Evidence {
	for i := range all {
		if all[i].Signal == name {
			return &all[i]
		}
	}
	return nil
}

// A green that is bad and well by turns is one trouble to whoever is paged for it, however often the verdict flips.
func TestAVerdictThatFlipsIsOneIncident(t *testing.T) {
	const flips = 3
	s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{Mode: "Observe", Active: "10m", Enhanced: "20m", EpisodeClear: "1s"})})
	s.cutOver()
	for n := range flips {
		s.fail("green", 0.5)
		s.await("the verdict Rollback", func(r *v1alpha1.Release) bool { return r.Status.Verdict.Tier == judge.Rollback })
		s.fail("green", 0)
		s.await("a verdict other than Rollback", func(r *v1alpha1.Release) bool { return r.Status.Verdict.Tier != judge.Rollback })
		t.Logf("flip %d of %d", n+1, flips)
	}
	keys := map[string]bool{}
	for _, i := range s.PagerDuty.Incidents() {
		if strings.HasSuffix(i.DedupKey, "/"+string(release.CodeRollbackWithheld)) {
			keys[i.DedupKey] = true
		}
	}
	// The first trouble is one; that it came again before long is told as the second, which then stays open.
	if len(keys) == 0 || len(keys) > 2 {
		t.Errorf("%d incidents, want one, and one for all that came after it: %v", len(keys), keys)
	}
}

// A word that was refused is not obeyed later by itself. Said again when what the refusal asks for is done, in the
// same words, it is a new one. The policy enforces, so the operator's role is enough for it.
func TestAWordIsSaidAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		say  func(*scene) error
	}{
		{"by the command", func(s *scene) error { return s.rollBackAs(lab.Alice, "wrong prices") }},
		{"by kubectl, taken away and put there again", func(s *scene) error {
			if err := s.says(lab.Alice, `{"decision":null}`); err != nil {
				return err
			}
			s.await("the word to be gone", func(r *v1alpha1.Release) bool { return r.Status.Obeyed == "" })
			return s.says(lab.Alice, `{"decision":{"choice":"Rollback","by":"alice","reason":"wrong prices"}}`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, stage.Options{})
			s.letAliceOperate()
			s.deployGreen("v2")
			s.must(c.say(s))
			if said := s.incident(release.CodeDecisionRefused).Events[0].Summary; !strings.Contains(said, "say it again if it gets some") {
				t.Errorf("the page says %q, want what to do", said)
			}
			s.setGreen(100)
			s.served("green", 20)
			s.steadily("the refused word moves nothing", 3*time.Second, s.weigh(0, 100))

			again := time.Now()
			s.must(c.say(s))
			r, moved := s.rolledBack()
			if took := moved.Sub(again); took < 0 || took > atOnce {
				t.Errorf("the traffic moved %s after the word was said again", took)
			}
			if l := r.Status.Ladder; l.Automatic || l.By != "alice" {
				t.Errorf("the rollback is by %q, automatic %v", l.By, l.Automatic)
			}
		})
	}
}

// A policy whose PromQL no Prometheus would take says so at once, and where, and not when its signal is first asked for.
func TestPromQLThatPrometheusRefusesIsNotReady(t *testing.T) {
	s := open(t, stage.Options{})
	for query, want := range map[string]string{
		`sum(rate(http_requests_total[5m])`:      "spec.signals[2].query",
		`http_requests_total[5m]`:                "spec.signals[2].query",
		`max(kb_queue_depth) by (deployment) > `: "spec.signals[2].query",
	} {
		s.must(s.patchQuery(query))
		s.ready(s.Name, "Invalid")
		s.eventually("the place to be named", func(ctx context.Context) error {
			p, err := s.policy(ctx)
			if err == nil && !strings.Contains(p.Status.Conditions[0].Message, want) {
				err = fmt.Errorf("Ready says %q", p.Status.Conditions[0].Message)
			}
			return err
		})
		s.must(s.patchQuery(`max(kb_queue_depth{namespace="${namespace}",deployment="${slot}"})`))
		s.ready(s.Name, "Watching")
	}
}

// patchQuery gives the policy's signal queue-depth another query.
func (s *scene) patchQuery(query string) error {
	_, err := s.Lab.Kubectl(s.t.Context(), lab.Admin, "patch", "watchpolicy", s.Name, "-n", s.Namespace, "--type=json", "-p",
		fmt.Sprintf(`[{"op":"test","path":"/spec/signals/2/name","value":"queue-depth"},{"op":"replace","path":"/spec/signals/2/query","value":%q}]`, query))
	return err
}
