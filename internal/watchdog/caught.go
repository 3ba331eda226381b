package watchdog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// The pause after a panic doubles from the first to the longest.
const (
	firstRest   = 5 * time.Second
	longestRest = 10 * time.Minute
)

// reasonFault is the reason of a policy that is not ready since greenwatch itself fails at it.
const reasonFault = "Fault"

// rest is how often a policy has failed in a row, when it did last, and until when it is left alone.
type rest struct {
	fails       int
	last, until time.Time
}

// rests are the policies that rest after a panic: all others go on.
type rests struct {
	mu sync.Mutex
	of map[Key]rest
}

// left gives how long a policy still rests.
func (r *rests) left(k Key) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Until(r.of[k].until)
}

// add lets a policy rest, longer each time.
func (r *rests) add(k Key) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[k]
	pause := pauseAfter(x.fails)
	r.of[k] = rest{fails: x.fails + 1, last: time.Now(), until: time.Now().Add(pause)}
	return pause
}

// leftForWord gives how long a policy still rests where a person's word waits: it needs no measurement, at
// which most looks fail, and is not kept waiting for longer than the first pause.
func (r *rests) leftForWord(k Key) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Until(r.of[k].last.Add(firstRest))
}

func pauseAfter(fails int) time.Duration { return min(firstRest<<min(fails, 10), longestRest) }

// end forgets a policy's failures once it has gone well for longer than the longest pause: what fails now
// and then fails all the same.
func (r *rests) end(k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.of[k].until) > longestRest {
		delete(r.of, k)
	}
}

// resting gives how long a policy is still left alone.
func (d *Daemon) resting(ctx context.Context, k Key) time.Duration {
	left := d.rests.left(k)
	if left <= 0 {
		return 0
	}
	word := false
	_ = caught.Call(func() error { // what fails here fails in the look, where it is said
		cached, err := d.Releases(ctx, k, false)
		word = slices.ContainsFunc(cached, d.hasWord)
		return err
	})
	if word {
		left = min(left, d.rests.leftForWord(k))
	}
	return max(0, left)
}

// syncCaught is Sync; a panic in it lets this policy rest and tells people, and is given as an error.
func (d *Daemon) syncCaught(ctx context.Context, k Key) (wake signal.Instant, err error) {
	err = caught.Call(func() (err error) {
		wake, err = d.Sync(ctx, k)
		return err
	})
	p, panicked := errors.AsType[*caught.Panic](err)
	if !panicked {
		d.rests.end(k)
		d.resolve(k, release.CodeFault)
		return wake, err
	}
	pause := d.rests.add(k)
	d.trusted.set(k, false)
	d.panicked("look", k.String(), p, pause)
	d.raise(k, release.CodeFault, release.Error, "nothing of it is judged or rolled back automatically until a look succeeds; it is tried more and more rarely: "+p.Error())
	if err := caught.Call(func() error { return d.sayFault(ctx, k, p) }); err != nil {
		d.log.Error("say a fault in the policy's status", zap.Stringer("policy", k), zap.Error(err))
	}
	return 0, p
}

// sayFault makes the policy's status say that it is not watched. The next look that goes well takes it back.
func (d *Daemon) sayFault(ctx context.Context, k Key, why error) error {
	p, err := d.Policy(ctx, k)
	if err != nil || p.Gone {
		return err
	}
	return d.saveLedger(ctx, p, p.Ledger, append(p.Problems, Problem{Reason: reasonFault, Message: fmt.Sprintf("greenwatch itself failed: %v", why)}))
}

func (d *Daemon) panicked(at, about string, p *caught.Panic, pause time.Duration) {
	d.meter.Panicked(at)
	d.log.Error("caught a panic", zap.String("at", at), zap.String("about", about), zap.Duration("pause", pause), zap.Error(p), zap.String("stack", p.Stack))
}

// writeCaught is write; a panic in it lets this letter alone rest.
func (d *Daemon) writeCaught(ctx context.Context, l letter) {
	err := caught.Call(func() error { d.write(ctx, l); return nil })
	if p, panicked := errors.AsType[*caught.Panic](err); panicked {
		pause := pauseAfter(d.book.try(l) - 1)
		d.panicked("delivery", l.about()+" to "+l.sink, p, pause)
		d.book.restUntil(l, time.Now().Add(pause), false)
		d.letters.AddAfter(l, pause)
	}
}

// sendCaught is Send; a panic in it is a delivery that failed.
func (d *Daemon) sendCaught(ctx context.Context, m Message) (ref string, err error) {
	err = caught.Call(func() (err error) {
		ref, err = d.Send(ctx, m)
		return err
	})
	if p, panicked := errors.AsType[*caught.Panic](err); panicked {
		d.panicked("delivery", m.Record.Namespace+"/"+m.Record.Spec.Policy+" to "+m.Sink, p, 0)
		if k := (Key{m.Record.Namespace, m.Record.Spec.Policy}); m.Action.Incident.Code != release.CodeFault && k.Name != "" {
			d.raise(k, release.CodeFault, release.Error, "a delivery to "+m.Sink+" failed: "+p.Error())
		}
	}
	return ref, err
}
