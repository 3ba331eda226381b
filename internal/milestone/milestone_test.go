package milestone_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const halfHour = 1800

var nan = signal.Number(math.NaN())

func slo(than judge.Than, v signal.Number) *judge.SLO { return &judge.SLO{Than: than, Value: v} }

func ratio(s *judge.SLO) judge.Row {
	return judge.Row{Signal: "errors", Kind: signal.Ratio, Unit: "%", SLO: s}
}

func quantile(s *judge.SLO) judge.Row {
	return judge.Row{Signal: "latency", Kind: signal.Quantile, Q: 0.99, Unit: "seconds", SLO: s}
}

func same(a, b signal.Number) bool { return a == b || a.IsNaN() && b.IsNaN() }

// counted gives n bins that count so many events, and part or least to most of them over the SLO.
func counted(row judge.Row, n int, total, least, most signal.Number) []signal.Bin {
	var bins []signal.Bin
	for i := range n {
		b := signal.Bin{End: signal.Instant(1_700_000_000 + halfHour*i), Total: total, Part: least, Value: least / total}
		if row.Kind == signal.Quantile && row.SLO != nil {
			b.Part, b.Over = 0, []signal.Over{{Bound: row.SLO.Value, Least: least, Most: most}}
		}
		bins = append(bins, b)
	}
	return bins
}

func valued(n int, v signal.Number) []signal.Bin {
	bins := counted(judge.Row{}, n, 1, 0, 0)
	for i := range bins {
		bins[i].Value = v
	}
	return bins
}

func hidden(bins []signal.Bin, n int, c signal.Cause) []signal.Bin {
	for i := range n {
		bins[i] = signal.Bin{End: bins[i].End, Value: nan, Cause: c}
	}
	return bins
}

func add(row judge.Row, x milestone.Measured, baseline ...judge.Baseline) milestone.Milestone {
	var m milestone.Milestone
	m.Add(row, x, baseline)
	return m
}

func TestAnSLOIsHeldAgainstCounts(t *testing.T) {
	tenth, hits := ratio(slo(judge.AtMost, 0.001)), ratio(slo(judge.AtLeast, 0.7))
	fast, slow := quantile(slo(judge.AtMost, 0.1)), quantile(slo(judge.AtLeast, 0.1))
	rate := judge.Row{Signal: "throughput", Kind: signal.Rate, SLO: slo(judge.AtLeast, 100)}
	for name, c := range map[string]struct {
		row   judge.Row
		bins  []signal.Bin
		met   judge.Answer
		cause signal.Cause
	}{
		"just within":                     {tenth, counted(tenth, 10, 1000, 1, 1), judge.Yes, ""},
		"just within, but strictly":       {ratio(slo(judge.Below, 0.001)), counted(tenth, 10, 1000, 1, 1), judge.No, ""},
		"one event too many":              {tenth, append(counted(tenth, 9, 1000, 1, 1), counted(tenth, 1, 1000, 2, 2)...), judge.No, ""},
		"29 of 100, which floats miss":    {ratio(slo(judge.AtMost, 0.29)), counted(tenth, 1, 100, 29, 29), judge.Yes, ""},
		"none may fail and none did":      {ratio(slo(judge.AtMost, 0)), counted(tenth, 1, 100, 0, 0), judge.Yes, ""},
		"none may fail and some did":      {ratio(slo(judge.AtMost, 0)), counted(tenth, 3, 100, 1, 1), judge.No, ""},
		"too few to bear a failure":       {tenth, counted(tenth, 1, 999, 1, 1), judge.Unknown, signal.Few},
		"too few though none failed":      {tenth, counted(tenth, 1, 999, 0, 0), judge.Unknown, signal.Few},
		"few, and plainly missed":         {tenth, counted(tenth, 1, 999, 3, 3), judge.No, ""},
		"too few for any share":           {ratio(slo(judge.AtMost, 0.5)), counted(tenth, 1, 29, 0, 0), judge.Unknown, signal.Few},
		"hits just enough":                {hits, counted(hits, 10, 10, 7, 7), judge.Yes, ""},
		"hits not enough":                 {hits, counted(hits, 10, 100, 69, 69), judge.No, ""},
		"nobody asked":                    {tenth, hidden(counted(tenth, 10, 1, 0, 0), 10, signal.Idle), judge.Unknown, signal.Idle},
		"as slow as allowed":              {fast, counted(fast, 10, 1000, 10, 10), judge.Yes, ""},
		"too slow":                        {fast, counted(fast, 10, 1000, 11, 11), judge.No, ""},
		"buckets on either side of it":    {fast, counted(fast, 10, 1000, 5, 15), judge.Unknown, signal.Coarse},
		"buckets that tell all the same":  {fast, counted(fast, 10, 1000, 11, 500), judge.No, ""},
		"buckets that clear all the same": {fast, counted(fast, 10, 1000, 0, 10), judge.Yes, ""},
		"not counted over the SLO":        {fast, counted(ratio(nil), 10, 1000, 1, 1), judge.Unknown, signal.Coarse},
		"a quantile that is to be high":   {slow, counted(slow, 10, 1000, 10, 10), judge.Yes, ""},
		"a quantile that is not high":     {slow, counted(slow, 10, 1000, 9, 9), judge.No, ""},
		"half of it seen":                 {tenth, hidden(counted(tenth, 10, 1000, 1, 1), 5, signal.Gap), judge.Yes, ""},
		"less than half of it seen":       {tenth, hidden(counted(tenth, 10, 1000, 1, 1), 6, signal.Gap), judge.Unknown, signal.Gap},
		"less than half, two pods as one": {tenth, hidden(hidden(counted(tenth, 10, 1000, 1, 1), 9, signal.Duplicates), 2, signal.Gap), judge.Unknown, signal.Duplicates},
		"nothing of it":                   {tenth, nil, judge.Unknown, signal.Gap},
		"a rate on average":               {rate, append(valued(5, 150), valued(5, 50)...), judge.Yes, ""},
		"a rate that is low on average":   {rate, append(valued(5, 150), valued(5, 49)...), judge.No, ""},
		"a rate of which little is known": {rate, hidden(valued(10, 150), 9, signal.NaN), judge.Unknown, signal.NaN},
	} {
		t.Run(name, func(t *testing.T) {
			m := add(c.row, milestone.Measured{Reading: signal.Reading{Bins: c.bins}, Whole: 0.08})
			if r := m.Rows[0]; r.Met != c.met || r.Cause != c.cause {
				t.Errorf("%s, cause %q; want %s, %q: %+v", r.Met, r.Cause, c.met, c.cause, r)
			}
			if want := [3]bool{c.met == judge.Yes, c.met == judge.No, c.met == judge.Unknown}; want != [3]bool{m.Met == 1, m.Missed == 1, m.Unknown == 1} {
				t.Errorf("counted as %d met, %d missed, %d unknown", m.Met, m.Missed, m.Unknown)
			}
		})
	}
}

