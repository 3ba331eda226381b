package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const forever = 10_000 * time.Hour

// bad is a cutover at 1m whose candidate fails 20 % of its requests from 20m on: it has lasted the four
// minutes that the bound asks for at 24m30s, when the first of five bins is above 5 % with its 30 bad seconds.
func bad(t *testing.T) *sim {
	t.Helper()
	return newSim(t).at(time.Minute, cutover).errors(green, 20*time.Minute, forever, 0.2)
}

func TestRollback(t *testing.T) {
	s := bad(t).until(3 * time.Hour)
	s.happened("0s Deployed", "1m0s Watching",
		"24m30s RollingBack Recheck", "24m30s RollingBack Ready", "24m30s RollingBack Shift", "24m30s SetShares Performed",
		"24m30s OpenPage Rollback", "24m30s RollingBack Prove",
		"24m40s RolledBack WatchStable",
		"29m45s RolledBack ScaleDown", "29m45s ClosePage Rollback",
		"1h24m40s ScaleAway Performed", "1h24m40s RolledBack Done")
	s.never("ScaleUp") // stable was hot
	if s.count("OpenPage") != 1 || s.count("SetShares") != 1 {
		t.Errorf("more than one page or shift:\n%v", s.log)
	}
	l := s.state.Ladder
	if l.Decided != t0.Add(dur(24*time.Minute+30*time.Second)) || l.FirstShift.IsZero() || !l.Automatic || l.Needed != 3 || l.Routes[0] != "main" {
		t.Errorf("the ladder is %+v", l)
	}
	if s.state.Decision == nil || s.state.Decision.Signal != "error-rate" || len(s.state.Decision.Evidence[0].Bins) != 5 {
		t.Errorf("the decision's evidence is %+v", s.state.Decision)
	}
	if s.state.Active() || !s.state.Over() || s.state.Ended.IsZero() {
		t.Errorf("it still goes on: active %v, over %v, ended %s", s.state.Active(), s.state.Over(), s.state.Ended)
	}
}

func TestAShortBurstMovesNothing(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 20*time.Minute, 23*time.Minute+30*time.Second, 0.2).until(time.Hour)
	s.phase(release.Watching)
	s.never("RollingBack")
}

func TestWhatBeganBeforeTheFirstTrafficWasSeenIsNotCounted(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 0, 5*time.Minute, 0.5).until(5*time.Minute + 10*time.Second)
	s.never("RollingBack")
	s = newSim(t).at(time.Minute, cutover).errors(green, 0, forever, 0.5).until(6 * time.Minute)
	s.happened("6m0s RollingBack Recheck")
}

func TestRecheckThatIsClearLapses(t *testing.T) {
	s := bad(t)
	s.stepBy(func() bool { return step(s) == release.Recheck })
	s.troubles = nil
	s.until(26 * time.Minute)
	s.happened("24m30s RollingBack Recheck", "24m30s Watching")
	s.never("SetShares")
	s.never("OpenPage Rollback")
	if s.state.Decision != nil || s.state.NextCheck.IsZero() {
		t.Errorf("the decision stays, or no check is planned: %+v", s.state)
	}
}

func TestRecheckThatIsBlindWaits(t *testing.T) {
	s := bad(t)
	s.stepBy(func() bool { return step(s) == release.Recheck })
	s.blind[green] = signal.Gap
	s.until(28 * time.Minute)
	s.phase(release.RollingBack)
	s.never("SetShares")
	s.never("OpenPage")
	s.until(30 * time.Minute)
	s.happened("29m30s OpenPage RollbackStuck")
	s.at(31*time.Minute, func(s *sim) { delete(s.blind, green) }).until(32 * time.Minute)
	s.happened("31m0s SetShares Performed", "31m10s RolledBack WatchStable")
}

// stepBy plays single calls without performing anything until something is so.
func (s *sim) stepBy(is func() bool) {
	s.t.Helper()
	for range 1_000_000 {
		for len(s.script) > 0 && s.script[0].at <= s.since() {
			do := s.script[0].do
			s.script = s.script[1:]
			do(s)
		}
		s.advance(s.observe())
		if is() {
			return
		}
		s.now++
	}
	s.t.Fatal("never came to it")
}

func step(s *sim) release.Step {
	if s.state.Ladder == nil {
		return ""
	}
	return s.state.Ladder.Step
}

// ready-first

func TestWarmStableIsScaledUpFirst(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 0, 0)).until(time.Hour)
	s.happened("24m30s RollingBack Ready", "24m30s ScaleUp Performed", "24m30s OpenPage Rollback", "25m10s RollingBack Shift", "25m10s SetShares Performed", "25m20s RolledBack WatchStable")
	if s.state.Ladder.Warmed != t0.Add(dur(24*time.Minute+30*time.Second)) || s.count("ScaleUp") != 1 {
		t.Errorf("warmed at %s, %d times", s.state.Ladder.Warmed, s.count("ScaleUp"))
	}
}

func TestPartialStableIsScaledUpToTheCandidatesLoad(t *testing.T) {
	s := bad(t).at(time.Minute, ready(green, 6, 6)).at(10*time.Minute, ready(blue, 2, 2)).until(24 * time.Minute)
	if s.state.Readiness != release.Partial || s.state.ReadinessReason != "2 of the 6 replicas that the load needs are ready" {
		t.Errorf("readiness is %s: %s", s.state.Readiness, s.state.ReadinessReason)
	}
	s.until(time.Hour).happened("24m30s ScaleUp Performed", "25m10s SetShares Performed")
	if s.slot(blue).Wanted != 6 {
		t.Errorf("scaled to %d, want the candidate's 6", s.slot(blue).Wanted)
	}
}

func TestADeadCandidateIsLeftForAnyReadyReplica(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, ready(blue, 3, 1)).at(20*time.Minute, func(s *sim) {
		v := s.slot(green)
		v.Ready, v.Ticks, v.UnreadySince = 0, 2, s.now-30
	}).until(30 * time.Minute)
	s.happened("20m0s RollingBack Recheck", "20m0s SetShares Performed")
	s.never("ScaleUp")
}

