package release_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// grown is thePlan with eight signals: two ratios, three quantiles, two queries, the availability.
func grown() *release.Plan {
	p := thePlan()
	add := func(kind signal.Kind, name string, cells ...judge.Cell) {
		p.Matrix.Rows = append(p.Matrix.Rows, judge.Row{Signal: name, Kind: kind, Cells: cells})
		p.Questions = append(p.Questions, release.Question{Signal: name, Kind: kind, Metric: "kb_query_duration_seconds", Match: `deployment="${slot}"`, Q: 0.99})
	}
	bounds := []judge.Cell{{Tier: judge.Rollback, Bound: above(1), For: dur(5 * time.Minute)}, {Tier: judge.Consider, Bound: above(0.2), For: dur(10 * time.Minute)}}
	add(signal.Ratio, "timeout-rate", bounds...)
	add(signal.Quantile, "p50-latency", bounds...)
	add(signal.Quantile, "p95-latency", bounds...)
	add(signal.Quantile, "p99-latency", bounds...)
	add(signal.Query, "throughput")
	add(signal.Query, "queue-depth")
	return p
}

// verdictOf judges a plan's signals over ten bins in which that share of the requests failed.
func verdictOf(p *release.Plan, at signal.Instant, share signal.Number) judge.Verdict {
	in := judge.Input{At: at, Generation: p.Generation, Readings: []signal.Reading{{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}}}}
	for _, q := range p.Questions {
		r := signal.Reading{Signal: q.Signal, Queries: []string{fmt.Sprintf("sum(increase(%s{%s}[1m]))", q.Metric, q.Match)}}
		for i := range 10 {
			r.Bins = append(r.Bins, signal.Bin{End: at - signal.Instant(60*(9-i)), Value: share, Part: 600 * share, Total: 600})
		}
		in.Readings = append(in.Readings, r)
	}
	return judge.Judge(p.Matrix, in)
}

// watched is a release on the second day: all checks of the first were taken, and blindness came and
// went. It gives the state and what is observed of a quiet guard tick.
func watched(b *testing.B) (release.State, release.Observed) {
	b.Helper()
	p := grown()
	o := release.Observed{Now: t0, Namespace: "production", Plan: p, Mode: release.Enforce, Spec: release.Spec{Policy: "kb", Number: 7, FirstSeen: t0,
		Candidate: release.Side{Slot: green, Revision: "g2", Version: "2.0", Replicas: 3}, Stable: release.Side{Slot: blue, Revision: "b1", Version: "1.9", Replicas: 3}},
		World: release.World{Writer: "deployer", Slots: []release.SlotView{running(blue, "b1", 3), running(green, "g2", 3)},
			Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{blue: 0, green: 1}}}},
		BlindFor: dur(10 * time.Minute), Breaker: release.Breaker{Namespaces: 3, Rollbacks: 3, Within: dur(10 * time.Minute)}}
	s := release.Advance(release.State{}, o)
	for {
		c, ok := s.Grid.Check(s.Cutover, int(s.Checks)+1)
		if !ok || c.At > t0.Add(dur(24*time.Hour)) {
			break
		}
		v := verdictOf(p, c.At, 0.0005)
		o.Now, o.Guard, o.GuardConsider = c.At, &v, true
		if s.Checks%12 == 5 {
			v.Tier, v.Signal = judge.Blind, "error-rate"
		}
		o.Check = &release.CheckVerdict{Check: c, Verdict: v}
		m := longest(c.Window, judge.Yes)
		m.At, o.Milestone = c.At, &m
		s = release.Advance(s, o)
	}
	v := verdictOf(p, o.Now+15, 0.0005)
	o.Now, o.Guard, o.Check, o.Milestone = o.Now+15, &v, nil, nil
	s = release.Advance(s, o)
	if s.Phase != release.Watching || s.Checks != 58 || len(s.Milestones) != 2 || s.Verdict.Tier != judge.Proceed {
		b.Fatalf("the release is %s after %d checks, verdict %s; want Watching, 58, Proceed", s.Phase, s.Checks, s.Verdict.Tier)
	}
	return s, o
}

// BenchmarkAdvance takes a guard tick that changes nothing, which is what nearly all of them do.
func BenchmarkAdvance(b *testing.B) {
	s, o := watched(b)
	var next release.State
	b.ReportAllocs()
	for b.Loop() {
		next = release.Advance(s, o)
	}
	if !release.Same(s, next) {
		b.Fatal("a quiet tick changes the state")
	}
	b.ReportMetric(float64(bytesOf(b, next)), "state-bytes")
}

// BenchmarkAdvanceDecide takes the tick in which the guard calls for a rollback: the plan is frozen and
// the evidence kept.
func BenchmarkAdvanceDecide(b *testing.B) {
	s, o := watched(b)
	o.Now = s.Cutover.Add(dur(time.Hour))
	v := verdictOf(o.Plan, o.Now, 0.2)
	o.Guard = &v
	var next release.State
	b.ReportAllocs()
	for b.Loop() {
		next = release.Advance(s, o)
	}
	if size := bytesOf(b, next); size > release.MaxBytes {
		b.Fatalf("the state takes %d bytes", size)
	}
	if next.Ladder == nil || next.Phase != release.RollingBack {
		b.Fatalf("the release is %s, want %s: %+v", next.Phase, release.RollingBack, next.Conditions)
	}
	b.ReportMetric(float64(bytesOf(b, next)), "state-bytes")
}

func bytesOf(b *testing.B, s release.State) int {
	b.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	return len(text)
}
