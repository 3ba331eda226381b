package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/meter"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/web"
)

// runDaemon is the wiring of greenwatch run, from the file to the last goroutine.
func runDaemon(ctx context.Context, o cli.RunOptions) error {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return cli.Mistaken(err)
	}
	log, err := newLog(cfg.Log)
	if err != nil {
		return cli.Mistaken(err)
	}
	defer log.Sync() //nolint:errcheck // nothing is left to say it to

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var dog atomic.Pointer[watchdog.Daemon]
	meter := meter.New(meter.Options{Registerer: registry, Version: version(), Revision: revision(), GuardAge: guardAge(&dog)})
	clients, err := connect(o.Kubeconfig, cfg.Kubernetes, meter)
	if err != nil {
		return fmt.Errorf("connect to Kubernetes: %w", err)
	}
	current := &file{path: o.Config, log: log, meter: meter}
	current.take(cfg)

	var held lease
	c := newCluster(log, clients.kube, clients.objects, held.held)
	c.defaults = func() policy.Defaults { return current.now().Defaults }
	speak, hush, err := newSpeaker(log, clients.kube)
	if err != nil {
		return fmt.Errorf("prepare events: %w", err)
	}
	defer hush()
	c.invalid, c.coarse, c.lifted, c.overspent, c.neverMeasured, c.historyShort = speak.invalid, speak.coarse, speak.lifted, speak.overspent, speak.neverMeasured, speak.historyShort
	c.edited, c.reclaimed = speak.edited, speak.reclaimed
	sinks, err := newSinks(log, cfg.Notifiers)
	if err != nil {
		return cli.Mistaken(err)
	}
	seen, err := newServers(cfg.Prometheus, cfg.QueryBudget, meter, log)
	if err != nil {
		return cli.Mistaken(err)
	}
	newDog := func() *watchdog.Daemon {
		return watchdog.New(watchdog.Options{Edges: edges(c, seen, newProber(current.probes, clients), sinks, speak), Settings: current.settings, Meter: meter, Log: log})
	}
	wake := func(k watchdog.Key) {
		if d := dog.Load(); d != nil {
			d.Wake(k)
		}
	}
	if err := c.watch(clients, cfg.Namespaces, wake); err != nil {
		return fmt.Errorf("prepare the caches: %w", err)
	}

	open, err := openPorts(cfg, web.Options{Gatherer: registry, Healthy: alive(&held, &dog), Ready: c.ready, Pages: c.pages(callers(cfg.StatusPage, clients))}, log, meter.Cut)
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return open.serve(ctx) })
	g.Go(func() error { return c.run(ctx) })
	g.Go(func() error { return current.follow(ctx) })
	g.Go(func() error {
		return sinks.follow(ctx, func(sink string) {
			if d := dog.Load(); d != nil {
				d.Renewed(sink)
			}
		})
	})
	g.Go(func() error {
		return every(ctx, 5*time.Second, func() { meter.Phases(c.phases()); seen.meterBudgets() })
	})
	g.Go(func() error { return sayIfAway(ctx, log, seen) })
	g.Go(func() error {
		return leading(ctx, clients, &held, cfg.LeaderElection, func(ctx context.Context) error {
			log.Info("leading", zap.String("lease", cfg.LeaderElection.Name))
			meter.Leads(true)
			defer meter.Leads(false)
			if err := c.synced(ctx); err != nil {
				return err
			}
			d := newDog()
			dog.Store(d)
			for _, k := range c.keys() {
				d.Wake(k)
			}
			return d.Run(ctx)
		})
	})
	log.Info("greenwatch runs", zap.String("version", version()), zap.Strings("listen", open.addresses()), zap.String("mode", string(cfg.Mode)))
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		log.Error("ending", zap.Error(err))
		return err
	}
	log.Info("ended")
	return nil
}

// edges are the daemon's ways to the world.
func edges(c *cluster, s servers, ask prober, to sinks, speak speaker) watchdog.Edges {
	return watchdog.Edges{
		Policy: c.policy, Fresh: c.fresh, Releases: c.active, Active: c.all, Ledgers: c.ledgers, Fleet: c.fleet,
		Observe: c.observe, Unready: c.tick, Leads: c.leadsTo, Befallen: c.befallen, Probe: ask,
		Reclaim: c.reclaim, LastNumber: c.lastNumber, Create: c.create, Save: c.save, SaveLedger: c.saveLedger, Prune: c.prune,
		Perform: c.perform,
		Read:    s.read, Newest: s.newest, Clock: s.clock, Buckets: s.buckets, Overlaps: s.overlaps, SaveBuckets: c.saveBuckets, Overspent: s.overspent, SaveBudget: c.saveBudget, SaveMeasured: c.saveMeasured,
		History: s.history, SaveHistory: c.saveHistory,
		Send: to.send, Retry: retry,
		Say: speak.said,
	}
}

// leading runs work while the lease is held; without an election it is held by definition.
func leading(ctx context.Context, clients clients, held *lease, e config.LeaderElection, work func(context.Context) error) error {
	if !e.Enabled {
		held.alone.Store(true)
		return work(ctx)
	}
	return held.lead(ctx, clients.kube, term{namespace: e.Namespace, name: e.Name, identity: identity(),
		duration: e.LeaseDuration, deadline: e.RenewDeadline, retries: e.RetryPeriod}, work)
}

// identity names this process in the lease: the pod, and what tells it from its former self.
func identity() string {
	name := os.Getenv("POD_NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	return fmt.Sprintf("%s_%d_%d", name, os.Getpid(), time.Now().UnixNano())
}

// every calls f now and then at the given pace until ctx ends.
func every(ctx context.Context, pace time.Duration, f func()) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sayIfAway says at the start which Prometheus can't be reached: the daemon starts all the same.
func sayIfAway(ctx context.Context, log *zap.Logger, s servers) error {
	for name, c := range s.clients {
		if _, err := c.Clock(ctx); err != nil && ctx.Err() == nil {
			log.Warn("Prometheus can't be reached; what it would tell is unknown until it can", zap.String("prometheus", name), zap.Error(err))
		}
	}
	return nil
}

func guardAge(dog *atomic.Pointer[watchdog.Daemon]) func() time.Duration {
	return func() time.Duration {
		if d := dog.Load(); d != nil {
			return d.GuardAge(time.Now())
		}
		return 0
	}
}