func TestACandidateThatFailsEveryRequestIsLeftForAnyReadyReplica(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, ready(blue, 3, 1)).errors(green, 20*time.Minute, forever, 1)
	s.perform[release.SetShares] = func(a release.Action) (release.Result, string) {
		if a.Ladder.Needed > 1 {
			return release.Refused, "not ready"
		}
		return release.Performed, ""
	}
	s.until(30*time.Minute).happened("22m0s RollingBack Recheck", "22m0s SetShares Performed")
	if s.state.Ladder.Needed != 3 {
		t.Errorf("the ladder needs %d, want it as it was decided: 3", s.state.Ladder.Needed)
	}
	// Its control: 20 % of errors, and the same stable is not enough.
	s = bad(t).at(10*time.Minute, ready(blue, 3, 1)).until(29 * time.Minute)
	s.never("SetShares")
}

func TestStableThatNeverGetsReadyKeepsTheTraffic(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 0, 0))
	s.warmUp = -1
	s.until(time.Hour)
	s.phase(release.RollingBack)
	s.never("SetShares")
	s.happened("24m30s OpenPage Rollback", "29m30s OpenPage RollbackStuck")
	if got := s.state.Ladder.Stuck; got != "stable has not had 3 ready replicas within 5m" {
		t.Errorf("stuck is %q", got)
	}
	// Its control: once it is ready the traffic moves, and the page is closed.
	s.at(s.since()+time.Second, ready(blue, 3, 3)).until(2 * time.Hour)
	s.happened("1h0m1s SetShares Performed", "1h0m1s ClosePage RollbackStuck")
}

func TestGoneStableKeepsTheTraffic(t *testing.T) {
	gone := map[string]struct {
		how func(*sim)
		why string
	}{
		"deleted":          {func(s *sim) { s.slot(blue).Found = false }, "the Deployment of slot blue does not exist"},
		"another revision": {revision(blue, "b2"), "slot blue holds revision b2 (b1), not stable's b1 (1.9)"},
	}
	for name, c := range gone {
		t.Run(name, func(t *testing.T) {
			s := bad(t).at(10*time.Minute, c.how).until(20 * time.Minute)
			s.happened("10m0s OpenPage ReadinessLost")
			if s.state.Readiness != release.Gone || s.state.ReadinessReason != c.why {
				t.Errorf("readiness is %s: %s", s.state.Readiness, s.state.ReadinessReason)
			}
			s.until(2 * time.Hour)
			s.happened("24m30s RollingBack Ready", "24m30s OpenPage RollbackStuck")
			s.never("SetShares")
			s.never("ScaleUp")
			s.never("OpenPage Rollback ")
			if s.state.Incidents[1].Text != c.why {
				t.Errorf("the page says %q, want %q", s.state.Incidents[1].Text, c.why)
			}
		})
	}
}

func TestReadinessLostLateIsANote(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(25*time.Hour, revision(blue, "b2"))
	s.plan.GuardEvery = dur(5 * time.Minute)
	s.until(26 * time.Hour)
	if s.state.Readiness != release.Gone {
		t.Fatalf("readiness is %s", s.state.Readiness)
	}
	s.never("OpenPage")
}

// proof

func TestNotProvenInTimePages(t *testing.T) {
	s := bad(t)
	s.sticky = true
	s.until(40 * time.Minute)
	s.phase(release.RollingBack)
	s.happened("24m30s RollingBack Prove", "29m30s OpenPage RollbackNotProven")
	s.at(41*time.Minute, func(s *sim) { s.sticky = false }).until(42 * time.Minute)
	s.happened("41m0s RolledBack WatchStable", "41m0s ClosePage RollbackNotProven")
}

func TestALateShiftIsPagedWithWords(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 0, 0))
	s.warmUp, s.sticky = 6*time.Minute, true
	s.until(40 * time.Minute)
	s.happened("30m30s RollingBack Prove", "30m30s OpenPage RollbackNotProven")
	for _, in := range s.state.Incidents {
		if in.Text == "" {
			t.Errorf("%s says nothing", in.Code)
		}
	}
}

func TestWithoutARequestsQueryTheWeightsAreTheProof(t *testing.T) {
	s := bad(t)
	s.plan.Requests = nil
	s.until(time.Hour).happened("24m30s RollingBack Prove", "25m0s RolledBack WatchStable")
}

func TestWhatProvesThatTheTrafficMoved(t *testing.T) {
	m := func(candidate, stable signal.Number, why ...signal.Cause) *release.Traffic {
		x := &release.Traffic{From: t0 + 10_010, To: t0 + 10_070, Candidate: candidate, Stable: stable}
		if len(why) > 0 {
			x.CandidateCause = why[0]
		}
		if len(why) > 1 {
			x.StableCause = why[1]
		}
		return x
	}
	early := m(0, 100)
	early.From = t0 + 9_000
	cases := []struct {
		name     string
		m        *release.Traffic
		replicas int32
		want     bool
	}{
		{"nothing measured", nil, 3, false},
		{"measured before the shift", early, 3, false},
		{"as many probes as before its first traffic", m(6, 0), 3, true},
		{"half as many again", m(9, 0), 3, true},
		{"more", m(10, 0), 3, false},
		{"under 1 % of the service's", m(99, 9_902), 3, true},
		{"1 % of the service's", m(100, 9_900), 3, false},
		{"stable unknown, so the whole is", m(10, 9_900, signal.Known, signal.Gap), 3, false},
		{"candidate unknown", m(0, 100, signal.Gap), 3, false},
		{"candidate unknown and dead, stable serves", m(0, 100, signal.Gap), 0, true},
		{"candidate unknown and dead, stable silent", m(0, 0, signal.Gap), 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := bad(t)
			s.stepBy(func() bool { return step(s) == release.Shift })
			s.now = t0 + 10_000
			shares(0, "greenwatch")(s)
			s.advance(s.observe())
			if step(s) != release.Prove {
				t.Fatalf("the step is %s, want Prove", step(s))
			}
			s.now = t0 + 10_070
			o := s.observe()
			o.Traffic = c.m
			o.World.Slots[1].Ready = c.replicas
			if got := release.Advance(s.state, o).Ladder.Step == release.WatchStable; got != c.want {
				t.Errorf("proven: %v, want %v", got, c.want)
			}
		})
	}
}

