package simulate

import (
	"cmp"
	"math"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Quality is how well a revision serves.
type Quality struct {
	Errors  float64 // share of requests
	Latency float64 // seconds
	// Broken revisions have pods that never become ready.
	Broken bool
}

// Fault is what is wrong with a Prometheus.
type Fault struct {
	// Lacks is a signal that it can't answer, for Lacking: Empty by default.
	Lacks      string
	Lacking    signal.Cause
	Away, Hang bool
	// Turns is what it answers instead, to Reads alone: it tells all the same how fresh its samples are.
	Turns    signal.Cause
	Reads    bool
	NaN, Gap bool
	Lag      time.Duration
	// Mute is a server that does not tell its time.
	Mute bool
	// Takes is how long each query takes, TakesTold one whose answer is only told or recorded.
	Takes, TakesTold time.Duration
}

// cause is why it answers nothing.
func (f Fault) cause() signal.Cause {
	if f.Away {
		return signal.Away
	}
	return f.Turns
}

// faultWords are what servers say that answer nothing.
var faultWords = map[signal.Cause]string{
	signal.Away:       "connection refused",
	signal.Refused:    "client error: 401: no org id",
	signal.Throttled:  "client error: 429: too many outstanding requests",
	signal.Incomplete: "the answer is incomplete, by its own words: store-2 did not answer",
}

// prometheus counts what happened; it can be away, hang, lag, lose scrapes and answer NaN.
type prometheus struct {
	scrape time.Duration
	faults history[Fault]
	// ahead is by how much its clock is, or was from some moment on: what it recorded keeps its times.
	ahead history[time.Duration]
}

// Clocks is how often the process of the moment has asked for the time.
func (w *World) Clocks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life.counts["Clock"]
}

// current is how old a sample may be that still counts as a series' value.
const current = signal.Duration(300e9)

// Fault sets what is wrong with a Prometheus from now on.
func (w *World) Fault(name string, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proms[name].faults.put(time.Now(), f)
}

func (w *World) newest(name string, now signal.Instant) watchdog.Freshness {
	p := w.proms[name]
	f := p.faults.live()
	if c := f.cause(); c != signal.Known && !f.Reads {
		return watchdog.Freshness{Cause: c, Detail: faultWords[c]}
	}
	every := signal.Duration(p.scrape)
	at, ok := p.newest(now, signal.At(time.Now()).Add(-signal.Duration(f.Lag)))
	if !ok || now.Sub(at) > current {
		return watchdog.Freshness{Cause: signal.Gap}
	}
	return watchdog.Freshness{At: at - at%signal.Instant(every/1e9), Interval: every}
}

// read answers the questions about a slot; its name is the selector.
func (w *World) read(s *Service, name string, asks []signal.Ask, span watchdog.Span) []signal.Reading {
	p := w.proms[name]
	out := make([]signal.Reading, len(asks))
	for i, a := range asks {
		out[i] = signal.Reading{Signal: a.Signal, Queries: []string{a.Metric + "{" + a.Match + "}"}}
		if c := p.faults.live().cause(); c != signal.Known {
			out[i].Cause, out[i].Detail = c, faultWords[c]
			continue
		}
		if f := p.faults.live(); f.Lacks != "" && f.Lacks == a.Signal {
			out[i].Cause = cmp.Or(f.Lacking, signal.Empty)
			out[i].Detail = out[i].Cause.Words()
			continue
		}
		for end := span.From.Add(span.Bin); end <= span.To; end = end.Add(span.Bin) {
			out[i].Bins = append(out[i].Bins, s.recorded(p, a, end, span.Bin))
		}
	}
	return out
}

// recorded gives the bin that ends at a moment of the server's clock: there is none of what is still to come.
func (s *Service) recorded(p *prometheus, a signal.Ask, end signal.Instant, long signal.Duration) signal.Bin {
	b := signal.Bin{Cause: signal.Gap}
	from, ok := p.truly(end.Add(-long))
	if truly, known := p.truly(end); ok && known && truly.Sub(from) == long {
		b = s.bin(p, a, truly, long)
	}
	b.End = end
	return b
}

func (s *Service) bin(p *prometheus, a signal.Ask, end signal.Instant, long signal.Duration) signal.Bin {
	switch a.Kind {
	case signal.Alert:
		return s.alert(a, end)
	case signal.Growth:
		return s.growth(a, end)
	}
	slot := a.Match
	b := signal.Bin{End: end}
	f := p.faults.before(end.Time())
	d := s.slots[slot].before(end.Time())
	switch {
	case f.NaN:
		b.Value, b.Cause = signal.Number(math.NaN()), signal.NaN
		return b
	case f.Gap || d.missing || d.ready(end.Time()) == 0:
		b.Cause = signal.Gap
		return b
	}
	total, bad := s.counts(slot, end.Time(), long.D())
	q := s.qualityOf(d.revision, end.Time())
	b.Total = signal.Number(math.Round(total))
	switch {
	case a.Kind == signal.Query: // of the whole, for the eye
		return signal.Bin{End: end, Value: signal.Number(q.Latency)}
	case a.Kind == signal.Quantile:
		b.Value = signal.Number(q.Latency)
		b.Over = over(a.Over, b)
	case b.Total > 0:
		b.Part = signal.Number(math.Round(bad))
		b.Value = b.Part / b.Total
	}
	if b.Total == 0 {
		b.Value, b.Cause = signal.Number(math.NaN()), signal.Idle
	}
	return b
}

// over counts the requests over each bound: all are as slow as the quantile says.
func over(bounds []signal.Number, b signal.Bin) (out []signal.Over) {
	for _, bound := range bounds {
		o := signal.Over{Bound: bound}
		if b.Value > bound {
			o.Least, o.Most = b.Total, b.Total
		}
		out = append(out, o)
	}
	return out
}

// counts gives a slot's requests of a stretch, and the failed ones.
func (s *Service) counts(slot string, end time.Time, long time.Duration) (total, bad float64) {
	const grain = 5 * time.Second
	for at := end.Add(-long); at.Before(end); at = at.Add(grain) {
		step := min(grain, end.Sub(at)).Seconds()
		n := step * (s.Rate*s.vs.before(at.Add(-s.w.dataPlane)).shares[slot] + s.Probes)
		total += n
		bad += n * s.qualityOf(s.slots[slot].before(at).revision, at).Errors
	}
	return total, bad
}

func (s *Service) qualityOf(revision string, t time.Time) Quality {
	if q, ok := s.quality[revision]; ok {
		if v, ok := q.at(t); ok {
			return v
		}
	}
	return Good
}

// Serve says how a revision serves from now on.
func (s *Service) Serve(revision string, q Quality) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.quality[revision] == nil {
		s.quality[revision] = &history[Quality]{}
	}
	s.quality[revision].put(time.Now(), q)
}

// breached tells whether a revision truly did badly at any time from first on: the truth that a
// rollback is held against.
func (s *Service) breached(slot, revision string, first time.Time) bool {
	if len(s.alerts) > 0 || s.doubted {
		return true
	}
	q, ok := s.quality[revision]
	if ok {
		for i, v := range q.versions {
			after := i+1 == len(q.versions) || q.versions[i+1].since.After(first)
			if after && (v.value.Errors > 0.05 || v.value.Latency > 1 || v.value.Broken) {
				return true
			}
		}
	}
	for _, v := range s.slots[slot].versions { // whoever scaled or deleted it
		if d := v.value; d.missing || d.ready(time.Now()) == 0 || d.ready(v.since) == 0 {
			return true
		}
	}
	return false
}
