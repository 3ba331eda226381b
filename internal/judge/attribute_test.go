package judge_test

import (
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func other(a judge.Against, bins []signal.Bin) []judge.Other {
	return []judge.Other{{Signal: "error-rate", Against: a, Slot: "blue", Bins: bins}}
}

func TestIsItTheRelease(t *testing.T) {
	bad := lots(6, 120, 1000)
	cases := []struct {
		name   string
		bins   []signal.Bin
		others []judge.Other
		want   judge.Tier
		says   string
	}{
		{"nobody to compare with", bad, nil, judge.Rollback, "above 5 % for 5m"},
		{"stable is well", bad, other(judge.StableNow, lots(6, 1, 1000)), judge.Rollback, "; blue is now: 0.1 % of 6000"},
		{"stable is as bad", bad, other(judge.StableNow, lots(6, 110, 1000)), judge.Consider, "; blue is as bad now: 11 % of 6000"},
		{"stable has a few requests, and they fail as often", bad, other(judge.StableNow, lots(6, 1, 9)), judge.Consider, "as bad now"},
		{"stable has too few to speak of", bad, other(judge.StableNow, lots(6, 1, 8)), judge.Rollback, "above 5 % for 5m"},
		{"stable is bad, but the candidate far worse", lots(6, 400, 1000), other(judge.StableNow, lots(6, 80, 1000)), judge.Rollback, "blue is now: 8 %"},
		{"stable is surely bad, and the candidate three times so", lots(6, 300, 1000), other(judge.StableNow, lots(6, 100, 1000)), judge.Consider, "as bad now"},
		{"stable may be bad by chance, and the candidate is three times so", lots(6, 300, 1000), other(judge.StableNow, lots(6, 1, 10)), judge.Rollback, "blue is now: 10 % of 60"},
		{"it was so before the release", bad, other(judge.StableBefore, lots(60, 110, 1000)), judge.Consider, "blue was as bad before the first traffic: 11 % of 60000"},
		{"a burst an hour before is not as bad", bad, other(judge.StableBefore, then(lots(5, 900, 1000), lots(55, 0, 1000))), judge.Rollback, "blue was before"},
		{"stable has requests of before the cutover, too few to tell, and was as bad before", bad, append(other(judge.StableNow, then(lots(5, 0, 10), lots(1, 2, 10))), other(judge.StableBefore, lots(60, 110, 1000))...), judge.Consider, "as bad"},
		{"stable is surely better now, whatever was before", bad, append(other(judge.StableNow, lots(6, 1, 1000)), other(judge.StableBefore, lots(60, 110, 1000))...), judge.Rollback, "blue is now: 0.1 %"},
		{"it was so last week", bad, other(judge.LastWeek, lots(6, 110, 1000)), judge.Consider, "at this time last week"},
		{"nothing is wrong", lots(6, 0, 1000), other(judge.StableNow, lots(6, 110, 1000)), judge.Proceed, ""},
	}
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5)))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{errorRate(c.bins)}, Others: c.others})
			if v.Tier != c.want || !strings.Contains(v.Reason, c.says) {
				t.Errorf("got %s: %s\nwant %s with %q", v.Tier, v.Reason, c.want, c.says)
			}
			if held := v.HeldBack() != ""; held != (c.want == judge.Consider) {
				t.Errorf("held back: %q", v.HeldBack())
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s)", again.Tier, again.Reason)
			}
		})
	}
}