// other writers

func TestForeignWriterIsAnsweredThreeTimes(t *testing.T) {
	s := bad(t)
	n := 0
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
		n++
		s.at(s.since()+5*time.Second, shares(1, "argocd"))
		return release.Performed, ""
	}
	s.until(40 * time.Minute)
	s.phase(release.Watching)
	if n != 4 {
		t.Errorf("the weights were set %d times, want once and three times again", n)
	}
	s.happened("24m30s SetShares Performed", "24m35s SetShares Performed", "24m40s SetShares Performed", "24m45s SetShares Performed",
		"24m50s Watching Done", "24m50s OpenPage RollbackLost")
	if !s.state.Is(release.ConditionRollbackLost) || s.state.Ladder.Lost != "argocd" {
		t.Errorf("lost to %q", s.state.Ladder.Lost)
	}
	if s.count("OpenPage Rollback") != 3 { // Rollback, RollbackLost, RollbackWithheld
		t.Errorf("pages: %v", s.log)
	}
	s.withheld("Spent")
	s.perform = nil
	s.until(5 * time.Hour)
	s.phase(release.Watching)
	if s.count("SetShares") != 4 || s.count("OpenPage") != 3 {
		t.Errorf("more was done by itself, or paged again: %v", s.log)
	}
	// A person may still decide.
	s.at(s.since()+time.Second, decision(release.ChooseRollback, "ann")).until(7 * time.Hour)
	s.phase(release.RolledBack)
}

func TestForeignWriterAfterTwoMinutesWinsAtOnce(t *testing.T) {
	s := bad(t)
	s.sticky = true
	s.at(27*time.Minute, shares(1, "argocd")).until(30 * time.Minute)
	s.happened("27m0s Watching Done", "27m0s OpenPage RollbackLost")
	if s.count("SetShares") != 1 {
		t.Errorf("fought: %v", s.log)
	}
}

func TestForeignWriterWithinTheProofIsAnsweredStill(t *testing.T) {
	s := bad(t).at(25*time.Minute, shares(1, "argocd")).until(2 * time.Hour)
	s.happened("24m40s RolledBack WatchStable", "25m0s RollingBack Shift", "25m0s SetShares Performed", "25m10s RolledBack WatchStable")
	s.phase(release.RolledBack)
	if s.state.Ladder.Reasserts != 1 {
		t.Errorf("%d reasserts, want 1", s.state.Ladder.Reasserts)
	}
}

func TestTrafficThatComesBackLaterKeepsTheCandidate(t *testing.T) {
	s := bad(t).at(40*time.Minute, shares(0.1, "ann")).until(3 * time.Hour)
	s.happened("40m0s RolledBack Done")
	s.never("ScaleAway")
	if s.state.Ladder.Stuck != "the candidate's slot has traffic again, by ann" {
		t.Errorf("kept because %q", s.state.Ladder.Stuck)
	}
}

func TestNewRevisionKeepsTheCandidatesSlot(t *testing.T) {
	for name, how := range map[string]func(*sim){"revision": revision(green, "g3"), "deleted": func(s *sim) { s.slot(green).Found = false }} {
		t.Run(name, func(t *testing.T) {
			s := bad(t).at(40*time.Minute, how).until(3 * time.Hour)
			s.never("ScaleAway")
			s.phase(release.RolledBack)
			if !s.state.Over() {
				t.Error("it is not over")
			}
		})
	}
}

func TestSomebodyTookTheTrafficFirst(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 0, 0)).at(24*time.Minute+50*time.Second, shares(0, "ann")).until(time.Hour)
	s.happened("24m30s ScaleUp Performed", "24m50s RolledBack Done")
	s.never("SetShares")
	s.never("ScaleAway")
	if s.state.Ladder.Moved != "ann" {
		t.Errorf("moved by %q", s.state.Ladder.Moved)
	}
}

// after the rollback

func TestBadStableIsPagedAndTheCandidateStays(t *testing.T) {
	s := bad(t).errors(blue, 20*time.Minute, 50*time.Minute, 0.2).until(49 * time.Minute)
	s.happened("24m40s RolledBack WatchStable", "24m45s OpenPage StableBad")
	if step(s) != release.WatchStable {
		t.Fatalf("the step is %s, want WatchStable as long as stable is bad", step(s))
	}
	s.until(3 * time.Hour)
	s.happened("51m0s RolledBack ScaleDown", "1h24m40s ScaleAway Performed", "1h24m40s ClosePage StableBad")
}

// What is as bad on the other side, and was before, is not the release: people are paged, once, and the traffic
// stays. When the other side recovers, it is the release after all.
func TestWhatWasAsBadOnTheOtherSideIsNotTheRelease(t *testing.T) {
	s := bad(t).errors(blue, 20*time.Minute, 40*time.Minute, 0.2)
	s.compared = judge.StableBefore
	s.until(39 * time.Minute)
	s.happened("24m30s OpenPage RollbackWithheld")
	s.never("OpenPage Consider")
	if s.count("OpenPage") != 1 {
		t.Errorf("%d pages, want 1:\n%v", s.count("OpenPage"), s.log)
	}
}

// What the service's callers get from both sides alike is told in the release's message, and nobody is paged for it.
func TestWhatBothSidesDoAlikeIsANote(t *testing.T) {
	s := bad(t).errors(blue, 20*time.Minute, 40*time.Minute, 0.2)
	s.compared = judge.StableNow
	before := s.until(19 * time.Minute).state.Story
	s.until(39 * time.Minute)
	s.never("RollingBack")
	s.never("OpenPage")
	if c := s.state.Condition(release.ConditionWithheld); c == nil || c.Reason != "BothSides" || s.state.Verdict.Tier != judge.Consider || !s.state.Verdict.Alike {
		t.Errorf("withheld: %+v; stands: %+v", c, s.state.Verdict)
	}
	if !strings.Contains(s.state.Verdict.Reason, "blue is as bad now") || s.state.Story == before {
		t.Errorf("the message says %q, in edition %d after %d", s.state.Verdict.Reason, s.state.Story, before)
	}
	s.until(time.Hour).happened("47m15s RollingBack Recheck", "47m15s OpenPage Rollback")
	control := bad(t)
	control.compared = judge.StableNow
	control.until(time.Hour).happened("24m30s RollingBack Recheck")
}

