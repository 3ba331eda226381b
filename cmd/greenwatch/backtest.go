package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
)

// pastQuery is how long one query may take: it spans a day.
const pastQuery = time.Minute

// backtestPast judges a past release: one of the cluster, or one that the command line describes.
func backtestPast(ctx context.Context, o cli.BacktestOptions) (backtest.Result, error) {
	cfg, err := fileFor(cli.CheckOptions{Config: o.Config})
	if err != nil {
		return backtest.Result{}, err
	}
	past := backtest.Options{Candidate: o.Candidate, Deployed: instant(o.Deployed), Cutover: instant(o.Cutover), Until: instant(o.Until)}
	if o.Release != "" {
		err = recall(ctx, o, cfg, &past)
	} else if past.Plan, err = planOf(o.Policy, cfg.Defaults); err != nil {
		err = cli.Mistaken(err)
	}
	if err != nil {
		return backtest.Result{}, err
	}
	client, err := historian(cfg, past.Plan.Prometheus, o.Prometheus)
	if err != nil {
		return backtest.Result{}, err
	}
	return backtest.Run(ctx, past.Asking(client))
}

// historian gives the client of a server, or of the URL of the command line.
func historian(cfg config.Config, server, url string) (*measure.Client, error) {
	if url != "" {
		c, err := measure.New(measure.Options{URL: url, Timeout: pastQuery})
		if err != nil {
			return nil, cli.Mistaken(err)
		}
		return c, nil
	}
	seen, err := connectServers(cfg, "")
	if err != nil {
		return nil, err
	}
	c := seen.clients[server]
	if c == nil {
		return nil, cli.Mistaken(fmt.Errorf("no Prometheus %q; name its URL with --prometheus, or the daemon's file with --config", server))
	}
	return c, nil
}

// recall fills in what the cluster knows of a release: its policy, as it is now, and its times.
func recall(ctx context.Context, o cli.BacktestOptions, cfg config.Config, past *backtest.Options) error {
	p, err := as(o.Cluster)
	if err != nil {
		return err
	}
	r, err := p.store.Load(ctx, p.namespace, o.Release)
	if err != nil {
		return err
	}
	if r.Status.FirstTraffic.IsZero() {
		return fmt.Errorf("release %s has had no traffic yet", o.Release)
	}
	past.Candidate, past.CandidateVersion, past.StableVersion = r.Spec.Candidate.Slot, r.Spec.Candidate.Version, r.Spec.Stable.Version
	past.Deployed = cmp.Or(past.Deployed, r.Status.FirstTraffic)
	past.Cutover = cmp.Or(past.Cutover, r.Spec.Cutover)
	if past.Cutover.IsZero() {
		return fmt.Errorf("release %s never had all the traffic; say with --cutover when its checks are to begin", o.Release)
	}
	if past.Until.IsZero() {
		past.Until = cmp.Or(r.Status.Ended, gwsignal.At(time.Now()))
	}
	if o.Policy != "" {
		if past.Plan, err = planOf(o.Policy, cfg.Defaults); err != nil {
			return cli.Mistaken(err)
		}
		return nil
	}
	object, err := p.store.LoadPolicy(ctx, p.namespace, r.Spec.Policy)
	if err != nil {
		return fmt.Errorf("the release's policy: %w", err)
	}
	if o.Prometheus != "" {
		past.Plan, err = planFor(object, cfg.Defaults)
		return err
	}
	d := cfg.Defaults
	d.Notifiers = object.Spec.Notify
	plan, errs := policy.Parse(object, d)
	past.Plan = plan
	return errors.Join(errs...)
}

func instant(t time.Time) gwsignal.Instant {
	if t.IsZero() {
		return 0
	}
	return gwsignal.At(t)
}

// planOf reads a policy's file. The names that it has for servers and notifiers are not looked up, and
// nothing is acted on, whatever its mode.
func planOf(path string, d policy.Defaults) (*release.Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	var p v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		return nil, fmt.Errorf("read the policy in %s: %w", path, err)
	}
	if p.Kind != "WatchPolicy" {
		return nil, fmt.Errorf("%s holds a %q, want a WatchPolicy", path, p.Kind)
	}
	plan, err := planFor(&p, d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plan, nil
}

// planFor reads a policy whose server the command line names.
func planFor(p *v1alpha1.WatchPolicy, d policy.Defaults) (*release.Plan, error) {
	p.Spec.Mode = release.Observe
	p.Spec.Prometheus, d.Servers = "main", []string{"main"}
	d.Notifiers = p.Spec.Notify
	plan, errs := policy.Parse(p, d)
	return plan, errors.Join(errs...)
}
