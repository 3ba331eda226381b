package judge_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	at     = signal.Instant(100_000)
	minute = signal.Duration(60e9)
)

var nan = signal.Number(math.NaN())

func above(n signal.Number) judge.Bound { return judge.Bound{Above: &n} }
func below(n signal.Number) judge.Bound { return judge.Bound{Below: &n} }

func cell(tier judge.Tier, b judge.Bound, bins int) judge.Cell {
	return judge.Cell{Tier: tier, Bound: b, For: signal.Duration(bins) * minute}
}

func matrix(rows ...judge.Row) judge.Matrix {
	return judge.Matrix{Bin: minute, UnavailableFor: minute / 2, Requests: "error-rate", Rows: rows}
}

// shares makes bins of 1,000 requests, one per letter: E has 8 % errors, e has 2 %, . has none, ? is a
// gap, 0 is idle and N is not a number. The last one ends at the judged moment.
func shares(letters string) []signal.Bin {
	bins := make([]signal.Bin, 0, len(letters))
	for i, c := range letters {
		b := signal.Bin{End: at.Add(-minute * signal.Duration(len(letters)-1-i)), Total: 1000}
		switch c {
		case 'E':
			b.Part = 80
		case 'e':
			b.Part = 20
		case '?':
			b = signal.Bin{End: b.End, Cause: signal.Gap}
		case '0':
			b = signal.Bin{End: b.End, Cause: signal.Idle}
		}
		if b.Total > 0 {
			b.Value = b.Part / b.Total
		}
		if c == 'N' {
			b.Value = nan
		}
		bins = append(bins, b)
	}
	return bins
}

// counts makes bins of so many bad events of so many.
func counts(pairs ...[2]signal.Number) []signal.Bin {
	bins := make([]signal.Bin, 0, len(pairs))
	for i, p := range pairs {
		bins = append(bins, signal.Bin{End: at.Add(-minute * signal.Duration(len(pairs)-1-i)), Part: p[0], Total: p[1], Value: p[0] / p[1]})
	}
	return bins
}

func times(n int, p [2]signal.Number) []signal.Bin {
	pairs := make([][2]signal.Number, n)
	for i := range pairs {
		pairs[i] = p
	}
	return counts(pairs...)
}

func errorRate(bins []signal.Bin) signal.Reading {
	return signal.Reading{Signal: "error-rate", Bins: bins}
}

func errorRow(cells ...judge.Cell) judge.Row {
	return judge.Row{Signal: "error-rate", Kind: signal.Ratio, Required: true, Cells: cells}
}

var checklist = errorRow(
	cell(judge.Rollback, above(0.05), 5),
	cell(judge.Consider, above(0.01), 10),
	cell(judge.Investigate, above(0.001), 0),
)

func TestHowLongABoundLasts(t *testing.T) {
	cases := []struct {
		name, bins string
		want       judge.Tier
	}{
		{"five bins of five", "EEEEE", judge.Rollback},
		{"the newest five", "....." + "EEEEE", judge.Rollback},
		{"four are not five", ".EEEE", judge.Investigate},
		{"four bins, no more seen", "EEEE", judge.Investigate},
		{"one that says no in the middle", "EE.EE", judge.Proceed},
		{"one that says no at the end", "EEEE.", judge.Proceed},
		{"over already", "EEEEE...", judge.Proceed},
		{"one unknown between", "EE?EE", judge.Rollback},
		{"two unknown", "E??EE", judge.Blind},
		{"not a number is unknown", "EENEE", judge.Rollback},
		{"the beginning was not seen", "?EEEE", judge.Investigate},
		{"the end was not seen", "EEEE?", judge.Blind},
		{"nothing before the first traffic", "0EEEE", judge.Investigate},
		{"ten bins above 1 %", "eeeeeeeeee", judge.Consider},
		{"nine bins above 1 %", ".eeeeeeeee", judge.Investigate},
		{"rollback beats consider", "eeeeeEEEEE", judge.Rollback},
		{"a bound without a length lasts three bins", ".eee", judge.Investigate},
		{"two bins are not three", "..ee", judge.Proceed},
		{"all well", "..........", judge.Proceed},
		{"nothing known", "?????", judge.Blind},
		{"idle", "00000", judge.Blind},
		{"no bins", "", judge.Blind},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: []signal.Reading{errorRate(shares(c.bins))}})
			if v.Tier != c.want {
				t.Errorf("%s: got %s (%s), want %s", c.bins, v.Tier, v.Reason, c.want)
			}
		})
	}
}