// What ends on both sides at once was never for people to consider: it is one page at most, whichever look sees the end.
func TestTroubleOfBothSidesEndsWithOnePage(t *testing.T) {
	for against, pages := range map[judge.Against]int{judge.StableBefore: 1, judge.StableNow: 0} {
		for seconds := range time.Duration(4) {
			end := 30*time.Minute + 15*seconds*time.Second
			s := newSim(t).at(time.Minute, cutover).errors(green, 20*time.Minute, end, 0.2).errors(blue, 20*time.Minute, end, 0.2)
			s.compared = against
			s.until(90 * time.Minute)
			if s.count("OpenPage RollbackWithheld") != pages || s.count("OpenPage") != pages || s.count("ClosePage") != pages {
				t.Errorf("%s: an end at %s brings other than %d pages:\n%v", against, end, pages, s.log)
			}
		}
	}
}

func TestAHoldKeepsTheCandidateUp(t *testing.T) {
	s := bad(t).at(time.Hour, hold(4*time.Hour)).until(3*time.Hour + 59*time.Minute)
	s.never("ScaleAway")
	s.until(5 * time.Hour).happened("4h0m0s ScaleAway Performed")
}

func TestScaleAwayRefusedKeepsTheCandidate(t *testing.T) {
	s := bad(t)
	s.perform[release.ScaleAway] = func(release.Action) (release.Result, string) { return release.Refused, "it still gets traffic" }
	s.until(3 * time.Hour)
	if s.count("ScaleAway") != 1 || !s.state.Over() || s.state.Ladder.Stuck != "it still gets traffic" {
		t.Errorf("got %+v after %v", s.state.Ladder, s.log)
	}
}

// failures of writing

func TestARefusedShiftIsPagedAtOnceAndTriedAgain(t *testing.T) {
	s := bad(t)
	refuse := true
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
		if refuse {
			return release.Refused, "VirtualService kb is gone"
		}
		return release.Performed, ""
	}
	s.until(25 * time.Minute)
	changes, story := s.changes, s.state.Story
	s.until(26 * time.Minute)
	if s.changes != changes || s.state.Story != story {
		t.Errorf("being refused again is news: %d changes, %d editions", s.changes-changes, s.state.Story-story)
	}
	s.at(26*time.Minute+10*time.Second, func(*sim) { refuse = false }).until(27 * time.Minute)
	s.happened("24m30s SetShares Refused", "24m30s OpenPage RollbackStuck", "26m10s SetShares Performed", "26m10s ClosePage RollbackStuck")
	if s.count("OpenPage RollbackStuck") != 1 {
		t.Error("paged more than once")
	}
}

func TestStableThatFallsBackIsMadeReadyAgain(t *testing.T) {
	s := bad(t)
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
		if s.slot(blue).Ready < 3 {
			return release.Refused, "not ready"
		}
		return release.Performed, ""
	}
	s.stepBy(func() bool { return step(s) == release.Shift })
	ready(blue, 1, 1)(s)
	s.until(30 * time.Minute)
	s.happened("24m32s RollingBack Shift", "24m32s RollingBack Ready", "24m32s ScaleUp Performed", "25m12s SetShares Performed")
}

func TestAConflictIsNoTrouble(t *testing.T) {
	s := bad(t)
	n := 0
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
		if n++; n < 4 {
			return release.Conflict, "somebody wrote"
		}
		return release.Performed, ""
	}
	s.until(30 * time.Minute)
	s.never("OpenPage RollbackStuck")
	s.happened("24m30s SetShares Conflict", "24m34s SetShares Performed")
}

func TestAFailedShiftIsPagedWhenLate(t *testing.T) {
	s := bad(t)
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) { return release.Failed, "timeout" }
	s.until(40 * time.Minute)
	s.happened("24m30s SetShares Failed", "29m30s OpenPage RollbackStuck")
	if s.state.Ladder.Stuck != "SetShares: timeout" {
		t.Errorf("stuck is %q", s.state.Ladder.Stuck)
	}
}

func TestAShiftWithoutAnOutcomeIsSeen(t *testing.T) {
	s := bad(t)
	s.stepBy(func() bool { return step(s) == release.Shift })
	shares(0, "greenwatch")(s) // and the process died before it could say so
	s.until(26 * time.Minute)
	s.never("SetShares")
	s.happened("24m32s RollingBack Prove", "24m42s RolledBack WatchStable")
}

// withheld: each with the cause taken away as its control

func TestWithheld(t *testing.T) {
	cases := []struct {
		reason string
		cause  func(*sim)
		gone   func(*sim) // the control; nil: nothing takes it away
	}{
		{"Observe", func(s *sim) { s.mode = release.Observe }, func(s *sim) { s.mode = release.Enforce }},
		{"MidFlight", func(s *sim) { s.spec.MidFlight = true }, func(s *sim) { s.spec.MidFlight = false }},
		{"Held", hold(forever), func(s *sim) { s.spec.People.Hold = nil }},
		{"AfterAutomatic", func(s *sim) { s.plan.Limits.AutomaticFor = dur(10 * time.Minute) }, func(s *sim) { s.plan.Limits.AutomaticFor = dur(24 * time.Hour) }},
		{"BothSides", func(s *sim) {
			s.at(15*time.Minute, shares(0.5, "deployer"))
			s.errors(blue, 15*time.Minute, 40*time.Minute, 0.2)
		}, func(*sim) {}},
		{"SharesUnknown", func(s *sim) { s.at(22*time.Minute, func(s *sim) { s.world.Problem = "two routes are one" }) }, func(s *sim) { s.world.Problem = "" }},
		{"Fleet", func(s *sim) { s.fleet = threeNamespaces() }, func(*sim) {}},
		{"Namespace", func(s *sim) { s.fleet = rolledBack("production", 1000, 1100, 1200) }, func(*sim) {}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			s := bad(t)
			c.cause(s)
			s.until(28 * time.Minute)
			s.phase(release.Watching)
			s.withheld(c.reason)
			s.never("SetShares")
			page := "OpenPage RollbackWithheld"
			if c.reason == "Fleet" || c.reason == "Namespace" {
				page = "OpenPage " + c.reason + "Withheld"
			}
			if s.count(page) != 1 {
				t.Fatalf("%d times %s, want once:\n%v", s.count(page), page, s.log)
			}
			s.at(45*time.Minute, c.gone).until(50 * time.Minute)
			s.phase(release.RolledBack)
			s.withheld("")
			if s.count(page) != 1 || s.count("SetShares") != 1 {
				t.Errorf("paged or moved more than once:\n%v", s.log)
			}
		})
	}
}

