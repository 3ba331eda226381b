package watchdog

import (
	"context"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Past is a release's past, to be lived again.
type Past struct {
	Plan *release.Plan
	Spec release.Spec
	// World is what the cluster looked like then.
	World       func(at signal.Instant) release.World
	From, Until signal.Instant
}

// Replay lives a release's past again, until it is over or the past is: the same needs, measurements and
// rules as the daemon's, with the time as an argument, in mode Observe. Only Read, Newest and
// Befallen of the edges are used; nothing is saved, done or told. See is called after each look.
func Replay(ctx context.Context, e Edges, p Past, see func(old, next release.State, o release.Observed)) (release.State, error) {
	d := &Daemon{Edges: e, settings: func() Settings { return Settings{} }, meter: unmetered{},
		ticks: ticks{last: map[string]int64{}, at: map[string]time.Time{}}, away: away{servers: map[string]*server{}}}
	r := Record{Namespace: p.Plan.Namespace, Spec: p.Spec}
	for at := p.From; at <= p.Until && !r.State.Over(); {
		if err := ctx.Err(); err != nil {
			return r.State, err
		}
		o := release.Observed{Now: at, Namespace: r.Namespace, Spec: r.Spec, Plan: p.Plan, Mode: release.Observe, World: p.World(at)}
		need := release.Need(r.State, r.Spec.People, p.Plan, at, d.ticks.of(r.Name()))
		if c, due := release.DueMilestone(r.State, need.Check); due { // nobody is told of what is past
			o.Milestone, need.Milestone = &milestone.Milestone{Window: c.Window, At: c.At}, false
		}
		d.measure(ctx, measurement{plan: p.Plan, record: r, need: need}, &o)
		next := release.Advance(r.State, o)
		see(r.State, next, o)
		r.State, r.Spec.Cutover = next, next.Cutover
		at = max(at+1, release.Wake(next, p.Plan, at))
	}
	return r.State, nil
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) Guarded(judge.Tier, signal.Cause, signal.Duration) {}
func (unmetered) Checked(judge.Tier, bool)                          {}
func (unmetered) Advanced(_, _ release.State)                       {}
func (unmetered) Delivered(_, _ string)                             {}
func (unmetered) Refuses(string, bool)                              {}
func (unmetered) Skewed(string, time.Duration)                      {}
func (unmetered) Panicked(string)                                   {}
func (unmetered) Broke(release.Invariant)                           {}