func TestThreeBinsMustSayYes(t *testing.T) {
	row := errorRow(cell(judge.Rollback, above(0.05), 3))
	for bins, want := range map[string]judge.Tier{"EEE": judge.Rollback, "E?E": judge.Blind, "E.E": judge.Proceed} {
		if v := judge.Judge(matrix(row), judge.Input{At: at, Readings: []signal.Reading{errorRate(shares(bins))}}); v.Tier != want {
			t.Errorf("%s: got %s, want %s", bins, v.Tier, want)
		}
	}
}

func TestFewEventsAreAnAnecdote(t *testing.T) {
	rollback := errorRow(cell(judge.Rollback, above(0.05), 5))
	hits := errorRow(cell(judge.Rollback, below(0.5), 5))
	slow := judge.Row{Signal: "error-rate", Kind: signal.Quantile, Required: true, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}}
	query := judge.Row{Signal: "error-rate", Kind: signal.Query, Required: true, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}}
	value := func(v, total signal.Number) []signal.Bin {
		bins := times(5, [2]signal.Number{0, 1})
		for i := range bins {
			bins[i].Value, bins[i].Total = v, total
		}
		return bins
	}
	cases := []struct {
		name string
		row  judge.Row
		bins []signal.Bin
		want judge.Tier
		why  signal.Cause
	}{
		{"three errors in each bin", rollback, times(5, [2]signal.Number{3, 8}), judge.Rollback, signal.Known},
		{"two of eight, pooled they are enough", rollback, times(5, [2]signal.Number{2, 8}), judge.Rollback, signal.Known},
		{"two of three, too few altogether", rollback, times(5, [2]signal.Number{2, 3}), judge.Blind, signal.Few},
		{"one stray error of nineteen in a bin", rollback, counts([2]signal.Number{1, 19}, [2]signal.Number{0, 19}, [2]signal.Number{0, 19}, [2]signal.Number{0, 19}, [2]signal.Number{0, 19}), judge.Proceed, signal.Known},
		{"two of thirty-nine, pooled below the bound", rollback, append(times(4, [2]signal.Number{2, 39}), times(1, [2]signal.Number{2, 60})...), judge.Proceed, signal.Known},
		{"no error in one request", rollback, times(5, [2]signal.Number{0, 1}), judge.Proceed, signal.Known},
		{"below: no hit in one look-up", hits, times(5, [2]signal.Number{0, 1}), judge.Blind, signal.Few},
		{"below: one hit of a hundred", hits, times(5, [2]signal.Number{1, 100}), judge.Rollback, signal.Known},
		{"quantile of 5 slow requests", slow, value(2, 1), judge.Blind, signal.Few},
		{"quantile of 30 requests", slow, value(2, 6), judge.Rollback, signal.Known},
		{"quantile of 5 fast requests", slow, value(0.2, 1), judge.Proceed, signal.Known},
		{"a query counts nothing", query, value(2, 0), judge.Rollback, signal.Known},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(matrix(c.row), judge.Input{At: at, Readings: []signal.Reading{errorRate(c.bins)}})
			if v.Tier != c.want || v.Evidence[0].Cause != c.why {
				t.Errorf("got %s (%s) by cause %q, want %s by %q", v.Tier, v.Reason, v.Evidence[0].Cause, c.want, c.why)
			}
		})
	}
}