func TestAHoldEnds(t *testing.T) {
	s := bad(t).at(10*time.Minute, hold(40*time.Minute)).until(39 * time.Minute)
	s.withheld("Held")
	if c := s.state.Condition(release.ConditionHeld); c == nil || c.Message != "ann holds it until 2023-11-14T22:53:20Z: looking" {
		t.Errorf("held is %+v", c)
	}
	s.until(41*time.Minute).happened("24m30s OpenPage RollbackWithheld", "40m0s RollingBack Recheck")
}

func TestAHoldStopsALadderThatHasMovedNothing(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 0, 0)).at(24*time.Minute+50*time.Second, hold(time.Hour)).until(30 * time.Minute)
	s.happened("24m30s ScaleUp Performed", "24m50s Watching", "25m0s OpenPage RollbackWithheld")
	s.never("SetShares")
	s.withheld("Held")
	s.until(2 * time.Hour).happened("1h0m0s SetShares Performed")
}

func TestAHeldRollbackIsNotFoughtFor(t *testing.T) {
	s := bad(t).at(24*time.Minute+50*time.Second, hold(forever)).at(25*time.Minute, shares(1, "ann")).until(30 * time.Minute)
	s.happened("25m0s Watching Done", "25m0s OpenPage RollbackLost")
	if s.count("SetShares") != 1 {
		t.Errorf("fought a person: %v", s.log)
	}
}

func TestStableThatTurnsOutAsBadStopsTheLadder(t *testing.T) {
	s := bad(t).at(10*time.Minute, ready(blue, 3, 1)).at(15*time.Minute, shares(0.5, "deployer")).errors(blue, 22*time.Minute, forever, 0.2).until(40 * time.Minute)
	s.happened("24m30s RollingBack Ready", "26m16s Watching", "26m30s OpenPage RollbackWithheld")
	s.never("SetShares")
	s.withheld("BothSides")
}

// A stable without traffic that was as bad with it holds a rollback back for as long as that counts.
func TestStableThatWasAsBadHoldsARollbackBack(t *testing.T) {
	failed := func(share signal.Number) func(*sim) {
		return func(s *sim) {
			above := signal.Number(0.05)
			s.last = &judge.Verdict{Tier: judge.Rollback, Signal: "error-rate", Reason: "error-rate was high", Evidence: []judge.Evidence{{
				Signal: "error-rate", Kind: signal.Ratio, Tier: judge.Rollback, Value: share,
				Findings: []judge.Finding{{Answer: judge.Yes, Cell: judge.Cell{Tier: judge.Rollback, Bound: judge.Bound{Above: &above}}}}}}}
		}
	}
	s := bad(t).at(time.Minute, failed(0.2)).until(28 * time.Minute)
	s.never("RollingBack")
	s.withheld("BothSides")
	if c := s.state.Condition(release.ConditionWithheld); c.Message != "stable was as bad when it had traffic last: error-rate was high" {
		t.Errorf("the message is %q", c.Message)
	}
	s.at(45*time.Minute, func(s *sim) { s.last = nil }).until(50 * time.Minute).happened("45m0s RollingBack Recheck")
	bad(t).at(time.Minute, failed(0.06)).until(40 * time.Minute).happened("24m30s RollingBack Recheck")
	open := bad(t).at(10*time.Minute, ready(blue, 3, 1)).at(24*time.Minute+40*time.Second, failed(0.2)).until(40 * time.Minute)
	open.happened("24m30s RollingBack Ready", "24m46s Watching")
	open.never("SetShares")
}

// A stable that somebody scaled to 0 though it has a share is scaled up first; one whose replicas don't get ready by
// themselves is as bad.
func TestStableWithAShareAndWithoutAReplica(t *testing.T) {
	unready := func(wanted int32) func(*sim) {
		return func(s *sim) {
			v := s.slot(blue)
			v.Wanted, v.Ready, v.Ticks, v.UnreadySince = wanted, 0, 9, s.now
		}
	}
	s := bad(t).at(15*time.Minute, shares(0.5, "deployer")).at(16*time.Minute, unready(0)).until(30 * time.Minute)
	s.happened("24m30s RollingBack Ready", "24m30s ScaleUp Performed", "25m10s SetShares Performed")
	control := bad(t).at(15*time.Minute, shares(0.5, "deployer")).at(16*time.Minute, unready(3)).until(30 * time.Minute)
	control.never("RollingBack")
	control.withheld("BothSides")
}

// people

func TestAPersonsRollbackBeatsWhatWithholds(t *testing.T) {
	causes := map[string]func(*sim){
		"nothing":        func(*sim) {},
		"Observe":        func(s *sim) { s.mode = release.Observe },
		"MidFlight":      func(s *sim) { s.spec.MidFlight = true },
		"Held":           hold(forever),
		"AfterAutomatic": func(s *sim) { s.plan.Limits.AutomaticFor = 0 },
		"BothSides":      func(s *sim) { s.errors(blue, 0, forever, 0.2); s.at(15*time.Minute, shares(0.5, "deployer")) },
		"Fleet":          func(s *sim) { s.fleet = threeNamespaces() },
	}
	for name, cause := range causes {
		t.Run(name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, cutover).at(21*time.Minute, decision(release.ChooseRollback, "ann"))
			cause(s)
			s.until(22 * time.Minute)
			s.happened("21m0s RollingBack Recheck", "21m0s SetShares Performed", "21m10s RolledBack WatchStable")
			if l := s.state.Ladder; l.Automatic || l.By != "ann" || l.Verdict.Reason != "ann decided: said so" {
				t.Errorf("the ladder is %+v", l)
			}
		})
	}
}

