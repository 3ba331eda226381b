package release_test

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// An edit that makes guardEvery longer numbers the ticks anew, lower than before: the guard goes on all the same.
func TestALongerGuardEveryKeepsTheGuard(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(20*time.Minute, func(s *sim) { s.plan.GuardEvery *= 4 }).
		errors(green, 30*time.Minute, forever, 0.2).until(40 * time.Minute)
	if s.state.Phase != release.RolledBack {
		t.Errorf("it is %s after ten minutes of trouble", s.state.Phase)
	}
}

// look gives the guard's verdict to a release that is watched, and its state then.
func look(s release.State, at signal.Instant, v judge.Verdict, consider bool) release.State {
	v.At = at
	plan := thePlan()
	return release.Advance(s, release.Observed{Now: at, Namespace: "production", Spec: release.Spec{Policy: "kb", Number: 7,
		Candidate: release.Side{Slot: green, Revision: "g2"}, Stable: release.Side{Slot: blue, Revision: "b1"}}, Plan: plan, Mode: release.Enforce,
		World: release.World{Live: true, Slots: []release.SlotView{running(blue, "b1", 3), running(green, "g2", 3)},
			Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{green: 1}}}},
		BlindFor: signal.Duration(time.Minute), Guard: &v, GuardConsider: consider})
}

func blindFor(c signal.Cause) judge.Verdict {
	return judge.Verdict{Tier: judge.Blind, Signal: "error-rate", Evidence: []judge.Evidence{{Signal: "error-rate", Tier: judge.Blind, Cause: c}}}
}

// A release is blind from the first look that should have been answered, whichever cells it was to look at, and
// through all causes that somebody can mend.
func TestBlindSinceTheFirstLookThatWasNotAnswered(t *testing.T) {
	const t1 = t0 + 3600
	begun := newSim(t).at(time.Minute, cutover).until(30 * time.Minute).state
	if begun.Verdict.Tier != judge.Proceed {
		t.Fatalf("it stands at %+v", begun.Verdict)
	}
	type step struct {
		cause    signal.Cause
		consider bool
	}
	for name, c := range map[string]struct {
		steps []step
		tier  judge.Tier
		since signal.Instant
	}{
		"a look at the rollback cells that nobody answers": {[]step{{signal.Timeout, false}}, judge.Blind, t1},
		"one at all cells after it":                        {[]step{{signal.Timeout, false}, {signal.Timeout, true}}, judge.Blind, t1},
		"another cause":                                    {[]step{{signal.Timeout, false}, {signal.Lag, true}, {signal.Gap, true}, {signal.Timeout, true}}, judge.Blind, t1},
		"what rollback cells alone can't see":              {[]step{{signal.Gap, false}}, judge.Proceed, begun.Verdict.Since},
		"too few requests before":                          {[]step{{signal.Few, true}, {signal.Timeout, false}}, judge.Blind, t1 + 15},
		"too few requests between":                         {[]step{{signal.Timeout, true}, {signal.Few, true}, {signal.Timeout, true}}, judge.Blind, t1 + 30},
	} {
		s := begun
		for i, x := range c.steps {
			s = look(s, t1+signal.Instant(15*i), blindFor(x.cause), x.consider)
		}
		if s.Verdict.Tier != c.tier || s.Verdict.Since != c.since {
			t.Errorf("%s: %s since %s, want %s since %s", name, s.Verdict.Tier, s.Verdict.Since, c.tier, c.since)
		}
	}
	// What stands as worse is not made blind by silence.
	s := look(begun, t1, judge.Verdict{Tier: judge.Consider, Signal: "error-rate"}, true)
	if s = look(s, t1+15, blindFor(signal.Timeout), false); s.Verdict.Tier != judge.Consider {
		t.Errorf("consider became %s by a look that nobody answered", s.Verdict.Tier)
	}
}