func TestCanaryCellsApplyWhileSplit(t *testing.T) {
	canary := cell(judge.Consider, above(0.005), 0)
	canary.Canary = true
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5), canary))
	in := judge.Input{At: at, Readings: []signal.Reading{errorRate(shares("eeeee"))}}
	if v := judge.Judge(m, in); v.Tier != judge.Proceed || v.Split || len(v.Evidence[0].Findings) != 1 {
		t.Errorf("with all the traffic: got %s of %d cells, want Proceed of one", v.Tier, len(v.Evidence[0].Findings))
	}
	in.Split = true
	if v := judge.Judge(m, in); v.Tier != judge.Consider || !v.Split {
		t.Errorf("while split: got %s, want Consider", v.Tier)
	}
}

func TestAChecksWholeStretch(t *testing.T) {
	bad := "EEEEE" + strings.Repeat(".", 20)
	gap := "?????" + strings.Repeat(".", 20)
	cases := []struct {
		name, bins string
		stretch    judge.Stretch
		since      signal.Instant
		want       judge.Tier
	}{
		{"now it is well", bad, judge.Newest, 0, judge.Proceed},
		{"but it was not", bad, judge.Whole, 0, judge.Rollback},
		{"that was in the check before", bad, judge.Whole, at.Add(-20 * minute), judge.Proceed},
		{"its last bin belongs to this check", bad, judge.Whole, at.Add(-20*minute) - 1, judge.Rollback},
		{"a gap now is one in the check", strings.Repeat(".", 20) + "?????", judge.Whole, 0, judge.Blind},
		{"a gap then is one in the check", gap, judge.Whole, 0, judge.Blind},
		{"and none now", gap, judge.Newest, 0, judge.Proceed},
		{"a breach beats a gap", "EEEEE" + strings.Repeat(".", 10) + "?????.....", judge.Whole, 0, judge.Rollback},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5)))
			v := judge.Judge(m, judge.Input{At: at, Stretch: c.stretch, Since: c.since, Readings: []signal.Reading{errorRate(shares(c.bins))}})
			if v.Tier != c.want {
				t.Errorf("got %s (%s), want %s", v.Tier, v.Reason, c.want)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	row := func(name string, required bool, tier judge.Tier) judge.Row {
		return judge.Row{Signal: name, Kind: signal.Query, Required: required, Cells: []judge.Cell{cell(tier, above(1), 3)}}
	}
	reading := func(name, how string) signal.Reading {
		r := signal.Reading{Signal: name, Bins: []signal.Bin{{End: at - 120}, {End: at - 60}, {End: at}}}
		for i := range r.Bins {
			if how == "yes" {
				r.Bins[i].Value = 2
			}
		}
		if how == "unknown" {
			return signal.Reading{Signal: name, Cause: signal.Timeout, Detail: "no answer in 5s"}
		}
		return r
	}
	cases := []struct {
		name                                       string
		rollback, consider, investigate, must, may string
		want                                       judge.Tier
		by, reason                                 string
	}{
		{"all well", "no", "no", "no", "no", "no", judge.Proceed, "", ""},
		{"rollback first", "yes", "yes", "yes", "unknown", "no", judge.Rollback, "rollback", "rollback is 2, above 1 for 3m"},
		{"then consider", "no", "yes", "yes", "unknown", "no", judge.Consider, "consider", "consider is 2, above 1 for 3m"},
		{"then investigate", "no", "no", "yes", "unknown", "no", judge.Investigate, "investigate", "investigate is 2, above 1 for 3m"},
		{"then blind", "no", "no", "no", "unknown", "no", judge.Blind, "must", "must is unknown: Timeout (no answer in 5s)"},
		{"what is not required blinds nobody", "unknown", "unknown", "unknown", "no", "unknown", judge.Proceed, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := matrix(row("may", false, judge.Rollback), row("must", true, judge.Rollback), row("investigate", false, judge.Investigate),
				row("consider", false, judge.Consider), row("rollback", false, judge.Rollback))
			v := judge.Judge(m, judge.Input{At: at, Generation: 7, Readings: []signal.Reading{reading("rollback", c.rollback),
				reading("consider", c.consider), reading("investigate", c.investigate), reading("must", c.must), reading("may", c.may)}})
			if v.Tier != c.want || v.Signal != c.by || v.Reason != c.reason {
				t.Errorf("got %s by %q: %q\nwant %s by %q: %q", v.Tier, v.Signal, v.Reason, c.want, c.by, c.reason)
			}
			if v.At != at || v.Generation != 7 || len(v.Evidence) != 5 {
				t.Errorf("of %s, generation %d, %d signals; want %s, 7, 5", v.At, v.Generation, len(v.Evidence), at)
			}
		})
	}
}

