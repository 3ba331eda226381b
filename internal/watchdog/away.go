package watchdog

import (
	"context"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// server is what is known of one Prometheus.
type server struct {
	since signal.Instant // it does not answer as it should since; zero while it does, or while nobody knows
	// last is when it was found so last, cause and words why.
	last  signal.Instant
	cause signal.Cause
	words string
	// met is when this process heard of it first, asked when it was asked last, and answered whether
	// it ever did answer.
	met, asked signal.Instant
	answered   bool
	// told are the sinks that have its incident open; tried those that may have it, since an answer may be lost;
	// greeted those that heard of it at all.
	told    map[string]bool
	tried   map[string]bool
	greeted map[string]bool
}

// away watches over the Prometheus servers: one that can't be reached, refuses, or answers in part only, is one incident
// of its own, not one per release.
type away struct {
	mu      sync.Mutex
	servers map[string]*server
}

// unasked is how long nobody has asked a server before its incident is over: nothing waits for it.
const unasked = signal.Duration(5 * 60e9)

// calm is how long a server that can be reached must have answered all that it was asked before it is well again: one
// that is throttled turns away some questions and answers others.
const calm = signal.Duration(90e9)

const prometheusPrefix = "prometheus/"

func (a *away) of(name string, at signal.Instant) *server {
	s, ok := a.servers[name]
	if !ok {
		s = &server{met: at, told: map[string]bool{}, tried: map[string]bool{}, greeted: map[string]bool{}}
		a.servers[name] = s
	}
	return s
}

// meet makes a server known, and tells whether it is new.
func (a *away) meet(name string, at signal.Instant) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.servers[name]
	a.of(name, at)
	return !known
}

// note records what a server said, if anything: a query that took too long tells nothing of it.
func (a *away) note(name string, c signal.Cause, words string, at signal.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name, at)
	s.asked = at
	switch {
	case c == signal.Timeout:
	case c.OfServer():
		if s.since.IsZero() {
			s.since = at
		}
		s.last, s.cause, s.words = at, c, words
	case s.cause == signal.Away || at.Sub(s.last) >= calm:
		s.since, s.answered = 0, true
	}
}

// trouble says why nothing is judged by a server.
func (s *server) trouble(name string) string {
	what, meanwhile := "can't be reached", "nothing is judged by it"
	switch s.cause {
	case signal.Refused:
		what = "refuses greenwatch's questions"
	case signal.Throttled:
		what, meanwhile = "turns questions away", "what is not answered is not judged"
	case signal.Incomplete:
		what, meanwhile = "answers in part only", "what is not answered whole is not judged"
	}
	text := "Prometheus " + name + " " + what + " since " + s.since.String()
	if s.words != "" {
		text += " (" + s.words + ")"
	}
	return clip(text + "; " + meanwhile + " meanwhile")
}

func (a *away) is(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.servers[name]
	return ok && !s.since.IsZero()
}

// owed gives what a sink is to be told of a server, if anything. A server that answers, or that nobody
// asks, is resolved once by every new leader: the one before may have died between page and return.
func (a *away) owed(name, sink string, lasts signal.Duration, at signal.Instant) (release.Action, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name, at)
	act := release.Action{Sink: sink, Key: prometheusPrefix + name, Deed: release.OpenPage,
		Incident: release.Incident{Code: release.CodePrometheusAway, Severity: release.Error, Opened: s.since,
			Text: s.trouble(name)}}
	quiet := at.Sub(max(s.asked, s.met)) >= max(unasked, lasts)
	switch {
	case s.since.IsZero() && !quiet && !s.answered:
		return act, false
	case s.since.IsZero() || quiet:
		act.Deed, act.Incident.Closed, act.Incident.Opened = release.ClosePage, at, at
		act.Incident.Text = "Prometheus " + name + " answers"
		if quiet {
			act.Incident.Text = "Prometheus " + name + " is not asked any more"
		}
		return act, s.told[sink] || s.tried[sink] || !s.greeted[sink]
	}
	return act, !s.told[sink] && at.Sub(s.since) >= lasts
}

func (a *away) told(name, sink string, open bool, at signal.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of(name, at)
	s.told[sink], s.tried[sink], s.greeted[sink] = open, open, true
}

// tries notes that a sink is about to be told that a server is away: it may hear it though no answer comes.
func (a *away) tries(name, sink string, at signal.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of(name, at).tried[sink] = true
}

// heard takes in what a Prometheus said when it was asked, and posts what pagers are owed about it.
func (d *Daemon) heard(prometheus string, c signal.Cause, words string, at signal.Instant) {
	d.away.note(prometheus, c, words, at)
	set := d.settings()
	for sink, pages := range set.Sinks {
		if _, owed := d.away.owed(prometheus, sink, set.BlindFor, at); pages && owed {
			d.letters.Add(letter{server: prometheus, sink: sink})
		}
	}
}

// meet makes a Prometheus known that may have an open incident from before this process: if nobody
// asks it for some time, that is closed.
func (d *Daemon) meet(prometheus string) {
	if !d.away.meet(prometheus, d.now()) {
		return
	}
	for sink, pages := range d.settings().Sinks {
		if pages {
			d.recheckAway(letter{server: prometheus, sink: sink})
		}
	}
}

// recheckAway looks again, when nobody may have asked for long enough.
func (d *Daemon) recheckAway(l letter) {
	d.letters.AddAfter(l, max(unasked, d.settings().BlindFor).D())
}

func (d *Daemon) writeAway(ctx context.Context, l letter) {
	a, owed := d.away.owed(l.server, l.sink, d.settings().BlindFor, d.now())
	if owed && a.Deed == release.OpenPage {
		d.away.tries(l.server, l.sink, d.now())
	}
	if owed && !d.send(ctx, l, Message{Sink: l.sink, Action: a}, func(release.Outcome) { d.away.told(l.server, l.sink, a.Deed == release.OpenPage, d.now()) }) {
		return
	}
	if d.away.is(l.server) {
		d.recheckAway(l)
	}
}
