package scenario

import (
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const testBin, testGuard = signal.Duration(60e9), signal.Duration(15e9)

// of gives the outcome of a release that begins to fail at 20 min, or not at all, decided at a time.
func of(failing bool, decision string, after signal.Duration, tiers ...string) Outcome {
	s := plain()
	s.Kind, s.Every = "a kind", 15
	if failing {
		s.failing(step(1200, 0, 0.5))
	}
	plan := &release.Plan{GuardEvery: testGuard, Matrix: judge.Matrix{Bin: testBin}}
	r := backtest.Result{Release: backtest.Release{Cutover: testCutover}, Decision: backtest.Decision{Verdict: decision, Time: signal.Instant(testCutover).Add(after)}}
	for _, tier := range tiers {
		r.Transitions = append(r.Transitions, backtest.Transition{To: tier, Signal: "p99"})
	}
	return outcome(s, plan, r)
}

func TestOutcomesAreScored(t *testing.T) {
	const second = signal.Duration(1e9)
	type score struct{ False, Missed, Hit, Late, Misgraded bool }
	for _, c := range []struct {
		name string
		of   Outcome
		want score
	}{
		{"in time", of(true, "rollback", 1500*second), score{Hit: true}},
		{"at the bound", of(true, "rollback", (1200+300+60+15+15)*second), score{Hit: true}},
		{"a second after it", of(true, "rollback", (1200+300+60+15+15+1)*second), score{Hit: true, Late: true}},
		{"before it began", of(true, "rollback", 1190*second), score{False: true}},
		{"not at all", of(true, "consider", 7200*second, "consider"), score{Missed: true}},
		{"rightly left alone", of(false, "proceed", 7200*second, "blind"), score{}},
		{"wrongly rolled back", of(false, "rollback", 1500*second), score{False: true}},
		{"wrongly considered", of(false, "proceed", 7200*second, "consider", "proceed"), score{Misgraded: true}},
	} {
		o := c.of
		if got := (score{o.False(), o.Missed(), o.Hit(), o.Late(), o.Misgraded()}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTheTableNamesWhatWentWrong(t *testing.T) {
	var b strings.Builder
	all := []Outcome{of(true, "rollback", 1500e9), of(true, "proceed", 7200e9), of(false, "rollback", 1500e9), of(false, "proceed", 7200e9, "consider")}
	if err := Score(&b, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a kind     4             2      1       1     0    5m0s  5m0s",
		"a kind  Proceed  Consider  p99      1",
		"false: a kind, seed 0, scrapes every 15s: rolled back at 25m0s",
		"missed: a kind, seed 0, scrapes every 15s: Proceed at worst; the truth: errors above 5 %, from 20m0s to 25m0s",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
