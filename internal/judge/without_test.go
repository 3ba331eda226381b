package judge_test

import (
	"slices"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A signal whose worst bound was not answered is named, required or not, but for the one that decided.
func TestAVerdictNamesWhatItIsWithout(t *testing.T) {
	hits := func(required bool) judge.Row {
		return judge.Row{Signal: "hits", Kind: signal.Ratio, Required: required,
			Cells: []judge.Cell{cell(judge.Rollback, below(0.5), 3), cell(judge.Consider, below(0.9), 3)}}
	}
	unknown := func(c signal.Cause) signal.Reading { return signal.Reading{Signal: "hits", Cause: c} }
	for name, c := range map[string]struct {
		required bool
		reading  signal.Reading
		tier     judge.Tier
		without  []string
		called   string
	}{
		"never measured":            {false, unknown(signal.Empty), judge.Proceed, []string{"hits"}, "Proceed without hits"},
		"the query is refused":      {false, unknown(signal.QueryError), judge.Proceed, []string{"hits"}, "Proceed without hits"},
		"it decides":                {true, unknown(signal.Empty), judge.Blind, nil, "Blind"},
		"too early":                 {false, unknown(signal.Young), judge.Proceed, nil, "Proceed"},
		"control: measured":         {false, signal.Reading{Signal: "hits", Bins: shares("EEEEEE")}, judge.Rollback, nil, "Rollback"},
		"control: measured as well": {false, signal.Reading{Signal: "hits", Bins: signal.Bins(full(6))}, judge.Proceed, nil, "Proceed"},
	} {
		v := judge.Judge(matrix(errorRow(cell(judge.Rollback, above(0.05), 5)), hits(c.required)),
			judge.Input{At: at, Readings: []signal.Reading{errorRate(shares("........")), c.reading}})
		if called := v.Tier.Called(judge.Named(v.Without)); v.Tier != c.tier || !slices.Equal(v.Without, c.without) || called != c.called {
			t.Errorf("%s: %q, without %q; want %q without %q", name, called, v.Without, c.called, c.without)
		}
		if again := judge.Again(saved(t, v)); !slices.Equal(again.Without, v.Without) {
			t.Errorf("%s: judged again it is without %q", name, again.Without)
		}
	}
}

// full are bins whose part is the whole.
func full(n int) []signal.Bin {
	bins := make([]signal.Bin, n)
	for i := range bins {
		bins[i] = signal.Bin{End: at.Add(signal.Duration(i-n+1) * signal.Duration(60e9)), Value: 1, Total: 1000, Part: 1000}
	}
	return bins
}

func TestOfManyNamesTheFirstAreNamed(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "a": {"a"}, "a, b, c": {"a", "b", "c"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"}} {
		if got := judge.Named(names); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := judge.Rollback.Called("a"); got != "Rollback" {
		t.Errorf("%q: what could not be answered could not have made it worse", got)
	}
}
