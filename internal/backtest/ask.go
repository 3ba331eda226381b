package backtest

import (
	"context"
	"errors"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Asking gives the options with a Prometheus to ask, of the past alone.
func (o Options) Asking(c *measure.Client) Options {
	o.Fetch = func(ctx context.Context, asks []signal.Ask, s watchdog.Span, every signal.Duration) []signal.Reading {
		return c.Read(ctx, asks, measure.Range{From: s.From, To: s.To, Bin: s.Bin, Every: every, Past: true})
	}
	o.Interval = func(ctx context.Context, asks []signal.Ask, at signal.Instant) (signal.Duration, error) {
		f := c.Newest(ctx, asks, at)
		if f.Cause == signal.Away || f.Cause == signal.Timeout {
			return 0, errors.New(f.Detail)
		}
		return f.Interval, nil
	}
	return o
}
