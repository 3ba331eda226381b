package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// What a policy writes below the floors is lifted to them, and said with its place; what it leaves out, writes above
// them, or writes wrongly is as without.
func TestFloors(t *testing.T) {
	floors := policy.Floors{GuardEvery: 5 * time.Second, EpisodeClear: time.Minute, HistoryLimit: 5}
	for name, c := range map[string]struct {
		spec         string
		guard, clear signal.Duration
		history      int32
		notes        []string
	}{
		"nothing":  {"", signal.Duration(15 * time.Second), signal.Duration(30 * time.Minute), 50, nil},
		"the same": {"\n  schedule: {guardEvery: 5s}\n  timing: {episodeClear: 60s}\n  historyLimit: 5", signal.Duration(5 * time.Second), signal.Duration(time.Minute), 5, nil},
		"less": {"\n  schedule: {guardEvery: 1s}\n  timing: {episodeClear: 0s}\n  historyLimit: 1", signal.Duration(5 * time.Second), signal.Duration(time.Minute), 5, []string{
			"spec.schedule.guardEvery: 1s is less than the daemon's file allows (floors.guardEvery); 5s is in force",
			"spec.timing.episodeClear: 0s is less than the daemon's file allows (floors.episodeClear); 1m0s is in force",
			"spec.historyLimit: 1 is less than the daemon's file allows (floors.historyLimit); 5 is in force",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := defaults()
			d.Floors = floors
			p := read(t, service+c.spec)
			plan, errs := policy.Parse(p, d)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if plan.GuardEvery != c.guard || plan.Limits.EpisodeClear != c.clear || plan.HistoryLimit != c.history {
				t.Errorf("guardEvery %s, episodeClear %s, historyLimit %d", plan.GuardEvery, plan.Limits.EpisodeClear, plan.HistoryLimit)
			}
			var notes []string
			lifted := policy.Lifted(p, d)
			for _, n := range lifted {
				notes = append(notes, n.Error())
			}
			if diff := cmp.Diff(c.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			ready := policy.Noting(policy.Ready(1, 1, nil), lifted)
			if ready.Status != "True" || (ready.Message == "") != (c.notes == nil) {
				t.Errorf("the condition is %+v", ready)
			}
		})
	}
	for name, c := range map[string]struct {
		windows string
		every   []signal.Duration
		notes   int
	}{
		"seldom enough":             {"{name: a, until: 1m, every: 5s}, {name: b, until: 3m, every: 30s}", []signal.Duration{5e9, 30e9}, 0},
		"too often":                 {"{name: a, until: 1m, every: 1s}, {name: b, until: 3m, every: 2s}", []signal.Duration{5e9, 6e9}, 2},
		"a window that little fits": {"{name: a, until: 7s, every: 1s}, {name: b, until: 1m7s, every: 10s}", []signal.Duration{7e9, 10e9}, 1},
		"a window below the floor":  {"{name: a, until: 4s, every: 1s}, {name: b, until: 1m4s, every: 10s}", []signal.Duration{4e9, 10e9}, 1},
	} {
		d := defaults()
		d.Floors = floors
		p := read(t, service+"\n  schedule: {windows: ["+c.windows+"]}")
		plan, errs := policy.Parse(p, d)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", name, errs)
		}
		var every []signal.Duration
		for _, w := range plan.Schedule {
			every = append(every, w.Every)
		}
		if diff := cmp.Diff(c.every, every); diff != "" || len(policy.Lifted(p, d)) != c.notes || p.Spec.Schedule.Windows[0].Every == "5s" && c.notes == 2 {
			t.Errorf("%s: %v\n%s", name, policy.Lifted(p, d), diff)
		}
	}
	d := defaults()
	d.Floors = floors
	for _, wrong := range []string{"\n  schedule: {guardEvery: 100ms x}", "\n  schedule: {guardEvery: -1s}", "\n  historyLimit: 0"} {
		if plan, errs := policy.Parse(read(t, service+wrong), d); plan != nil || len(errs) == 0 {
			t.Errorf("%s is taken: a floor hides what is wrong", wrong)
		}
	}
}

func TestTheConditionQueryBudget(t *testing.T) {
	first := policy.Budget(10, 3, nil, true)
	if first.Type != "QueryBudget" || first.Status != "False" || first.Reason != "UsedUp" || first.Message == "" || first.LastTransitionTime != 10 {
		t.Errorf("used up: %+v", first)
	}
	if again := policy.Budget(20, 3, &first, true); again != first {
		t.Errorf("the same again: %+v", again)
	}
	if well := policy.Budget(30, 3, &first, false); well.Status != "True" || well.Reason != "Enough" || well.Message != "" || well.LastTransitionTime != 30 {
		t.Errorf("enough: %+v", well)
	}
}
