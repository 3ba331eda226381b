package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// bornOf checks a new release.
func (w *World) bornOf(s *Service, spec release.Spec) {
	if spec.Candidate.Revision == "" || spec.Candidate.Slot == spec.Stable.Slot {
		w.breaks("%s was made with candidate %+v and stable %+v", spec.Name(), spec.Candidate, spec.Stable)
	}
	for name, h := range s.releases {
		switch o := h.live(); {
		case spec.MidFlight || !s.begun[name] || o.state.Over():
		case o.spec.Stable.Slot == spec.Candidate.Slot && o.spec.Stable.Revision == spec.Candidate.Revision:
			w.breaks("%s takes the stable of %s, which is not over, for a candidate", spec.Name(), name)
		case o.state.Phase == release.RollingBack && o.spec.Candidate.Slot == spec.Stable.Slot && o.spec.Candidate.Revision == spec.Stable.Revision:
			w.breaks("%s would go back to %s, which %s rolls back", spec.Name(), spec.Stable.Revision, name)
		}
	}
}

// saved checks one step of a release's life against the truth.
func (w *World) saved(s *Service, o object, next release.State, size int) {
	name, old := o.spec.Name(), o.state
	if size > release.MaxBytes {
		w.breaks("bounded: %s has a status of %d bytes", name, size)
	}
	if len(next.Told) > 128 || len(next.Incidents) > 32 || len(next.Lines) > 80 || len(next.Transitions) > 4 || len(next.Conditions) > 16 {
		w.breaks("bounded: %s has told %d, incidents %d, lines %d, transitions %d, conditions %d", name,
			len(next.Told), len(next.Incidents), len(next.Lines), len(next.Transitions), len(next.Conditions))
	}
	if old.Over() && next.Phase != old.Phase {
		w.breaks("%s was %s and became %s", name, old.Phase, next.Phase)
	}
	w.checked(name, old, next)
	w.closed(name, old, next)
	w.noted(name, next)
	if l := next.Ladder; l != nil && l.Automatic && (old.Ladder == nil || old.Ladder.Decided != l.Decided) {
		w.decided(s, o, next)
	}
}

// checked sees that no check is lost: each has its verdict at its own time, one after the other.
func (w *World) checked(name string, old, next release.State) {
	if next.Checks < old.Checks || next.Checks > old.Checks+1 {
		w.breaks("no-lost-check: %s went from %d checks to %d", name, old.Checks, next.Checks)
	}
	if next.Checks == old.Checks || len(next.Lines) == 0 {
		return
	}
	line := next.Lines[len(next.Lines)-1]
	c, ok := next.Grid.Check(next.Cutover, int(next.Checks))
	switch {
	case !ok || line.At != c.At || line.Number != next.Checks:
		w.breaks("no-lost-check: %s has check %d of %s, want %s", name, line.Number, line.At, c.At)
	case line.Tier == "" || line.Tier == judge.Blind && line.Cause == "":
		w.breaks("no-lost-check: %s has check %d without verdict or cause", name, line.Number)
	}
}

// closed sees that each window that ends gets one milestone, in order and after its last check.
func (w *World) closed(name string, old, next release.State) {
	n := len(next.Milestones)
	if n < len(old.Milestones) || n > len(old.Milestones)+1 {
		w.breaks("once: %s went from %d milestones to %d", name, len(old.Milestones), n)
	}
	if n == len(old.Milestones) {
		return
	}
	m := next.Milestones[n-1]
	if c, ok := next.Grid.Last(next.Cutover, n-1); !ok || m.Window != c.Window || m.At != c.At || int(next.Checks) < c.Number {
		w.breaks("%s has milestone %s of %s after %d checks, want %+v", name, m.Window, m.At, next.Checks, c)
	}
}

// decided checks an automatic decision.
func (w *World) decided(s *Service, o object, next release.State) {
	name, now := o.spec.Name(), time.Now()
	if !s.breached(o.spec.Candidate.Slot, o.spec.Candidate.Revision, next.FirstTraffic.Time()) {
		w.breaks("blind-is-not-bad: %s is to be rolled back though nothing was wrong: %s", name, next.Ladder.Verdict.Reason)
	}
	if h := o.spec.People.Hold; h != nil && now.Before(h.Until.Time()) {
		w.breaks("people-win: %s is to be rolled back though it is held", name)
	}
	if w.settings.Mode != release.Enforce && now.Sub(w.changed) > grace {
		w.breaks("people-win: %s is to be rolled back in mode %s", name, w.settings.Mode)
	}
	w.allowed(s.key.Namespace, name)
	if before := s.fought(o.spec, now); before != "" {
		w.breaks("people-win: %s is to be rolled back by itself, as its revision was in %s, though people led traffic to it again", name, before)
	}
	if old := o.state; old.Over() || old.Ladder != nil && !old.Ladder.FirstShift.IsZero() {
		w.breaks("once: %s is to be rolled back again", name)
	}
}

// allowed sees that the breaker lets an automatic rollback of the namespace be: it is neither the last of too
// many namespaces nor that of one with too many of its own. The truth is what all releases say of themselves.
func (w *World) allowed(namespace, name string) {
	b, at := w.settings.Breaker, signal.At(time.Now())
	own, namespaces := 0, map[string]bool{}
	for k, s := range w.services {
		for other, r := range s.releases {
			decided, automatic := r.live().state.Automatic()
			if !automatic || other == name || at.Sub(decided) >= b.Within {
				continue
			}
			namespaces[k.Namespace] = true
			if k.Namespace == namespace {
				own++
			}
		}
	}
	if b.Namespaces > 0 && len(namespaces) >= b.Namespaces || b.Rollbacks > 0 && own >= b.Rollbacks {
		w.breaks("the breaker lets %s be rolled back after others in %d namespaces, %d of them in its own", name, len(namespaces), own)
	}
}

