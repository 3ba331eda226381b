package watchdog

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A server is asked for its time every clockEvery, and after clockAgain where it did not answer; that may take
// clockFor. A difference above clockSaid is said; one of clockNear more or less than what is used changes nothing, so
// that the bins don't move with every answer.
const (
	clockEvery = time.Minute
	clockAgain = 5 * time.Second
	clockFor   = 2 * time.Second
	clockSaid  = 30 * time.Second
	clockNear  = time.Second
)

// clocks remembers by how much the clock of each Prometheus is ahead of the daemon's.
type clocks struct {
	mu      sync.Mutex
	servers map[string]*clock
}

// clock is what is known of one server's clock.
type clock struct {
	// ahead is in whole seconds, since bins are counted in such; known is whether the server ever told its time.
	ahead signal.Duration
	known bool
	said  bool
	// asked is when it was asked last, by a clock that never jumps, and wall by the daemon's own, which may.
	asked, wall time.Time
	failed      bool
	// told is the latest time that it ever told. Replays is until when it has samples that it recorded before its clock
	// was set back, in its own time: up to then they pass for new ones.
	told    time.Time
	replays signal.Instant
	// busy is closed when the question that is under way is answered; nil where there is none.
	busy chan struct{}
}

// jumped tells whether the daemon's own clock was set since the server's was asked: what was learnt is worth
// nothing then.
func (c *clock) jumped(wall, now time.Time) bool {
	return (wall.Sub(c.wall) - now.Sub(c.asked)).Abs() > clockNear
}

// due tells whether the server is to be asked, and whether there is no going on without its answer.
func (c *clock) due(wall, now time.Time) (ask, wait bool) {
	switch {
	case c.asked.IsZero():
		return true, true
	case c.failed && now.Sub(c.asked) < clockAgain:
		return false, false
	case !c.known || c.jumped(wall, now):
		return true, true
	}
	return c.failed || now.Sub(c.asked) >= clockEvery, false
}

// learn takes in the server's time, told between begun and ended by the daemon's clock. What is used stands while
// that bears it out, as far as the answer's way tells.
func (c *clock) learn(told, begun, ended time.Time) {
	least, most := told.Sub(ended)-clockNear, told.Sub(begun)+clockNear
	if used := c.ahead.D(); used < least || used > most {
		c.ahead = whole(signal.Duration((least + most) / 2))
	}
	c.known = true
}

// setBack tells whether the server told a later time before.
func (c *clock) setBack(told time.Time) bool { return c.told.Sub(told) > 2*clockNear }

// begin gives what is known, and either a turn to ask or what to wait for.
func (s *clocks) begin(name string, wall, now time.Time) (c clock, turn bool, wait chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers[name] == nil {
		s.servers[name] = &clock{}
	}
	k := s.servers[name]
	ask, must := k.due(wall, now)
	switch {
	case ask && k.busy == nil:
		k.busy = make(chan struct{})
		return *k, true, nil
	case ask && must:
		return *k, false, k.busy
	}
	return *k, false, nil
}

// end takes in what came, and gives what is known now.
func (s *clocks) end(name string, take func(*clock)) clock {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.servers[name]
	take(k)
	close(k.busy)
	k.busy = nil
	return *k
}

func (s *clocks) of(name string) clock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.servers[name]
}

// clockOf gives what is known of a server's clock. Of those who want to know one asks, when it is
// due; the others go by what is known, or wait for the answer where that is nothing. Where the server does not answer
// the last answer stands, and without one the clocks are taken to agree.
func (d *Daemon) clockOf(ctx context.Context, prometheus string) clock {
	if d.Clock == nil {
		return clock{}
	}
	begun := time.Now()
	c, turn, wait := d.clocks.begin(prometheus, d.time(), begun)
	switch {
	case turn:
		return d.askClock(ctx, prometheus, begun)
	case wait != nil:
		select {
		case <-wait:
		case <-ctx.Done():
		}
		return d.clocks.of(prometheus)
	}
	return c
}

