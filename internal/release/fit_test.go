package release

import (
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// judgedBy is a real verdict over three ratios, the first of which has the errors that are given.
func judgedBy(errors signal.Number) judge.Verdict {
	const minute = signal.Duration(60e9)
	five := signal.Number(0.05)
	m := judge.Matrix{Bin: minute, UnavailableFor: minute}
	in := judge.Input{At: 100_000, Generation: 3}
	for i := range 3 {
		m.Rows = append(m.Rows, judge.Row{Signal: fmt.Sprint("signal-", i), Kind: signal.Ratio, Required: true,
			Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Above: &five}, For: 5 * minute}}})
		r := signal.Reading{Signal: fmt.Sprint("signal-", i), Queries: []string{"q"}}
		for n := range 5 {
			r.Bins = append(r.Bins, signal.Bin{End: in.At - signal.Instant(60*(4-n)), Part: errors, Total: 1000, Value: errors / 1000})
		}
		in.Readings, errors = append(in.Readings, r), 0
	}
	return judge.Judge(m, in)
}

func TestHoweverFarAVerdictIsThinnedItIsRetracedOrSaysSo(t *testing.T) {
	for name, v := range map[string]judge.Verdict{"rollback": judgedBy(80), "proceed": judgedBy(0)} {
		t.Run(name, func(t *testing.T) {
			s := State{Latest: v.DeepCopy(), Transitions: []judge.Verdict{*v.DeepCopy()}, Decision: v.DeepCopy()}
			for i, thin := range thinners {
				thin(&s)
				for _, v := range append(append(transitions(&s), latest(&s)...), decision(&s)...) {
					full := len(v.Evidence) == 3 && len(v.Evidence[2].Bins) == 5
					if full == v.Thinned {
						t.Errorf("after thinner %d: thinned is %v: %+v", i, v.Thinned, v)
					}
					if d := judge.Differences(*v, judge.Again(*v)); judge.Retraceable(*v) && d != nil {
						t.Errorf("after thinner %d: %q", i, d)
					}
					if v.Tier == judge.Rollback && !judge.Retraceable(*v) {
						t.Errorf("after thinner %d what decided is lost: %+v", i, v)
					}
				}
			}
		})
	}
}

// Whatever else there is to keep, a state with the longest plan of a rollback can be saved.
func TestTheLongestPlanFits(t *testing.T) {
	p := Plan{Matrix: judge.Matrix{Rows: []judge.Row{{Signal: "s", Required: true}}}, Questions: []Question{{Signal: "s", PromQL: "x"}}}
	p.Questions[0].PromQL += strings.Repeat("x", MostPlan-p.FrozenSize())
	if n := p.FrozenSize(); n != MostPlan {
		t.Fatalf("the plan has %d bytes", n)
	}
	v := judgedBy(80)
	s := State{Latest: v.DeepCopy(), Transitions: []judge.Verdict{*v.DeepCopy()}, Decision: v.DeepCopy(), Ladder: &Ladder{Plan: frozen(p), Verdict: v.Brief()}}
	for i := range mostIncidents {
		s.Incidents = append(s.Incidents, Incident{Code: CodeRollbackWithheld, Episode: int64(i), Opened: 1_700_000_000, Closed: 1_700_000_000, Text: strings.Repeat("x", 500)})
		s.Told = append(s.Told, Told{Sink: "oncall", Key: s.Incidents[i].mark(), Opened: 1_700_000_000, Closed: 1_700_000_000})
	}
	if n := size(fit(s)); n > MaxBytes {
		t.Errorf("the state has %d bytes", n)
	}
}
