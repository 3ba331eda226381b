package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// stating is the brief policy with one more signal, whose one cell is of the tier.
func stating(q release.Question, tier judge.Tier) *release.Plan {
	p := simulate.Brief()
	nothing := signal.Number(0)
	p.Questions = append(p.Questions, q)
	p.Matrix.Rows = append(p.Matrix.Rows, judge.Row{Signal: q.Signal, Kind: q.Kind, Cells: []judge.Cell{{Tier: tier, Bound: judge.Bound{Above: &nothing}}}})
	return p
}

var corruption = release.Question{Signal: "corruption", Kind: signal.Alert, Of: "DataCorruption", Match: "${namespace}/service/"}

// An alert that begins to fire after the first traffic moves it back within two looks of the guard. It says
// nothing of stable, which has traffic, too, while the traffic is split.
func TestAnAlertMovesTheTrafficAtOnce(t *testing.T) {
	for name, share := range map[string]float64{"all of the traffic": 1, "half of it": 0.5} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", stating(corruption, judge.Rollback))
				s.Fire("DataCorruption", false)
				w.Until(s.Known)
				s.Deploy(green, "green-2")
				time.Sleep(time.Minute)
				s.Route("pipeline", green, share)
				time.Sleep(time.Minute)
				if s.Moves(1) > 0 {
					t.Fatal("moved though nothing fires")
				}
				s.Fire("DataCorruption", true)
				since := time.Now()
				w.Until(func() bool { return s.Moves(1) > 0 })
				if took := s.MovedAt(1).Sub(since); took <= 0 || took > 25*time.Second {
					t.Errorf("moved after %s, want two looks of the guard at most", took)
				}
				s.Fire("DataCorruption", false)
			})
		})
	}
}

// An alert that fired before the first traffic moves nothing for as long as it goes on, and people are told
// so. Once it ended, it counts like any other.
func TestAnAlertOfBeforeMovesNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", stating(corruption, judge.Rollback))
		s.Fire("DataCorruption", true)
		time.Sleep(time.Minute)
		s.Cutover(green, "green-2")
		time.Sleep(2 * time.Minute)
		_, state, _ := s.Release(1)
		if s.Moves(1) > 0 || state.Verdict.Tier != judge.Consider || !strings.Contains(state.Verdict.Reason, "before the first traffic") {
			t.Fatalf("moved %d times, the verdict is %+v", s.Moves(1), state.Verdict)
		}
		s.Fire("DataCorruption", false)
		time.Sleep(time.Minute)
		s.Fire("DataCorruption", true)
		time.Sleep(time.Minute)
		if s.Moves(1) == 0 {
			t.Error("it ended, and fires again, and moved nothing")
		}
		s.Fire("DataCorruption", false)
	})
}

// One that tells the slots apart says something of stable, too: where stable is as bad, nothing is moved.
func TestAnAlertOfBothSlotsMovesNothing(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		q := corruption
		q.Match = "${namespace}/${deployment}/${slot}" // the simulation's alerts fire for both
		s := w.Add("service", stating(q, judge.Rollback))
		w.Until(s.Known)
		s.Deploy(green, "green-2")
		time.Sleep(time.Minute)
		s.Route("pipeline", green, 0.5)
		time.Sleep(time.Minute)
		s.Fire("DataCorruption", true)
		time.Sleep(time.Minute)
		_, state, _ := s.Release(1)
		if c := state.Condition(release.ConditionWithheld); s.Moves(1) > 0 || c == nil || c.Reason != "BothSides" {
			t.Errorf("moved %d times, withheld: %+v", s.Moves(1), c)
		}
		s.Fire("DataCorruption", false)
	})
}

// A report moves the traffic back at the guard's next look, unless it was retracted. It is no word on
// stable, which has traffic, too.
func TestAReportMovesTheTrafficAtOnce(t *testing.T) {
	security := release.Question{Signal: "exploited", Kind: signal.Report, Of: "security"}
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", stating(security, judge.Rollback))
		s.Doubt() // what people see counts as truth
		w.Until(s.Known)
		s.Deploy(green, "green-2")
		time.Sleep(time.Minute)
		s.Route("pipeline", green, 0.5)
		time.Sleep(time.Minute)
		report := func(r ...release.Report) { s.Say(1, func(p *release.People) { p.Reports = r }) }
		report(release.Report{ID: "complaint-1", Kind: "complaint", By: "bob"}, release.Report{ID: "security-1", Kind: "security", By: "bob", Retracted: true})
		time.Sleep(time.Minute)
		if s.Moves(1) > 0 {
			t.Fatal("moved for a report that was retracted, or of another kind")
		}
		report(release.Report{ID: "security-2", Kind: "security", By: "alice", Text: "tokens in the answers"})
		since := time.Now()
		w.Until(func() bool { return s.Moves(1) > 0 })
		if took := s.MovedAt(1).Sub(since); took <= 0 || took > 25*time.Second {
			t.Errorf("moved after %s, want two looks of the guard at most", took)
		}
		if _, state, _ := s.Release(1); state.Ladder == nil || state.Ladder.Verdict.Reason != "exploited is reported: security-2 by alice: tokens in the answers" {
			t.Errorf("the reason: %+v", state.Ladder)
		}
	})
}

