package main

import (
	"context"
	"fmt"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/meter"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// servers are the Prometheus servers of the daemon's file, by name.
type servers struct {
	clients map[string]*measure.Client
	meter   *meter.Meter // nil in commands that end at once
}

func (s servers) queried(name string, took time.Duration, cause signal.Cause) {
	if s.meter != nil {
		s.meter.Queried(name, took, cause)
	}
}

// of gives the client of a server on somebody's behalf.
func (s servers) of(by watchdog.Asker) (*measure.Client, bool) {
	c, ok := s.clients[by.Prometheus]
	if !ok {
		return nil, false
	}
	return c.For(measure.Asker{Namespace: by.Policy.Namespace, Policy: by.Policy.Name, Class: by.Class}), true
}

// read asks a server; one that the file does not name is a broken query, not one that is away.
func (s servers) read(ctx context.Context, by watchdog.Asker, asks []signal.Ask, span watchdog.Span) []signal.Reading {
	c, ok := s.of(by)
	if !ok {
		out := make([]signal.Reading, len(asks))
		for i, a := range asks {
			out[i] = signal.Reading{Signal: a.Signal, Cause: signal.QueryError, Detail: "the daemon's file names no Prometheus " + by.Prometheus}
		}
		return out
	}
	begun := time.Now()
	readings := c.Read(ctx, asks, measure.Range{From: span.From, To: span.To, Bin: span.Bin})
	for _, r := range readings {
		s.queried(by.Prometheus, time.Since(begun), r.Cause)
	}
	return readings
}

func (s servers) newest(ctx context.Context, by watchdog.Asker, asks []signal.Ask, now signal.Instant) watchdog.Freshness {
	c, ok := s.of(by)
	if !ok {
		return watchdog.Freshness{Cause: signal.QueryError, Detail: "the daemon's file names no Prometheus " + by.Prometheus}
	}
	begun := time.Now()
	f := c.Newest(ctx, asks, now)
	s.queried(by.Prometheus, time.Since(begun), f.Cause)
	return watchdog.Freshness(f)
}

// clock asks a server for its own time.
func (s servers) clock(ctx context.Context, name string) (time.Time, error) {
	c, ok := s.clients[name]
	if !ok {
		return time.Time{}, fmt.Errorf("the daemon's file names no Prometheus %s", name)
	}
	return c.Clock(ctx)
}

func (s servers) buckets(ctx context.Context, by watchdog.Asker, asks []signal.Ask, now signal.Instant) []signal.Buckets {
	c, ok := s.of(by)
	if !ok {
		out := make([]signal.Buckets, len(asks))
		for i, a := range asks {
			out[i] = signal.Buckets{Signal: a.Signal, Cause: signal.QueryError, Detail: "the daemon's file names no Prometheus " + by.Prometheus}
		}
		return out
	}
	begun := time.Now()
	seen := c.Buckets(ctx, asks, now)
	for _, b := range seen {
		s.queried(by.Prometheus, time.Since(begun), b.Cause)
	}
	return seen
}

// history asks a server whether it keeps samples for less long than need.
func (s servers) history(ctx context.Context, by watchdog.Asker, need signal.Duration, now signal.Instant) (short string, known bool, err error) {
	c, ok := s.of(by)
	if !ok {
		return "", false, fmt.Errorf("the daemon's file names no Prometheus %s", by.Prometheus)
	}
	return c.Short(ctx, need, now)
}

// overlaps says which questions take series of both slots.
func (s servers) overlaps(ctx context.Context, by watchdog.Asker, asks []signal.Ask, now signal.Instant) ([]string, error) {
	c, ok := s.of(by)
	if !ok {
		return nil, fmt.Errorf("the daemon's file names no Prometheus %s", by.Prometheus)
	}
	return c.Overlaps(ctx, asks, now)
}

// overspent tells whether a policy has used up its budget of a server's time.
func (s servers) overspent(by watchdog.Asker) bool {
	c, ok := s.clients[by.Prometheus]
	return ok && c.IsOverspent(by.Policy.Namespace, by.Policy.Name)
}

func (s servers) meterBudgets() {
	for name, c := range s.clients {
		s.meter.Overspent(name, c.Overspent())
	}
}
