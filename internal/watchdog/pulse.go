package watchdog

import (
	"fmt"
	"sync"
	"time"
)

// A canary goes through the work queue as policies do, this often.
const canaryEvery = 30 * time.Second

// canary is the key of no policy.
var canary Key

// grace is what a look may take beyond its deadline, on a machine that is busy.
const grace = time.Minute

// pulse knows whether looks are taken, and end. It is about the loop alone, not about what they come to: a
// look that ends with an error has ended as well.
type pulse struct {
	mu    sync.Mutex
	runs  bool
	ended time.Time         // when a look, or a canary, ended last
	due   map[Key]time.Time // when what is in the queue is to be looked at
	begun map[Key]time.Time // since when a look is under way
	sung  time.Time         // when the last canary that came through was due
}

func newPulse() *pulse { return &pulse{due: map[Key]time.Time{}, begun: map[Key]time.Time{}} }

// run says that workers begin, and rest that they are asked to end.
func (p *pulse) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs, p.ended = true, time.Now()
}

func (p *pulse) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = false
}

// plan says that a look is due after a time, if none is before.
func (p *pulse) plan(k Key, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Now().Add(after)
	if was, ok := p.due[k]; !ok || at.Before(was) {
		p.due[k] = at
	}
}

func (p *pulse) begin(k Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k == canary {
		p.sung = p.due[k]
	}
	delete(p.due, k)
	p.begun[k] = time.Now()
}

func (p *pulse) end(k Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.begun, k)
	p.ended = time.Now()
}

// stuck gives what stands still, or nil: no look ended for longer than any may take, one goes on for longer,
// or one is not taken although a canary that was due much later came through. A queue that is merely long is
// none of these.
func (p *pulse) stuck(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runs {
		return nil
	}
	const most = lookFor + grace
	if d := now.Sub(p.ended); d > most {
		return fmt.Errorf("no look has ended for %s", d.Round(time.Second))
	}
	for k, since := range p.begun {
		if d := now.Sub(since); d > most {
			return fmt.Errorf("the look at %s goes on for %s, and may take %s", k, d.Round(time.Second), lookFor)
		}
	}
	for k, at := range p.due {
		if p.sung.Sub(at) > most {
			return fmt.Errorf("%s was to be looked at %s ago, and others were since", k, now.Sub(at).Round(time.Second))
		}
	}
	return nil
}

// Alive gives what of the loop stands still, or nil. Then only a new process helps: workers of this one hang
// in something that does not heed its deadline, or a wake-up was lost. Where Prometheus or the API server
// don't answer, looks end in time, with errors: that is no reason, since a new process would fare no better.
// A daemon that doesn't run, such as a standby's, is alive.
func (d *Daemon) Alive(now time.Time) error {
	if err := d.pulse.stuck(now); err != nil {
		return fmt.Errorf("the watch stands still: %w", err)
	}
	return nil
}