func TestAPersonsRollbackIsRefusedWithTheReason(t *testing.T) {
	cases := []struct {
		name  string
		cause func(*sim)
		want  string
	}{
		{"another revision", revision(blue, "b2"), "Rollback by ann is refused: slot blue holds revision b2 (b1), not stable's b1 (1.9)"},
		{"deleted", func(s *sim) { s.slot(blue).Found = false }, "Rollback by ann is refused: the Deployment of slot blue does not exist"},
		{"gone since ever", func(s *sim) { s.spec.Stable.Revision = "" }, "Rollback by ann is refused: the revision that carried the traffic before is not in slot blue any more"},
		{"shares unknown", func(s *sim) { s.world.Problem = "it is mad" }, "Rollback by ann is refused: the shares are unknown: it is mad"},
		{"not valid", func(s *sim) { s.plan, s.invalid = nil, "Overlap" }, "Rollback by ann is refused: its policy is not valid: Overlap"},
		{"another word", func(s *sim) { s.spec.People.Decision.Choice = "Explode" }, `Explode by ann is refused: "Explode" is neither Rollback nor Accept`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, cutover).at(21*time.Minute, decision(release.ChooseRollback, "ann")).at(21*time.Minute, c.cause).until(21 * time.Minute)
			s.phase(release.Watching)
			in := s.state.Incidents[0]
			if in.Code != release.CodeDecisionRefused || !strings.HasPrefix(in.Text, c.want) {
				t.Errorf("got %s: %s\nwant %s ...", in.Code, in.Text, c.want)
			}
		})
	}
	t.Run("no traffic", func(t *testing.T) {
		s := newSim(t).at(time.Minute, decision(release.ChooseRollback, "ann")).until(2 * time.Minute)
		s.phase(release.Deployed)
		s.happened("1m0s OpenPage DecisionRefused")
	})
	t.Run("over", func(t *testing.T) {
		s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, shares(0, "ann")).at(3*time.Minute, decision(release.ChooseRollback, "bob")).until(4 * time.Minute)
		s.phase(release.RolledBack)
		s.happened("3m0s OpenPage DecisionRefused", "3m0s ClosePage DecisionRefused")
	})
}

func TestEveryRefusedDecisionIsAnswered(t *testing.T) {
	s := bad(t).at(10*time.Minute, revision(blue, "b2")).at(11*time.Minute, decision(release.ChooseRollback, "ann")).
		at(30*time.Minute, decision(release.ChooseRollback, "bob")).at(31*time.Minute, decision(release.ChooseAccept, "cid"))
	s.mode = release.Observe
	s.until(30*time.Minute + 30*time.Second)
	if s.count("OpenPage DecisionRefused") != 2 || s.count("ClosePage DecisionRefused") != 1 {
		t.Errorf("got %v, want a page for each and the first one closed", s.log)
	}
	s.until(32 * time.Minute)
	s.phase(release.Accepted)
}

func TestADecisionIsObeyedOnce(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(5*time.Minute, decision(release.ChooseRollback, "ann"))
	s.at(6*time.Minute, func(s *sim) { s.sticky = false }).at(7*time.Minute, shares(1, "argocd")).until(9 * time.Minute)
	s.phase(release.RolledBack)
	if s.count("RollingBack Recheck") != 1 {
		t.Errorf("obeyed more than once: %v", s.log)
	}
}

func TestADecisionIsReplacedBeforeItIsActedOn(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, ready(blue, 0, 0)).at(5*time.Minute, decision(release.ChooseRollback, "ann")).
		at(5*time.Minute+20*time.Second, decision(release.ChooseAccept, "bob")).until(time.Hour)
	s.happened("5m0s ScaleUp Performed", "5m20s Accepted Done")
	s.never("SetShares")
	// Its control: once the weights were set it is too late.
	s = newSim(t).at(time.Minute, cutover).at(5*time.Minute, decision(release.ChooseRollback, "ann")).at(5*time.Minute+5*time.Second, decision(release.ChooseAccept, "bob")).until(time.Hour)
	s.happened("5m5s OpenPage DecisionRefused", "5m11s RolledBack WatchStable")
	s.refused(1, "the traffic has been moved already; lead it back to the candidate, then accept what is watched then")
}

func TestAPersonTakesOverABlindRecheck(t *testing.T) {
	s := bad(t)
	s.stepBy(func() bool { return step(s) == release.Recheck })
	s.blind[green] = signal.Timeout
	s.at(26*time.Minute, decision(release.ChooseRollback, "ann")).until(27 * time.Minute)
	s.happened("26m0s SetShares Performed")
	if s.state.Ladder.Automatic || s.state.Ladder.By != "ann" {
		t.Errorf("the ladder is %+v", s.state.Ladder)
	}
}

func TestAPersonAccepts(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(5*time.Minute, decision(release.ChooseAccept, "ann")).until(6 * time.Minute)
	s.phase(release.Accepted)
	if !s.state.Over() || s.state.Active() || !s.state.NextCheck.IsZero() {
		t.Errorf("it goes on: %+v", s.state)
	}
}

// the schedule

func TestAWeekPasses(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.plan.GuardEvery = dur(10 * time.Minute)
	s.until(169 * time.Hour)
	s.happened("0s Deployed", "1m0s Watching", "168h1m30s Accepted")
	if s.state.Checks != 64 || len(s.state.Lines) != 64 || s.state.Latest == nil || s.count("OpenPage") != 0 {
		t.Errorf("%d checks, %d lines, pages %d; want 64, 64, 0", s.state.Checks, len(s.state.Lines), s.count("OpenPage"))
	}
	for i, line := range s.state.Lines {
		if int(line.Number) != i+1 || line.Tier != judge.Proceed || line.Late {
			t.Errorf("check %d is %+v", i+1, line)
		}
	}
}

