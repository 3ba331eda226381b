package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/store"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// person is the cluster as the person at the terminal reaches it.
type person struct {
	clients
	store     *store.Store
	namespace string
}

func as(c cli.Cluster) (person, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{
		CurrentContext: c.Context, Context: contextIn(c.Namespace)})
	rest, err := loaded.ClientConfig()
	if err != nil {
		return person{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return person{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	kube, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return person{}, err
	}
	objects, err := dynamic.NewForConfig(rest)
	return person{clients: clients{kube: kube, objects: objects, server: apiServer(rest.Host)}, store: store.New(store.Config{Objects: objects}), namespace: namespace}, err
}

// list gives the active releases, or all active ones of one policy.
func list(ctx context.Context, o cli.ListOptions) ([]report.Release, error) {
	p, err := as(o.Cluster)
	if err != nil {
		return nil, err
	}
	namespace := p.namespace
	if o.AllNamespaces {
		namespace = metav1.NamespaceAll
	}
	found, err := p.store.ActiveIn(ctx, namespace, o.Policy)
	var out []report.Release
	for _, r := range found {
		out = append(out, report.Of(r.Namespace, r.Spec, r.Status))
	}
	return out, err
}

// oneRelease gives a release of the cluster, ended or not.
func oneRelease(ctx context.Context, o cli.WhyOptions) (report.Release, error) {
	p, err := as(o.Cluster)
	if err != nil {
		return report.Release{}, err
	}
	r, err := p.store.Load(ctx, p.namespace, o.Release)
	if err != nil {
		return report.Release{}, err
	}
	return report.Of(r.Namespace, r.Spec, r.Status), nil
}

// check judges a policy once, now, and touches nothing.
func check(ctx context.Context, o cli.CheckOptions) (judge.Verdict, *release.Plan, error) {
	p, err := as(o.Cluster)
	if err != nil {
		return judge.Verdict{}, nil, err
	}
	cfg, err := fileFor(o)
	if err != nil {
		return judge.Verdict{}, nil, err
	}
	object, err := p.store.LoadPolicy(ctx, p.namespace, o.Policy)
	if err != nil {
		return judge.Verdict{}, nil, err
	}
	plan, errs := policy.Parse(object, cfg.Defaults)
	if plan == nil {
		return judge.Verdict{}, nil, errors.Join(errs...)
	}
	record, world, err := p.candidate(ctx, object, plan)
	if err != nil {
		return judge.Verdict{}, plan, err
	}
	seen, err := connectServers(cfg, o.Prometheus)
	if err != nil {
		return judge.Verdict{}, plan, err
	}
	v := watchdog.JudgeOnce(ctx, watchdog.Edges{Read: seen.read, Newest: seen.newest, Clock: seen.clock, Befallen: rollout.LiveBefallen(p.kube),
		Probe: newProber(func() probe.Trust { return cfg.Probes }, p.clients)}, plan, record, world, gwsignal.At(time.Now()))
	return v, plan, nil
}

// fileFor reads the daemon's file if one is named. Without it a policy is taken at its word: the floors are the
// daemon's own to say.
func fileFor(o cli.CheckOptions) (config.Config, error) {
	cfg := config.Default()
	cfg.Defaults.Floors = policy.Floors{}
	if o.Config != "" {
		var err error
		if cfg, err = config.Load(o.Config); err != nil {
			return cfg, cli.Mistaken(err)
		}
	}
	return cfg, nil
}

// connectServers makes the clients; with a URL on the command line every name leads there.
func connectServers(cfg config.Config, url string) (servers, error) {
	if url == "" {
		return newServers(cfg.Prometheus, 0, nil, zap.NewNop())
	}
	c, err := measure.New(measure.Options{URL: url})
	if err != nil {
		return servers{}, cli.Mistaken(err)
	}
	out := servers{clients: map[string]*measure.Client{}}
	for _, p := range cfg.Prometheus {
		out.clients[p.Name] = c
	}
	return out, nil
}

// candidate gives the release to judge: the newest active one, or else whatever slot carries the most
// traffic now.
func (p person) candidate(ctx context.Context, object *v1alpha1.WatchPolicy, plan *release.Plan) (watchdog.Record, release.World, error) {
	sight, err := rollout.Observe(ctx, plan, object.Status.Routes, rollout.Live(p.kube.AppsV1(), p.objects))
	if err != nil {
		return watchdog.Record{}, release.World{}, err
	}
	active, err := p.store.Active(ctx, p.namespace, plan.Policy)
	if err != nil {
		return watchdog.Record{}, sight.World, err
	}
	if n := len(active); n > 0 {
		return recordOf(active[n-1]), sight.World, nil
	}
	busiest := sight.World.Slot(plan.Slots[0].Name)
	for _, v := range sight.World.Slots {
		if sight.World.Most(v.Slot) > sight.World.Most(busiest.Slot) {
			busiest = v
		}
	}
	r := watchdog.Record{Namespace: p.namespace}
	r.Spec.Candidate = release.Side{Slot: busiest.Slot, Revision: busiest.Revision, Version: busiest.Version, Replicas: busiest.Wanted}
	r.Spec.Stable.Slot = plan.Other(busiest.Slot).Name
	return r, sight.World, nil
}

func contextIn(namespace string) clientcmdapi.Context {
	return clientcmdapi.Context{Namespace: namespace}
}