// That not one request succeeds is a count, too: where a dependency breaks, both sides' requests fail.
func TestUnavailableByCountsIsCompared(t *testing.T) {
	ready := signal.Reading{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}}
	down := signal.Reading{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ticks: 9, UnreadySince: at - 300}}
	of := func(a judge.Against, bins []signal.Bin) []judge.Other {
		return []judge.Other{{Signal: "availability", Against: a, Slot: "blue", Bins: bins}}
	}
	cases := []struct {
		name   string
		a      signal.Reading
		others []judge.Other
		want   judge.Tier
		says   string
	}{
		{"nobody to compare with", ready, nil, judge.Rollback, "not one of the requests of the last 2m succeeded"},
		{"stable is well", ready, of(judge.StableNow, lots(2, 1, 100)), judge.Rollback, "; blue is now: 1 % of 200"},
		{"stable fails by a fifth", ready, of(judge.StableNow, lots(2, 20, 100)), judge.Rollback, "; blue is now: 20 % of 200"},
		{"stable fails by half", ready, of(judge.StableNow, lots(2, 50, 100)), judge.Consider, "; blue is as bad now: 50 % of 200"},
		{"stable fails altogether, on as few requests", ready, of(judge.StableNow, lots(2, 5, 5)), judge.Consider, "as bad now"},
		{"stable has hardly a request", ready, of(judge.StableNow, lots(2, 4, 4)), judge.Rollback, "not one of the requests"},
		{"stable failed so before the first traffic", ready, of(judge.StableBefore, lots(30, 60, 100)), judge.Consider, "blue was as bad before"},
		{"no replica is ready, which excuses nothing", down, of(judge.StableNow, lots(2, 100, 100)), judge.Rollback, "no ready replica of 3"},
	}
	m := matrix(availabilityRow, judge.Row{Signal: "error-rate", Kind: signal.Ratio})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{c.a, errorRate(lots(3, 5, 5))}, Others: c.others})
			if v.Tier != c.want || !strings.Contains(v.Reason, c.says) {
				t.Errorf("got %s: %s\nwant %s with %q", v.Tier, v.Reason, c.want, c.says)
			}
			if suspects := judge.Suspects(m, judge.Judge(m, judge.Input{At: at, Readings: []signal.Reading{c.a, errorRate(lots(3, 5, 5))}})); (len(suspects) == 1) != (c.a.Availability.Ready > 0) {
				t.Errorf("suspects are %v", suspects)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s)", again.Tier, again.Reason)
			}
		})
	}
}

// What befalls both sides alike is no matter of the release; whatever else befalls the candidate comes before it.
func TestAlike(t *testing.T) {
	bad := lots(6, 120, 1000)
	own := judge.Row{Signal: "own", Kind: signal.Ratio, Cells: []judge.Cell{cell(judge.Consider, above(0.05), 5)}}
	cases := []struct {
		name   string
		own    []signal.Bin
		others []judge.Other
		alike  bool
		by     string
	}{
		{"stable is as bad now", lots(6, 0, 1000), other(judge.StableNow, bad), true, "error-rate"},
		{"stable was as bad before", lots(6, 0, 1000), other(judge.StableBefore, lots(60, 120, 1000)), false, "error-rate"},
		{"stable is as bad now, and the candidate has trouble of its own", bad, other(judge.StableNow, bad), false, "own"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := judge.Input{At: at, Readings: []signal.Reading{errorRate(bad), {Signal: "own", Bins: c.own}}, Others: c.others}
			v := judge.Judge(matrix(errorRow(cell(judge.Rollback, above(0.05), 5)), own), in)
			if v.Tier != judge.Consider || v.Alike() != c.alike || v.Signal != c.by {
				t.Errorf("%s, alike %v, by %s: %s", v.Tier, v.Alike(), v.Signal, v.Reason)
			}
		})
	}
}

// What is worse on the candidate alone is not excused by what is bad on both sides.
func TestEverySignalIsComparedByItself(t *testing.T) {
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5)),
		judge.Row{Signal: "p99", Kind: signal.Quantile, Q: 0.99, Cells: []judge.Cell{cell(judge.Rollback, above(1), 5)}})
	in := judge.Input{At: at, Readings: []signal.Reading{errorRate(lots(6, 120, 1000)), {Signal: "p99", Bins: over(6, 50, 50, 1000)}},
		Others: append(other(judge.StableNow, lots(6, 110, 1000)), judge.Other{Signal: "p99", Against: judge.StableNow, Slot: "blue", Bins: over(6, 0, 0, 1000)})}
	if v := judge.Judge(m, in); v.Tier != judge.Rollback || v.Signal != "p99" || v.HeldBack() != "" {
		t.Errorf("got %s by %s: %s", v.Tier, v.Signal, v.Reason)
	}
}

