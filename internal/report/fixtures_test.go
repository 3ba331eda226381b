package report

import (
	"math"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// t0 is the cutover of all tests.
var t0 = signal.At(time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC))

func at(minutes int) signal.Instant { return t0 + signal.Instant(60*minutes) }

func spec() release.Spec {
	return release.Spec{Policy: "knowledgebeast", Number: 7, FirstSeen: at(-40),
		Candidate: release.Side{Slot: "green", Revision: "9f8e7d6c5b4a39281706", Version: "v2.0.0"},
		Stable:    release.Side{Slot: "blue", Revision: "1a2b3c4d5e6f70819203", Version: "v1.9.3"}}
}

func cell(tier judge.Tier, above signal.Number, minutes int, canary bool) judge.Cell {
	return judge.Cell{Tier: tier, Bound: judge.Bound{Above: &above}, For: signal.Duration(minutes) * signal.Duration(time.Minute), Canary: canary}
}

func found(c judge.Cell, a judge.Answer, yes, of int32) judge.Finding {
	if a == judge.Yes {
		yes = of
	}
	return judge.Finding{Cell: c, Answer: a, Bins: of, Yes: yes, No: of - yes}
}

func errorRate(v signal.Number, tier judge.Tier) judge.Evidence {
	answer := func(t judge.Tier) judge.Answer {
		if t.Worse(tier) || tier == judge.Proceed {
			return judge.No
		}
		return judge.Yes
	}
	return judge.Evidence{Signal: "error-rate", Kind: signal.Ratio, Unit: "%", Required: true, Tier: tier, Value: v, Total: 12034,
		Queries: []string{`sum(increase(http_requests_total{deployment="green"}[1m]))`},
		Findings: []judge.Finding{
			found(cell(judge.Rollback, 0.05, 5, false), answer(judge.Rollback), 0, 5),
			found(cell(judge.Consider, 0.01, 10, false), answer(judge.Consider), 3, 10),
			found(cell(judge.Investigate, 0.001, 0, false), answer(judge.Investigate), 1, 3)}}
}

func latency(v signal.Number) judge.Evidence {
	return judge.Evidence{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", Tier: judge.Proceed, Value: v, Total: 9000,
		Findings: []judge.Finding{
			found(cell(judge.Rollback, 1, 5, false), judge.No, 0, 5),
			found(cell(judge.Consider, 0.12, 0, true), judge.No, 0, 3),
			found(cell(judge.Consider, 0.2, 10, false), judge.No, 0, 10)}}
}

func queueDepth() judge.Evidence {
	return judge.Evidence{Signal: "queue-depth", Kind: signal.Query, Tier: judge.Blind, Value: signal.Number(math.NaN()),
		Cause: signal.ManySeries, Detail: "2 series where 1 is expected: add an aggregation such as max()"}
}

func availability() judge.Evidence {
	return judge.Evidence{Signal: "availability", Kind: signal.Kubernetes, Required: true, Tier: judge.Proceed, Value: signal.Number(math.NaN()),
		Availability: &signal.Availability{Wanted: 3, Ready: 3},
		Findings:     []judge.Finding{{Cell: judge.Cell{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}, Answer: judge.No}}}
}

func verdict(minutes int, tier judge.Tier, reason string, evidence ...judge.Evidence) judge.Verdict {
	v := judge.Verdict{At: at(minutes), Tier: tier, Reason: reason, Generation: 3, Evidence: evidence}
	if reason != "" {
		v.Signal = "error-rate"
	}
	return v
}

func good() judge.Verdict {
	return verdict(15, judge.Proceed, "", errorRate(0.0005, judge.Proceed), latency(0.085), queueDepth(), availability())
}

const breach = "error-rate is 8.1 %, above 5 % for 5m"

func bad() judge.Verdict {
	return verdict(20, judge.Rollback, breach, errorRate(0.081, judge.Rollback), availability())
}

func deployed() release.State {
	return release.State{Phase: release.Deployed, Verdict: release.Standing{Tier: judge.Proceed, Since: at(-40)}, Readiness: release.Hot}
}

func canary() release.State {
	s := deployed()
	s.Phase, s.FirstTraffic, s.Share = release.Canary, at(-15), 10
	return s
}

func watching() release.State {
	s, v := canary(), good()
	s.Phase, s.Cutover, s.Share, s.Grid = release.Watching, t0, 100, schedule.Default()
	s.Checks, s.NextCheck, s.Latest = 3, at(20), &v
	for n := range int32(3) {
		s.Lines = append(s.Lines, release.CheckLine{Number: n + 1, Window: "active", At: at(5 * int(n+1)), Tier: judge.Proceed, Late: n == 1})
	}
	return s
}

func considered() release.State {
	s := watching()
	reason := `error-rate is 2 %, above 1 % for 10m`
	v := verdict(18, judge.Consider, reason, errorRate(0.02, judge.Consider), latency(0.085))
	s.Verdict = release.Standing{Tier: judge.Consider, Since: at(18), Signal: "error-rate", Reason: reason}
	s.Transitions = []judge.Verdict{v}
	s.Readiness, s.ReadinessReason = release.Partial, "1 of the 3 replicas that the load needs are ready"
	s.Conditions = []signal.Condition{
		{Type: release.ConditionHeld, Status: "True", Message: "anna holds it until 2026-03-03T19:00:00Z: <!channel> load & test"},
		{Type: release.ConditionRollbackReady, Status: "True"},
		{Type: release.ConditionLate, Status: "False"}}
	s.Incidents = []release.Incident{
		{Code: release.CodeReadinessLost, Opened: at(2), Closed: at(3), Text: "over"},
		{Code: release.CodeConsider, Episode: 1, Severity: release.Warning, Opened: at(18), Text: reason}}
	return s
}

