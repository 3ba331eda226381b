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
		{"five minutes, begun and ended within a bin", "EEEEEE", judge.Rollback},
		{"the newest of them", "....." + "EEEEEE", judge.Rollback},
		{"four minutes and two that are begun are not five", ".EEEEE", judge.Investigate},
		{"no more was seen", "EEEEE", judge.Investigate},
		{"one that says no in the middle", "EEE.EE", judge.Investigate}, // without an error in 1,000 requests the share may still be above 0.1 %
		{"one that says no at the end", "EEEEE.", judge.Proceed},
		{"over already", "EEEEEE...", judge.Proceed},
		{"one unknown between", "EE?EEE", judge.Rollback},
		{"two unknown", "E??EEE", judge.Blind},
		{"not a number is unknown", "EENEEE", judge.Rollback},
		{"the beginning was not seen", "?EEEEE", judge.Investigate},
		{"the end was not seen", "EEEEE?", judge.Blind},
		{"nothing before the first traffic", "0EEEEE", judge.Investigate},
		{"ten minutes above 1 %", "eeeeeeeeeee", judge.Consider},
		{"nine minutes above 1 %", ".eeeeeeeeee", judge.Investigate},
		{"rollback beats consider", "eeeeeEEEEEE", judge.Rollback},
		{"a bound without a length lasts three bins", ".eeee", judge.Investigate},
		{"two bins are not three", "..eee", judge.Proceed},
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
	for bins, want := range map[string]judge.Tier{"EEEE": judge.Rollback, "E?EE": judge.Rollback, "E??E": judge.Blind, "E.EE": judge.Proceed} {
		if v := judge.Judge(matrix(row), judge.Input{At: at, Readings: []signal.Reading{errorRate(shares(bins))}}); v.Tier != want {
			t.Errorf("%s: got %s, want %s", bins, v.Tier, want)
		}
	}
}

// lots repeats a bin.
func lots(n int, part, total signal.Number) []signal.Bin {
	return times(n, [2]signal.Number{part, total})
}

// over gives bins of a histogram with so many events above one second: between least and most.
func over(n int, least, most, total signal.Number) []signal.Bin {
	bins := lots(n, 0, total)
	for i := range bins {
		bins[i].Part, bins[i].Value = 0, 0.3
		bins[i].Over = []signal.Over{{Bound: 1, Least: least, Most: most}}
	}
	return bins
}

func then(parts ...[]signal.Bin) []signal.Bin {
	var bins []signal.Bin
	for _, p := range parts {
		bins = append(bins, p...)
	}
	for i := range bins {
		bins[i].End = at.Add(-minute * signal.Duration(len(bins)-1-i))
	}
	return bins
}

