package judge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// everything is a matrix with a row of each kind and cells of each tier and several lengths.
var everything = judge.Matrix{Bin: minute, UnavailableFor: 90e9, Requests: "error-rate", Rows: []judge.Row{
	errorRow(cell(judge.Rollback, above(0.05), 5), cell(judge.Consider, above(0.01), 8), cell(judge.Investigate, above(0.001), 3), canaryCell()),
	{Signal: "p99", Kind: signal.Quantile, Q: 0.99, Unit: "seconds", Cells: []judge.Cell{cell(judge.Rollback, above(1), 6), cell(judge.Consider, above(0.2), 4)}},
	{Signal: "hits", Kind: signal.Ratio, Required: true, Cells: []judge.Cell{cell(judge.Consider, below(0.5), 4), cell(judge.Rollback, below(0.1), 7)}},
	{Signal: "queue", Kind: signal.Query, Cells: []judge.Cell{cell(judge.Investigate, above(10), 9), cell(judge.Consider, above(100), 3)}},
	availabilityRow,
	{Signal: "throughput", Kind: signal.Query},
}}

func canaryCell() judge.Cell {
	c := cell(judge.Consider, above(0.005), 4)
	c.Canary = true
	return c
}

// tape turns bytes into an input: whatever they are, they mean something.
type tape struct{ b []byte }

func (t *tape) next() int {
	if len(t.b) == 0 {
		return 0
	}
	n := t.b[0]
	t.b = t.b[1:]
	return int(n)
}

func (t *tape) input() judge.Input {
	in := judge.Input{At: at, Split: t.next()%4 == 0, Stretch: judge.Stretch(t.next() % 2)}
	if t.next()%2 == 0 {
		in.Since = at.Add(-minute * signal.Duration(t.next()%20))
	}
	for _, row := range everything.Rows {
		if t.next()%16 == 15 {
			continue
		}
		r := signal.Reading{Signal: row.Signal}
		switch n := t.next(); {
		case n%16 == 15:
			r.Cause = signal.Away
		case row.Kind == signal.Kubernetes:
			r.Availability = &signal.Availability{Wanted: int32(n % 3), Ready: int32(t.next() % 2), Ticks: int32(t.next() % 4)}
			if t.next()%2 == 0 {
				r.Availability.UnreadySince = at - signal.Instant(t.next())
			}
		default:
			r.Bins = t.bins(row.Kind, n%24)
		}
		in.Readings = append(in.Readings, r)
	}
	return in
}

func (t *tape) bins(kind signal.Kind, n int) []signal.Bin {
	calm := t.next()%2 == 0
	bins := make([]signal.Bin, 0, n)
	for i := range n {
		b := signal.Bin{End: at.Add(-minute * signal.Duration(n-1-i))}
		b.Total = signal.Number([]int{1, 3, 20, 1000, 5000}[t.next()%5])
		level := t.next() % 8
		if calm && level > 0 && i > 0 {
			b.Total, b.Part, b.Value, b.Cause, b.Over = bins[i-1].Total, bins[i-1].Part, bins[i-1].Value, bins[i-1].Cause, bins[i-1].Over
			bins = append(bins, b)
			continue
		}
		switch {
		case level == 7:
			b = signal.Bin{End: b.End, Cause: signal.Gap}
		case level == 6 && !calm:
			b.Value = nan
		case kind == signal.Ratio:
			b.Part = min(b.Total, signal.Number([]int{0, 1, 2, 3, 60, 1000}[t.next()%6]))
			b.Value = b.Part / b.Total
		case kind == signal.Quantile:
			b.Value = signal.Number([]float64{0.05, 0.5, 3}[t.next()%3])
			slow := min(b.Total, signal.Number([]int{0, 1, 3, 60}[t.next()%4]))
			b.Over = []signal.Over{{Bound: 0.2, Least: slow, Most: min(b.Total, 2*slow)}, {Bound: 1, Least: slow, Most: slow}}
		default:
			b.Value, b.Total = signal.Number([]float64{1, 50, 500}[t.next()%3]), 0
		}
		bins = append(bins, b)
	}
	return bins
}

