package finding

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// t0 is the cutover of all tests.
var t0 = signal.At(time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC))

func at(minutes int) signal.Instant { return t0 + signal.Instant(60*minutes) }

func spec() release.Spec {
	return release.Spec{Policy: "knowledgebeast", Number: 7,
		Candidate: release.Side{Slot: "green", Revision: "9f8e7d6c5b4a", Version: "v2"},
		Stable:    release.Side{Slot: "blue", Revision: "1a2b3c4d5e6f", Version: "v1"}}
}

func watching() release.State {
	return release.State{Phase: release.Watching, FirstTraffic: at(-15), Cutover: t0, Share: 100, Grid: schedule.Default(),
		Checks: 3, NextCheck: at(20), Verdict: release.Standing{Tier: judge.Proceed, Since: at(-20)}}
}

// after gives s, changed.
func after(s release.State, change func(*release.State)) release.State {
	next := *s.DeepCopy()
	change(&next)
	return next
}

func rolling(step release.Step, change func(*release.Ladder)) release.State {
	l := release.Ladder{Step: step, Automatic: true, Decided: at(20), Needed: 3,
		Verdict: judge.Verdict{Tier: judge.Rollback, Reason: "error-rate is 8.1 %, above 5 % for 5m"}}
	change(&l)
	return after(watching(), func(s *release.State) {
		s.Phase, s.Ladder, s.NextCheck = release.RollingBack, &l, 0
		if l.Step == release.WatchStable || l.Step == release.ScaleDown || l.Step == release.Done {
			s.Phase = release.RolledBack
		}
	})
}

func same(*release.Ladder) {}

func proof(l *release.Ladder) { l.FirstShift, l.Shifted, l.Proven = at(21), at(21), at(22) }

type told struct {
	name     string
	old, new release.State
	people   release.People
	want     []Said
}