func TestACountSaysYesNoOrUnknown(t *testing.T) {
	rollback := errorRow(cell(judge.Rollback, above(0.05), 5))
	consider := errorRow(cell(judge.Consider, above(0.05), 5))
	hits := errorRow(cell(judge.Rollback, below(0.5), 5))
	slow := judge.Row{Signal: "error-rate", Kind: signal.Quantile, Q: 0.99, Required: true, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}}
	query := judge.Row{Signal: "error-rate", Kind: signal.Query, Required: true, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}}
	cases := []struct {
		name string
		row  judge.Row
		bins []signal.Bin
		want judge.Tier
		why  signal.Cause
	}{
		{"three errors of eight in each bin", rollback, lots(6, 3, 8), judge.Rollback, signal.Known},
		{"one error of twelve in each bin is too few for a rollback", rollback, lots(6, 1, 12), judge.Blind, signal.Few},
		{"but not over half an hour", rollback, lots(72, 1, 8), judge.Rollback, signal.Known},
		{"nor for a person", consider, lots(12, 2, 12), judge.Consider, signal.Known},
		{"8 % of 1,000", rollback, lots(6, 80, 1000), judge.Rollback, signal.Known},
		{"5.1 % of 1,000 may be 5 %", rollback, lots(72, 51, 1000), judge.Blind, signal.Few},
		{"one error in 3 requests a minute", rollback, then(lots(30, 0, 3), lots(1, 1, 3), lots(5, 0, 3)), judge.Blind, signal.Few},
		{"ten minutes later it is one of many", rollback, then(lots(30, 0, 3), lots(1, 1, 3), lots(15, 0, 3)), judge.Proceed, signal.Known},
		{"40 % of 3 requests a minute", rollback, then(lots(36, 1, 3), lots(36, 1, 2)), judge.Rollback, signal.Known},
		{"no error in 15 requests says little", rollback, lots(6, 0, 3), judge.Blind, signal.Few},
		{"no error in 60 does", rollback, lots(20, 0, 3), judge.Proceed, signal.Known},
		{"a burst of a minute", rollback, then(lots(3, 0, 60), lots(1, 50, 60), lots(2, 1, 60)), judge.Proceed, signal.Known},
		{"a burst of four minutes", rollback, then(lots(20, 0, 20), lots(4, 12, 20), lots(1, 0, 20)), judge.Blind, signal.Few},
		{"one bin alone is not trouble that lasts", rollback, then(lots(1, 9, 10), lots(5, 1, 16)), judge.Blind, signal.Few},
		{"two minutes bad, one good, again and again", rollback, then(lots(2, 60, 200), lots(1, 0, 200), lots(2, 60, 200), lots(1, 0, 200), lots(2, 60, 200), lots(1, 0, 200),
			lots(2, 60, 200), lots(1, 0, 200), lots(2, 60, 200), lots(1, 0, 200)), judge.Rollback, signal.Known},
		{"two bursts of two minutes", rollback, then(lots(5, 0, 200), lots(2, 60, 200), lots(5, 0, 200), lots(2, 60, 200), lots(1, 0, 200)), judge.Proceed, signal.Known},
		{"flapping that is over", rollback, then(lots(4, 60, 200), lots(1, 0, 200), lots(4, 60, 200), lots(6, 0, 200)), judge.Proceed, signal.Known},
		{"idle minutes between do not matter", rollback, then(lots(36, 1, 2), shares("0000"), lots(32, 1, 2)), judge.Rollback, signal.Known},
		{"a gap between leaves it open", rollback, then(lots(20, 0, 3), shares("?"), lots(15, 0, 3)), judge.Blind, signal.Few},
		{"below: no hit in one look-up each", hits, lots(6, 0, 1), judge.Blind, signal.Few},
		{"below: one hit of a hundred", hits, lots(6, 1, 100), judge.Rollback, signal.Known},
		{"more than 1 % slower than the bound: P99 is above it", slow, over(6, 40, 40, 1000), judge.Rollback, signal.Known},
		{"less than 1 %: it is below", slow, over(6, 2, 2, 1000), judge.Proceed, signal.Known},
		{"the buckets leave both open", slow, over(6, 2, 40, 1000), judge.Blind, signal.Coarse},
		{"the buckets leave it open how slow", slow, over(6, 40, 90, 1000), judge.Rollback, signal.Known},
		{"a few slow requests", slow, over(6, 1, 1, 20), judge.Blind, signal.Few},
		{"a query counts nothing", query, over(6, 0, 0, 0), judge.Proceed, signal.Known},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(matrix(c.row), judge.Input{At: at, Readings: []signal.Reading{errorRate(c.bins)}})
			if v.Tier != c.want || v.Evidence[0].Cause != c.why {
				t.Errorf("got %s (%s) by cause %q, want %s by %q", v.Tier, v.Reason, v.Evidence[0].Cause, c.want, c.why)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s), first %s (%s)", again.Tier, again.Reason, v.Tier, v.Reason)
			}
		})
	}
}

func TestAnAnswerSaysHowItWasFound(t *testing.T) {
	row := errorRow(cell(judge.Rollback, above(0.05), 5))
	flap := then(lots(4, 60, 200), lots(1, 0, 200), lots(4, 60, 200), lots(1, 0, 200), lots(4, 60, 200), lots(1, 0, 200))
	for want, bins := range map[string][]signal.Bin{
		"error-rate is 8 %, above 5 % for 5m":                                      lots(6, 80, 1000),
		"error-rate is 24 %, above 5 % on and off, in 12 of 15 bins within 15m":    flap,
		"error-rate is 12.5 %, above 5 % over 36m, with few events":                lots(72, 1, 8),
		"error-rate is unknown: TooFew (18 events in 6 bins; 41 more would tell)":  lots(6, 0, 3),
		"error-rate is unknown: TooFew (72 events in 6 bins; 651 more would tell)": lots(6, 1, 12),
	} {
		if v := judge.Judge(matrix(row), judge.Input{At: at, Readings: []signal.Reading{errorRate(bins)}}); v.Reason != want {
			t.Errorf("got  %s\nwant %s", v.Reason, want)
		}
	}
}

// What an investigate cell would need more events for leaves the rest known.
func TestOnlyWorseTiersMustBeCleared(t *testing.T) {
	few := []signal.Reading{errorRate(lots(72, 0, 10))}
	if v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: few}); v.Tier != judge.Proceed {
		t.Errorf("720 requests clear 1 %%: got %s (%s)", v.Tier, v.Reason)
	}
	alone := errorRow(cell(judge.Investigate, above(0.001), 3))
	if v := judge.Judge(matrix(alone), judge.Input{At: at, Readings: few}); v.Tier != judge.Blind {
		t.Errorf("they do not clear 0.1 %%, where that is all there is: got %s", v.Tier)
	}
}

