package watchdog

import (
	"context"
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// observe sees and measures what the release needs before its next step.
func (d *Daemon) observe(ctx context.Context, p Policy, records []Record, i int, l *looking) (release.Observed, error) {
	r, set, ahead := records[i], d.settings(), d.own(records[i])
	at := d.now().Add(ahead)
	ours := d.ours(p, r)
	if !ours {
		p.Plan = nil
	}
	own, others := p.Plan.For(r.Spec), d.others(p, records, i)
	o := release.Observed{Now: at, Namespace: r.Namespace, Spec: r.Spec, Plan: own, Mode: mode(own, set.Mode),
		Newer: newer(others, r), Replaced: ours && p.Ledger.Replaced(r.Spec), BlindFor: set.BlindFor, Breaker: set.Breaker,
		PagesPerHour: set.PagesPerHour, Pages: pages(p.Ledger, others, r)}
	o.Edited = own != p.Plan && !r.Spec.Service.Is(p.Plan)
	o.ModeElsewhere = own != nil && own.Mode != p.Plan.Mode
	o.Unvouched = !ours && !p.Gone && !d.vouched.has(r.Name())
	if !p.Gone && ours && p.Plan == nil {
		o.Invalid = invalid(p.Problems)
	}
	o.Spec.People = d.people(r, r.Spec.People)
	o.Sinks = sinks(toTell(own, r.State), set.sinksOf(r.Namespace))
	o.Outcomes = d.book.outcomes(r, o.Sinks, at)
	plan := release.InForce(own, r.Namespace, r.Spec, r.State)
	if plan == nil {
		return o, nil
	}
	need := release.Need(r.State, o.Spec.People, own, at, d.ticks.of(r.Name()))
	sight, err := d.Observe(ctx, plan, p.Ledger.Memory(plan.VirtualService), need.Live)
	if err != nil {
		return o, err
	}
	o.World = sight.World
	d.see(ctx, r, plan, &o.World)
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
	if o.Guard != nil && o.Guard.Tier == judge.Rollback {
		d.rule(ctx, p, &o)
	}
	o.Away = d.away.is(plan.Prometheus)
	if p := r.State.Phase; p != release.Canary && p != release.Watching {
		d.ticks.rest(r.Name())
	}
	return o, nil
}

// rule fills in anew what people say of acting at all, in the daemon's file and the policy: they may have said so while
// Prometheus was waited for.
func (d *Daemon) rule(ctx context.Context, p Policy, o *release.Observed) {
	set, plan := d.settings(), o.Plan
	if now, err := d.Policy(ctx, p.Key); err == nil && plan != nil && now.Plan != nil {
		plan = now.Plan.For(o.Spec)
	}
	o.Mode, o.Breaker = mode(plan, set.Mode), set.Breaker
}

// see fills in whether stable's destination can be given traffic, as long as it may have to be.
func (d *Daemon) see(ctx context.Context, r Record, plan *release.Plan, w *release.World) {
	slot, ok := plan.Slot(r.Spec.Stable.Slot)
	if d.Leads == nil || !ok || r.State.Over() || r.State.Phase == release.RolledBack {
		return
	}
	for i := range w.Slots {
		if w.Slots[i].Slot == slot.Name {
			w.Slots[i].Unusable = d.Leads(ctx, r.Namespace, slot, w.Live)
		}
	}
}

// ours tells whether the policy's ledger knows a release, and keeps that for when the policy is gone or made again.
func (d *Daemon) ours(p Policy, r Record) bool {
	if p.Gone || !p.Ledger.Knows(r.Spec.Number) {
		return false
	}
	d.vouched.add(r.Name())
	return true
}

// knows tells whether greenwatch made a release, as far as its policy's ledger or this process knows.
func (d *Daemon) knows(r Record, l release.Ledger) bool {
	return l.Knows(r.Spec.Number) || d.vouched.has(r.Name())
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

// others gives the policy's other releases, those that are ours: what somebody else made supersedes nobody, and uses
// up nobody's pages.
func (d *Daemon) others(p Policy, records []Record, i int) []Record {
	var out []Record
	for j, r := range records {
		if j != i && d.knows(r, p.Ledger) {
			out = append(out, r)
		}
	}
	return out
}

// newer lists the releases that come after one.
func newer(others []Record, than Record) []release.Newer {
	var out []release.Newer
	for _, r := range others {
		if r.Spec.Number > than.Spec.Number {
			out = append(out, release.Newer{Name: r.Spec.Name(), Slot: sameSlot(than.Spec, r.Spec), Revision: r.Spec.Candidate.Revision,
				Traffic: r.State.Phase != release.Deployed && r.State.Phase != "" && !r.State.Over()})
		}
	}
	return out
}

// pages are those of the policy's other releases, which its budget counts.
func pages(l release.Ledger, others []Record, but Record) []release.Page {
	out := l.PagesBut(but.Spec.Number)
	for _, r := range others {
		out = append(out, r.State.Pages()...)
	}
	return out
}

// sameSlot names the slot of the newer release if the older one calls the same thing so: slots may have been edited.
func sameSlot(older, newer release.Spec) string {
	if older.Service != nil && newer.Service != nil {
		was, _ := older.Service.Slot(newer.Candidate.Slot)
		is, _ := newer.Service.Slot(newer.Candidate.Slot)
		if was.Deployment != is.Deployment {
			return ""
		}
	}
	return newer.Candidate.Slot
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
