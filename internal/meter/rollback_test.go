package meter

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// life is the states of a release one after the other.
type life []release.State

func climbing(change func(*release.Ladder)) release.State {
	l := release.Ladder{Step: release.Ready, Automatic: true, Decided: 1010, Verdict: judge.Verdict{At: 1000}}
	change(&l)
	return release.State{Phase: release.RollingBack, Ladder: &l}
}

func paged(s release.State, code release.Code) release.State {
	s.Incidents = append(slices.Clone(s.Incidents), release.Incident{Code: code, Opened: 1020})
	return s
}

func TestRollbacksAreCountedByWhatBecameOfThem(t *testing.T) {
	watching := release.State{Phase: release.Watching}
	decided := climbing(func(*release.Ladder) {})
	shifted := climbing(func(l *release.Ladder) { l.Step, l.FirstShift = release.Prove, 1030 })
	proof := climbing(func(l *release.Ladder) { l.Step, l.FirstShift, l.Proven = release.WatchStable, 1030, 1060 })
	gone := climbing(func(l *release.Ladder) { l.Step, l.FirstShift, l.Lost = release.Done, 1030, "argocd" })
	others := climbing(func(l *release.Ladder) { l.Step, l.Automatic, l.Moved = release.Done, false, "argocd" })
	forbidden := watching
	forbidden.Conditions = []signal.Condition{{Type: release.ConditionWithheld, Status: "True"}}
	for name, c := range map[string]struct {
		life life
		want string
	}{
		"to its proof":     {life{watching, decided, shifted, proof, proof}, "started moved proven"},
		"seen only at end": {life{watching, proof}, "started moved proven"},
		"lapsed":           {life{watching, decided, watching, watching}, "started lapsed"},
		"stuck":            {life{watching, decided, paged(decided, release.CodeRollbackStuck), paged(decided, release.CodeRollbackStuck)}, "started stuck"},
		"not proven":       {life{watching, decided, shifted, paged(shifted, release.CodeRollbackNotProven)}, "started moved not_proven"},
		"lost":             {life{watching, decided, shifted, gone, gone}, "started moved lost"},
		"taken":            {life{watching, others, others}, "taken"},
		"withheld":         {life{watching, forbidden, forbidden}, "withheld"},
		"nothing":          {life{watching, watching}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := fresh(t)
			for i := 1; i < len(c.life); i++ {
				m.Advanced(c.life[i-1], c.life[i])
			}
			for _, o := range outcomes() {
				want := 0.0
				if slices.Contains(strings.Fields(c.want), string(o)) {
					want = 1
				}
				if got := testutil.ToFloat64(m.rollbacks.WithLabelValues(string(o))); got != want {
					t.Errorf("%s = %g, want %g", o, got, want)
				}
			}
		})
	}
}

func TestARollbackIsTimedFromItsVerdict(t *testing.T) {
	m, r := fresh(t)
	shifted := climbing(func(l *release.Ladder) { l.Step, l.FirstShift = release.Prove, 1030 })
	proof := climbing(func(l *release.Ladder) { l.Step, l.FirstShift, l.Proven = release.WatchStable, 1030, 1060 })
	m.Advanced(release.State{}, shifted)
	m.Advanced(shifted, proof)
	m.Advanced(proof, proof)
	byAnna := climbing(func(l *release.Ladder) { l.Automatic, l.FirstShift = false, 1012 })
	m.Advanced(release.State{}, byAnna)
	expect(t, r, "greenwatch_rollback_weights_seconds", `
# HELP greenwatch_rollback_weights_seconds From the verdict that called for a rollback, or a person's decision, to the weights being set.
# TYPE greenwatch_rollback_weights_seconds histogram
greenwatch_rollback_weights_seconds_bucket{le="+Inf"} 2
greenwatch_rollback_weights_seconds_sum 32
greenwatch_rollback_weights_seconds_count 2
`)
	expect(t, r, "greenwatch_rollback_proof_seconds", `
# HELP greenwatch_rollback_proof_seconds From the verdict that called for a rollback, or a person's decision, to the proof in the data plane.
# TYPE greenwatch_rollback_proof_seconds histogram
greenwatch_rollback_proof_seconds_bucket{le="+Inf"} 1
greenwatch_rollback_proof_seconds_sum 60
greenwatch_rollback_proof_seconds_count 1
`)
}

func TestHistogramsAreNative(t *testing.T) {
	m, r := fresh(t)
	m.Queried("main", 1e9, signal.Known)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "greenwatch_prometheus_query_seconds" {
			continue
		}
		if h := f.GetMetric()[0].GetHistogram(); len(h.GetPositiveSpan()) == 0 {
			t.Errorf("no native buckets: %v", h)
		}
		return
	}
	t.Fatal("no such histogram")
}