func TestSilenceIsAMatterForPeopleWhileStableIsHeard(t *testing.T) {
	gone := []signal.Reading{errorRate(shares("...??????"))}
	cases := []struct {
		name     string
		readings []signal.Reading
		others   []judge.Other
		want     judge.Tier
	}{
		{"stable is heard", gone, other(judge.StableNow, lots(6, 0, 100)), judge.Consider},
		{"stable is heard, without requests", gone, other(judge.StableNow, shares("000000")), judge.Consider},
		{"stable is gone, too", gone, other(judge.StableNow, shares("??????")), judge.Blind},
		{"nobody asked", gone, nil, judge.Blind},
		{"four minutes", []signal.Reading{errorRate(shares("..????"))}, other(judge.StableNow, lots(6, 0, 100)), judge.Proceed},
		{"no series yet, three minutes after the first traffic", []signal.Reading{{Signal: "error-rate", Cause: signal.Mismatch}}, other(judge.StableNow, lots(6, 0, 100)), judge.Blind},
		{"no series at all", []signal.Reading{{Signal: "error-rate", Cause: signal.Empty}}, other(judge.StableNow, lots(6, 0, 100)), judge.Consider},
		{"it is heard, but idle", []signal.Reading{errorRate(shares("...000000"))}, other(judge.StableNow, lots(6, 0, 100)), judge.Blind},
	}
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5)))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := judge.Input{At: at, Readings: c.readings, Others: c.others}
			if c.readings[0].Cause == signal.Mismatch {
				in.FirstTraffic = at.Add(-3 * minute)
			}
			v := judge.Judge(m, in)
			if v.Tier != c.want || c.want == judge.Consider && v.Reason != "error-rate: nothing is heard of it for 5m, while blue is heard" {
				t.Errorf("got %s: %s", v.Tier, v.Reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s)", again.Tier, again.Reason)
			}
		})
	}
}

// That it is up and gets no requests is a matter for people only where others tell that it should get some.
func TestIdlenessIsAMatterForPeopleWhereRequestsAreDue(t *testing.T) {
	hour := 60 * minute
	cases := []struct {
		name   string
		age    signal.Duration
		others []judge.Other
		want   string
	}{
		{"nobody knows", hour, nil, ""},
		{"stable gets many", 30 * hour, other(judge.StableNow, lots(6, 0, 1000)), "it is up and gets no requests for 5m, while blue gets 5000"},
		{"stable gets some, of which a small part may be none", hour, other(judge.StableNow, lots(6, 0, 100)), ""},
		{"stable is not heard", hour, other(judge.StableNow, shares("??????")), ""},
		{"stable had many an hour ago", hour, other(judge.StableBefore, lots(60, 0, 30)), "it is up and gets no requests for 5m; blue got 150 in so long before the first traffic"},
		{"stable had many in the evening, and it is night", 6 * hour, other(judge.StableBefore, lots(60, 0, 30)), ""},
		{"stable had pauses", hour, other(judge.StableBefore, then(lots(30, 0, 30), lots(5, 0, 1), lots(25, 0, 30))), ""},
		{"as many came last week", 6 * hour, other(judge.LastWeek, lots(6, 0, 30)), "it is up and gets no requests for 5m; blue got 150 in so long at this time last week"},
		{"few came last week", 6 * hour, other(judge.LastWeek, lots(6, 0, 10)), ""},
	}
	m := matrix(errorRow(cell(judge.Rollback, above(0.05), 5)))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := judge.Input{At: at, FirstTraffic: at.Add(-c.age), Readings: []signal.Reading{errorRate(shares("...000000"))}, Others: c.others}
			v := judge.Judge(m, in)
			if blind := v.Tier == judge.Blind && v.Evidence[0].Cause == signal.Idle; blind != (c.want == "") {
				t.Errorf("got %s: %s", v.Tier, v.Reason)
			}
			if c.want != "" && (v.Tier != judge.Consider || v.Reason != "error-rate: "+c.want) {
				t.Errorf("got %s: %s, want it considered: %s", v.Tier, v.Reason, c.want)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s)", again.Tier, again.Reason)
			}
			in.Others = nil
			alone := judge.Judge(m, in)
			if len(judge.Suspects(m, alone)) != 1 {
				t.Error("nobody would ask whether requests are due")
			}
			if len(c.others) > 0 && judge.Tells(m, alone, c.others[0]) != (c.want != "") {
				t.Errorf("that it tells: %t", c.want == "")
			}
		})
	}
}

