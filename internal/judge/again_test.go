package judge_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// rolled is a verdict of Rollback by the error rate, with the latency and the availability beside it.
func rolled() judge.Verdict {
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5), canaryCell()), availabilityRow,
		judge.Row{Signal: "hits", Kind: signal.Ratio, Cells: []judge.Cell{cell(judge.Consider, below(0.5), 3)}})
	return judge.Judge(m, judge.Input{At: at, Generation: 7, Split: true, Readings: []signal.Reading{
		errorRate(shares("..EEEEEE")), {Signal: "hits", Bins: shares("EEEE")},
		{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}},
	}})
}

func TestAVerdictCarriesItsMatrix(t *testing.T) {
	want := matrix(errorRow(cell(judge.Rollback, above(0.05), 5), canaryCell()), availabilityRow,
		judge.Row{Signal: "hits", Kind: signal.Ratio, Cells: []judge.Cell{cell(judge.Consider, below(0.5), 3)}})
	if diff := cmp.Diff(want, judge.MatrixOf(rolled())); diff != "" {
		t.Error(diff)
	}
	if b := rolled().Brief(); cmp.Diff(judge.Matrix{}, judge.MatrixOf(b)) != "" || judge.Retraceable(b) {
		t.Errorf("a verdict in brief keeps %+v", b)
	}
}

func TestAVerdictIsRetracedFromWhatWasSaved(t *testing.T) {
	v := saved(t, rolled())
	if again := judge.Again(v); !judge.Retraceable(v) || judge.Differences(v, again) != nil || again.Generation != 7 || !again.Split {
		t.Errorf("differs: %q\n%+v", judge.Differences(v, again), again)
	}
}

func TestAForgedVerdictIsFound(t *testing.T) {
	forge := map[string]func(*judge.Verdict){
		`verdict: recorded "Proceed", judged again "Rollback"`:                 func(v *judge.Verdict) { v.Tier = judge.Proceed },
		`signal: recorded "hits", judged again "error-rate"`:                   func(v *judge.Verdict) { v.Signal = "hits" },
		`reason: recorded "a whim", judged again "error-rate is 8 %`:           func(v *judge.Verdict) { v.Reason = "a whim" },
		`hits: recorded "Proceed", judged again "Consider"`:                    func(v *judge.Verdict) { v.Evidence[2].Tier = judge.Proceed },
		`verdict: recorded "Rollback", judged again "Consider"`:                func(v *judge.Verdict) { v.Evidence[0].Bins[4].Part = 0; v.Evidence[0].Bins[4].Value = 0 },
		`error-rate: recorded "Rollback", judged again "Consider"`:             func(v *judge.Verdict) { v.Evidence[0].Findings[0].Cell.Bound = above(0.09) },
		`reason: recorded "error-rate is 8 %, above 5 % for 5m", judged again`: func(v *judge.Verdict) { v.Bin *= 2 },
	}
	for want, change := range forge {
		v := saved(t, rolled())
		change(&v)
		if got := strings.Join(judge.Differences(v, judge.Again(v)), "\n"); !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestOfAThinnedVerdictTheSignalThatDecidedIsRetraced(t *testing.T) {
	v := rolled()
	v.Evidence[2].Bins, v.Thinned = nil, true
	again := judge.Again(v)
	if d := judge.Differences(v, again); !judge.Retraceable(v) || d != nil || len(again.Evidence) != 1 {
		t.Errorf("differs: %q\n%+v", d, again)
	}
	v.Thinned = false
	if judge.Differences(v, judge.Again(v)) == nil {
		t.Error("bins that are missing without a word go unnoticed")
	}
	v.Thinned, v.Tier, v.Signal, v.Reason = true, judge.Proceed, "", ""
	if judge.Retraceable(v) {
		t.Error("nothing is left of a thinned verdict that no signal decided, and it is retraced")
	}
}