func tellings() []told {
	var none release.State
	deployed := release.State{Phase: release.Deployed, Verdict: release.Standing{Tier: judge.Proceed}}
	held := signal.Condition{Type: release.ConditionHeld, Status: "True", Message: "anna holds it until 2026-03-03T19:00:00Z: load test"}
	return []told{
		{"a new revision without traffic", none, deployed, release.People{}, []Said{
			{release.CodeDeployed, "v2 (green) is rolled out and waits for traffic, which v1 (blue) carries"}}},
		{"a revision that comes again", none, after(deployed, incident(release.CodePastRollback, "as knowledgebeast-5")), release.People{}, []Said{
			{release.CodeDeployed, "v2 (green) is rolled out and waits for traffic, which v1 (blue) carries"},
			{release.CodePastRollback, "this revision was rolled back before: as knowledgebeast-5"}}},
		{"first traffic", deployed, after(deployed, func(s *release.State) {
			s.Phase, s.FirstTraffic, s.Share = release.Canary, at(-15), 10
		}), release.People{}, []Said{{release.CodeCanaryStarted, "v2 (green) has its first traffic: 10 %"}}},
		{"all the traffic at once", deployed, watching(), release.People{}, []Said{
			{release.CodeCutover, "v2 (green) carries all the traffic since 2026-03-03T15:00:00Z: 64 checks follow until 2026-03-10T15:00:00Z"}}},
		{"two checks, one of them late", watching(), after(watching(), func(s *release.State) {
			s.Checks = 5
			s.Lines = []release.CheckLine{
				{Number: 3, Window: "active", At: at(15), Tier: judge.Proceed},
				{Number: 4, Window: "active", At: at(20), Tier: judge.Proceed, Late: true},
				{Number: 5, Window: "active", At: at(25), Tier: judge.Blind, Signal: "error-rate", Cause: "Empty"}}
		}), release.People{}, []Said{
			{release.CodeCheckDone, "check 4 of 64 (active) for 2026-03-03T15:20:00Z: Proceed, judged late"},
			{release.CodeCheckDone, "check 5 of 64 (active) for 2026-03-03T15:25:00Z: Blind, error-rate, Empty"}}},
		{"another verdict, and its page", watching(), after(after(watching(), incident(release.CodeConsider, "error-rate is 2 %, above 1 % for 10m")), func(s *release.State) {
			s.Verdict = release.Standing{Tier: judge.Consider, Signal: "error-rate", Reason: "error-rate is 2 %, above 1 % for 10m"}
		}), release.People{}, []Said{
			{release.CodeVerdictChanged, "the verdict is Consider, after Proceed: error-rate is 2 %, above 1 % for 10m"},
			{release.CodeConsider, "consider a rollback to v1 (blue): error-rate is 2 %, above 1 % for 10m"}}},
		{"a hold", watching(), after(watching(), func(s *release.State) { s.Conditions = []signal.Condition{held} }),
			release.People{Hold: &release.Hold{By: "anna", Reason: "load test", Until: at(240)}}, []Said{
				{release.CodeHeld, "anna holds automatic action until 2026-03-03T19:00:00Z: load test"}}},
		{"a hold that ends", after(watching(), func(s *release.State) { s.Conditions = []signal.Condition{held} }), watching(), release.People{}, []Said{
			{release.CodeHoldEnded, "the hold is over: automatic action is allowed again"}}},
		{"a rollback by the matrix", watching(), rolling(release.Recheck, same), release.People{}, []Said{
			{release.CodeRollbackDecided, "a rollback to v1 (blue) is decided by the matrix: error-rate is 8.1 %, above 5 % for 5m"}}},
		{"a rollback by a person", watching(), rolling(release.Recheck, func(l *release.Ladder) { l.Automatic, l.By = false, "anna" }),
			release.People{Decision: &release.Decision{Choice: release.ChooseRollback, By: "anna", Reason: "wrong prices"}}, []Said{
				{release.CodeRollbackDecided, "a rollback to v1 (blue) is decided by anna: wrong prices"}}},
		{"a rollback that is not needed any more", rolling(release.Recheck, same), watching(), release.People{}, []Said{
			{release.CodeRollbackLapsed, "the rollback to v1 (blue) was given up before anything was moved: it was clear when judged again"}}},
		{"a rollback that a person holds", after(rolling(release.Ready, same), bad), after(after(watching(), bad), func(s *release.State) { s.Conditions = []signal.Condition{held} }),
			release.People{Hold: &release.Hold{By: "anna", Until: at(240)}}, []Said{
				{release.CodeHeld, "anna holds automatic action until 2026-03-03T19:00:00Z"},
				{release.CodeRollbackLapsed, "the rollback to v1 (blue) was given up before anything was moved: a person holds it"}}},
		{"a rollback to a side that is no better", after(rolling(release.Ready, same), bad), after(watching(), bad), release.People{}, []Said{
			{release.CodeRollbackLapsed, "the rollback to v1 (blue) was given up before anything was moved: stable is no better"}}},
		{"stable is warmed", rolling(release.Ready, same), rolling(release.Ready, func(l *release.Ladder) { l.Warmed = at(20) }), release.People{}, []Said{
			{release.CodeWarming, "v1 (blue) is being scaled up: 3 ready replicas are needed before the traffic moves"}}},
		{"the weights are set", rolling(release.Shift, same), rolling(release.Prove, func(l *release.Ladder) { l.FirstShift, l.Shifted = at(21), at(21) }), release.People{}, []Said{
			{release.CodeSharesMoved, "the weights were set to v1 (blue)"}}},
		{"the weights are set again", rolling(release.Prove, func(l *release.Ladder) { l.FirstShift, l.Shifted = at(21), at(21) }),
			rolling(release.Prove, func(l *release.Ladder) { l.FirstShift, l.Shifted, l.Reasserts = at(21), at(22), 1 }), release.People{}, []Said{
				{release.CodeSharesMoved, "the weights were set to v1 (blue) again, reassert 1 against another writer"}}},
		{"proof", rolling(release.Prove, func(l *release.Ladder) { l.FirstShift, l.Shifted = at(21), at(21) }), rolling(release.WatchStable, proof), release.People{}, []Said{
			{release.CodeProven, "the requests have left v2 (green), 2m after the decision"},
			{release.CodeRolledBack, "v2 (green) was rolled back to v1 (blue)"}}},
		{"stable stays good", rolling(release.WatchStable, proof), rolling(release.ScaleDown, proof), release.People{}, []Said{
			{release.CodeStableWatched, "the watch over v1 (blue) after the rollback is over"}}},
		{"the candidate is scaled down", rolling(release.ScaleDown, proof), rolling(release.Done, proof), release.People{}, []Said{
			{release.CodeCandidateScaledDown, "v2 (green) is scaled down: the rollback is completed"}}},
		{"the candidate's slot is used again", rolling(release.WatchStable, proof), rolling(release.Done, func(l *release.Ladder) {
			proof(l)
			l.Stuck = "the candidate's slot holds another revision"
		}), release.People{}, []Said{
			{release.CodeCandidateKept, "v2 (green) is not scaled down after the rollback: the candidate's slot holds another revision"}}},
		{"somebody else moves the traffic back", watching(), rolling(release.Done, func(l *release.Ladder) { l.Automatic, l.Moved = false, "argocd" }), release.People{}, []Said{
			{release.CodeTrafficTaken, "argocd took the traffic away from v2 (green): the release has ended and nothing is scaled"}}},
		{"the end of the schedule", watching(), after(watching(), func(s *release.State) { s.Phase = release.Accepted }), release.People{}, []Said{
			{release.CodeAccepted, "v2 (green) is accepted after 3 checks"}}},
		{"accepted by a person", watching(), after(watching(), func(s *release.State) { s.Phase = release.Accepted }),
			release.People{Decision: &release.Decision{Choice: release.ChooseAccept, By: "anna"}}, []Said{
				{release.CodeAccepted, "v2 (green) is accepted by anna"}}},
		{"a window ends", watching(), after(watching(), func(s *release.State) { s.Milestones = []milestone.Milestone{closed()} }), release.People{}, []Said{
			{release.CodeMilestone, "active (1h): 1 of 3 SLOs met, 1 missed, 1 unknown; " +
				"p99-latency 112 ms, SLO < 100 ms, baseline 85 ms, creeps up: 0.5 % to 2.1 % over 100 ms; cache-hit-ratio is unknown: Idle; made late"}}},
		{"the next release", watching(), after(watching(), func(s *release.State) { s.Phase = release.Superseded }), release.People{}, []Said{
			{release.CodeSuperseded, "the next release has traffic: v2 (green) is no longer watched as a release"}}},
		{"the policy's traffic is edited", watching(), after(watching(), func(s *release.State) {
			s.Conditions = append(s.Conditions, signal.Condition{Type: release.ConditionPolicyEdited, Status: "True"})
		}), release.People{}, []Said{
			{release.CodePolicyEdited, "the policy's traffic or slots were edited: this release goes by those that it began with, the next by the edit"}}},
		{"no policy any more", watching(), after(watching(), func(s *release.State) { s.Phase = release.Orphaned }), release.People{}, []Said{
			{release.CodeOrphaned, "the policy was deleted, or does not know this release: v2 (green) is no longer watched"}}},
	}
}