func TestABoundRelativeToTheBaseline(t *testing.T) {
	falls, rises := signal.Number(0.3), signal.Number(0.1)
	hits := errorRow(judge.Cell{Tier: judge.Consider, Bound: judge.Bound{FallsBy: &falls}, For: 5 * minute})
	rate := judge.Row{Signal: "error-rate", Kind: signal.Rate, Unit: "/s", Required: true, Cells: []judge.Cell{{Tier: judge.Investigate, Bound: judge.Bound{RisesBy: &rises}, For: 5 * minute}}}
	perSecond := func(n signal.Number) []signal.Bin {
		bins := lots(6, 0, 60*n)
		for i := range bins {
			bins[i].Value = n
		}
		return bins
	}
	baseline := func(v signal.Number) []judge.Baseline {
		return []judge.Baseline{{Signal: "error-rate", Value: v, Total: 6000}}
	}
	cases := []struct {
		name     string
		row      judge.Row
		bins     []signal.Bin
		baseline []judge.Baseline
		want     judge.Tier
		says     string
	}{
		{"90 % fell to 50 %", hits, lots(6, 500, 1000), baseline(0.9), judge.Consider, "error-rate is 50 %, over 30 % below its baseline for 5m (of 90 %)"},
		{"to 65 %", hits, lots(6, 650, 1000), baseline(0.9), judge.Proceed, ""},
		{"a baseline of nothing can't fall", hits, lots(6, 0, 1000), baseline(0), judge.Proceed, ""},
		{"better", hits, lots(6, 990, 1000), baseline(0.9), judge.Proceed, ""},
		{"no baseline", hits, lots(6, 500, 1000), nil, judge.Blind, "NoBaseline"},
		{"a baseline that is unknown", hits, lots(6, 500, 1000), baseline(nan), judge.Blind, "NoBaseline"},
		{"10 a second became 12", rate, perSecond(12), baseline(10), judge.Investigate, "over 10 % above its baseline"},
		{"10 a second became 10.5", rate, perSecond(10.5), baseline(10), judge.Proceed, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judge.Judge(matrix(c.row), judge.Input{At: at, Readings: []signal.Reading{errorRate(c.bins)}, Baseline: c.baseline})
			if v.Tier != c.want || !strings.Contains(v.Reason, c.says) {
				t.Errorf("got %s: %s; want %s: %s", v.Tier, v.Reason, c.want, c.says)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s)", again.Tier, again.Reason)
			}
		})
	}
}

// A check looks into what is worse than before the release, and not as last week.
func TestWhatIsNotAsUsualIsLookedInto(t *testing.T) {
	errors := errorRow(cell(judge.Rollback, above(0.05), 5))
	slow := judge.Row{Signal: "error-rate", Kind: signal.Quantile, Q: 0.99, Unit: "seconds", Required: true}
	rate := judge.Row{Signal: "error-rate", Kind: signal.Rate, Unit: "/s", Required: true}
	values := func(n int, v signal.Number) []signal.Bin {
		bins := lots(n, 0, 1000)
		for i := range bins {
			bins[i].Part, bins[i].Value = 0, v
		}
		return bins
	}
	cases := []struct {
		name     string
		row      judge.Row
		bins     []signal.Bin
		baseline signal.Number
		week     []signal.Bin
		want     judge.Tier
	}{
		{"four times the errors", errors, lots(40, 4, 2000), 0.0005, nil, judge.Investigate},
		{"half as many again", errors, lots(40, 3, 4000), 0.0005, nil, judge.Proceed},
		{"a tiny difference that is sure", errors, lots(40, 4, 10_000), 0.0001, nil, judge.Proceed},
		{"fewer", errors, lots(40, 0, 2000), 0.0005, nil, judge.Proceed},
		{"half an hour is not over", errors, lots(29, 4, 2000), 0.0005, nil, judge.Proceed},
		{"a fifth slower", slow, values(40, 0.12), 0.1, nil, judge.Investigate},
		{"now and then", slow, then(values(30, 0.1), values(10, 0.12)), 0.1, nil, judge.Proceed},
		{"faster", slow, values(40, 0.05), 0.1, nil, judge.Proceed},
		{"a fifth slower, as last week", slow, values(40, 0.12), 0.1, values(40, 0.118), judge.Proceed},
		{"a fifth slower, not as last week", slow, values(40, 0.12), 0.1, values(40, 0.1), judge.Investigate},
		{"half the traffic, and who knows how it was last week", rate, values(40, 5), 10, nil, judge.Proceed},
		{"half the traffic, as last week", rate, values(40, 5), 10, values(40, 5.2), judge.Proceed},
		{"half the traffic of last week", rate, values(40, 5), 10, values(40, 9), judge.Investigate},
		{"a fifth slower, and last week nobody called", slow, values(40, 0.12), 0.1, shares(strings.Repeat("0", 40)), judge.Investigate},
		{"half the traffic, and last week is a gap", rate, values(40, 5), 10, shares(strings.Repeat("?", 40)), judge.Proceed},
		{"a surge", rate, values(40, 50), 10, values(40, 9), judge.Proceed},
		{"no baseline", slow, values(40, 0.12), nan, nil, judge.Proceed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := matrix(c.row)
			in := judge.Input{At: at, Stretch: judge.Whole, Since: at.Add(-5 * minute), Readings: []signal.Reading{errorRate(c.bins)},
				Baseline: []judge.Baseline{{Signal: "error-rate", Value: c.baseline, Total: 100_000}}, Usual: true}
			if c.week != nil {
				in.Others = other(judge.LastWeek, c.week)
			}
			v := judge.Judge(m, in)
			if v.Tier != c.want || (v.Evidence[0].Unusual != "") != (c.want == judge.Investigate) {
				t.Errorf("got %s: %s", v.Tier, v.Reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s), first %s (%s)", again.Tier, again.Reason, v.Tier, v.Reason)
			}
			in.Usual = false
			if v := judge.Judge(m, in); v.Tier != judge.Proceed {
				t.Errorf("the guard does not ask for it: %s", v.Tier)
			}
		})
	}
}

