package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// pastQuery is how long one query may take: it spans a day.
const pastQuery = time.Minute

// backtestPast judges a past release by a policy's file, without a cluster.
func backtestPast(ctx context.Context, o cli.BacktestOptions) (backtest.Result, error) {
	cfg, err := fileFor(cli.CheckOptions{Config: o.Config})
	if err != nil {
		return backtest.Result{}, err
	}
	plan, err := planOf(o.Policy, cfg.Defaults)
	if err != nil {
		return backtest.Result{}, cli.Mistaken(err)
	}
	client, err := measure.New(measure.Options{URL: o.Prometheus, Timeout: pastQuery})
	if err != nil {
		return backtest.Result{}, cli.Mistaken(err)
	}
	fetch := func(ctx context.Context, asks []gwsignal.Ask, s watchdog.Span, every gwsignal.Duration) []gwsignal.Reading {
		return client.Read(ctx, asks, measure.Range{From: s.From, To: s.To, Bin: s.Bin, Every: every})
	}
	interval := func(ctx context.Context, asks []gwsignal.Ask, at gwsignal.Instant) (gwsignal.Duration, error) {
		f := client.Newest(ctx, asks, at)
		if f.Cause == gwsignal.Away || f.Cause == gwsignal.Timeout {
			return 0, errors.New(f.Detail)
		}
		return f.Interval, nil
	}
	return backtest.Run(ctx, backtest.Options{Plan: plan, Candidate: o.Candidate, Deployed: instant(o.Deployed),
		Cutover: instant(o.Cutover), Until: instant(o.Until), Fetch: fetch, Interval: interval})
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
	p.Spec.Mode = release.Observe
	p.Spec.Prometheus, d.Servers = "main", []string{"main"}
	d.Notifiers = p.Spec.Notify
	plan, errs := policy.Parse(&p, d)
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(errs...))
	}
	return plan, nil
}
