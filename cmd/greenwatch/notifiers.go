package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/notify/pagerduty"
	"github.com/knowledgebeast/greenwatch/internal/notify/slack"
)

// newSinks makes the notifiers of the daemon's file. Their secrets must be there at the start.
func newSinks(log *zap.Logger, all []config.Notifier) (sinks, error) {
	out := sinks{}
	var errs []error
	for i, n := range all {
		s, err := newSink(log.With(zap.String("notifier", n.Name)), n)
		if err != nil {
			errs = append(errs, fmt.Errorf("notifiers[%d] (%s): %w", i, n.Name, err))
		}
		out[n.Name] = s
	}
	return out, errors.Join(errs...)
}

func newSink(log *zap.Logger, n config.Notifier) (sink, error) {
	if p := n.PagerDuty; p != nil {
		pages, err := renew(log, p.RoutingKeyFile, func(key notify.Secret) (notify.Pager, error) {
			c, err := pagerduty.New(pagerduty.Config{RoutingKey: key, BaseURL: p.URL})
			if err != nil {
				return nil, err
			}
			return c.Page, nil
		})
		return sink{page: func(ctx context.Context, p notify.Page) (notify.Receipt, error) { return pages.now()(ctx, p) }, turn: pages.turn}, err
	}
	tells, err := renew(log, n.Slack.TokenFile, func(token notify.Secret) (notify.Teller, error) {
		c, err := slack.New(slack.Config{Token: token, Channel: n.Slack.Channel, BaseURL: n.Slack.URL})
		if err != nil {
			return nil, err
		}
		return c.Tell, nil
	})
	return sink{tell: func(ctx context.Context, s notify.Story) (notify.Receipt, error) { return tells.now()(ctx, s) }, turn: tells.turn}, err
}

// renewed is what sends with a secret from a file. It is made anew whenever the file holds another one, as
// Kubernetes renews what it mounts; while it can't be read, or holds none, the last one goes on.
type renewed[T any] struct {
	path string
	with func(notify.Secret) (T, error)
	log  *zap.Logger

	mu     sync.Mutex
	secret notify.Secret
	sends  T
	turns  int
	failed bool
}

// renew makes the first one.
func renew[T any](log *zap.Logger, path string, with func(notify.Secret) (T, error)) (*renewed[T], error) {
	r := &renewed[T]{path: path, with: with, log: log}
	var err error
	if r.secret, err = secret(path); err != nil {
		return r, err
	}
	r.sends, err = with(r.secret)
	return r, err
}

// now gives what sends with the secret of this moment.
func (r *renewed[T]) now() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := secret(r.path)
	if err == nil && s.Equal(r.secret) {
		r.failed = false
		return r.sends
	}
	var sends T
	if err == nil {
		sends, err = r.with(s)
	}
	if err != nil {
		if !r.failed {
			r.log.Warn("the secret can't be read again; the last one is used", zap.Error(err))
		}
		r.failed = true
		return r.sends
	}
	r.log.Info("the secret has changed and was read again")
	r.secret, r.sends, r.failed = s, sends, false
	r.turns++
	return sends
}

// turn reads the secret again, and counts how often it was another one.
func (r *renewed[T]) turn() int {
	r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.turns
}