// A target is found a little after its first traffic: that is no gap, but one minute less.
func TestLateFirstSamples(t *testing.T) {
	late := then(shares("?"), lots(4, 0, 1000))
	for name, c := range map[string]struct {
		first signal.Instant
		want  signal.Cause
	}{"after the first traffic": {at.Add(-5 * minute), signal.Young}, "later": {at.Add(-50 * minute), signal.Gap}} {
		row := errorRow(cell(judge.Consider, above(0.0001), 4))
		v := judge.Judge(matrix(row), judge.Input{At: at, FirstTraffic: c.first, Readings: []signal.Reading{errorRate(late)}})
		if v.Tier != judge.Blind || v.Evidence[0].Cause != c.want {
			t.Errorf("%s: %s by %q, want Blind by %q", name, v.Tier, v.Evidence[0].Cause, c.want)
		}
	}
}

// What falls in the first minutes is warming up, unless a fifth of the requests fails.
func TestWarmingUp(t *testing.T) {
	latency := judge.Row{Signal: "error-rate", Kind: signal.Quantile, Q: 0.99, Required: true, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}}
	slow := func(perMille ...signal.Number) []signal.Bin {
		var parts [][]signal.Bin
		for _, k := range perMille {
			parts = append(parts, over(1, k, k, 1000))
		}
		return then(parts...)
	}
	falling := slow(300, 220, 160, 110, 80, 50)
	failing := then(lots(1, 900, 1000), lots(1, 800, 1000), lots(1, 700, 1000), lots(1, 500, 1000), lots(1, 400, 1000), lots(1, 300, 1000))
	cases := []struct {
		name  string
		row   judge.Row
		bins  []signal.Bin
		first signal.Instant
		want  judge.Tier
	}{
		{"slow and getting faster, six minutes old", latency, falling, at.Add(-6 * minute), judge.Blind},
		{"the same a quarter of an hour after", latency, falling, at.Add(-16 * minute), judge.Rollback},
		{"the same as it ends to be new", latency, falling, at.Add(-12 * minute), judge.Blind},
		{"slow and no faster", latency, slow(100, 100, 100, 100, 100, 100), at.Add(-6 * minute), judge.Rollback},
		{"slow, and too few requests to see that it gets faster", latency, then(over(1, 9, 9, 60), over(1, 8, 8, 60), over(1, 8, 8, 60), over(1, 7, 7, 60), over(1, 5, 5, 60), over(1, 5, 5, 60)), at.Add(-6 * minute), judge.Blind},
		{"on and off while it was new", latency, slow(300, 220, 160, 110, 80, 0, 60, 40, 30, 0, 0, 20, 0, 0, 0), at.Add(-16 * minute), judge.Blind},
		{"on and off, and no less", latency, slow(300, 300, 300, 300, 0, 300, 300, 300, 300, 0, 300, 300, 300, 300, 0), at.Add(-16 * minute), judge.Rollback},
		{"errors that don't fall", errorRow(cell(judge.Rollback, above(0.05), 5)), lots(6, 80, 1000), at.Add(-6 * minute), judge.Rollback},
		{"errors that fall, but are a fifth of all", errorRow(cell(judge.Rollback, above(0.05), 5)), failing, at.Add(-6 * minute), judge.Rollback},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(matrix(c.row), judge.Input{At: at, FirstTraffic: c.first, Readings: []signal.Reading{errorRate(c.bins)}})
			if v.Tier != c.want || v.Tier == judge.Blind && v.Evidence[0].Cause != signal.Warming {
				t.Errorf("got %s (%s), want %s", v.Tier, v.Reason, c.want)
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
	bad := "EEEEEE" + strings.Repeat(".", 20)
	gap := "??????" + strings.Repeat(".", 20)
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
		{"a gap now is one in the check", strings.Repeat(".", 20) + "??????", judge.Whole, 0, judge.Blind},
		{"a gap then is one in the check", gap, judge.Whole, 0, judge.Blind},
		{"and none now", gap, judge.Newest, 0, judge.Proceed},
		{"a breach beats a gap", "EEEEEE" + strings.Repeat(".", 10) + "??????.....", judge.Whole, 0, judge.Rollback},
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
		r := signal.Reading{Signal: name, Bins: []signal.Bin{{End: at - 180}, {End: at - 120}, {End: at - 60}, {End: at}}}
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
		{"scaled to 0 with a share, by whomever", down(0, 0, 9, at-300), shares("..."), judge.Rollback, "it is scaled to 0"},
		{"scaled to 0 without a share", down(0, 0, 0, 0), shares("..."), judge.Proceed, ""},
		{"deleted with a share", &signal.Availability{Wanted: 3, Gone: true, Ticks: 9, UnreadySince: at - 300}, shares("???"), judge.Rollback, "its Deployment is gone"},
		{"one ready", down(3, 1, 9, at-300), shares("..."), judge.Proceed, ""},
		{"never seen unready", down(3, 0, 9, 0), shares("..."), judge.Proceed, ""},
		{"ready, yet all of ten requests failed", down(3, 3, 0, 0), times(2, [2]signal.Number{5, 5}), judge.Rollback, "not one of the requests of the last 2m succeeded"},
		{"all of ten, in one bin", down(3, 3, 0, 0), counts([2]signal.Number{0, 100}, [2]signal.Number{10, 10}), judge.Proceed, ""},
		{"all of ten, in one bin after one without a request", down(3, 3, 0, 0), append([]signal.Bin{{End: at.Add(-minute)}}, times(1, [2]signal.Number{10, 10})...), judge.Proceed, ""},
		{"all of ten, in the only bin so far", down(3, 3, 0, 0), times(1, [2]signal.Number{10, 10}), judge.Proceed, ""},
		{"nine requests are too few", down(3, 3, 0, 0), counts([2]signal.Number{4, 4}, [2]signal.Number{5, 5}), judge.Proceed, ""},
		{"one succeeded", down(3, 3, 0, 0), counts([2]signal.Number{1000, 1000}, [2]signal.Number{999, 1000}), judge.Proceed, ""},
		{"that was a minute ago", down(3, 3, 0, 0), counts([2]signal.Number{10, 10}, [2]signal.Number{10, 10}, [2]signal.Number{0, 10}), judge.Proceed, ""},
		{"requests unknown", down(3, 3, 0, 0), shares("?"), judge.Proceed, ""},
		{"Kubernetes unknown, requests all fail", nil, times(2, [2]signal.Number{10, 10}), judge.Rollback, "not one of the requests"},
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
		errorRate(append(times(2, [2]signal.Number{10, 10}), shares("...")...)),
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
	for _, cause := range signal.Causes() {
		if cause.Words() == "" {
			t.Errorf("%s has no words", cause)
		}
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
	v := judge.Judge(matrix(checklist), judge.Input{At: at, Readings: []signal.Reading{errorRate(shares("..EEEEEE"))}})
	e := v.Evidence[0]
	if e.Value != 0.08 || e.Total != 6000 || len(e.Bins) != 6 || v.Reason != "error-rate is 8 %, above 5 % for 5m" {
		t.Errorf("got %v of %v in %d bins: %s", e.Value, e.Total, len(e.Bins), v.Reason)
	}
	want := judge.Finding{Cell: checklist.Cells[0], Answer: judge.Yes, How: judge.Held, Bins: 5, Over: 6, Yes: 6}
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
		"too few":       {[]signal.Number{2, 0.3, 0.4, 0.3, 0.4}, judge.Consider, "throughput is 0.4/s, below 0.5/s for 3m"},
		"none at all":   {[]signal.Number{2, 0, 0, 0, 0}, judge.Consider, "throughput is 0/s, below 0.5/s for 3m"},
		"not for long":  {[]signal.Number{2, 2, 0.3, 0.3, 0.4}, judge.Proceed, ""},
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
	if n := m.Longest(func(judge.Cell) bool { return true }); n != 11 {
		t.Errorf("the longest looks at %d bins, want 11", n)
	}
	if n := m.Longest(func(c judge.Cell) bool { return c.Tier == judge.Rollback }); n != 6 {
		t.Errorf("the longest rollback cell looks at %d bins, want 6", n)
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
	milliseconds := judge.Row{Kind: signal.Quantile, Unit: "milliseconds"}
	cases := []struct {
		row   judge.Row
		bound judge.Bound
		want  string
	}{
		{judge.Row{Kind: signal.Ratio}, above(0.001), "above 0.1 %"},
		{seconds, above(0.12), "above 120 ms"},
		{seconds, above(1), "above 1 s"},
		{seconds, above(0.9996), "above 1 s"},
		{milliseconds, above(250), "above 250 ms"},
		{milliseconds, above(0.5), "above 0.5 ms"},
		{milliseconds, above(2500), "above 2.5 s"},
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
