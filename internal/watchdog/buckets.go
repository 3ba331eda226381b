package watchdog

import (
	"context"
	"fmt"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// How often the buckets of a policy's histograms are looked at: once they are known, and while they are
// not. A look may take bucketsFor, since nothing depends on it.
const (
	bucketsEvery = signal.Duration(3600e9)
	bucketsAgain = signal.Duration(300e9)
	bucketsFor   = 5e9
)

// buckets remembers when to look at the buckets of a policy again: in memory alone, since a look costs
// little. An edited policy is looked at anew.
type buckets struct {
	mu  sync.Mutex
	due map[Key]nextLook
}

type nextLook struct {
	generation int64
	at         signal.Instant
}

func (b *buckets) of(k Key, generation int64) signal.Instant {
	b.mu.Lock()
	defer b.mu.Unlock()
	if next := b.due[k]; next.generation == generation {
		return next.at
	}
	return 0
}

func (b *buckets) set(k Key, generation int64, at signal.Instant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due[k] = nextLook{generation, at}
}

func (b *buckets) forget(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.due, k)
}

// lookAtBuckets says, now and then, which of a policy's bounds its histograms can show, and gives when to
// look again. It comes last in a look: no release waits for it.
func (d *Daemon) lookAtBuckets(ctx context.Context, p Policy, records []Record, l *looking) (signal.Instant, error) {
	asks := bounded(p.Plan, l.world)
	if len(asks) == 0 {
		return 0, nil
	}
	if at := d.buckets.of(p.Key, p.Generation); at > d.now() {
		return at, nil
	}
	by := Asker{Prometheus: p.Plan.Prometheus, Policy: p.Key, Class: signal.Tells}
	var seen []signal.Buckets
	err := d.unlessSpoken(ctx, p.Key, l, records, func(ctx context.Context) {
		timed, cancel := context.WithTimeout(ctx, bucketsFor)
		defer cancel()
		seen = d.Buckets(timed, by, asks, d.now().Add(d.clockOf(timed, p.Plan.Prometheus).ahead))
	})
	if err != nil {
		return 0, err
	}
	if p, err = d.Fresh(ctx, p); err != nil { // the status may have been written since
		return 0, err
	}
	if err := d.SaveBuckets(ctx, p, seen); err != nil {
		return 0, fmt.Errorf("say which bounds can be seen: %w", err)
	}
	at := d.now().Add(bucketsAgain)
	if allKnown(seen) {
		at = d.now().Add(bucketsEvery)
	}
	d.buckets.set(p.Key, p.Generation, at)
	return at, nil
}

// bounded gives the questions about histograms that have bounds, for both slots.
func bounded(plan *release.Plan, w release.World) []signal.Ask {
	var asks []signal.Ask
	for _, s := range plan.Slots {
		for _, a := range plan.Asks(s.Name, w.Slot(s.Name).Version) {
			if a.Kind == signal.Quantile && len(a.Over) > 0 {
				asks = append(asks, a)
			}
		}
	}
	return asks
}

// allKnown tells whether each signal was seen of some slot.
func allKnown(seen []signal.Buckets) bool {
	found := map[string]bool{}
	for _, b := range seen {
		found[b.Signal] = found[b.Signal] || b.Cause == signal.Known
	}
	for _, ok := range found {
		if !ok {
			return false
		}
	}
	return true
}
