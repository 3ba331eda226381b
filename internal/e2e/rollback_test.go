package e2e

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A tenth of the traffic is enough to see that green is bad.
func TestABadGreenIsRolledBackInCanary(t *testing.T) {
	s := open(t, stage.Options{RPS: 200})
	s.deployGreen("v2")
	s.setGreen(10)
	s.served("green", 20)
	s.fail("green", 0.5)
	r, moved := s.rolledBack()
	s.requestsFollow(moved)
	if !r.Status.Cutover.IsZero() || r.Status.Checks != 0 {
		t.Errorf("a release that was never cut over has cutover %s and %d checks", r.Status.Cutover, r.Status.Checks)
	}
	s.paged(release.CodeRollback)
	s.told("v2")
}

// Three in a hundred requests fail: too few for the rollback cell, too many to go on with the canary.
func TestACanaryCellAsksUnlessItMayRollBack(t *testing.T) {
	canary := func(t *testing.T, terms stage.Terms) *scene {
		s := open(t, stage.Options{RPS: 200, Policy: stage.Policy(terms)})
		s.deployGreen("v2")
		s.setGreen(50)
		s.served("green", 100)
		s.fail("green", 0.03)
		return s
	}
	t.Run("asks", func(t *testing.T) {
		s := canary(t, stage.Terms{})
		if i := s.incident(release.CodeConsider); i.Events[0].Severity != "warning" {
			t.Errorf("the question is %s, want a warning", i.Events[0].Severity)
		}
		s.steadily("the canary goes on", 6*time.Second, s.weigh(50, 50))
	})
	t.Run("rolls back", func(t *testing.T) {
		s := canary(t, stage.Terms{OnCanary: true})
		r, moved := s.rolledBack()
		s.requestsFollow(moved)
		if e := decisive(r); e.Signal != "error-rate" || e.Value > 0.05 {
			t.Errorf("rolled back for %s at %v, want error-rate under the bound for all traffic", e.Signal, e.Value)
		}
		s.paged(release.CodeRollback)
	})
}

// decisive is the evidence that a rollback rests on.
func decisive(r *v1alpha1.Release) judge.Evidence {
	if r.Status.Decision == nil {
		return judge.Evidence{}
	}
	for _, e := range r.Status.Decision.Evidence {
		if e.Signal == r.Status.Decision.Signal {
			return e
		}
	}
	return judge.Evidence{}
}

// Blue is hot: there is nothing to warm, nothing to wait for, and not one call is lost.
func TestABadGreenIsRolledBackAfterCutover(t *testing.T) {
	s := open(t, stage.Options{})
	s.cutOver()
	s.await("grade Hot", func(r *v1alpha1.Release) bool { return r.Status.Readiness == release.Hot })
	failing := time.Now()
	s.fail("green", 0.5)
	r, moved := s.rolledBack()
	if l := r.Status.Ladder; !l.Automatic || l.Proven.IsZero() || r.Spec.Cutover.IsZero() {
		t.Errorf("the rollback is %+v of a release with cutover %s", l, r.Spec.Cutover)
	}
	if took := moved.Sub(r.Status.Ladder.Decided.Time()); took > atOnce {
		t.Errorf("the traffic moved %s after the decision", took)
	}
	if scaled := s.writes("deployments/scale"); len(scaled) != 0 {
		t.Errorf("greenwatch scaled a hot blue: %+v", scaled)
	}
	s.requestsFollow(moved)
	s.noneLost(failing)
	s.paged(release.CodeRollback)
	s.resolved()
	s.told("v2")
}

// Between the checks of the enhanced window lie minutes; the guard does not wait for them.
func TestTheGuardSeesWhatBeginsBetweenChecks(t *testing.T) {
	s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{Active: "6s", Every: "3s", Enhanced: "1h6s", EnhancedEvery: "5m"})})
	s.cutOver()
	r := s.await("the end of the active window", func(r *v1alpha1.Release) bool { return r.Status.Checks == 2 })
	s.fail("green", 0.5)
	_, moved := s.rolledBack()
	s.requestsFollow(moved)
	if next := r.Status.NextCheck.Time(); moved.After(next.Add(-4 * time.Minute)) {
		t.Errorf("rolled back at %s, while the next check was at %s", moved, next)
	}
	s.paged(release.CodeRollback)
}

// The control of all rollbacks: a good green keeps its traffic, and each check has its verdict.
func TestAGoodGreenIsAccepted(t *testing.T) {
	s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{Active: "9s", Every: "3s", Enhanced: "21s", EnhancedEvery: "6s"})})
	s.deployGreen("v2")
	s.setGreen(10)
	s.setGreen(100)
	r := s.awaitPhase(release.Accepted)
	var windows []string
	for i, line := range r.Status.Lines {
		windows = append(windows, line.Window)
		young := i < 2 && line.Tier == judge.Blind && line.Cause == string(signal.Young)
		if int(line.Number) != i+1 || line.Tier == judge.Blind && !young || line.Tier == judge.Rollback {
			t.Errorf("check %d is %+v", i+1, line)
		}
	}
	if len(windows) != 5 || windows[2] != "active" || windows[3] != "enhanced" {
		t.Errorf("checks in the windows %s, want 3 active and 2 enhanced", windows)
	}
	s.must(s.wantWeights(t.Context(), 0, 100))
	if n := len(s.writes("virtualservices")) + len(s.writes("deployments/scale")); n != 0 {
		t.Errorf("greenwatch wrote %d times to what it watches", n)
	}
	if codes := s.codes(); len(codes) != 0 {
		t.Errorf("somebody was paged: %s", codes)
	}
	s.told("v2")
}
