package judge_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// fires makes bins of an alert, one per letter: F fires, O has since before the first traffic, B is both, in
// two series, . does not fire, ! has no rule loaded.
func fires(letters string) []signal.Bin {
	bins := make([]signal.Bin, 0, len(letters))
	for i, c := range letters {
		b := signal.Bin{End: at.Add(-minute * signal.Duration(len(letters)-1-i))}
		switch c {
		case 'F':
			b.Value = 1
		case 'O':
			b.Value, b.Part = 1, 1
		case 'B':
			b.Value, b.Part = 2, 1
		case '!':
			b.Cause = signal.NoRule
		}
		b.Total = b.Value
		bins = append(bins, b)
	}
	return bins
}

func alertMatrix(required bool, cells ...judge.Cell) judge.Matrix {
	return matrix(judge.Row{Signal: "corruption", Kind: signal.Alert, Required: required, Cells: cells})
}

func TestAlerts(t *testing.T) {
	rollback, consider := judge.Cell{Tier: judge.Rollback, Bound: above(0)}, judge.Cell{Tier: judge.Consider, Bound: above(0)}
	moving := []judge.Cell{rollback}
	for name, c := range map[string]struct {
		cells    []judge.Cell
		bins     string
		whole    bool
		required bool
		split    bool
		want     judge.Tier
		reason   string
	}{
		"one look is enough":                    {cells: moving, bins: "F", want: judge.Rollback, reason: "corruption is firing: alert DataCorruption"},
		"control: silence is well":              {cells: moving, bins: ".", want: judge.Proceed},
		"what fired before asks people":         {cells: moving, bins: "O", want: judge.Consider, reason: "before the first traffic already: it is not the release"},
		"what is new beside what is old moves":  {cells: moving, bins: "B", want: judge.Rollback, reason: "firing 2 times"},
		"what fired before and fires no longer": {cells: moving, bins: ".", want: judge.Proceed},
		"only now counts for the guard":         {cells: moving, bins: "F.", want: judge.Proceed},
		"a check sees what has fired since":     {cells: moving, bins: ".F..", whole: true, want: judge.Rollback},
		"a check takes the new for the old":     {cells: moving, bins: "FO", whole: true, want: judge.Rollback},
		"a check says what is old":              {cells: moving, bins: ".O.", whole: true, want: judge.Consider},
		"silence of no rule is unknown":         {cells: moving, bins: "!", want: judge.Proceed},
		"and blind where it is required":        {cells: moving, bins: "!", required: true, want: judge.Blind, reason: "corruption is unknown: NoRule (alert DataCorruption)"},
		"firing is known whatever the rules":    {cells: moving, bins: "!F", required: true, want: judge.Rollback},
		"the canary's cell, while split":        {cells: []judge.Cell{{Tier: judge.Rollback, Bound: above(0), Canary: true}}, bins: "F", split: true, want: judge.Rollback},
		"the canary's cell, after cutover":      {cells: []judge.Cell{{Tier: judge.Rollback, Bound: above(0), Canary: true}}, bins: "F", want: judge.Proceed},
		"old is no worse than its cell":         {cells: []judge.Cell{{Tier: judge.Investigate, Bound: above(0)}}, bins: "O", want: judge.Investigate},
		"old where both cells ask":              {cells: []judge.Cell{rollback, consider}, bins: "O", want: judge.Consider},
	} {
		t.Run(name, func(t *testing.T) {
			m := alertMatrix(c.required, c.cells...)
			in := judge.Input{At: at, Split: c.split, Readings: []signal.Reading{{Signal: "corruption", Detail: "alert DataCorruption", Bins: fires(c.bins)}}}
			if c.whole {
				in.Stretch, in.Since = judge.Whole, at.Add(-minute*10)
			}
			v := judge.Judge(m, in)
			if v.Tier != c.want || !strings.Contains(v.Reason, c.reason) || (v.Reason == "") != (c.want == judge.Proceed) {
				t.Errorf("got %s: %s; want %s: %s", v.Tier, v.Reason, c.want, c.reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Signal != v.Signal || again.Reason != v.Reason {
				t.Errorf("judged again it is %s: %s", again.Tier, again.Reason)
			}
			if v.HeldBack() != "" {
				t.Errorf("held back: %s", v.HeldBack())
			}
		})
	}
}

func TestAnAlertOfAPastCheckIsForgotten(t *testing.T) {
	m := alertMatrix(false, judge.Cell{Tier: judge.Rollback, Bound: above(0)})
	in := judge.Input{At: at, Stretch: judge.Whole, Since: at.Add(-2 * minute), Readings: []signal.Reading{{Signal: "corruption", Bins: fires("FF..")}}}
	if v := judge.Judge(m, in); v.Tier != judge.Proceed {
		t.Errorf("got %s: %s", v.Tier, v.Reason)
	}
}

func TestAnAlertThatNobodyAskedForIsUnknown(t *testing.T) {
	v := judge.Judge(alertMatrix(true, judge.Cell{Tier: judge.Rollback, Bound: above(0)}), judge.Input{At: at})
	if v.Tier != judge.Blind || v.Evidence[0].Cause != signal.Empty {
		t.Errorf("got %+v", v)
	}
}

func TestFactsInWords(t *testing.T) {
	for kind, want := range map[signal.Kind][]string{
		signal.Alert:  {"firing", "not firing", "firing", "firing 3 times", "unknown"},
		signal.Report: {"reported", "not reported", "reported", "reported 3 times", "unknown"},
		signal.Probe:  {"failing", "0", "1", "3", "unknown"},
	} {
		row := judge.Row{Kind: kind}
		got := []string{row.Text(above(0)), row.Amount(0), row.Amount(1), row.Amount(3), row.Amount(nan)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// says makes bins of a probe, one per letter: how many components fail, ! for no answer, ? for no look.
func says(letters string) []signal.Bin {
	bins := make([]signal.Bin, 0, len(letters))
	for i, c := range letters {
		b := signal.Bin{End: at.Add(-minute * signal.Duration(len(letters)-1-i))}
		switch c {
		case '!':
			b.Cause = signal.Unseen
		case '?':
			b.Cause = signal.Gap
		default:
			b.Value = signal.Number(c - '0')
		}
		bins = append(bins, b)
	}
	return bins
}

// What fails must have failed for as long as its bound lasts; no answer is neither good nor bad.
func TestProbesMustFailForLong(t *testing.T) {
	any := []judge.Cell{{Tier: judge.Consider, Bound: above(0), For: 3 * minute}}
	for name, c := range map[string]struct {
		cells    []judge.Cell
		bins     string
		whole    bool
		required bool
		want     judge.Tier
		reason   string
	}{
		"long enough":                     {cells: any, bins: "001111", want: judge.Consider, reason: `health: 1 failing for 3m: disk is "down"`},
		"however many fail":               {cells: any, bins: "2131", want: judge.Consider, reason: "health: 1 failing for 3m"},
		"not long enough":                 {cells: any, bins: "000111", want: judge.Proceed},
		"well in between":                 {cells: any, bins: "1101", want: judge.Proceed},
		"well again":                      {cells: any, bins: "11110", want: judge.Proceed},
		"just seen":                       {cells: any, bins: "111", required: true, want: judge.Blind, reason: `health is unknown: Young (disk is "down")`},
		"one look without an answer":      {cells: any, bins: "11!1", want: judge.Consider, reason: "health: 1 failing for 3m"},
		"no answer now":                   {cells: any, bins: "1111!", want: judge.Proceed},
		"no answer now, where it must be": {cells: any, bins: "1111!", required: true, want: judge.Blind, reason: "health is unknown: Unseen"},
		"no answer is not well":           {cells: any, bins: "!!!!", required: true, want: judge.Blind, reason: "health is unknown: Unseen"},
		"no look is not well":             {cells: any, bins: "????1", required: true, want: judge.Blind, reason: "health is unknown: Gap"},
		"well is known at once":           {cells: any, bins: "0", required: true, want: judge.Proceed},
		"one of two may fail":             {cells: []judge.Cell{{Tier: judge.Rollback, Bound: above(1)}}, bins: "1111", want: judge.Proceed},
		"two may not":                     {cells: []judge.Cell{{Tier: judge.Rollback, Bound: above(1)}}, bins: "2222", want: judge.Rollback, reason: `health: 2 failing, above 1 for 3m: disk is "down"`},
		"a check sees what was":           {cells: any, bins: "111100", whole: true, want: judge.Consider, reason: "health: 1 failing for 3m"},
		"a guard does not":                {cells: any, bins: "111100", want: judge.Proceed},
	} {
		t.Run(name, func(t *testing.T) {
			m := matrix(judge.Row{Signal: "health", Kind: signal.Probe, Required: c.required, Cells: c.cells})
			in := judge.Input{At: at, Readings: []signal.Reading{{Signal: "health", Detail: `disk is "down"`, Bins: says(c.bins)}}}
			if c.whole {
				in.Stretch, in.Since = judge.Whole, at.Add(-minute*10)
			}
			v := judge.Judge(m, in)
			if v.Tier != c.want || !strings.Contains(v.Reason, c.reason) || (v.Reason == "") != (c.want == judge.Proceed) {
				t.Errorf("got %s: %s; want %s: %s", v.Tier, v.Reason, c.want, c.reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Signal != v.Signal || again.Reason != v.Reason {
				t.Errorf("judged again it is %s: %s", again.Tier, again.Reason)
			}
		})
	}
}

func TestAForecast(t *testing.T) {
	m := matrix(judge.Row{Signal: "memory", Kind: signal.Growth, Cells: []judge.Cell{
		{Tier: judge.Consider, Bound: below(24 * 3600)}, {Tier: judge.Investigate, Bound: below(168 * 3600)}}})
	for name, c := range map[string]struct {
		bin    signal.Bin
		detail string
		want   judge.Tier
		reason string
	}{
		"full tonight":    {signal.Bin{Value: 9 * 3600}, "it only climbs", judge.Consider, "memory: it only climbs"},
		"in some days":    {signal.Bin{Value: 100*3600 + 900}, "", judge.Investigate, "memory: full in 100h"},
		"in half an hour": {signal.Bin{Value: 1830}, "", judge.Consider, "memory: full in 31m"},
		"later":           {signal.Bin{Value: 168 * 3600}, "it only climbs", judge.Proceed, ""},
		"never":           {signal.Bin{Value: signal.Number(math.Inf(1))}, "it is flat", judge.Proceed, ""},
		"nobody knows":    {signal.Bin{Cause: signal.Young}, "", judge.Proceed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{{Signal: "memory", Detail: c.detail, Bins: []signal.Bin{c.bin}}}})
			if v.Tier != c.want || v.Reason != c.reason {
				t.Errorf("got %s: %q, want %s: %q", v.Tier, v.Reason, c.want, c.reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s: %q", again.Tier, again.Reason)
			}
		})
	}
}
