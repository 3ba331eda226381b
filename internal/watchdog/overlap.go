package watchdog

import (
	"context"
	"strings"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// ReasonOverlap is of a policy whose slots' selectors take the same series: what counts both tells nothing of either.
const ReasonOverlap = "SelectorsOverlap"

// How often it is looked at whether they do, besides at each first traffic: once that is known, and while it is not.
const (
	overlapsEvery = signal.Duration(3600e9)
	overlapsAgain = signal.Duration(300e9)
)

// overlaps remembers what was found of each policy's selectors.
type overlaps struct {
	mu sync.Mutex
	of map[Key]overlap
}

type overlap struct {
	nextLook
	since signal.Instant // the first traffic that it was asked about
	text  string
}

func (o *overlaps) get(k Key) overlap {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[k]
}

func (o *overlaps) set(k Key, next overlap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[k] = next
}

func (o *overlaps) forget(k Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.of, k)
}

// overlapping says that a policy's slots are not told apart. It is watched all the same, without the signals that
// count both.
func (d *Daemon) overlapping(p Policy) []Problem {
	if o := d.overlaps.get(p.Key); o.text != "" && o.generation == p.Generation {
		return []Problem{{Reason: ReasonOverlap, Message: o.text}}
	}
	return nil
}

// lookAtOverlaps looks, now and then, whether the slots' selectors take the same series, and gives when to look again:
// soon where what it found is another, so that it is said.
func (d *Daemon) lookAtOverlaps(ctx context.Context, p Policy, records []Record, l *looking) (signal.Instant, error) {
	since := firstTraffic(records)
	asks := apart(p.Plan, l.world, since)
	was := d.overlaps.get(p.Key)
	if d.Overlaps == nil || len(asks) == 0 {
		return 0, nil
	}
	if was.generation == p.Generation && was.since == since && was.at > d.now() {
		return was.at, nil
	}
	by := Asker{Prometheus: p.Plan.Prometheus, Policy: p.Key, Class: signal.Tells}
	var texts []string
	var failed error
	err := d.unlessSpoken(ctx, p.Key, l, records, func(ctx context.Context) {
		timed, cancel := context.WithTimeout(ctx, bucketsFor)
		defer cancel()
		texts, failed = d.Overlaps(timed, by, asks, d.now().Add(d.clockOf(timed, p.Plan.Prometheus).ahead))
	})
	if err != nil {
		return 0, err
	}
	next := overlap{nextLook: nextLook{p.Generation, d.now().Add(overlapsEvery)}, since: since, text: strings.Join(texts, "; ")}
	if failed != nil {
		next.at = d.now().Add(overlapsAgain)
		if was.generation == p.Generation {
			next.text = was.text
		}
	}
	d.overlaps.set(p.Key, next)
	if was.generation == p.Generation && was.text == next.text || was.text == "" && next.text == "" {
		return next.at, nil
	}
	return d.now().Add(retryIn), nil
}

// firstTraffic is the first traffic of the newest release, from which on both slots are asked about anew.
func firstTraffic(records []Record) signal.Instant {
	if len(records) == 0 {
		return 0
	}
	return records[len(records)-1].State.FirstTraffic
}

// apart gives the questions that tell the slots apart, of the one, each with the other's selector beside it.
func apart(plan *release.Plan, w release.World, since signal.Instant) []signal.Ask {
	var sides []release.Side
	for _, s := range plan.Slots {
		sides = append(sides, release.Side{Slot: s.Name, Version: w.Slot(s.Name).Version})
	}
	var asks []signal.Ask
	for _, a := range plan.Asks(sides[0].Slot, sides[0].Version) {
		if a.Since, a.Beside = since, plan.Beside(a, sides...); a.Beside != "" {
			asks = append(asks, a)
		}
	}
	return asks
}