func TestABaselineSumsUpTheHourBefore(t *testing.T) {
	whole := then(lots(1, 5000, 90_000), lots(9, 2, 100), shares("?"))
	for _, c := range []struct {
		name string
		kind signal.Kind
		r    signal.Reading
		want judge.Baseline
	}{
		{"a ratio is pooled, without the first bin", signal.Ratio, errorRate(whole), judge.Baseline{Value: 0.02, Total: 900, Bins: 9}},
		{"a quantile is the middle one", signal.Quantile, errorRate(then(over(1, 0, 0, 9), []signal.Bin{{Value: 1, Total: 9}, {Value: 5, Total: 9}, {Value: 2, Total: 9}, {Value: 3, Total: 9}, {Value: 9, Total: 9}})),
			judge.Baseline{Value: 3, Total: 45, Bins: 5}},
		{"too few events", signal.Ratio, errorRate(lots(10, 0, 5)), judge.Baseline{Value: nan, Total: 45, Bins: 9, Cause: signal.Few}},
		{"unknown", signal.Ratio, signal.Reading{Cause: signal.Empty}, judge.Baseline{Value: nan, Cause: signal.Empty}},
	} {
		c.want.Signal = c.r.Signal
		if got := judge.BaselineOf(c.kind, c.r); text(t, judge.Verdict{Evidence: []judge.Evidence{{Baseline: &got}}}) != text(t, judge.Verdict{Evidence: []judge.Evidence{{Baseline: &c.want}}}) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// The guard asks for as many bins as the bounds last, and for more only of the signals that are wanting:
// what it leaves at that is not worse, whatever came before.
func TestTheCheapQuestionNeverSaysNoWhereTheFullRuleSaysYes(t *testing.T) {
	wanted := 0
	for seed := range uint64(3000) {
		tape := randomTape(seed)
		in := judge.Input{At: at, Split: true}
		for _, row := range everything.Rows {
			if row.Kind == signal.Ratio || row.Kind == signal.Quantile {
				in.Readings = append(in.Readings, signal.Reading{Signal: row.Signal, Bins: tape.bins(row.Kind, 40)})
			}
		}
		guard := everything.Only(func(c judge.Cell) bool { return c.Tier != judge.Investigate })
		full := judge.Judge(guard, in)
		short := in
		short.Readings = nil
		for _, r := range in.Readings {
			r.Bins = r.Bins[len(r.Bins)-guard.Longest(func(judge.Cell) bool { return true }):]
			short.Readings = append(short.Readings, r)
		}
		cheap := judge.Judge(guard, short)
		wanting := judge.Wanting(cheap)
		wanted += len(wanting)
		for i, e := range full.Evidence {
			asked := false
			for _, name := range wanting {
				asked = asked || name == e.Signal
			}
			if c := cheap.Evidence[i]; !asked && e.Tier.Worse(c.Tier) && e.Tier != judge.Blind {
				t.Errorf("seed %d: %s is %s by the newest bins and %s by all", seed, e.Signal, c.Tier, e.Tier)
			}
		}
	}
	if wanted < 100 {
		t.Errorf("only %d signals were wanting: the inputs don't reach it", wanted)
	}
}

// A stream is counted when it ends: stable goes on counting those that it had, and nothing is heard of the candidate's
// until the first of them ends. What is known of how long requests last, or how much stable counts, tells it from silence.
func TestStreamsAreCountedWhenTheyEnd(t *testing.T) {
	gone := []signal.Reading{{Signal: "error-rate", Cause: signal.Mismatch}}
	pace := func(long judge.Answer, perBin signal.Number) []judge.Baseline {
		return []judge.Baseline{{Signal: "error-rate", Bins: 60, Total: 60 * perBin, Long: long}}
	}
	for _, c := range []struct {
		name     string
		readings []signal.Reading
		baseline []judge.Baseline
		stable   []signal.Bin
		split    bool
		age      signal.Duration
		want     judge.Tier
		cause    signal.Cause
	}{
		{"stable has no share, and counts on", gone, pace("", 20), lots(6, 0, 20), false, 6 * minute, judge.Blind, signal.AtEnd},
		{"it counts what probes ask", gone, pace("", 400), lots(6, 0, 20), false, 6 * minute, judge.Consider, signal.Mismatch},
		{"it counts nothing", gone, pace("", 20), shares("000000"), false, 6 * minute, judge.Consider, signal.Mismatch},
		{"it has a share", gone, pace("", 20), lots(6, 0, 20), true, 6 * minute, judge.Consider, signal.Mismatch},
		{"it has one, but streams are long", gone, pace(judge.Yes, 20), lots(6, 0, 20), true, 6 * minute, judge.Blind, signal.AtEnd},
		{"requests are known to be short", gone, pace(judge.No, 20), lots(6, 0, 20), false, 6 * minute, judge.Consider, signal.Mismatch},
		{"hours later", gone, pace("", 20), lots(6, 0, 20), false, 130 * minute, judge.Consider, signal.Mismatch},
		{"nothing is known of before", gone, nil, lots(6, 0, 20), false, 6 * minute, judge.Consider, signal.Mismatch},
		{"idle, and streams are long", []signal.Reading{errorRate(shares("000000"))}, pace(judge.Yes, 20), lots(6, 0, 4000), false, 6 * minute, judge.Blind, signal.AtEnd},
		{"idle, and requests are short", []signal.Reading{errorRate(shares("000000"))}, pace(judge.No, 20), lots(6, 0, 4000), false, 6 * minute, judge.Consider, signal.Idle},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := judge.Input{At: at, FirstTraffic: at.Add(-c.age), Readings: c.readings, Baseline: c.baseline, Split: c.split, Others: other(judge.StableNow, c.stable)}
			v := judge.Judge(matrix(errorRow(cell(judge.Rollback, above(0.05), 5))), in)
			if v.Tier != c.want || v.Evidence[0].Cause != c.cause {
				t.Errorf("got %s (%s): %s", v.Tier, v.Evidence[0].Cause, v.Reason)
			}
			if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
				t.Errorf("judged again: %s (%s), first %s", again.Tier, again.Reason, v.Reason)
			}
		})
	}
}