// fought names a release in which the very revision was rolled back by itself within a day, and not rolled out anew
// since, nor accepted.
func (s *Service) fought(spec release.Spec, now time.Time) (before string) {
	for name, h := range s.releases {
		o := h.live()
		at, automatic := o.state.Automatic()
		if !automatic || o.spec.Number >= spec.Number || o.spec.Candidate.Slot != spec.Candidate.Slot ||
			o.spec.Candidate.Revision != spec.Candidate.Revision || now.Sub(at.Time()) > 23*time.Hour || s.anew(o.spec, at.Time()) {
			continue
		}
		before = name
	}
	return before
}

// anew tells whether a release's revision was rolled out again, or accepted, since.
func (s *Service) anew(spec release.Spec, since time.Time) bool {
	for _, v := range s.slots[spec.Candidate.Slot].versions {
		if v.since.After(since) && (v.value.missing || v.value.revision != spec.Candidate.Revision) {
			return true
		}
	}
	for _, h := range s.releases {
		if o := h.live(); o.spec.Number > spec.Number && o.spec.Candidate.Slot == spec.Candidate.Slot && o.state.Phase == release.Accepted {
			return true
		}
	}
	return false
}

// grace is how long a look may take from seeing to saving.
const grace = 5 * time.Second

// moving checks a move of the traffic, right before it happens.
func (w *World) moving(s *Service, a release.Action, now time.Time) {
	name := releaseOf(a)
	stable, candidate := s.slots[a.Stable.Slot].live(), s.slots[a.Candidate.Slot].live()
	if stable.ready(now) == 0 {
		w.breaks("ready-first: %s moves to %s, where nothing is ready", name, a.Stable.Slot)
	}
	state := s.releases[name].live().state
	l := state.Ladder
	if l == nil || l.Step != release.Shift || state.Over() {
		w.breaks("%s moves though that is not what its status intends", name)
		return
	}
	turn := name + l.Decided.String()
	if s.turns[turn]++; s.turns[turn] > 1+int(l.Reasserts)+w.Crashes+w.unanswered {
		w.breaks("once: %s moves for the %d. time after %d reasserts", name, s.turns[turn], l.Reasserts)
	}
	if l.Automatic && l.Reasserts == 0 && candidate.ready(now) > 0 && s.plainlyAsBad(a.Stable.Slot, now) {
		w.breaks("never-worse: %s moves to a side that is as bad, since %s", name, l.Verdict.Reason)
	}
	if h := s.health[a.Stable.Slot]; l.Automatic && candidate.ready(now) > 0 && h.failing > lets(l.Plan) && now.Sub(h.since) > grace {
		w.breaks("never-worse: %s moves to a side that says it is not well", name)
	}
}

// lets is how many components may fail by the bounds of a plan's probe.
func lets(p release.Plan) int {
	for _, q := range p.Questions {
		if q.Kind == signal.Probe && len(q.Over) > 0 {
			return int(q.Over[0])
		}
	}
	return 0
}

// plainlyAsBad tells whether a slot with traffic has been bad for three minutes that Prometheus saw, and not by half of
// the other at most.
func (s *Service) plainlyAsBad(slot string, now time.Time) bool {
	least, worst := 1.0, 0.0
	for at := now.Add(-3 * time.Minute); !at.After(now); at = at.Add(10 * time.Second) {
		d, other := s.slots[slot].before(at), s.slots[s.other(slot)].before(at)
		if s.vs.before(at).shares[slot] < 0.05 || d.ready(at) == 0 || s.w.proms["main"].faults.before(at) != (Fault{}) {
			return false
		}
		least, worst = min(least, s.qualityOf(d.revision, at).Errors), max(worst, s.qualityOf(other.revision, at).Errors)
	}
	const half = 0.55 // what is counted is chance
	return least > 0.05 && least > half*worst
}

// noted writes a line of the chronicle.
func (w *World) noted(name string, s release.State) {
	line := fmt.Sprintf("%s %s share %d %s %s checks %d", name, s.Phase, s.Share, s.Readiness, s.Verdict.Tier, s.Checks)
	if l := s.Ladder; l != nil {
		line += fmt.Sprintf(" step %s reasserts %d %s", l.Step, l.Reasserts, l.Stuck)
	}
	for _, in := range s.Incidents {
		line += fmt.Sprintf(" %s/%d", in.Code, in.Episode)
		if !in.Closed.IsZero() {
			line += " closed"
		}
	}
	w.note("%s", line)
}

// mostNotes bounds the chronicle: what came last before the first promise was broken is what tells.
const mostNotes = 400

func (w *World) note(format string, args ...any) {
	if len(w.broken) > 0 {
		return
	}
	if len(w.chronicle) >= 2*mostNotes {
		w.chronicle = append(w.chronicle[:0], w.chronicle[mostNotes:]...)
	}
	w.chronicle = append(w.chronicle, time.Now().UTC().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// Chronicle tells what happened, for a course that went wrong.
func (w *World) Chronicle() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.chronicle, "\n")
}
