package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// greenwatch runs the program to its end and gives its exit code and what it prints.
func greenwatch(t *testing.T, l *lab.Lab, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path, err := l.Program(t.Context(), "greenwatch")
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			t.Fatal(err)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), complaints.String()
}

// A daemon's file with mistakes is refused before anything else is done, and all of them are named.
func TestMistakesInTheDaemonsFile(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []string // after the file's name
	}{
		{"keys and kinds", `mode: Enforce
listn: :8080
blindFor: soon
prometheus:
- {name: main, url: "http://127.0.0.1:1", timout: 2s}
breaker: {rollbacks: many}
`, []string{
			":2: listn: unknown key; did you mean listen?",
			":3: blindFor: want a duration such as 90s, 5m or 24h, found \"soon\"",
			":5: prometheus[0].timout: unknown key; did you mean timeout?",
			":6: breaker.rollbacks: want a whole number, found \"many\"",
		}},
		{"values", `mode: Sometimes
prometheus:
- {name: main, url: "127.0.0.1:9090"}
notifiers:
- name: oncall
  pagerduty: {routingKeyFile: ""}
`, []string{
			":1: mode: \"Sometimes\" is not known; write Observe or Enforce",
			":3: prometheus[0].url: is no URL",
			":6: notifiers[0].pagerduty.routingKeyFile: is missing",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "greenwatch.yaml")
			if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := greenwatch(t, cluster.ForTest(t).Lab, "run", "--config", file)
			if code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if len(lines) != len(c.want) {
				t.Errorf("%d lines, want one for each of %d mistakes: %s", len(lines), len(c.want), stderr)
			}
			for _, w := range c.want {
				if !strings.Contains(stderr, file+w) {
					t.Errorf("it does not say %q: %s", file+w, stderr)
				}
			}
		})
	}
}