func TestWhatCouldNotBeAskedIsUnknown(t *testing.T) {
	r := add(ratio(slo(judge.AtMost, 0.001)), milestone.Measured{Reading: signal.Reading{Cause: signal.Away}, Trends: true}).Rows[0]
	if r.Met != judge.Unknown || r.Cause != signal.Away || !r.Value.IsNaN() || r.Trend.Answer != judge.Unknown || r.Trend.Cause != signal.Away {
		t.Errorf("got %+v", r)
	}
}

func TestARowSumsUp(t *testing.T) {
	fast := quantile(slo(judge.AtMost, 0.1))
	baseline := []judge.Baseline{{Signal: "throughput", Value: nan}, {Signal: "latency", Value: 0.085}}
	known := func(n signal.Number) *signal.Number { return &n }
	for name, c := range map[string]struct {
		row   judge.Row
		bins  []signal.Bin
		whole signal.Number
		want  milestone.Row
	}{
		"a ratio of all events": {ratio(nil), append(counted(ratio(nil), 1, 100, 50, 50), counted(ratio(nil), 2, 1000, 0, 0)...), nan,
			milestone.Row{Signal: "errors", Kind: signal.Ratio, Unit: "%", Value: 0.0238095, Total: 2100, Seen: 3, Bins: 3}},
		"a quantile as it was asked": {fast, counted(fast, 2, 1000, 1, 2), 0.091234567,
			milestone.Row{Signal: "latency", Kind: signal.Quantile, Unit: "seconds", Value: 0.0912346, Total: 2000, Least: 2, Most: 4, SLO: fast.SLO, Met: judge.Yes,
				Seen: 2, Bins: 2, Baseline: known(0.085)}},
		"a quantile nobody could ask": {fast, counted(fast, 2, 1000, 1, 2), nan,
			milestone.Row{Signal: "latency", Kind: signal.Quantile, Unit: "seconds", Value: nan, Total: 2000, Least: 2, Most: 4, SLO: fast.SLO, Met: judge.Yes,
				Seen: 2, Bins: 2, Baseline: known(0.085)}},
		"a rate, without a baseline": {judge.Row{Signal: "throughput", Kind: signal.Rate, Unit: "/s"}, hidden(valued(4, 20), 1, signal.Gap), nan,
			milestone.Row{Signal: "throughput", Kind: signal.Rate, Unit: "/s", Value: 20, Total: 3, Seen: 3, Bins: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			got := add(c.row, milestone.Measured{Reading: signal.Reading{Bins: c.bins}, Whole: c.whole}, baseline...).Rows[0]
			if diff := cmp.Diff(c.want, got, cmp.Comparer(same)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// creeping gives a day of bins whose share rises from one end to the other.
func creeping(row judge.Row, from, to float64) []signal.Bin {
	bins := counted(row, 48, 100_000, 0, 0)
	for i := range bins {
		bad := signal.Number(math.Round(100_000 * (from + (to-from)*float64(i)/47)))
		if bins[i].Part = bad; row.Kind == signal.Quantile {
			bins[i].Part, bins[i].Over = 0, []signal.Over{{Bound: 0.1, Least: bad, Most: bad}}
		}
	}
	return bins
}

func TestWhatSpeaksAgainstASignalCreepsUp(t *testing.T) {
	cells := func(b judge.Bound) []judge.Cell { return []judge.Cell{{Tier: judge.Investigate, Bound: b}} }
	tenth := signal.Number(0.1)
	more := ratio(slo(judge.AtMost, 0.5))
	hits := ratio(slo(judge.AtLeast, 0.5))
	byCells := judge.Row{Signal: "latency", Kind: signal.Quantile, Q: 0.99, Cells: cells(judge.Bound{Above: &tenth})}
	for name, c := range map[string]struct {
		row      judge.Row
		from, to float64
		want     judge.Answer
		others   bool
	}{
		"failures":             {more, 0.001, 0.02, judge.Yes, false},
		"failures that do not": {more, 0.01, 0.01, judge.No, false},
		"fewer failures":       {more, 0.02, 0.001, judge.No, false},
		"misses":               {hits, 0.99, 0.9, judge.Yes, true},
		"fewer misses":         {hits, 0.9, 0.99, judge.No, true},
		"slow by the SLO":      {quantile(slo(judge.AtMost, 0.1)), 0.001, 0.02, judge.Yes, false},
		"slow by the cells":    {byCells, 0.001, 0.02, judge.Yes, false},
		"slow, and as it was":  {byCells, 0.004, 0.004, judge.No, false},
	} {
		x := milestone.Measured{Reading: signal.Reading{Bins: creeping(c.row, c.from, c.to)}, Trends: true}
		got := add(c.row, x).Rows[0].Trend
		if got == nil || got.Answer != c.want || got.Others != c.others || (got.Over != nil) != (c.row.Kind == signal.Quantile) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestTheDayBeforeTellsARhythmFromACreep(t *testing.T) {
	row := ratio(slo(judge.AtMost, 0.5))
	now, before := creeping(row, 0.001, 0.02), creeping(row, 0.001, 0.02)
	for i := range before {
		before[i].End -= 24 * 3600
	}
	if got := add(row, milestone.Measured{Reading: signal.Reading{Bins: now}, Before: before, Trends: true}).Rows[0].Trend; got.Answer != judge.No {
		t.Errorf("as on the day before: %+v", got)
	}
}

func TestNoTrendWhereNothingSaysWhatIsWorse(t *testing.T) {
	bins := creeping(ratio(nil), 0.001, 0.02)
	half := signal.Number(0.5)
	both := ratio(nil)
	both.Cells = []judge.Cell{{Bound: judge.Bound{Above: &half}}, {Bound: judge.Bound{Below: &half}}}
	for name, c := range map[string]struct {
		row    judge.Row
		trends bool
	}{
		"no cells":            {ratio(nil), true},
		"cells of both sorts": {both, true},
		"a rate":              {judge.Row{Kind: signal.Rate, SLO: slo(judge.AtMost, 1)}, true},
		"too short a window":  {ratio(slo(judge.AtMost, 1)), false},
	} {
		if got := add(c.row, milestone.Measured{Reading: signal.Reading{Bins: bins}, Trends: c.trends}).Rows[0].Trend; got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestThinnedRowsAreCountedStill(t *testing.T) {
	var m milestone.Milestone
	for _, than := range []judge.Than{judge.AtMost, judge.AtLeast} {
		row := ratio(slo(than, 0.5))
		m.Add(row, milestone.Measured{Reading: signal.Reading{Bins: counted(row, 3, 100, 1, 1)}}, nil)
	}
	was := m.Rows
	m.Thin(func(r milestone.Row) bool { return r.Met == judge.No })
	if len(m.Rows) != 1 || m.Rows[0].Met != judge.No || !m.Thinned || m.Met != 1 || m.Missed != 1 || was[0].Met != judge.Yes {
		t.Errorf("got %+v, was %+v", m, was)
	}
}