func TestAnOpenEpisodeKeepsTheEndOpen(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 40*time.Minute, 70*time.Minute, 0.02)
	s.plan.Schedule = schedule.Schedule{{Name: "all", Until: dur(time.Hour), Every: dur(10 * time.Minute)}}
	s.until(3 * time.Hour)
	// Bad until 70m; the consider cells are asked once a minute, and it must be clear for 30m.
	s.happened("50m0s OpenPage Consider", "1h41m0s Accepted", "1h41m0s ClosePage Consider")
	// Its control.
	s = newSim(t).at(time.Minute, cutover)
	s.plan.Schedule = schedule.Schedule{{Name: "all", Until: dur(time.Hour), Every: dur(10 * time.Minute)}}
	s.until(3 * time.Hour).happened("1h1m30s Accepted")
}

func TestALateChecksBreachAloneNeverActs(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 30*time.Minute, 0.5).until(9 * time.Minute)
	s.now = t0.Add(dur(45 * time.Minute)) // nobody watched meanwhile
	s.until(2 * time.Hour)
	s.phase(release.Watching)
	s.never("RollingBack")
	breaches := 0
	for _, line := range s.state.Lines {
		if line.Tier == judge.Rollback {
			breaches++
			if !line.Late {
				t.Errorf("check %d is not marked late", line.Number)
			}
		}
	}
	if breaches == 0 {
		t.Error("no check saw the breach: the test tests nothing")
	}
	// Its control: had somebody watched, it would have been rolled back.
	newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 30*time.Minute, 0.5).until(time.Hour).happened("14m15s RollingBack Recheck")
}

func TestThePolicysScheduleIsFrozenAtCutover(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, func(s *sim) {
		s.plan.Schedule = schedule.Schedule{{Name: "other", Until: dur(time.Hour), Every: dur(time.Minute)}}
	}).until(7 * time.Minute)
	if s.state.Checks != 1 || s.state.Lines[0].Window != "active" || len(s.state.Grid) != 3 {
		t.Errorf("got %d checks, %+v", s.state.Checks, s.state.Lines)
	}
}

func TestADipDoesNotRestartTheSchedule(t *testing.T) {
	s := newSim(t).at(time.Minute, shares(0.05, "d")).at(10*time.Minute, cutover).at(20*time.Minute, shares(0.5, "d")).at(25*time.Minute, cutover).until(30 * time.Minute)
	s.happened("1m0s Canary", "10m0s Watching")
	if s.state.Cutover != t0+600 || s.state.FirstTraffic != t0+60 || s.state.Checks != 3 {
		t.Errorf("first traffic %s, cutover %s, %d checks", s.state.FirstTraffic, s.state.Cutover, s.state.Checks)
	}
	s.phase(release.Watching)
}

// quiet

func TestAThousandQuietLooksWriteNothing(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	s.plan.Schedule = schedule.Schedule{{Name: "all", Until: dur(48 * time.Hour), Every: dur(24 * time.Hour)}}
	s.until(10 * time.Minute)
	calls, changes, story := s.calls, s.changes, s.state.Story
	s.until(5 * time.Hour)
	if s.calls-calls < 1000 || s.changes != changes || s.state.Story != story {
		t.Errorf("%d looks, %d changes, %d editions; want over 1000, none, none", s.calls-calls, s.changes-changes, s.state.Story-story)
	}
}

func TestABlindEvidenceIsNoChangeEither(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, func(s *sim) { s.blind[green] = signal.Idle })
	s.plan.Schedule = schedule.Schedule{{Name: "all", Until: dur(48 * time.Hour), Every: dur(10 * time.Minute)}}
	s.until(15 * time.Minute)
	if e := s.state.Latest.Evidence[0]; !e.Value.IsNaN() {
		t.Fatalf("the value is %v: the test tests nothing", e.Value)
	}
	changes, story := s.changes, s.state.Story
	s.until(20 * time.Minute)
	if s.changes != changes || s.state.Story != story {
		t.Errorf("%d changes, %d editions; want none", s.changes-changes, s.state.Story-story)
	}
}

// blindness

func TestBlindNeverActsAndPagesOnceLasting(t *testing.T) {
	cases := map[signal.Cause]bool{signal.Gap: true, signal.QueryError: true, signal.NaN: true, signal.Idle: false, signal.Few: false, signal.Young: false}
	for cause, pages := range cases {
		t.Run(string(cause), func(t *testing.T) {
			s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, func(s *sim) { s.blind[green] = cause }).until(2 * time.Hour)
			s.phase(release.Watching)
			s.never("RollingBack")
			if got := s.count("OpenPage BlindLasting"); got > 1 || pages != (got == 1) || s.count("OpenPage") != got {
				t.Errorf("paged %d times, want it: %v", got, pages)
			}
			if !s.state.Is(release.ConditionBlind) || s.state.Verdict.Cause != cause {
				t.Errorf("not said to be blind: %+v", s.state.Verdict)
			}
			if pages {
				s.happened("25m0s OpenPage BlindLasting")
			}
		})
	}
}

func TestBlindIsNotClear(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).errors(green, 10*time.Minute, 30*time.Minute, 0.02).
		at(28*time.Minute, func(s *sim) { s.blind[green] = signal.Idle }).at(3*time.Hour, func(s *sim) { delete(s.blind, green) }).until(3 * time.Hour)
	s.happened("20m0s OpenPage Consider")
	s.never("ClosePage Consider")
	s.until(4 * time.Hour).happened("3h30m0s ClosePage Consider")
}

// incidents

func TestOneEpisodeOnePage(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover)
	for i := range 3 { // trouble three times, 20 minutes apart
		from := time.Duration(10+30*i) * time.Minute
		s.errors(green, from, from+12*time.Minute, 0.02)
	}
	s.errors(green, 4*time.Hour, 4*time.Hour+12*time.Minute, 0.02)
	s.until(3 * time.Hour)
	if s.count("OpenPage Consider") != 1 || s.count("ClosePage Consider") != 1 || s.state.Episode.Number != 1 || s.state.Episode.Open() {
		t.Errorf("episode %+v: %v", s.state.Episode, s.log)
	}
	s.happened("20m0s OpenPage Consider", "1h53m0s ClosePage Consider")
	// Its control: after 30 clear minutes it is another episode.
	s.until(5 * time.Hour)
	if s.count("OpenPage Consider") != 2 || s.state.Episode.Number != 2 {
		t.Errorf("episode %+v: %v", s.state.Episode, s.log)
	}
}