// worse makes one bin of one reading worse, and tells whether there was one to make worse.
func worse(in judge.Input, r, i int) (judge.Input, bool) {
	row := everything.Rows[r]
	in.Readings = append([]signal.Reading(nil), in.Readings...)
	for k := range in.Readings {
		x := &in.Readings[k]
		if x.Signal != row.Signal || i >= len(x.Bins) || x.Bins[i].Cause != signal.Known || x.Bins[i].Value.IsNaN() {
			continue
		}
		x.Bins = append([]signal.Bin(nil), x.Bins...)
		b := &x.Bins[i]
		switch {
		case row.Signal == "hits":
			b.Part = max(0, b.Part-3)
			b.Value = b.Part / b.Total
		case row.Kind == signal.Ratio:
			b.Part = min(b.Total, b.Part+3)
			b.Value = b.Part / b.Total
		case row.Kind == signal.Quantile:
			b.Over = append([]signal.Over(nil), b.Over...)
			for j := range b.Over {
				b.Over[j].Least, b.Over[j].Most = min(b.Total, b.Over[j].Least+3), min(b.Total, b.Over[j].Most+3)
			}
		default:
			b.Value *= 20
		}
		return in, true
	}
	return in, false
}

// without takes one bin of one reading away: a gap.
func without(in judge.Input, r, i int) (judge.Input, bool) {
	in.Readings = append([]signal.Reading(nil), in.Readings...)
	for k := range in.Readings {
		x := &in.Readings[k]
		if x.Signal != everything.Rows[r].Signal || i >= len(x.Bins) {
			continue
		}
		x.Bins = append([]signal.Bin(nil), x.Bins...)
		x.Bins[i] = signal.Bin{End: x.Bins[i].End, Cause: signal.Gap}
		return in, true
	}
	return in, false
}

// text writes a verdict as it is saved: there NaN equals NaN.
func text(t *testing.T, v judge.Verdict) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatalf("write %+v: %v", v, err)
	}
	return string(b)
}

// saved gives a verdict as it is read back.
func saved(t *testing.T, v judge.Verdict) judge.Verdict {
	t.Helper()
	var back judge.Verdict
	if err := json.Unmarshal([]byte(text(t, v)), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// check holds the properties against one input.
func check(t *testing.T, data []byte) judge.Tier {
	t.Helper()
	in := (&tape{data}).input()
	v := judge.Judge(everything, in)
	if len(v.Evidence) != len(everything.Rows) || v.Tier.Rank() > judge.Proceed.Rank() {
		t.Fatalf("not a verdict: %+v", v)
	}
	if d := cmp.Diff(text(t, v), text(t, judge.Judge(everything, (&tape{data}).input()))); d != "" {
		t.Errorf("not the same the second time:\n%s", d)
	}
	again := judge.Again(saved(t, v))
	if again.Tier != v.Tier || again.Signal != v.Signal || again.Reason != v.Reason {
		t.Errorf("judged again: %s by %q (%s)\nfirst it was %s by %q (%s)", again.Tier, again.Signal, again.Reason, v.Tier, v.Signal, v.Reason)
	}
	for i, e := range again.Evidence {
		if e.Tier != v.Evidence[i].Tier {
			t.Errorf("%s judged again: %s, first it was %s", e.Signal, e.Tier, v.Evidence[i].Tier)
		}
	}
	for r := range everything.Rows {
		for i := range 24 {
			if x, ok := worse(in, r, i); ok {
				if got := judge.Judge(everything, x); v.Tier.Worse(got.Tier) {
					t.Errorf("worse numbers of %s in bin %d turn %s into %s", everything.Rows[r].Signal, i, v.Tier, got.Tier)
				}
			}
			if x, ok := without(in, r, i); ok && v.Tier == judge.Blind && everything.Rows[r].Signal == v.Signal {
				if got := judge.Judge(everything, x); got.Tier == judge.Proceed {
					t.Errorf("a gap of %s in bin %d turns Blind into Proceed", everything.Rows[r].Signal, i)
				}
			}
		}
	}
	return v.Tier
}

func randomTape(seed uint64) *tape {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, 400)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return &tape{data}
}

func TestPropertiesOfAnyInput(t *testing.T) {
	seen := map[judge.Tier]int{}
	for seed := range uint64(800) {
		data := randomTape(seed).b
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) { seen[check(t, data)]++ })
		if !ok {
			break
		}
	}
	for _, tier := range []judge.Tier{judge.Rollback, judge.Consider, judge.Investigate, judge.Blind, judge.Proceed} {
		if seen[tier] < 8 {
			t.Errorf("only %d inputs gave %s: the inputs don't reach everything", seen[tier], tier)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte("rollback"))
	f.Add(make([]byte, 300))
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}
