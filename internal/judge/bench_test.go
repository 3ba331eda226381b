package judge_test

import (
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// shipped is a matrix of eight signals in the manner of the shipped example: two ratios, three
// quantiles, two queries without cells, and the slot's availability.
func shipped() judge.Matrix {
	latency := func(name string, q, rollback, consider, investigate signal.Number) judge.Row {
		return judge.Row{Signal: name, Kind: signal.Quantile, Q: q, Unit: "seconds", Cells: []judge.Cell{
			cell(judge.Rollback, above(rollback), 5), cell(judge.Consider, above(consider), 10), cell(judge.Investigate, above(investigate), 0),
		}}
	}
	return matrix(checklist,
		judge.Row{Signal: "cache-hit-ratio", Kind: signal.Ratio, Cells: []judge.Cell{cell(judge.Consider, below(0.6), 10)}},
		latency("p50-latency", 0.5, 0.5, 0.1, 0.05), latency("p95-latency", 0.95, 0.8, 0.15, 0.08), latency("p99-latency", 0.99, 1, 0.2, 0.1),
		judge.Row{Signal: "throughput", Kind: signal.Query},
		judge.Row{Signal: "queue-depth", Kind: signal.Query},
		judge.Row{Signal: "availability", Kind: signal.Kubernetes, Required: true, Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}}},
	)
}

// well reads every signal of a matrix over so many bins, none of which breaks a bound.
func well(m judge.Matrix, bins int) []signal.Reading {
	value := map[signal.Kind]signal.Bin{
		signal.Ratio:    {Value: 0.0005, Part: 5, Total: 10_000},
		signal.Quantile: {Value: 0.04, Total: 10_000},
		signal.Query:    {Value: 3},
	}
	var all []signal.Reading
	for _, row := range m.Rows {
		r := signal.Reading{Signal: row.Signal, Queries: []string{"sum(x)"}}
		b := value[row.Kind]
		if row.Signal == "cache-hit-ratio" {
			b.Value, b.Part = 0.9, 9_000
		}
		for _, c := range row.Cells {
			if row.Kind == signal.Quantile {
				b.Over = append(b.Over, signal.Over{Bound: *c.Bound.Above, Least: 5, Most: 5})
			}
		}
		for i := range bins {
			b.End = at.Add(-minute * signal.Duration(bins-1-i))
			r.Bins = append(r.Bins, b)
		}
		if row.Kind == signal.Kubernetes {
			r.Bins, r.Availability = nil, &signal.Availability{Wanted: 3, Ready: 3}
		}
		all = append(all, r)
	}
	return all
}

// BenchmarkVerdict judges eight signals: ten bins by the cells of the guard, and a check's whole day
// by all of them. All is well, which is the dearest: no stretch ends the search.
func BenchmarkVerdict(b *testing.B) {
	whole := shipped()
	const day = 24 * 60
	cases := []struct {
		name   string
		matrix judge.Matrix
		in     judge.Input
	}{
		{"guard", whole.Only(func(c judge.Cell) bool { return c.Tier == judge.Rollback || c.Tier == judge.Consider }),
			judge.Input{At: at, Readings: well(whole, 10), Stretch: judge.Newest}},
		{"check-5m", whole, judge.Input{At: at, Readings: well(whole, judge.MostBins), Stretch: judge.Whole, Since: at.Add(-5 * minute)}},
		{"check-24h", whole, judge.Input{At: at, Readings: well(whole, day), Stretch: judge.Whole, Since: at.Add(-day * minute)}},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var v judge.Verdict
			for b.Loop() {
				v = judge.Judge(c.matrix, c.in)
			}
			if v.Tier != judge.Proceed || len(v.Evidence) == 0 {
				b.Fatalf("the verdict is %s (%s), want %s", v.Tier, v.Reason, judge.Proceed)
			}
		})
	}
}
