package watchdog

import (
	"context"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// server is what is known of one Prometheus.
type server struct {
	since signal.Instant // away since; zero while it answers
	// told are the sinks that have its incident open; greeted those that heard of it at all.
	told    map[string]bool
	greeted map[string]bool
}

// away watches over the Prometheus servers: one that can't be reached is one incident of its own, not
// one per release.
type away struct {
	mu      sync.Mutex
	servers map[string]*server
}

const prometheusPrefix = "prometheus/"

func prometheusOf(l letter) (string, bool) {
	if len(l.release) > len(prometheusPrefix) && l.release[:len(prometheusPrefix)] == prometheusPrefix {
		return l.release[len(prometheusPrefix):], true
	}
	return "", false
}

func (a *away) of(name string) *server {
	s, ok := a.servers[name]
	if !ok {
		s = &server{told: map[string]bool{}, greeted: map[string]bool{}}
		a.servers[name] = s
	}
	return s
}

// note records whether a server answered.
func (a *away) note(name string, gone bool, at signal.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name)
	switch {
	case !gone:
		s.since = 0
	case s.since.IsZero():
		s.since = at
	}
}

func (a *away) is(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.of(name).since.IsZero()
}

// owed gives what a sink is to be told of a server, if anything. A server that answers is resolved
// once by every new leader: the one before may have died between the page and the return.
func (a *away) owed(name, sink string, lasts signal.Duration, at signal.Instant) (release.Action, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name)
	act := release.Action{Sink: sink, Key: prometheusPrefix + name,
		Incident: release.Incident{Code: release.CodePrometheusAway, Severity: release.Error, Opened: s.since,
			Text: "Prometheus " + name + " can't be reached since " + s.since.String() + "; nothing is judged by it meanwhile"}}
	switch {
	case s.since.IsZero() && (s.told[sink] || !s.greeted[sink]):
		act.Deed, act.Incident.Closed, act.Incident.Opened = release.ClosePage, at, at
		act.Incident.Text = "Prometheus " + name + " answers"
		return act, true
	case !s.since.IsZero() && !s.told[sink] && at.Sub(s.since) >= lasts:
		act.Deed = release.OpenPage
		return act, true
	}
	return act, false
}

func (a *away) told(name, sink string, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name)
	s.told[sink], s.greeted[sink] = open, true
}

func (a *away) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for n := range a.servers {
		out = append(out, n)
	}
	return out
}

// watchServers posts, again and again, what pagers are owed about Prometheus servers.
func (d *Daemon) watchServers(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		set := d.settings()
		for _, name := range d.away.names() {
			for sink, pages := range set.Sinks {
				if _, owed := d.away.owed(name, sink, set.BlindFor, now()); pages && owed && d.book.idle(letter{prometheusPrefix + name, sink}) {
					d.letters.Add(letter{prometheusPrefix + name, sink})
				}
			}
		}
	}
}

// idle tells whether no try of this letter has failed: a failed one comes back by itself.
func (b *book) idle(l letter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries[l] == 0
}

func (d *Daemon) writeAway(ctx context.Context, l letter, name string) {
	a, owed := d.away.owed(name, l.sink, d.settings().BlindFor, now())
	if !owed {
		d.book.succeed(l)
		return
	}
	d.send(ctx, l, Message{Sink: l.sink, Action: a}, func(release.Outcome) { d.away.told(name, l.sink, a.Deed == release.OpenPage) })
}