var availabilityRow = judge.Row{Signal: "availability", Kind: signal.Kubernetes, Required: true,
	Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}}}

func TestAvailability(t *testing.T) {
	down := func(wanted, ready, ticks int32, since signal.Instant) *signal.Availability {
		return &signal.Availability{Wanted: wanted, Ready: ready, Ticks: ticks, UnreadySince: since}
	}
	cases := []struct {
		name     string
		a        *signal.Availability
		requests []signal.Bin
		want     judge.Tier
		reason   string
	}{
		{"two ticks and 30 s", down(3, 0, 2, at-30), shares("..."), judge.Rollback, "no ready replica of 3 since"},
		{"one tick", down(3, 0, 1, at-300), shares("..."), judge.Proceed, ""},
		{"29 s", down(3, 0, 9, at-29), shares("..."), judge.Proceed, ""},
		{"none wanted", down(0, 0, 9, at-300), shares("..."), judge.Proceed, ""},
		{"one ready", down(3, 1, 9, at-300), shares("..."), judge.Proceed, ""},
		{"never seen unready", down(3, 0, 9, 0), shares("..."), judge.Proceed, ""},
		{"ready, yet all of ten requests failed", down(3, 3, 0, 0), times(1, [2]signal.Number{10, 10}), judge.Rollback, "not one of the requests of the last 30s succeeded"},
		{"nine requests are too few", down(3, 3, 0, 0), times(1, [2]signal.Number{9, 9}), judge.Proceed, ""},
		{"one succeeded", down(3, 3, 0, 0), times(1, [2]signal.Number{999, 1000}), judge.Proceed, ""},
		{"that was a minute ago", down(3, 3, 0, 0), counts([2]signal.Number{10, 10}, [2]signal.Number{0, 10}), judge.Proceed, ""},
		{"requests unknown", down(3, 3, 0, 0), shares("?"), judge.Proceed, ""},
		{"Kubernetes unknown, requests all fail", nil, times(1, [2]signal.Number{10, 10}), judge.Rollback, "not one of the requests"},
		{"Kubernetes unknown", nil, shares("..."), judge.Blind, "availability is unknown: Empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := matrix(availabilityRow, judge.Row{Signal: "error-rate", Kind: signal.Ratio})
			v := judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{{Signal: "availability", Availability: c.a}, errorRate(c.requests)}})
			if v.Tier != c.want || !strings.Contains(v.Reason, c.reason) {
				t.Errorf("got %s (%s), want %s (%s)", v.Tier, v.Reason, c.want, c.reason)
			}
			if v.Unavailable() != (c.want == judge.Rollback) {
				t.Errorf("unavailable: %v", v.Unavailable())
			}
		})
	}
}