// What was never heard before it was heard first is no gap; what was is one.
func TestTheFirstOfIt(t *testing.T) {
	row := errorRow(cell(judge.Consider, above(0.01), 10))
	for _, c := range []struct {
		name  string
		bins  []signal.Bin
		first signal.Duration
		want  signal.Cause
	}{
		{"silent from the first traffic on", then(shares("????????"), lots(3, 0, 20)), 11 * minute, signal.Young},
		{"for as long as is looked", then(shares(strings.Repeat("?", judge.MostBins-3)), lots(3, 0, 20)), 500 * minute, signal.Young},
		{"it may have been heard before", then(shares("????????"), lots(3, 0, 20)), 500 * minute, signal.Gap},
		{"it was heard before", then(lots(1, 0, 20), shares("???????"), lots(3, 0, 20)), 11 * minute, signal.Gap},
		{"it is not heard now", then(shares("????????"), lots(2, 0, 20), shares("?")), 11 * minute, signal.Gap},
	} {
		v := judge.Judge(matrix(row), judge.Input{At: at, FirstTraffic: at.Add(-c.first), Readings: []signal.Reading{errorRate(c.bins)}})
		if v.Tier != judge.Blind || v.Evidence[0].Cause != c.want {
			t.Errorf("%s: got %s (%s), want Blind (%s)", c.name, v.Tier, v.Evidence[0].Cause, c.want)
		}
		if again := judge.Again(v); again.Tier != v.Tier || again.Reason != v.Reason {
			t.Errorf("%s: judged again: %s (%s), first %s", c.name, again.Tier, again.Reason, v.Reason)
		}
	}
}

