package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Skew sets by how much the clock of a Prometheus is ahead of the true time, together with the times of all that it
// has recorded: for whoever asks it is a server that never had another clock.
func (w *World) Skew(name string, ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proms[name].ahead = history[time.Duration]{}
	w.proms[name].ahead.put(time.Time{}, ahead)
}

// SetClock sets the clock of a Prometheus: what it recorded keeps its times, and what it would record at a time that
// it has samples of is lost, since it takes none that is older than the newest.
func (w *World) SetClock(name string, ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.proms[name]
	if len(p.ahead.versions) == 0 {
		p.ahead.put(time.Time{}, 0)
	}
	p.ahead.put(time.Now(), ahead)
}

// SetMachine sets the clock of the daemon's machine, by how much it is ahead of the true time.
func (w *World) SetMachine(ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.machine = ahead
}

// clock is what the server's clock shows.
func (p *prometheus) clock(now time.Time) time.Time { return now.Add(p.ahead.live()) }

// era is a stretch of a server's life with the same clock.
type era struct {
	from, to signal.Instant // in true time
	ahead    signal.Duration
}

func (p *prometheus) eras() []era {
	now := signal.At(time.Now())
	if len(p.ahead.versions) == 0 {
		return []era{{to: now}}
	}
	var all []era
	for i, v := range p.ahead.versions {
		e := era{to: now, ahead: signal.Duration(v.value)}
		if i > 0 {
			e.from = signal.At(v.since)
		}
		if i+1 < len(p.ahead.versions) {
			e.to = signal.At(p.ahead.versions[i+1].since)
		}
		all = append(all, e)
	}
	return all
}

// truly gives the moment of which the server has samples under a time.
func (p *prometheus) truly(at signal.Instant) (signal.Instant, bool) {
	for _, e := range p.eras() {
		if t := at.Add(-e.ahead); t >= e.from && t <= e.to {
			return t, true
		}
	}
	return 0, false
}

// newest gives the time of the newest sample up to a time, of those scraped until a true moment.
func (p *prometheus) newest(asked, until signal.Instant) (newest signal.Instant, ok bool) {
	for _, e := range p.eras() {
		at := min(asked, min(e.to, until).Add(e.ahead))
		if at >= e.from.Add(e.ahead) {
			newest, ok = max(newest, at), true
		}
	}
	return newest, ok
}