func TestRequestsThatAllFailedLongAgoAreInTheCheckOnly(t *testing.T) {
	m := matrix(availabilityRow, judge.Row{Signal: "error-rate", Kind: signal.Ratio})
	in := judge.Input{At: at, Readings: []signal.Reading{
		{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}},
		errorRate(append(times(1, [2]signal.Number{10, 10}), shares("...")...)),
	}}
	if v := judge.Judge(m, in); v.Tier != judge.Proceed {
		t.Errorf("now: got %s, want Proceed", v.Tier)
	}
	in.Stretch = judge.Whole
	v := judge.Judge(m, in)
	if v.Tier != judge.Rollback {
		t.Fatalf("the whole stretch: got %s, want Rollback", v.Tier)
	}
	if again := judge.Again(v); again.Tier != judge.Rollback || again.Reason != v.Reason {
		t.Errorf("judged again: got %s (%s), want %s", again.Tier, again.Reason, v.Reason)
	}
}

func TestEveryCauseBlindsByName(t *testing.T) {
	for _, cause := range []signal.Cause{signal.Empty, signal.NaN, signal.ManySeries, signal.QueryError, signal.Timeout, signal.Gap,
		signal.Away, signal.Lag, signal.Idle, signal.Few, signal.Young} {
		whole := signal.Reading{Signal: "error-rate", Cause: cause}
		newest := errorRate(append(shares("...."), signal.Bin{End: at, Cause: cause}))
		for i := range newest.Bins[:4] {
			newest.Bins[i] = signal.Bin{End: newest.Bins[i].End, Cause: cause}
		}
		for _, r := range []signal.Reading{whole, newest} {
			v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: []signal.Reading{r}})
			if v.Tier != judge.Blind || v.Evidence[0].Cause != cause || !strings.Contains(v.Reason, string(cause)) {
				t.Errorf("%s: got %s by %q: %s", cause, v.Tier, v.Evidence[0].Cause, v.Reason)
			}
		}
	}
	cases := map[string]struct {
		readings []signal.Reading
		want     signal.Cause
	}{
		"not asked":    {nil, signal.Empty},
		"no bins yet":  {[]signal.Reading{errorRate(nil)}, signal.Young},
		"too few bins": {[]signal.Reading{errorRate(shares("EE"))}, signal.Young},
		"NaN":          {[]signal.Reading{errorRate(shares("NNNNN"))}, signal.NaN},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: c.readings})
			if v.Tier != judge.Blind || v.Evidence[0].Cause != c.want {
				t.Errorf("got %s by %q, want Blind by %q", v.Tier, v.Evidence[0].Cause, c.want)
			}
		})
	}
}

func TestASignalWithoutCellsIsRecorded(t *testing.T) {
	row := judge.Row{Signal: "throughput", Kind: signal.Query, Unit: "requests"}
	bins := []signal.Bin{{End: at - 60, Value: 11}, {End: at, Value: 12}}
	v := judge.Judge(matrix(row), judge.Input{At: at, Readings: []signal.Reading{{Signal: "throughput", Bins: bins}}})
	if v.Tier != judge.Proceed || v.Evidence[0].Value != 12 || v.Evidence[0].Unit != "requests" {
		t.Errorf("got %s with %+v, want Proceed and the newest value, 12", v.Tier, v.Evidence[0])
	}
	v = judge.Judge(matrix(row), judge.Input{At: at})
	if v.Tier != judge.Proceed || v.Evidence[0].Tier != judge.Blind || !v.Evidence[0].Value.IsNaN() {
		t.Errorf("unknown: got %s with %+v, want Proceed and a blind signal", v.Tier, v.Evidence[0])
	}
}

func TestEvidenceOfARatioIsPooled(t *testing.T) {
	v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: []signal.Reading{errorRate(shares("..EEEEE"))}})
	e := v.Evidence[0]
	if e.Value != 0.08 || e.Total != 5000 || len(e.Bins) != 5 || v.Reason != "error-rate is 8 %, above 5 % for 5m" {
		t.Errorf("got %v of %v in %d bins: %s", e.Value, e.Total, len(e.Bins), v.Reason)
	}
	want := judge.Finding{Cell: checklist.Cells[0], Answer: judge.Yes, Bins: 5, Yes: 5}
	if d := cmp.Diff(want, e.Findings[0]); d != "" {
		t.Errorf("finding (-want +got):\n%s", d)
	}
}

