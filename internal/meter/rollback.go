package meter

import (
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// outcome is what became of a rollback.
type outcome string

const (
	started   outcome = "started"    // decided, by the matrix or a person
	moved     outcome = "moved"      // the weights were set
	proven    outcome = "proven"     // the data plane shows it
	lapsed    outcome = "lapsed"     // not needed any more when judged again
	stuck     outcome = "stuck"      // can't go on, and somebody was paged
	notProven outcome = "not_proven" // not shown in time
	lost      outcome = "lost"       // another writer's weights stand
	taken     outcome = "taken"      // somebody else took the traffic away
	withheld  outcome = "withheld"   // called for, but forbidden
)

func outcomes() []outcome {
	return []outcome{started, moved, proven, lapsed, stuck, notProven, lost, taken, withheld}
}

// Advanced counts what became of a rollback between two states, and how long it took, and the incidents that
// opened meanwhile without a page.
func (m *Meter) Advanced(old, next release.State) {
	m.deferred.Add(float64(deferred(old, next)))
	was, is := ladders(old, next)
	for _, o := range outcomes() {
		if becomes(o, old, next, was, is) {
			m.rollbacks.WithLabelValues(string(o)).Inc()
		}
	}
	if is.Moved != "" {
		return
	}
	if was.FirstShift.IsZero() && !is.FirstShift.IsZero() {
		m.weights.Observe(since(is, is.FirstShift))
	}
	if was.Proven.IsZero() && !is.Proven.IsZero() {
		m.proof.Observe(since(is, is.Proven))
	}
}

func becomes(o outcome, old, next release.State, was, is release.Ladder) bool {
	switch o {
	case started:
		return was.Decided.IsZero() && !is.Decided.IsZero() && is.Moved == ""
	case moved:
		return was.FirstShift.IsZero() && !is.FirstShift.IsZero() && is.Moved == ""
	case proven:
		return was.Proven.IsZero() && !is.Proven.IsZero()
	case lapsed:
		return old.Ladder != nil && old.Ladder.Step != release.Done && next.Ladder == nil
	case stuck:
		return opened(release.CodeRollbackStuck, next) > opened(release.CodeRollbackStuck, old)
	case notProven:
		return opened(release.CodeRollbackNotProven, next) > opened(release.CodeRollbackNotProven, old)
	case lost:
		return was.Lost == "" && is.Lost != ""
	case taken:
		return was.Moved == "" && is.Moved != ""
	case withheld:
		return !old.Is(release.ConditionWithheld) && next.Is(release.ConditionWithheld)
	}
	return false
}

// ladders gives the rollback before and now; the one before is empty if it is another one.
func ladders(old, next release.State) (was, is release.Ladder) {
	if next.Ladder != nil {
		is = *next.Ladder
	}
	if old.Ladder != nil && old.Ladder.Decided == is.Decided {
		was = *old.Ladder
	}
	return was, is
}

// opened gives when an incident was last opened; 0 if never.
func opened(code release.Code, s release.State) (at signal.Instant) {
	for _, i := range s.Incidents {
		if i.Code == code {
			at = max(at, i.Opened)
		}
	}
	return at
}

// deferred counts the incidents that are new between two states and wait for their policy's budget of pages.
func deferred(old, next release.State) (n int) {
	known := map[release.Incident]bool{}
	for _, i := range old.Incidents {
		known[release.Incident{Code: i.Code, Episode: i.Episode}] = true
	}
	for _, i := range next.Incidents {
		if !i.Due.IsZero() && !known[release.Incident{Code: i.Code, Episode: i.Episode}] {
			n++
		}
	}
	return n
}

// since gives the seconds from the verdict or decision behind a rollback to a moment of it.
func since(l release.Ladder, at signal.Instant) float64 {
	from := l.Decided
	if l.Automatic && !l.Verdict.At.IsZero() {
		from = min(from, l.Verdict.At)
	}
	return at.Sub(from).D().Seconds()
}
