package main

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/meter"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// rereadEvery is how soon a change of the daemon's file is noticed: its mode is the fleet's switch.
const rereadEvery = 2 * time.Second

// file is the daemon's file as it is in force. Mode, breaker, times of paging and the policies'
// defaults follow the file while the daemon runs; servers, notifiers, listening and the election need
// a restart.
type file struct {
	path    string
	log     *zap.Logger
	meter   *meter.Meter
	current atomic.Pointer[config.Config]
}

func (f *file) now() *config.Config { return f.current.Load() }

func (f *file) take(c config.Config) {
	servers, sinks := c.Defaults.Servers, c.Defaults.Notifiers
	f.meter.Names(servers, sinks)
	f.current.Store(&c)
}

// follow reads the file again when it changed. One that has mistakes changes nothing.
func (f *file) follow(ctx context.Context) error {
	last, _ := os.ReadFile(f.path)
	return every(ctx, rereadEvery, func() {
		text, err := os.ReadFile(f.path)
		if err != nil || bytes.Equal(text, last) {
			return
		}
		last = text
		c, err := config.Parse(f.path, text)
		f.meter.Reloaded(err)
		if err != nil {
			f.log.Error("the daemon's file has mistakes; what was in force stays", zap.Error(err))
			return
		}
		old := f.now()
		f.take(c)
		f.log.Info("read the daemon's file again", zap.String("mode", string(c.Mode)), zap.String("before", string(old.Mode)))
	})
}

func (f *file) probes() probe.Trust { return f.now().Probes }

func (f *file) settings() watchdog.Settings {
	c := f.now()
	s := watchdog.Settings{Mode: c.Mode,
		Breaker:  release.Breaker{Namespaces: c.Breaker.Namespaces, Rollbacks: c.Breaker.Rollbacks, Within: signal.Duration(c.Breaker.Within)},
		BlindFor: signal.Duration(c.BlindFor), PageExpires: signal.Duration(c.Pages.ExpireAfter), PagesPerHour: c.Pages.PerHour,
		Sinks: map[string]bool{}, SinksOnlyFor: c.Defaults.NotifiersOnlyFor}
	for _, n := range c.Notifiers {
		s.Sinks[n.Name] = n.PagerDuty != nil
	}
	return s
}