func TestARateIsComparedAsItIs(t *testing.T) {
	m := matrix(judge.Row{Signal: "throughput", Kind: signal.Rate, Unit: "/s", Cells: []judge.Cell{cell(judge.Consider, below(0.5), 3)}})
	for name, c := range map[string]struct {
		perSecond []signal.Number
		want      judge.Tier
		reason    string
	}{
		"too few":       {[]signal.Number{2, 0.4, 0.3, 0.4}, judge.Consider, "throughput is 0.4/s, below 0.5/s for 3m"},
		"none at all":   {[]signal.Number{2, 0, 0, 0}, judge.Consider, "throughput is 0/s, below 0.5/s for 3m"},
		"not for long":  {[]signal.Number{2, 2, 0.3, 0.4}, judge.Proceed, ""},
		"enough of it":  {[]signal.Number{2, 2, 2, 2}, judge.Proceed, ""},
		"nobody counts": {nil, judge.Proceed, ""}, // blind, but not required
	} {
		var bins []signal.Bin
		for i, n := range c.perSecond {
			bins = append(bins, signal.Bin{End: at.Add(-minute * signal.Duration(len(c.perSecond)-1-i)), Value: n, Total: n * 60})
		}
		v := judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{{Signal: "throughput", Bins: bins}}})
		if v.Tier != c.want || v.Reason != c.reason {
			t.Errorf("%s: %s, %q; want %s, %q", name, v.Tier, v.Reason, c.want, c.reason)
		}
	}
}

func TestALongReasonIsCut(t *testing.T) {
	r := signal.Reading{Signal: "error-rate", Cause: signal.QueryError, Detail: strings.Repeat("ä", 300)}
	v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: []signal.Reading{r}})
	if len(v.Reason) > 512 || !strings.HasSuffix(v.Reason, " …") || strings.ContainsRune(v.Reason, '\uFFFD') {
		t.Errorf("%d bytes: %q", len(v.Reason), v.Reason)
	}
}

func TestMatrixOnly(t *testing.T) {
	m := matrix(checklist, judge.Row{Signal: "p99", Kind: signal.Quantile, Cells: []judge.Cell{cell(judge.Consider, above(0.2), 10)}}, availabilityRow)
	got := m.Only(func(c judge.Cell) bool { return c.Tier == judge.Rollback })
	if len(got.Rows) != 2 || len(got.Rows[0].Cells) != 1 || got.Rows[1].Signal != "availability" {
		t.Errorf("got %+v", got.Rows)
	}
	if n := m.Longest(func(judge.Cell) bool { return true }); n != 10 {
		t.Errorf("the longest lasts %d bins, want 10", n)
	}
	if n := m.Longest(func(c judge.Cell) bool { return c.Tier == judge.Rollback }); n != 5 {
		t.Errorf("the longest rollback cell lasts %d bins, want 5", n)
	}
	none := matrix(checklist).Only(func(judge.Cell) bool { return false })
	if len(none.Rows) != 1 || none.Rows[0].Cells != nil {
		t.Errorf("a required row stays, without cells: got %+v", none.Rows)
	}
	if len(m.Rows[0].Cells) != 3 {
		t.Error("the matrix itself was changed")
	}
}

func TestWords(t *testing.T) {
	seconds := judge.Row{Kind: signal.Quantile, Unit: "seconds"}
	cases := []struct {
		row   judge.Row
		bound judge.Bound
		want  string
	}{
		{judge.Row{Kind: signal.Ratio}, above(0.001), "above 0.1 %"},
		{seconds, above(0.12), "above 120 ms"},
		{seconds, above(1), "above 1 s"},
		{judge.Row{Kind: signal.Query}, below(12345), "below 1.234e+04"},
		{judge.Row{}, judge.Bound{Unavailable: true}, "unavailable"},
		{judge.Row{}, above(nan), "above unknown"},
	}
	for _, c := range cases {
		if got := c.row.Text(c.bound); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
