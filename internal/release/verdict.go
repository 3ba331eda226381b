package release

import (
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// most of what is kept of the past.
const (
	mostLines       = 80
	mostTransitions = 4
)

// takeBefore keeps what was so before the first traffic: the candidate's requests, which proof is held
// against, and what stable measured.
func takeBefore(t *turn) {
	if t.o.Before != nil && t.s.Before == nil {
		n := *t.o.Before
		t.s.Before = &n
	}
	if t.s.Baseline == nil {
		t.s.Baseline = t.o.Baseline
	}
}

// takeGuard lets the guard's verdict stand. A look at the rollback cells alone can raise the
// standing verdict, but says nothing about the rest of the matrix and clears nothing.
func takeGuard(t *turn) {
	v := t.o.Guard
	if v == nil || !t.watched() {
		return
	}
	if v.Tier != judge.Rollback && v.HeldBack() == "" && !t.o.GuardConsider && !t.unanswered(*v) {
		return
	}
	tier, signal, reason := v.Tier, v.Signal, v.Reason
	if l := t.s.Latest; l != nil && l.Tier == judge.Investigate && judge.Investigate.Worse(tier) {
		tier, signal, reason = l.Tier, l.Signal, l.Reason
	}
	t.stand(Standing{Tier: tier, Signal: signal, Reason: reason, Cause: causeOf(*v, tier), Alike: v.Alike()}, *v)
}

// unanswered tells whether nobody answered what the standing verdict is good for: it stands no more from the
// first look that should have been answered, whichever cells that was to look at.
func (t *turn) unanswered(v judge.Verdict) bool {
	if c := causeOf(v, v.Tier); c.OfServer() || c == signal.Timeout {
		now := t.s.Verdict
		return now.Tier == "" || now.Tier == judge.Proceed || now.Tier == judge.Blind && !pagesBlind(now.Cause)
	}
	return false
}

// stand lets a verdict stand from now on, if it differs in what people care about: its numbers may
// wander without a word.
func (t *turn) stand(next Standing, v judge.Verdict) {
	now := t.s.Verdict
	if now.Tier == next.Tier && now.Signal == next.Signal && now.Cause == next.Cause && now.Alike == next.Alike {
		return
	}
	next.Since = v.At
	if now.Tier == judge.Blind && next.Tier == judge.Blind && pagesBlind(now.Cause) && pagesBlind(next.Cause) && !now.Cause.OfServer() {
		next.Since = now.Since // it sees no more than before, whatever it is for now; a server that does not answer has its own page
	}
	t.s.Verdict = next
	t.s.Transitions = append(t.s.Transitions, *v.DeepCopy())
	if n := len(t.s.Transitions) - mostTransitions; n > 0 {
		t.s.Transitions = t.s.Transitions[n:]
	}
}

// causeOf gives why a blind verdict that stands as the given tier is blind.
func causeOf(v judge.Verdict, tier judge.Tier) signal.Cause {
	if tier != judge.Blind {
		return signal.Known
	}
	for _, e := range v.Evidence {
		if e.Signal == v.Signal {
			return e.Cause
		}
	}
	return signal.Known
}

// takeCheck records the verdict of a check: in a line, and the latest with all its evidence. A past
// breach acts on nothing: only what holds now does, and that the guard says.
func takeCheck(t *turn) {
	c := t.o.Check
	if c == nil || t.s.Phase != Watching || int32(c.Check.Number) != t.s.Checks+1 {
		return
	}
	v := *c.Verdict.DeepCopy()
	t.s.Checks++
	t.s.Latest = &v
	t.s.Lines = append(t.s.Lines, CheckLine{Number: int32(c.Check.Number), Window: c.Check.Window, At: c.Check.At,
		Tier: v.Tier, Late: c.Late, Signal: v.Signal, Cause: string(causeOf(v, v.Tier)), Without: judge.Named(v.Without)})
	if n := len(t.s.Lines) - mostLines; n > 0 {
		t.s.Lines = t.s.Lines[n:]
	}
	t.set(ConditionLate, c.Late, "Judged", "the latest check was judged after its time")
	t.nextCheck()
	if v.Tier == judge.Investigate && (t.s.Verdict.Tier == judge.Proceed || t.s.Verdict.Tier == judge.Blind) {
		t.stand(Standing{Tier: v.Tier, Signal: v.Signal, Reason: v.Reason}, v)
	}
	if v.Tier == judge.Proceed && t.s.Verdict.Tier == judge.Investigate {
		t.stand(Standing{Tier: v.Tier}, v)
	}
}

// takeEpisode opens an episode with trouble, and closes it when it has been clear for long enough. To
// be blind is not to be clear, whatever the cause.
func takeEpisode(t *turn) {
	e := &t.s.Episode
	if t.trouble() {
		if !e.Open() {
			relapsed := !e.Closed.IsZero() && t.o.Now.Sub(e.Closed) < relapse
			*e = Episode{Number: e.Number + 1, Opened: t.o.Now, Relapsed: relapsed}
		}
		e.ClearSince = 0
		return
	}
	if !e.Open() {
		return
	}
	if t.watched() && t.s.Verdict.Tier == judge.Blind {
		e.ClearSince = 0
		return
	}
	if e.ClearSince.IsZero() {
		e.ClearSince = t.o.Now
	}
	if t.o.Now.Sub(e.ClearSince) >= t.clearFor() || t.s.Over() {
		*e = Episode{Number: e.Number, Closed: t.o.Now}
	}
}

// relapse is how soon after its end trouble that comes again is the same trouble, to whoever is paged for it.
const relapse = signal.Duration(10 * 60e9)

// clearFor is how long it must be clear before an episode is closed: as long as the policy says, but for two
// looks at the whole matrix at least, and longer where it came again before.
func (t *turn) clearFor() signal.Duration {
	clear := t.limits().EpisodeClear
	if t.s.Episode.Relapsed {
		clear = max(clear, relapse)
	}
	if t.o.Plan != nil {
		clear = max(clear, 2*t.o.Plan.ConsiderEvery())
	}
	return clear
}

// trouble tells whether what stands now is worth an episode. Too little traffic is not.
func (t *turn) trouble() bool {
	if t.s.Over() || t.s.Phase == RolledBack {
		return false
	}
	if t.s.Phase == RollingBack {
		return true
	}
	switch t.s.Verdict.Tier {
	case judge.Rollback, judge.Consider:
		return true
	case judge.Blind:
		return pagesBlind(t.s.Verdict.Cause)
	}
	return false
}

// pagesBlind tells whether not knowing for this cause is a fault that somebody can mend.
func pagesBlind(c signal.Cause) bool {
	switch c {
	case signal.Idle, signal.Few, signal.Young, signal.AtEnd, signal.Warming, signal.NoBaseline:
		return false
	}
	return true
}

// limits are the frozen ones while a ladder is open.
func (t *turn) limits() Limits {
	if l := t.s.Ladder; l != nil && l.Step != Done && l.Plan.Policy != "" && !t.foreignPlan() {
		return l.Plan.Limits
	}
	if t.o.Plan != nil {
		return t.o.Plan.Limits
	}
	return Limits{}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
