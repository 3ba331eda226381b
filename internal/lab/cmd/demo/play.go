package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
)

const badShare = 0.3

// play is the demo's story, scene by scene.
type play struct {
	*stage.Stage
	begun time.Time
	// faulty is when green began to fail.
	faulty time.Time
	// paged and edits are how much has been shown, and shown the lines of the message.
	paged, edits int
	shown        map[string]bool
}

func (p *play) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(p.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (p *play) perform(ctx context.Context) error {
	for _, scene := range []func(context.Context) error{p.introduce, p.deploy, p.canary, p.cutOver, p.fail, p.rollBack, p.conclude} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) introduce(ctx context.Context) error {
	p.say("the lab is up: API server, controllers, istiod, Prometheus; blue v1 serves %s, 200 requests a second", p.Name)
	daemon, err := p.StartDaemon(ctx)
	if err != nil {
		return err
	}
	p.say("greenwatch runs (%s), with the rights that deploy/ grants and no more", daemon.URL)
	if err := p.Watch(ctx); err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(p.Policy), "\n") {
		if strings.Contains(line, "rollback:") || strings.Contains(line, "windows") || strings.Contains(line, "until") || strings.Contains(line, "Every") {
			fmt.Println("         | " + strings.TrimRight(line, " "))
		}
	}
	return lab.Until(ctx, func(ctx context.Context) error { return p.policyReady(ctx) })
}

func (p *play) deploy(ctx context.Context) error {
	p.say("kubectl apply: green gets v2")
	if err := p.Service.Deploy(ctx, "green", lab.Deployment{Version: "v2", Replicas: 3}); err != nil {
		return err
	}
	if err := p.Service.WaitServing(ctx, "green", "v2"); err != nil {
		return err
	}
	return p.await(ctx, "Deployed", func(r view) bool { return r.phase == "Deployed" })
}

func (p *play) canary(ctx context.Context) error {
	p.say("kubectl apply: 10 %% of the traffic to green")
	if err := p.Service.SetWeights(ctx, "kubectl", 90, 10); err != nil {
		return err
	}
	if err := p.await(ctx, "Canary", func(r view) bool { return r.phase == "Canary" }); err != nil {
		return err
	}
	return p.until(ctx, "green serves its share", func(ctx context.Context) bool { return p.served(ctx, "green") > 50 })
}

func (p *play) cutOver(ctx context.Context) error {
	p.say("kubectl apply: 100 %% of the traffic to green")
	if err := p.Service.SetWeights(ctx, "kubectl", 0, 100); err != nil {
		return err
	}
	if err := p.await(ctx, "Watching", func(r view) bool { return r.phase == "Watching" }); err != nil {
		return err
	}
	return p.await(ctx, "the first check of the schedule", func(r view) bool { return r.checks >= 1 })
}

func (p *play) fail(ctx context.Context) error {
	if err := p.Service.SetFaults(ctx, "green", lab.Faults{ErrorRatio: badShare}); err != nil {
		return err
	}
	p.faulty = time.Now()
	p.say("green v2 begins to fail: %.0f %% of its requests", badShare*100)
	return nil
}

func (p *play) rollBack(ctx context.Context) error {
	if err := p.await(ctx, "RollingBack", func(r view) bool { return r.phase == "RollingBack" || r.phase == "RolledBack" }); err != nil {
		return err
	}
	if err := p.await(ctx, "RolledBack", func(r view) bool { return r.phase == "RolledBack" }); err != nil {
		return err
	}
	return p.await(ctx, "stable watched", func(r view) bool { return r.step == "ScaleDown" || r.step == "Done" })
}

func (p *play) conclude(ctx context.Context) error {
	if err := p.until(ctx, "the incident to be resolved", func(context.Context) bool { return p.resolved() }); err != nil {
		return err
	}
	if err := p.until(ctx, "the Slack message to be complete", func(context.Context) bool { p.hear(); return len(p.Slack.Messages()) == 1 }); err != nil {
		return err
	}
	return p.figures(ctx)
}

func (p *play) resolved() bool {
	p.hear()
	all := p.PagerDuty.Incidents()
	for _, i := range all {
		if i.Status != standin.Resolved {
			return false
		}
	}
	return len(all) > 0
}

// view is what the play looks at of a release.
type view struct {
	phase, step, tier, reason string
	checks                    int64
	decided, shifted, proven  time.Time
}

var releases = schema.GroupVersionResource{Group: "greenwatch.dev", Version: "v1alpha1", Resource: "releases"}

func (p *play) look(ctx context.Context) (view, error) {
	_, objects, err := p.Lab.Clients(lab.Admin)
	if err != nil {
		return view{}, err
	}
	u, err := objects.Resource(releases).Namespace(p.Namespace).Get(ctx, p.Name+"-1", metav1.GetOptions{})
	if err != nil {
		return view{}, err
	}
	text := func(path ...string) string { s, _, _ := unstructured.NestedString(u.Object, path...); return s }
	at := func(path ...string) time.Time { t, _ := time.Parse(time.RFC3339, text(path...)); return t }
	checks, _, _ := unstructured.NestedInt64(u.Object, "status", "checks")
	return view{phase: text("status", "phase"), step: text("status", "ladder", "step"), tier: text("status", "verdict", "tier"),
		reason: text("status", "ladder", "verdict", "reason"), checks: checks,
		decided: at("status", "ladder", "decided"), shifted: at("status", "ladder", "shifted"), proven: at("status", "ladder", "proven")}, nil
}

// await waits until the release is so, and tells on the way what people are told.
func (p *play) await(ctx context.Context, what string, so func(view) bool) error {
	var last view
	err := p.until(ctx, what, func(ctx context.Context) bool {
		v, err := p.look(ctx)
		if err == nil {
			last = v
		}
		return err == nil && so(v)
	})
	if err != nil {
		return fmt.Errorf("%w; the release is %+v", err, last)
	}
	p.say("release %s-1: %s%s", p.Name, what, because(last))
	return nil
}

func because(v view) string {
	if v.reason == "" || v.phase != "RollingBack" {
		return ""
	}
	return " — " + v.reason
}

func (p *play) until(ctx context.Context, what string, so func(context.Context) bool) error {
	err := lab.Until(ctx, func(ctx context.Context) error {
		p.hear()
		if !so(ctx) {
			return fmt.Errorf("waiting for: %s", what)
		}
		return nil
	})
	p.hear()
	return err
}

func (p *play) policyReady(ctx context.Context) error {
	out, err := p.Lab.Kubectl(ctx, lab.Admin, "get", "watchpolicy", p.Name, "-n", p.Namespace,
		"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
	if err != nil || !strings.HasPrefix(out, "True") {
		return fmt.Errorf("the policy is not ready yet: %s %v", out, err)
	}
	return nil
}

func (p *play) served(ctx context.Context, slot string) int {
	c, err := p.Load.Counts(ctx)
	if err != nil {
		return 0
	}
	return c.BySlot[slot]
}
