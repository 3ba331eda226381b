package report

import (
	"math"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func slo(than judge.Than, v signal.Number) *judge.SLO { return &judge.SLO{Than: than, Value: v} }

func of(n signal.Number) *signal.Number { return &n }

var nan = signal.Number(math.NaN())

// firstHour is a milestone with an SLO that is missed within the bounds of the matrix.
func firstHour() milestone.Milestone {
	return milestone.Milestone{Window: "active", At: at(60), After: signal.Duration(time.Hour), Met: 1, Missed: 1, Unknown: 1, Rows: []milestone.Row{
		{Signal: "error-rate", Kind: signal.Ratio, Unit: "%", Value: 0.0004, Total: 2_340_000, Least: 936, Most: 936, SLO: slo(judge.Below, 0.001), Met: judge.Yes,
			Seen: 12, Bins: 12, Baseline: of(0.0005)},
		{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", Value: 0.112, Total: 2_340_000, Least: 28_080, Most: 28_080, SLO: slo(judge.Below, 0.1), Met: judge.No,
			Seen: 11, Bins: 12, Baseline: of(0.085)},
		{Signal: "cache-hit-ratio", Kind: signal.Ratio, Unit: "%", Value: nan, SLO: slo(judge.Above, 0.7), Met: judge.Unknown, Seen: 2, Bins: 12, Cause: signal.Gap},
		{Signal: "throughput", Kind: signal.Rate, Unit: "/s", Value: 650, Seen: 12, Bins: 12, Baseline: of(655)},
		{Signal: "queue-depth", Kind: signal.Query, Value: 3.5, Seen: 12, Bins: 12}}}
}

// firstDay has trends, and was made late.
func firstDay() milestone.Milestone {
	m := firstHour()
	m.Window, m.At, m.After, m.Late, m.Thinned = "enhanced", at(24*60), signal.Duration(24*time.Hour), true, true
	m.Met, m.Missed, m.Unknown, m.Rows = 2, 0, 0, m.Rows[:3]
	m.Rows[0].Trend = &milestone.Trend{Answer: judge.Yes, From: 0.0002, To: 0.0009}
	m.Rows[1] = milestone.Row{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", Value: 0.091, Total: 54_000_000, Least: 216_000, Most: 216_000,
		SLO: slo(judge.Below, 0.1), Met: judge.Yes, Seen: 48, Bins: 48, Trend: &milestone.Trend{Answer: judge.No, Over: of(0.1), From: 0.004, To: 0.0041}}
	m.Rows[2] = milestone.Row{Signal: "hits", Kind: signal.Ratio, Unit: "%", Value: 0.8, Total: 40, Seen: 48, Bins: 48,
		Trend: &milestone.Trend{Answer: judge.Unknown, From: nan, To: nan, Cause: signal.Few}}
	m.Rows = append(m.Rows, milestone.Row{Signal: "memory", Kind: signal.Growth, Value: 9 * 3600, Seen: 1, Bins: 1},
		milestone.Row{Signal: "heap", Kind: signal.Growth, Value: signal.Number(math.Inf(1)), Seen: 1, Bins: 1},
		milestone.Row{Signal: "cache-memory", Kind: signal.Growth, Value: nan, Bins: 1, Cause: signal.Young})
	return m
}

func TestMilestoneIsATable(t *testing.T) {
	s := reported()
	for name, m := range map[string]milestone.Milestone{"milestone.txt": s.Milestones[0], "milestone-late.txt": s.Milestones[1]} {
		golden(t, name, Milestone(Of("production", spec(), s), m))
	}
}

// reported is a release after its first day.
func reported() release.State {
	s := watching()
	s.Checks, s.NextCheck, s.Milestones = 58, at(48*60), []milestone.Milestone{firstHour(), firstDay()}
	return s
}

func TestWhichMilestoneIsMeant(t *testing.T) {
	none := watching()
	none.Grid = nil
	for _, c := range []struct {
		state        release.State
		window, want string
	}{
		{reported(), "enhanced", ""},
		{reported(), "standard", "no milestone was made of window standard, which ends 168h after the cutover"},
		{reported(), "1h", `no milestone of a window "1h"; there are those of active, enhanced`},
		{none, "active", `no window "active", and no milestone was made yet`},
	} {
		m, err := FindMilestone(c.state, c.window)
		if got := errorText(err); got != c.want || err == nil && m.Window != c.window {
			t.Errorf("%s: got %q and %q, want %q", c.window, m.Window, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