func rolling(step release.Step, change func(*release.Ladder)) release.State {
	s, v := watching(), bad()
	m := signal.Duration(time.Minute)
	l := release.Ladder{Step: step, Automatic: true, Decided: at(20), Verdict: v.Brief(), Needed: 3, Plan: release.Plan{Limits: release.Limits{
		ProofWithin: 5 * m, WatchStableFor: 5 * m, KeepCandidateFor: 60 * m}}}
	change(&l)
	s.Phase, s.NextCheck, s.Ladder, s.Decision = release.RollingBack, 0, &l, &v
	s.Verdict = release.Standing{Tier: judge.Rollback, Since: at(20), Signal: "error-rate", Reason: breach}
	s.Incidents = []release.Incident{{Code: release.CodeRollback, Episode: 1, Severity: release.Critical, Opened: at(20), Text: breach}}
	return s
}

func rolledBack(step release.Step, change func(*release.Ladder)) release.State {
	s := rolling(step, func(l *release.Ladder) {
		l.Warmed, l.FirstShift, l.Shifted, l.Proven = at(20)+15, at(21), at(21), at(22)
		change(l)
	})
	s.Phase, s.Share = release.RolledBack, 0
	if step == release.Done {
		s.Ended = at(82)
		s.Incidents[0].Closed = at(27)
	}
	return s
}

func same(*release.Ladder) {}

// cases are releases in all the situations of life.
func cases() map[string]release.State {
	stuck := rolling(release.Ready, func(l *release.Ladder) {
		l.Warmed, l.Stuck = at(20)+15, "stable has not had 3 ready replicas within 5m"
	})
	stuck.Incidents = append(stuck.Incidents, release.Incident{Code: release.CodeRollbackStuck, Episode: 1, Opened: at(25), Text: stuck.Ladder.Stuck})
	lost := rolling(release.Done, func(l *release.Ladder) {
		l.FirstShift, l.Shifted, l.Reasserts, l.Lost = at(21), at(22), 3, "argocd-application-controller"
	})
	lost.Phase, lost.NextCheck = release.Watching, at(25)
	lost.Conditions = []signal.Condition{{Type: release.ConditionRollbackLost, Status: "True", LastTransitionTime: at(23)}}
	taken := watching()
	taken.Phase, taken.Ended, taken.Share, taken.NextCheck = release.RolledBack, at(19), 0, 0
	taken.Ladder = &release.Ladder{Step: release.Done, Decided: at(19), Moved: "kubectl-client-side-apply"}
	accepted := watching()
	accepted.Phase, accepted.Checks, accepted.NextCheck, accepted.Ended = release.Accepted, 64, 0, at(7*24*60)
	blind := watching()
	blind.Verdict = release.Standing{Tier: judge.Blind, Since: at(16), Signal: "error-rate", Reason: "error-rate is unknown: Empty", Cause: signal.Empty}
	return map[string]release.State{
		"deployed":    deployed(),
		"canary":      canary(),
		"watching":    watching(),
		"blind":       blind,
		"consider":    considered(),
		"recheck":     rolling(release.Recheck, same),
		"stuck":       stuck,
		"proving":     rolling(release.Prove, func(l *release.Ladder) { l.FirstShift, l.Shifted = at(21), at(21) }),
		"lost":        lost,
		"rolled-back": rolledBack(release.WatchStable, same),
		"completed":   rolledBack(release.Done, same),
		"kept":        rolledBack(release.Done, func(l *release.Ladder) { l.Stuck = "the candidate's slot holds another revision" }),
		"by-a-person": rolling(release.Recheck, func(l *release.Ladder) {
			l.Automatic, l.By, l.Verdict = false, "anna", judge.Verdict{Reason: "anna decided: wrong prices"}
		}),
		"traffic-gone": taken,
		"reported":     reported(),
		"accepted":     accepted,
	}
}

func plan() release.Plan {
	const minute = signal.Duration(time.Minute)
	return release.Plan{Generation: 3, Mode: release.Enforce, VirtualService: "knowledgebeast", HTTPRoutes: []string{"api"},
		Slots:    []release.Slot{{Name: "blue", Deployment: "knowledgebeast-blue"}, {Name: "green", Deployment: "knowledgebeast-green"}},
		Schedule: schedule.Default(), GuardEvery: minute / 4, Matrix: judge.Matrix{Bin: minute, Rows: []judge.Row{{Signal: "error-rate", Kind: signal.Ratio, SLO: slo(judge.Below, 0.001)}, {Signal: "throughput", Kind: signal.Rate},
			{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", SLO: slo(judge.AtMost, 0.1)}}}, Prometheus: "main",
		Limits: release.Limits{AutomaticFor: 1440 * minute, ProofWithin: 5 * minute, WatchStableFor: 5 * minute, KeepCandidateFor: 60 * minute}}
}