// A report that asks people is over once it is retracted.
func TestARetractedReportIsOver(t *testing.T) {
	complaint := release.Question{Signal: "complaints", Kind: signal.Report, Of: "complaint"}
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", stating(complaint, judge.Consider))
		s.Cutover(green, "green-2")
		time.Sleep(time.Minute)
		for _, retracted := range []bool{false, true} {
			s.Say(1, func(p *release.People) {
				p.Reports = []release.Report{{ID: "complaint-1", Kind: "complaint", By: "bob", Retracted: retracted}}
			})
			time.Sleep(time.Minute)
			if _, state, _ := s.Release(1); (state.Verdict.Tier == judge.Consider) == retracted || s.Moves(1) > 0 {
				t.Errorf("retracted %t: the verdict is %+v, moved %d times", retracted, state.Verdict, s.Moves(1))
			}
		}
	})
}

// What befell the pods is judged by its number: an OOM kill that asks people moves nothing. Restarts of
// before the first traffic do not count.
func TestWhatBefallsPodsIsCountedSinceTheFirstTraffic(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		p := stating(release.Question{Signal: "oom-kills", Kind: signal.Pods, Of: "OOMKills"}, judge.Consider)
		restarts := release.Question{Signal: "restarts", Kind: signal.Pods, Of: "Restarts"}
		two := signal.Number(2)
		p.Baseline = signal.Duration(time.Minute)
		p.Questions = append(p.Questions, restarts)
		p.Matrix.Rows = append(p.Matrix.Rows, judge.Row{Signal: "restarts", Kind: signal.Pods, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: &two}}}})
		s := w.Add("service", p)
		s.Befall(release.Troubles{Ever: 7})
		s.Cutover(green, "green-2")
		for _, step := range []struct {
			troubles release.Troubles
			want     judge.Tier
			reason   string
		}{
			{release.Troubles{Ever: 9, Restarts: release.Trouble{Count: 1, Where: "green-x/app"}}, judge.Proceed, ""},
			{release.Troubles{Ever: 10, Restarts: release.Trouble{Count: 1, Where: "green-x/app"}}, judge.Consider, "restarts is 3, above 2: green-x/app"},
			{release.Troubles{Ever: 7}, judge.Proceed, ""},
			{release.Troubles{Ever: 7, OOMKills: release.Trouble{Count: 1, Where: "green-y/app"}}, judge.Consider, "oom-kills is 1, above 0: green-y/app"},
		} {
			s.Befall(step.troubles)
			time.Sleep(time.Minute)
			if _, state, _ := s.Release(1); state.Verdict.Tier != step.want || state.Verdict.Reason != step.reason || s.Moves(1) > 0 {
				t.Errorf("%+v: %+v, want %s: %s", step.troubles, state.Verdict, step.want, step.reason)
			}
		}
	})
}

// That the candidate's memory will be full asks people, for as long as it is expected, and moves nothing. What
// stable's does asks nobody.
func TestMemoryThatClimbsAsksPeople(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		week := signal.Number(168 * 3600)
		p := stating(release.Question{Signal: "memory", Kind: signal.Growth, Match: "${namespace}/service/${slot}"}, judge.Consider)
		p.Matrix.Rows[len(p.Matrix.Rows)-1].Cells[0].Bound = judge.Bound{Below: &week}
		s := w.Add("service", p)
		s.Climb("blue", 3600)
		s.Climb(green, 0)
		s.Cutover(green, "green-2")
		for _, step := range []struct {
			full   signal.Number
			want   judge.Tier
			reason string
		}{
			{0, judge.Proceed, ""},
			{9 * 3600, judge.Consider, "memory: full in 9h"},
			{0, judge.Proceed, ""},
			{200 * 3600, judge.Proceed, ""},
		} {
			s.Climb(green, step.full)
			time.Sleep(2 * time.Minute)
			if _, state, _ := s.Release(1); state.Verdict.Tier != step.want || state.Verdict.Reason != step.reason || s.Moves(1) > 0 {
				t.Errorf("full in %s s: %+v, want %s: %s", step.full, state.Verdict, step.want, step.reason)
			}
		}
	})
}