// ready waits until the policy has that reason to be ready, or not to be.
func (s *scene) ready(name string, reason policy.Reason) {
	s.t.Helper()
	want := "False"
	if reason == policy.Watching {
		want = "True"
	}
	s.eventually(fmt.Sprintf("policy %s to be %s", name, reason), func(ctx context.Context) error {
		p := &v1alpha1.WatchPolicy{}
		if err := s.get(ctx, watchPolicies, name, p); err != nil {
			return err
		}
		for _, c := range p.Status.Conditions {
			if c.Type == policy.ConditionReady && c.Status == want && c.Reason == string(reason) && p.Status.ObservedGeneration == p.Generation {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %+v", p.Status.Conditions)
	})
	if want == "False" {
		s.warned(name, reason)
	}
}

// warned waits until Kubernetes' events say why the policy is not ready.
func (s *scene) warned(name string, reason policy.Reason) {
	s.t.Helper()
	s.eventually("an event about policy "+name, func(ctx context.Context) error {
		all, err := s.client.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var said []string
		for _, e := range all.Items {
			if e.InvolvedObject.Kind != "WatchPolicy" || e.InvolvedObject.Name != name {
				continue
			}
			if e.Type == "Warning" && strings.Contains(e.Message, string(reason)+": ") {
				return nil
			}
			said = append(said, e.Message)
		}
		return fmt.Errorf("they say %q", said)
	})
}

// named applies the stage's policy for another service, under another name.
func (s *scene) named(name, service string) {
	s.t.Helper()
	s.must(s.Lab.ApplyAs(s.t.Context(), lab.Admin, operator, strings.NewReplacer("metadata: {name: $NAME", "metadata: {name: "+name,
		"$NAMESPACE", s.Namespace, "$NAME", service).Replace(s.Options.Policy)))
}

// A policy that can't be obeyed says why, in its status and in an event, and is obeyed as soon as it can be.
func TestAPolicyThatCantBeObeyed(t *testing.T) {
	ctx := t.Context()
	s := open(t, stage.Options{})
	s.named("shop", "shop")
	s.ready("shop", policy.VirtualServiceMissing)

	shop, err := s.Lab.StartService(ctx, lab.ServiceOptions{Namespace: s.Namespace, Name: "shop"})
	s.must(err)
	t.Cleanup(func() { s.closes(shop.Close) })
	s.ready("shop", policy.DeploymentMissing)
	s.must(shop.Deploy(ctx, "blue", lab.Deployment{Version: "v1", Replicas: 1}))
	s.must(shop.Deploy(ctx, "green", lab.Deployment{Version: "v0"}))
	s.ready("shop", policy.Watching)

	s.must(s.patch(lab.Admin, virtualServices, "shop", `{"spec":{"tcp":[{"route":[{"destination":{"host":"shop","subset":"green"}}]}]}}`))
	s.ready("shop", policy.TCPRoute)
	s.must(s.patch(lab.Admin, virtualServices, "shop", `{"spec":{"tcp":null}}`))
	s.ready("shop", policy.Watching)

	s.named("younger", "shop")
	s.ready("younger", policy.Overlap)
	s.ready("shop", policy.Watching)
	s.must(s.objects.Resource(watchPolicies).Namespace(s.Namespace).Delete(ctx, "shop", metav1.DeleteOptions{}))
	s.ready("younger", policy.Watching)

	s.must(s.client.AppsV1().Deployments(s.Namespace).Delete(ctx, "shop-green", metav1.DeleteOptions{}))
	s.ready("younger", policy.DeploymentMissing)
	s.ready(s.Name, policy.Watching)
}

// ask runs one of the commands about the stage's policy, as a person would.
func (s *scene) ask(command string, args ...string) (code int, stdout string) {
	s.t.Helper()
	kubeconfig, err := s.Lab.Kubeconfig(lab.Admin)
	s.must(err)
	code, stdout, stderr := greenwatch(s.t, s.Lab, append([]string{command, s.Name, "-n", s.Namespace, "--kubeconfig", kubeconfig}, args...)...)
	if stderr != "" {
		s.t.Errorf("%s complains: %s", command, stderr)
	}
	return code, stdout
}

// checks waits until check ends with the code that a tier has, and says all of the words.
func (s *scene) checks(want int, words ...string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("check to end with %d", want), func(context.Context) error {
		code, out := s.ask("check", "--prometheus", s.Prometheus.URL())
		if code != want {
			return fmt.Errorf("it ends with %d:\n%s", code, out)
		}
		for _, w := range words {
			if !strings.Contains(out, w) {
				return fmt.Errorf("it does not say %q:\n%s", w, out)
			}
		}
		return nil
	})
}

// greenwatch starts without Prometheus, says so, and judges once it is there. A person's check says the
// same as the daemon, and its exit code is the verdict.
func TestPrometheusIsAwayAtTheStart(t *testing.T) {
	s := set(t, stage.Options{Policy: stage.Policy(stage.Terms{Mode: "Observe", Active: "2m", Enhanced: "10m"})})
	s.must(s.Prometheus.Stop())
	s.startDaemon()
	s.watch()
	s.eventually("greenwatch to say that Prometheus is away", func(context.Context) error {
		if log := s.daemon.Tail(40); !strings.Contains(log, "Prometheus can't be reached") {
			return errors.New(log)
		}
		return nil
	})
	s.checks(40, "Blind", string(signal.Away))

	s.must(s.Prometheus.Start(t.Context()))
	s.cutOver()
	s.awaitTier(judge.Proceed, signal.Known)
	s.checks(0, "Proceed", ">5%")
	code, out := s.ask("status")
	if code != 0 || !strings.Contains(out, s.Name) || !strings.Contains(out, "v2") || !strings.Contains(out, string(release.Watching)) {
		t.Errorf("status ends with %d and says:\n%s", code, out)
	}

	s.fail("green", 0.5)
	s.awaitTier(judge.Rollback, signal.Known)
	s.checks(30, "Rollback")
	s.must(s.untouched(t.Context())) // the mode is Observe
}
