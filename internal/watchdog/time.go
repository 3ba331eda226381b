package watchdog

import (
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// steady is the daemon's own time. It follows the machine's clock, but where that is set back it goes on as it was:
// the moments that were recorded stay past, and what is due comes due.
type steady struct {
	mu sync.Mutex
	// wall is the machine's clock at a moment, and mono that moment by a clock that is never set.
	wall, mono time.Time
	// back is by how much the machine's clock was set back since.
	back time.Duration
}

// at gives the time when the machine's clock shows wall, and by how much it is ahead of that.
func (s *steady) at(wall, mono time.Time) (time.Time, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mono.IsZero() {
		s.wall, s.mono = wall, mono
	}
	// The clocks are read one after the other, so that they never agree quite.
	if step := wall.Sub(s.wall) - mono.Sub(s.mono); step < -clockNear || step > clockNear {
		s.back = max(0, s.back-step)
		s.wall, s.mono = wall, mono
	}
	return wall.Add(s.back), s.back
}

// machine reads the machine's clock.
func (d *Daemon) machine() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// time gives the daemon's time.
func (d *Daemon) time() time.Time {
	t, _ := d.steady.at(d.machine(), time.Now())
	return t
}

// back gives by how much the machine's clock is behind the daemon's time.
func (d *Daemon) back() signal.Duration {
	_, back := d.steady.at(d.machine(), time.Now())
	return whole(signal.Duration(back))
}

func (d *Daemon) now() signal.Instant { return signal.At(d.time()) }

// own gives by how much the time of a release is ahead of the daemon's.
func (d *Daemon) own(r Record) signal.Duration { return d.owns.of(r.Name(), r.State, d.now()) }

// nowOf gives the time of a release.
func (d *Daemon) nowOf(r Record) signal.Instant { return d.now().Add(d.own(r)) }

// people gives people's words in a release's time: they write by a clock on the wall.
func (d *Daemon) people(r Record, p release.People) release.People {
	return p.Later(d.own(r) + d.back())
}

// unready fills in since when slots have had no ready replica, in a release's time.
func (d *Daemon) unready(k Key, w *release.World, own signal.Duration, tick bool) {
	d.Unready(k, w, d.now(), tick)
	for i := range w.Slots {
		if v := &w.Slots[i]; !v.UnreadySince.IsZero() {
			v.UnreadySince = v.UnreadySince.Add(own)
		}
	}
}

// owns remembers by how much the time of a release is ahead of the daemon's: what was recorded of it, by a process
// whose clock was ahead, is not yet to come.
type owns struct {
	mu    sync.Mutex
	ahead map[string]signal.Duration
}

// of gives by how much, for a look at a moment of the daemon's time.
func (o *owns) of(name string, s release.State, at signal.Instant) signal.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	ahead := max(o.ahead[name], release.Latest(s).Sub(at))
	if ahead > 0 && o.ahead != nil {
		o.ahead[name] = ahead
	}
	return ahead
}

func (o *owns) forget(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ahead, name)
}
