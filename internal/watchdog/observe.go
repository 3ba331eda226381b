package watchdog

import (
	"context"
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// observe sees and measures what the release needs before its next step.
func (d *Daemon) observe(ctx context.Context, p Policy, records []Record, i int, l *looking) (release.Observed, error) {
	r, set, ahead := records[i], d.settings(), d.own(records[i])
	at := d.now().Add(ahead)
	o := release.Observed{Now: at, Namespace: r.Namespace, Spec: r.Spec, Plan: p.Plan, Mode: mode(p.Plan, set.Mode),
		Newer: newer(records, i), BlindFor: set.BlindFor, Breaker: set.Breaker,
		PagesPerHour: set.PagesPerHour, Pages: pages(p.Ledger, records, i)}
	if !p.Gone && p.Plan == nil {
		o.Invalid = invalid(p.Problems)
	}
	o.Spec.People = d.people(r, r.Spec.People)
	o.Sinks = sinks(toTell(p.Plan, r.State), set.Sinks)
	o.Outcomes = d.book.outcomes(r, o.Sinks, at)
	plan := release.InForce(p.Plan, r.State)
	if plan == nil {
		return o, nil
	}
	need := release.Need(r.State, o.Spec.People, p.Plan, at, d.ticks.of(r.Name()))
	sight, err := d.Observe(ctx, plan, p.Ledger.Routes, need.Live)
	if err != nil {
		return o, err
	}
	o.World = sight.World
	d.unready(p.Key, &o.World, ahead, need.Guard || need.Stable)
	err = d.unlessSpoken(ctx, p.Key, l, records, func(ctx context.Context) {
		m := measurement{plan: plan, record: r, need: need, own: ahead}
		if need.Asks() {
			m = d.timed(ctx, m)
		}
		d.measure(ctx, m, &o)
	})
	if err != nil {
		d.ticks.again(r.Name()) // what was measured is void
		return o, err
	}
	o.Away = d.away.is(plan.Prometheus)
	if p := r.State.Phase; p != release.Canary && p != release.Watching {
		d.ticks.rest(r.Name())
	}
	return o, nil
}

// toTell names the sinks of a release. Where its policy has none to say, those of the frozen plan and
// those that have been told something are told the rest: an incident that was opened must be closed.
func toTell(plan *release.Plan, s release.State) []string {
	if plan != nil {
		return plan.Notify
	}
	var names []string
	if s.Ladder != nil {
		names = slices.Clone(s.Ladder.Plan.Notify)
	}
	for _, t := range s.Told {
		if !slices.Contains(names, t.Sink) {
			names = append(names, t.Sink)
		}
	}
	return names
}

func mode(plan *release.Plan, ceiling release.Mode) release.Mode {
	if plan == nil {
		return release.Observe
	}
	return release.Weaker(plan.Mode, ceiling)
}

func invalid(problems []Problem) string {
	if len(problems) == 0 {
		return "the policy is not valid"
	}
	return fmt.Sprintf("%s: %s", problems[0].Reason, problems[0].Message)
}

// newer lists the releases that come after one.
func newer(records []Record, i int) []release.Newer {
	var out []release.Newer
	for _, r := range records {
		if r.Spec.Number > records[i].Spec.Number {
			out = append(out, release.Newer{Name: r.Spec.Name(), Slot: r.Spec.Candidate.Slot,
				Traffic: r.State.Phase != release.Deployed && r.State.Phase != "" && !r.State.Over()})
		}
	}
	return out
}

// pages are those of the policy's other releases, which its budget counts.
func pages(l release.Ledger, records []Record, i int) []release.Page {
	out := l.PagesBut(records[i].Spec.Number)
	for j, r := range records {
		if j != i {
			out = append(out, r.State.Pages()...)
		}
	}
	return out
}

// sinks gives the sinks that a plan names, those that the daemon knows.
func sinks(names []string, all map[string]bool) []release.Sink {
	var out []release.Sink
	for _, n := range names {
		if pages, ok := all[n]; ok {
			out = append(out, release.Sink{Name: n, Pages: pages})
		}
	}
	return out
}

// earliest keeps a span from reaching back before the release's first traffic, in whole bins.
func earliest(s Span, first signal.Instant) Span {
	for s.From < first && s.From < s.To {
		s.From = s.From.Add(s.Bin)
	}
	return s
}