func TestReadinessLostAgainIsPagedAgain(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, revision(blue, "b2")).at(11*time.Minute, revision(blue, "b1")).
		at(12*time.Minute, revision(blue, "b2")).at(13*time.Minute, revision(blue, "b1")).at(2*time.Hour, revision(blue, "b2")).until(3 * time.Hour)
	if s.count("OpenPage ReadinessLost") != 2 || s.count("ClosePage ReadinessLost") != 1 {
		t.Errorf("got %v; want a page at 10m, none for the flapping at 12m, one at 2h", s.log)
	}
}

func TestCanaryForEver(t *testing.T) {
	s := newSim(t).at(time.Minute, shares(0.05, "deployer"))
	s.plan.GuardEvery = dur(5 * time.Minute)
	s.until(100 * time.Hour)
	s.phase(release.Canary)
	s.happened("1m0s Canary", "24h1m0s OpenPage CanaryReminder")
	if s.count("OpenPage") != 1 || s.state.Checks != 0 {
		t.Errorf("%d pages, %d checks", s.count("OpenPage"), s.state.Checks)
	}
	s.at(s.since()+time.Second, cutover).until(101*time.Hour).happened("100h0m1s Watching", "100h0m1s ClosePage CanaryReminder")
}

func TestABadCanaryIsRolledBack(t *testing.T) {
	s := newSim(t).at(time.Minute, shares(0.05, "deployer")).errors(green, time.Minute, forever, 0.2).until(10 * time.Minute)
	s.happened("1m0s Canary", "6m0s RollingBack Recheck", "6m0s SetShares Performed")
}

// the ends

func TestTrafficTakenBackBySomebody(t *testing.T) {
	for name, before := range map[string]func(*sim){"canary": shares(0.05, "deployer"), "watching": cutover} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, before).at(10*time.Minute, shares(0, "ann")).until(3 * time.Hour)
			s.phase(release.RolledBack)
			s.happened("10m0s RolledBack Done")
			s.never("ScaleAway")
			s.never("ScaleUp")
			s.never("OpenPage")
			if s.state.Ladder.Moved != "ann" || s.state.Ladder.Automatic {
				t.Errorf("moved by %q", s.state.Ladder.Moved)
			}
		})
	}
}

func TestTheNextReleaseInTheOtherSlot(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(10*time.Minute, func(s *sim) {
		revision(blue, "b2")(s)
		s.newer = []release.Newer{{Name: "kb-8", Slot: blue}}
	}).until(20 * time.Minute)
	s.phase(release.Watching)
	s.happened("10m0s OpenPage ReadinessLost")
	s.at(30*time.Minute, func(s *sim) { s.newer[0].Traffic = true; shares(0.95, "deployer")(s) }).until(time.Hour)
	s.happened("30m0s Superseded", "30m0s ClosePage ReadinessLost")
}

func TestADeployedReleaseIsReplacedBeforeItHadTraffic(t *testing.T) {
	s := newSim(t).at(time.Minute, func(s *sim) { s.newer = []release.Newer{{Name: "kb-8", Slot: green}} })
	s.at(2*time.Minute, func(*sim) {}).until(time.Hour)
	s.phase(release.Superseded)
}

func TestTheNextReleasesTrafficEndsARollback(t *testing.T) {
	next := func(s *sim) { s.newer = []release.Newer{{Name: "kb-8", Slot: blue, Traffic: true}} }
	s := bad(t).at(10*time.Minute, revision(blue, "b2")).at(26*time.Minute, next).until(3 * time.Hour)
	s.happened("24m30s RollingBack Ready", "26m0s Superseded Done")
	s.never("SetShares")
	// One that is proven stays a rollback, but nothing is scaled any more.
	s = bad(t).at(26*time.Minute, next).until(3 * time.Hour)
	s.happened("24m40s RolledBack WatchStable", "26m0s RolledBack Done")
	s.never("ScaleAway")
}

func TestThePolicyIsDeleted(t *testing.T) {
	gone := func(s *sim) { s.plan, s.invalid = nil, "" }
	for name, before := range map[string]func(*sim){"deployed": func(*sim) {}, "canary": shares(0.5, "d"), "watching": cutover} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t).at(time.Minute, before).at(2*time.Minute, gone).until(3 * time.Minute)
			s.phase(release.Orphaned)
		})
	}
	t.Run("in the middle of a rollback", func(t *testing.T) {
		s := bad(t).at(10*time.Minute, ready(blue, 0, 0)).at(24*time.Minute+40*time.Second, gone).until(3 * time.Hour)
		s.happened("24m30s ScaleUp Performed", "25m10s SetShares Performed", "25m20s RolledBack WatchStable", "1h25m20s ScaleAway Performed", "1h25m20s Orphaned Done")
	})
	t.Run("not valid is not deleted", func(t *testing.T) {
		s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, func(s *sim) { s.plan, s.invalid = nil, "Overlap" })
		s.at(10*time.Minute, func(s *sim) { s.plan = thePlan() }).until(9 * time.Minute)
		s.phase(release.Watching)
		s.until(12 * time.Minute).phase(release.Watching)
	})
}

// what was lost

func TestALostStatusIsObservedAgain(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(30 * time.Minute)
	s.state, s.tick = release.State{}, -1
	s.until(31 * time.Minute)
	s.phase(release.Watching)
	if s.state.Cutover != t0+60 || s.state.FirstTraffic != t0+60 || s.state.Checks != 5 || !s.state.Lines[0].Late {
		t.Errorf("cutover %s, first traffic %s, %d checks", s.state.Cutover, s.state.FirstTraffic, s.state.Checks)
	}
}

func TestACutoverThatWasWrittenBeforeTheCrashCounts(t *testing.T) {
	s := newSim(t).at(time.Minute, shares(0.5, "d")).until(2 * time.Minute)
	s.spec.Cutover = t0 + 90 // the status that says Watching was not saved
	s.until(3 * time.Minute)
	s.phase(release.Watching)
	if s.state.Cutover != t0+90 {
		t.Errorf("cutover is %s", s.state.Cutover)
	}
}