func TestHowLongRequestsLast(t *testing.T) {
	for _, c := range []struct {
		name        string
		least, most signal.Number
		n           int
		want        judge.Answer
	}{
		{"most are long", 6, 6, 10, judge.Yes},
		{"most are short", 4, 4, 10, judge.No},
		{"no bucket tells", 4, 6, 10, judge.Unknown},
		{"too few", 10, 10, 2, judge.Unknown},
	} {
		if got := judge.Lasted(signal.Reading{Bins: over(c.n, c.least, c.most, 10)}, 1); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Requests that are late are better than failed ones, and what is no request at all is better than neither.
func TestACandidateIsNoWorseThanWhatStableServedLast(t *testing.T) {
	bound := signal.Number(0.05)
	of := func(kind signal.Kind, value signal.Number, b judge.Bound) judge.Evidence {
		return judge.Evidence{Signal: string(kind), Kind: kind, Tier: judge.Rollback, Value: value,
			Findings: []judge.Finding{{Answer: judge.Yes, Cell: judge.Cell{Tier: judge.Rollback, Bound: b}}}}
	}
	verdict := func(all ...judge.Evidence) judge.Verdict { return judge.Verdict{Tier: judge.Rollback, Evidence: all} }
	failing := func(share signal.Number) judge.Verdict {
		return verdict(of(signal.Ratio, share, judge.Bound{Above: &bound}))
	}
	succeeding := func(share signal.Number) judge.Verdict {
		return verdict(of(signal.Ratio, share, judge.Bound{Below: &bound}))
	}
	late := verdict(of(signal.Quantile, 2, judge.Bound{Above: &bound}))
	gone := verdict(of(signal.Kubernetes, 0, judge.Bound{Unavailable: true}))
	reported := verdict(of(signal.Report, 1, judge.Bound{Above: &bound}))
	well := judge.Verdict{Tier: judge.Proceed, Evidence: []judge.Evidence{{Signal: "errors", Kind: signal.Ratio, Tier: judge.Proceed}}}
	for name, c := range map[string]struct {
		candidate, last judge.Verdict
		want            bool
	}{
		"well":                              {failing(1), well, false},
		"nothing":                           {failing(1), judge.Verdict{}, false},
		"fails as much":                     {failing(0.2), failing(0.2), true},
		"fails half as much":                {failing(0.2), failing(0.1), true},
		"fails less than half as much":      {failing(0.2), failing(0.09), false},
		"succeeds as little":                {succeeding(0.8), succeeding(0.8), true},
		"succeeds more":                     {succeeding(0.2), succeeding(0.9), false},
		"failed, and this is late":          {late, failing(0.06), true},
		"was late, and this fails":          {failing(0.06), late, false},
		"was late, as this":                 {late, late, true},
		"was late, and this is both":        {verdict(append(late.Evidence, failing(0.06).Evidence...)...), late, false},
		"was late, and this is reported":    {reported, late, false},
		"failed, and this is reported":      {reported, failing(0.06), true},
		"failed, and this is not there":     {gone, failing(0.4), false},
		"all failed, and this is not there": {gone, failing(1), true},
	} {
		if got := c.candidate.NoWorseThan(c.last); got != c.want {
			t.Errorf("%s: no worse is %t", name, got)
		}
	}
}