// askClock asks a server for its time, and says what is to be said of it.
func (d *Daemon) askClock(ctx context.Context, prometheus string, begun time.Time) clock {
	timed, cancel := context.WithTimeout(ctx, clockFor)
	defer cancel()
	wall := d.time()
	told, err := d.Clock(timed, prometheus)
	took := time.Since(begun)
	var replays signal.Instant
	if was := d.clocks.of(prometheus); err == nil && was.setBack(told) {
		replays = d.replays(timed, prometheus, told, was)
	}
	said := false
	c := d.clocks.end(prometheus, func(c *clock) {
		said = c.said
		c.asked, c.wall, c.failed = begun, wall, err != nil
		if err == nil {
			c.learn(told, wall, wall.Add(took))
			if c.replays = replays; replays.IsZero() {
				c.told = told
			}
			c.said = c.ahead.D().Abs() > clockSaid
		}
	})
	d.sayClock(prometheus, c, said, err)
	return c
}

// sayClock says what is new of a server's clock; said is whether it was already far off.
func (d *Daemon) sayClock(prometheus string, c clock, said bool, err error) {
	log := d.log.With(zap.String("prometheus", prometheus))
	if err != nil {
		log.Info("its clock can't be asked", zap.Error(err))
		return
	}
	d.meter.Skewed(prometheus, c.ahead.D())
	switch {
	case !c.replays.IsZero():
		log.Warn("its clock was set back: it is not believed until it has passed all that it recorded before", zap.Stringer("until", c.replays))
	case c.said && !said:
		log.Warn("the clocks differ: its own counts", zap.Duration("ahead", c.ahead.D()))
	case said && !c.said:
		log.Info("the clocks agree again", zap.Duration("ahead", c.ahead.D()))
	}
}

// timed fills in what is known of the clock of a measurement's server.
func (d *Daemon) timed(ctx context.Context, m measurement) measurement {
	c := d.clockOf(ctx, m.plan.Prometheus)
	m.skew, m.replays = c.ahead-m.own, c.replays
	return m
}

// replays tells until when a server whose clock was set back has samples that are yet to come by it: there can be none
// unless it recorded them before. Where all of its past was set back with it there are none. Where it does not answer
// it may have some.
func (d *Daemon) replays(ctx context.Context, prometheus string, told time.Time, was clock) signal.Instant {
	f := d.Newest(ctx, Asker{Prometheus: prometheus, Class: signal.Acts}, []signal.Ask{{Kind: signal.Rate, Metric: "up"}}, signal.At(was.told))
	switch {
	case f.Cause == signal.Empty || f.Cause == signal.Gap:
		return 0
	case f.Cause != signal.Known:
		return signal.At(was.told)
	case f.At.Time().Sub(told) > 2*clockNear:
		return f.At
	}
	return 0
}

// unbelieved is why a server is not asked, if so.
func (m measurement) unbelieved() string {
	if m.replays.IsZero() {
		return ""
	}
	return "Prometheus' clock was set back: it has samples of " + m.replays.String() + ", which is yet to come by it"
}

// read asks a release's server in the server's time, and gives the answers in the daemon's.
func (d *Daemon) read(ctx context.Context, m measurement, asks []signal.Ask, s Span) []signal.Reading {
	if why := m.unbelieved(); why != "" {
		return all(asks, signal.Lag, why)
	}
	there := Span{From: s.From.Add(m.skew), To: s.To.Add(m.skew), Bin: s.Bin}
	readings := d.weighed(ctx, m, shifted(asks, m.skew), there)
	if m.skew == 0 {
		return readings
	}
	for i, r := range readings {
		readings[i].Bins = slices.Clone(r.Bins)
		for j := range r.Bins {
			readings[i].Bins[j].End = r.Bins[j].End.Add(-m.skew)
		}
	}
	return readings
}

// newest asks a release's server how fresh it is at a moment, likewise.
func (d *Daemon) newest(ctx context.Context, m measurement, asks []signal.Ask, at signal.Instant) Freshness {
	if why := m.unbelieved(); why != "" {
		return Freshness{Cause: signal.Lag, Detail: why}
	}
	f := d.Newest(ctx, m.asker(signal.Acts), shifted(asks, m.skew), at.Add(m.skew))
	if !f.At.IsZero() {
		f.At = f.At.Add(-m.skew)
	}
	return f
}

// shifted gives questions in a server's time.
func shifted(asks []signal.Ask, skew signal.Duration) []signal.Ask {
	if skew == 0 {
		return asks
	}
	out := slices.Clone(asks)
	for i, a := range out {
		if !a.Since.IsZero() {
			out[i].Since = a.Since.Add(skew)
		}
	}
	return out
}
