package finding

import (
	"math"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var nan = signal.Number(math.NaN())

func number(n signal.Number) *signal.Number { return &n }

// closed is a milestone of the first hour.
func closed() milestone.Milestone {
	return milestone.Milestone{Window: "active", At: at(60), After: 3600e9, Late: true, Met: 1, Missed: 1, Unknown: 1, Rows: []milestone.Row{
		{Signal: "error-rate", Kind: signal.Ratio, Value: 0.0004, SLO: &judge.SLO{Than: judge.Below, Value: 0.001}, Met: judge.Yes},
		{Signal: "cache-hit-ratio", Kind: signal.Ratio, Value: nan, SLO: &judge.SLO{Than: judge.Above, Value: 0.7}, Met: judge.Unknown, Cause: signal.Idle},
		{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", Value: 0.112, SLO: &judge.SLO{Than: judge.Below, Value: 0.1}, Met: judge.No,
			Baseline: number(0.085), Trend: &milestone.Trend{Answer: judge.Yes, Over: number(0.1), From: 0.005, To: 0.021}},
		{Signal: "throughput", Kind: signal.Rate, Value: 650}}}
}

func TestAMilestoneNamesWhatIsNotWell(t *testing.T) {
	many := closed()
	for range 4 {
		many.Rows = append(many.Rows, many.Rows[2])
	}
	falling := milestone.Milestone{Window: "standard", After: 168 * 3600e9, Rows: []milestone.Row{{Signal: "hits", Kind: signal.Ratio, Value: 0.8,
		Trend: &milestone.Trend{Answer: judge.Yes, From: 0.1, To: 0.25, Others: true}}}}
	for want, m := range map[string]milestone.Milestone{
		"active (1h): 2 of 2 SLOs met":      {Window: "active", After: 3600e9, Met: 2},
		"active (1h): no signal has an SLO": {Window: "active", After: 3600e9},
		"standard (168h): no signal has an SLO; hits 80 %, creeps up: 10 % to 25 % of the others": falling,
	} {
		if got := Milestone(m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Milestone(many); !strings.Contains(got, "; and 2 more") || strings.Count(got, "p99-latency") != mostNamed {
		t.Errorf("of six signals: %s", got)
	}
}

func TestDifferenceFromTheBaseline(t *testing.T) {
	for want, r := range map[string]milestone.Row{
		"+32 %": {Value: 0.112, Baseline: number(0.085)},
		"-50 %": {Value: 5, Baseline: number(10)},
		"":      {Value: nan, Baseline: number(10)},
	} {
		if got := Difference(r); got != want {
			t.Errorf("%v after %v: got %q, want %q", r.Value, *r.Baseline, got, want)
		}
	}
	if got := Difference(milestone.Row{Value: 1}) + Difference(milestone.Row{Value: 1, Baseline: number(0)}); got != "" {
		t.Errorf("against nothing: %q", got)
	}
}
