package backtest

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// cluster is what is known of the cluster's past: who had the traffic, and the replicas, as far as
// kube-state-metrics was scraped.
type cluster struct {
	Options
	ctx   context.Context
	shelf *shelf
	lulls release.Lulls
}

func (o Options) cluster(ctx context.Context, s *shelf) *cluster {
	return &cluster{Options: o, ctx: ctx, shelf: s}
}

// world looks at a moment; moments come in order.
func (c *cluster) world(at signal.Instant) release.World {
	share := 1.0
	if at < c.Cutover {
		share = 0.5
	}
	stable := c.Plan.Other(c.Candidate).Name
	w := release.World{Routes: []release.RouteView{{Key: "past", Shares: map[string]float64{c.Candidate: share, stable: 1 - share}}}}
	w.Slots = []release.SlotView{c.slot(c.Candidate, "candidate", at), c.slot(stable, "stable", at)}
	c.lulls = c.lulls.Note(&w, at, 1)
	for i := range w.Slots {
		if v := &w.Slots[i]; !v.UnreadySince.IsZero() {
			v.Ticks = int32(1 + at.Sub(v.UnreadySince)/c.Plan.GuardEvery)
		}
	}
	return w
}

func (c *cluster) slot(name, revision string, at signal.Instant) release.SlotView {
	v := release.SlotView{Slot: name, Found: true, Revision: revision, Wanted: 1, RolledOut: true, Unseen: true}
	if !c.asksForReplicas() {
		return v
	}
	wanted, known := c.replicas("kube_deployment_spec_replicas", name, at)
	ready, seen := c.replicas("kube_deployment_status_replicas_ready", name, at)
	if !known || !seen {
		return v
	}
	v.Unseen, v.Wanted, v.Ready = false, wanted, ready
	return v
}

func (c *cluster) asksForReplicas() bool {
	for _, q := range c.Plan.Questions {
		if q.Kind == signal.Kubernetes {
			return true
		}
	}
	return false
}

// replicas gives a count of kube-state-metrics' about a slot's Deployment, if there was one.
func (c *cluster) replicas(metric, slot string, at signal.Instant) (int32, bool) {
	s, _ := c.Plan.Slot(slot)
	return c.number(metric, fmt.Sprintf(`max(%s{namespace=%q,deployment=%q})`, metric, c.Plan.Namespace, s.Deployment), at)
}

// number asks for a whole number at a moment, if there was one.
func (c *cluster) number(name, expr string, at signal.Instant) (int32, bool) {
	ask := signal.Ask{Signal: name, Kind: signal.Query, PromQL: expr}
	bin := c.Plan.Matrix.Bin
	bins := c.shelf.read(c.ctx, watchdog.Asker{}, []signal.Ask{ask}, watchdog.Span{From: at.Add(-bin), To: at, Bin: bin})[0].Bins
	if len(bins) == 0 || bins[0].Cause != signal.Known {
		return 0, false
	}
	return int32(bins[0].Value), true
}

// befallen tells what kube-state-metrics said of the pods that a Deployment's ReplicaSets had at a moment: how
// often their containers had been started again since another, of which it had been for want of memory, and which
// were waiting to be started again. Which revision they ran is not known of the past.
func (c *cluster) befallen(_ context.Context, namespace, deployment, _ string, since, now signal.Instant) (release.Troubles, error) {
	pods := fmt.Sprintf("namespace=%q,pod=~%q", namespace, regexp.QuoteMeta(deployment)+"-[a-z0-9]+-[a-z0-9]+")
	restarts := fmt.Sprintf("kube_pod_container_status_restarts_total{%s}", pods)
	anew := fmt.Sprintf("(%[1]s - (%[1]s @ %[2]d or 0 * %[1]s))", restarts, since)
	state := func(metric, reason string) string {
		return fmt.Sprintf("(kube_pod_container_status_%s{%s,reason=%q} == 1)", metric, pods, reason)
	}
	var t release.Troubles
	for _, q := range []struct {
		count *int32
		expr  string
	}{
		{&t.Ever, fmt.Sprintf("sum(%s)", restarts)},
		{&t.Restarts.Count, fmt.Sprintf("sum(%s > 0) or 0 * sum(%s)", anew, restarts)},
		{&t.OOMKills.Count, fmt.Sprintf("count(%s and on (namespace, pod, container) %s > 0) or 0 * sum(%s)", state("last_terminated_reason", "OOMKilled"), anew, restarts)},
		{&t.CrashLoops.Count, fmt.Sprintf("count(%s) or 0 * sum(%s)", state("waiting_reason", "CrashLoopBackOff"), restarts)},
	} {
		n, known := c.number(deployment, q.expr, now)
		if !known {
			return t, errors.New("kube-state-metrics told nothing of the pods then")
		}
		*q.count = n
	}
	return t, nil
}