func bad(s *release.State) { s.Verdict.Tier = judge.Rollback }

func incident(code release.Code, text string) func(*release.State) {
	return func(s *release.State) {
		s.Incidents = append(s.Incidents, release.Incident{Code: code, Episode: 1, Opened: at(20), Text: text})
	}
}

func TestBetweenSaysWhatChanged(t *testing.T) {
	for _, c := range tellings() {
		t.Run(c.name, func(t *testing.T) {
			s := spec()
			s.People = c.people
			if diff := cmp.Diff(c.want, Between(c.old, c.new, s)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if again := Between(c.new, c.new, s); len(again) > 0 {
				t.Errorf("an unchanged state says %v", again)
			}
		})
	}
}

func TestBetweenSaysAnIncidentOncePerEpisode(t *testing.T) {
	old := after(watching(), incident(release.CodeConsider, "one"))
	closed := after(old, func(s *release.State) { s.Incidents[0].Closed = at(60) })
	if said := Between(old, closed, spec()); len(said) > 0 {
		t.Errorf("closing it says %v", said)
	}
	again := after(closed, func(s *release.State) { s.Incidents[0].Opened, s.Incidents[0].Closed = at(90), 0 })
	if said := Between(closed, again, spec()); len(said) != 1 || said[0].Code != release.CodeConsider {
		t.Errorf("opening it again says %v", said)
	}
	next := after(closed, func(s *release.State) {
		s.Incidents = append(s.Incidents, release.Incident{Code: release.CodeConsider, Episode: 2, Text: "two"})
	})
	if said := Between(closed, next, spec()); len(said) != 1 || said[0].Code != release.CodeConsider {
		t.Errorf("a new episode says %v", said)
	}
}

func TestEveryEntryIsReachable(t *testing.T) {
	var reached []release.Code
	for _, c := range tellings() {
		for _, s := range Between(c.old, c.new, spec()) {
			reached = append(reached, s.Code)
		}
	}
	for _, e := range pages() {
		for _, s := range Between(watching(), after(watching(), incident(e.Code, "so it is")), spec()) {
			reached = append(reached, s.Code)
		}
	}
	for _, e := range All() {
		if !slices.Contains(reached, e.Code) {
			t.Errorf("nothing leads to %s", e.Code)
		}
	}
}
