package watchdog

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestTheBinsOfAMilestone(t *testing.T) {
	for _, c := range []struct{ long, least, want time.Duration }{
		{time.Hour, time.Minute, 5 * time.Minute},
		{24 * time.Hour, time.Minute, 30 * time.Minute},
		{168 * time.Hour, time.Minute, 30 * time.Minute},
		{168 * time.Hour, 2 * time.Minute, 30 * time.Minute},
		{24 * time.Hour, time.Hour, time.Hour},
		{time.Hour, 10 * time.Minute, 10 * time.Minute},
		{3 * time.Minute, 10 * time.Second, 10 * time.Second},
		{9 * time.Minute, 10 * time.Second, 30 * time.Second}, // 40 s, a twelfth, would leave a rest
		{6*time.Hour + 15*time.Minute, time.Minute, 25 * time.Minute},
		{1439 * time.Minute, time.Minute, 30 * time.Minute}, // a prime number of minutes: there is a rest
		{time.Second, 10 * time.Second, 10 * time.Second},
	} {
		if got := binOf(signal.Duration(c.long), signal.Duration(c.least)); got != signal.Duration(c.want) {
			t.Errorf("%s in bins of at least %s: bins of %s, want %s", c.long, c.least, got, c.want)
		}
	}
}

// A check looks through a few thousand bins at most, however fine a policy has them: what judging them takes is taken
// from everybody.
func TestTheBinsOfACheck(t *testing.T) {
	for _, c := range []struct{ every, bin, want time.Duration }{
		{24 * time.Hour, time.Minute, time.Minute},
		{24 * time.Hour, 30 * time.Second, 30 * time.Second},
		{5 * time.Minute, time.Second, time.Second},
		{24 * time.Hour, time.Second, 30 * time.Second},
		{25 * time.Hour, time.Second, 32 * time.Second},
		{168 * time.Hour, time.Second, 210 * time.Second},
		{999_999 * time.Hour, time.Second, 1_249_999 * time.Second},
	} {
		var asked Span
		d := &Daemon{meter: unmetered{}, log: zap.NewNop(), settings: func() Settings { return Settings{} }, Edges: Edges{
			Newest: func(context.Context, Asker, []signal.Ask, signal.Instant) Freshness { return Freshness{} },
			Read: func(_ context.Context, _ Asker, asks []signal.Ask, s Span) []signal.Reading {
				asked = s
				return all(asks, signal.Gap, "")
			}}}
		row := judge.Row{Signal: "depth", Kind: signal.Query, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: new(signal.Number)}, For: signal.Duration(3 * c.bin)}}}
		plan := &release.Plan{Matrix: judge.Matrix{Bin: signal.Duration(c.bin), Rows: []judge.Row{row}},
			Questions: []release.Question{{Signal: "depth", Kind: signal.Query, PromQL: "depth"}}}
		m := measurement{plan: plan}
		m.record.State.Cutover = 1_700_000_000
		m.record.State.Grid = schedule.Schedule{{Name: "all", Until: signal.Duration(c.every), Every: signal.Duration(c.every)}}
		now := m.record.State.Cutover.Add(signal.Duration(c.every))
		if d.check(t.Context(), m, &release.Observed{Now: now}) == nil {
			t.Fatalf("every %s: no verdict", c.every)
		}
		bins := int64(asked.To.Sub(asked.From) / asked.Bin)
		if asked.Bin != signal.Duration(c.want) || asked.To != now || asked.From.Add(signal.Duration(c.every)) > now || bins > mostOfCheck+judge.MostBins {
			t.Errorf("every %s in bins of %s: %d of %s, from %s to %s; want such of %s", c.every, c.bin, bins, asked.Bin, asked.From, asked.To, c.want)
		}
	}
}
