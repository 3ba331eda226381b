package measure

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestSelector(t *testing.T) {
	for _, tc := range []struct {
		metric  string
		matches []string
		want    string
	}{
		{"x_total", nil, "x_total"},
		{"x_total", []string{"", " "}, "x_total"},
		{"x_total", []string{`a="1"`, ""}, `x_total{a="1"}`},
		{"x_total", []string{` a="1", `, `b=~"5.."`}, `x_total{a="1",b=~"5.."}`},
		{"x.total", []string{`a="1"`}, `{__name__="x.total",a="1"}`},
		{"", []string{`__name__=~"x|y"`}, `{__name__=~"x|y"}`},
	} {
		if got := selector(tc.metric, tc.matches...); got != tc.want {
			t.Errorf("selector(%q, %q) = %s; want %s", tc.metric, tc.matches, got, tc.want)
		}
	}
}

func TestPhrase(t *testing.T) {
	ratio := signal.Ask{Kind: signal.Ratio, Metric: "x", Part: `code="500"`}
	q, err := phrase(ratio, signal.Duration(90*time.Second), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"sum(last_over_time(x[1m30s]) - last_over_time(x[1m30s] offset 1m30s) >= 0 or last_over_time(x[1m30s]))",
		`sum(last_over_time(x{code="500"}[1m30s]) - last_over_time(x{code="500"}[1m30s] offset 1m30s) >= 0 or last_over_time(x{code="500"}[1m30s]))`,
	}
	if d := cmp.Diff(want, table{}.behind(q.columns)); d != "" {
		t.Errorf("expressions (-want +got):\n%s", d)
	}
}

func TestChunks(t *testing.T) {
	r := Range{From: 1000, To: 1070, Bin: signal.Duration(10 * time.Second)}
	want := []Range{{From: 1000, To: 1030, Bin: r.Bin}, {From: 1030, To: 1060, Bin: r.Bin}, {From: 1060, To: 1070, Bin: r.Bin}}
	if d := cmp.Diff(want, r.chunks(3)); d != "" {
		t.Errorf("chunks (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Range{r}, r.chunks(7)); d != "" {
		t.Errorf("one chunk (-want +got):\n%s", d)
	}
	r.Every = signal.Duration(5 * time.Second) // ends at 1010, 1015 … 1070
	want = []Range{{From: 1000, To: 1040, Bin: r.Bin, Every: r.Every}, {From: 1035, To: 1070, Bin: r.Bin, Every: r.Every}}
	if d := cmp.Diff(want, r.chunks(7)[:2]); d != "" {
		t.Errorf("chunks of overlapping bins (-want +got):\n%s", d)
	}
}

func TestEvents(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name    string
		t, past table
		want    signal.Bin
	}{
		{"a share", table{colTotal: {10: 8}, colPart: {10: 2}}, nil, signal.Bin{Value: 0.25, Total: 8, Part: 2}},
		{"no part", table{colTotal: {10: 8}}, nil, signal.Bin{Total: 8}},
		{"no events", table{colTotal: {10: 0}, colPart: {10: 0}}, nil, signal.Bin{Cause: signal.Idle}},
		{"no samples", table{colTotal: {20: 8}}, nil, signal.Bin{Cause: signal.Gap}},
		{"a new target", table{colTotal: {10: 8}, colAppeared: {10: 1}}, table{colKnown: {10: 1}}, signal.Bin{Total: 8}},
		{"a target that was found late", table{colTotal: {10: 8}, colAppeared: {10: 1}}, table{colFirst: {10: 1}}, signal.Bin{Cause: signal.First}},
		{"a sum that fell", table{colTotal: {10: 8}, colFell: {10: 1}}, table{colAggregated: {10: 1}}, signal.Bin{Cause: signal.Aggregated}},
		{"a fall without a restart", table{colTotal: {10: 8}, colFell: {10: 1}}, table{colMixed: {10: 1}}, signal.Bin{Cause: signal.Mixed}},
		{"a restart", table{colTotal: {10: 8}, colFell: {10: 1}}, table{}, signal.Bin{Total: 8}},
		{"a target that came back", table{colTotal: {10: 8}, colAppeared: {10: 1}}, table{colReturned: {10: 1}}, signal.Bin{Cause: signal.Gap}},
		{"total not a number", table{colTotal: {10: nan}}, nil, signal.Bin{Cause: signal.NaN}},
		{"part not a number", table{colTotal: {10: 8}, colPart: {10: nan}}, nil, signal.Bin{Cause: signal.NaN}},
		{"a quantile", table{colClassicTotal: {10: 8}, colClassic: {10: 0.3}}, nil, signal.Bin{Value: 0.3, Total: 8}},
		{"a quantile of nothing", table{colClassicTotal: {10: 0}, colClassic: {10: nan}}, nil, signal.Bin{Cause: signal.Idle}},
		{"native before classic", table{colNativeTotal: {10: 9}, colNative: {10: 0.31}, colClassicTotal: {10: 8}, colClassic: {10: 0.3}}, nil, signal.Bin{Value: 0.31, Total: 9}},
		{"a quantile without bound", table{colClassicTotal: {10: 8}, colClassic: {10: math.Inf(1)}}, nil, signal.Bin{Cause: signal.NaN}},
		{"a total without its quantile", table{colClassicTotal: {10: 8}}, nil, signal.Bin{Cause: signal.NaN}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.End = 10
			got := events(tc.t, tc.past, Range{From: 0, To: 10, Bin: signal.Duration(10 * time.Second)})
			if d := cmp.Diff([]signal.Bin{tc.want}, got); d != "" {
				t.Errorf("bins (-want +got):\n%s", d)
			}
		})
	}
}

func stream(metric model.Metric, values ...float64) *model.SampleStream {
	s := &model.SampleStream{Metric: metric}
	for i, v := range values {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.Time(i * 1000), Value: model.SampleValue(v)})
	}
	return s
}

func TestShadow(t *testing.T) {
	nan, a, b := math.NaN(), model.Metric{"pod": "a"}, model.Metric{"pod": "b"}
	for _, tc := range []struct {
		name string
		m    model.Matrix
		want int
	}{
		{"unlabelled and NaN", model.Matrix{stream(a, 1), stream(nil, nan, nan)}, 1},
		{"alone", model.Matrix{stream(nil, nan)}, 1},
		{"unlabelled with a number", model.Matrix{stream(a, 1), stream(nil, nan, 1)}, 2},
		{"labelled and NaN", model.Matrix{stream(a, 1), stream(b, nan)}, 2},
		{"beside two", model.Matrix{stream(a, 1), stream(b, 1), stream(nil, nan)}, 3},
	} {
		if got := withoutShadow(tc.m); len(got) != tc.want {
			t.Errorf("%s: %d series stay; want %d", tc.name, len(got), tc.want)
		}
	}
}

func TestComplete(t *testing.T) {
	sec := func(s ...float64) []time.Time {
		var all []time.Time
		for _, x := range s {
			all = append(all, time.UnixMilli(int64(x*1000)))
		}
		return all
	}
	every := signal.Duration(15 * time.Second)
	for _, tc := range []struct {
		name     string
		newest   []time.Time
		interval signal.Duration
		want     signal.Instant
	}{
		{"one target", sec(100), every, 100},
		{"a begun second", sec(100.001), every, 101},
		{"the oldest that is still heard", sec(100, 85.5, 92), every, 86},
		{"one that missed two scrapes", sec(100, 69), every, 100},
		{"no interval yet", sec(100, 92), 0, 100},
	} {
		if got := complete(tc.newest, tc.interval); got != tc.want {
			t.Errorf("%s: %d; want %d", tc.name, got, tc.want)
		}
	}
}

func TestNewestExpr(t *testing.T) {
	got := rawExpr([]string{`x{job="a"}`, "y"}, series{selector: 1, labels: model.Metric{"job": `q"`, "a.b": "1"}})
	if want := `y{"a.b"="1",job="q\""}[10m]`; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// Two falls without a restart that lie near one another make unknown what lies near them; a single one does not, nor
// do sums that fell, whose other bins are counts.
func TestSpoil(t *testing.T) {
	m, a, ok := signal.Mixed, signal.Aggregated, signal.Known
	for name, tc := range map[string]struct{ is, want []signal.Cause }{
		"one":          {[]signal.Cause{ok, m, ok, ok}, []signal.Cause{ok, m, ok, ok}},
		"two":          {[]signal.Cause{ok, ok, ok, m, ok, m, ok, ok, ok}, []signal.Cause{ok, m, m, m, m, m, m, m, ok}},
		"far apart":    {[]signal.Cause{m, ok, ok, ok, m}, []signal.Cause{m, ok, ok, ok, m}},
		"sums":         {[]signal.Cause{ok, a, a, ok}, []signal.Cause{ok, a, a, ok}},
		"others' gaps": {[]signal.Cause{signal.Gap, m, signal.Idle, m}, []signal.Cause{signal.Gap, m, m, m}},
	} {
		bins := make([]signal.Bin, len(tc.is))
		for i, c := range tc.is {
			bins[i] = signal.Bin{End: signal.Instant(60 * i), Cause: c}
		}
		spoil(bins, signal.Duration(2*time.Minute))
		for i, b := range bins {
			if b.Cause != tc.want[i] || b.End != signal.Instant(60*i) {
				t.Errorf("%s: bin %d is %+v, want %q", name, i, b, tc.want[i])
			}
		}
	}
}

func TestBucketsThatAreCoarse(t *testing.T) {
	for b, want := range map[bucket]bool{
		{1, 1.0905077326652577}:   false, // 2^(1/8)
		{0.9170040432046712, 1}:   false,
		{-1.0905077326652577, -1}: false,
		{-1e-128, 1e-128}:         false, // around zero
		{1, 2}:                    true,
		{1, 1.1}:                  true, // somebody wrote it
		{2.5, 5}:                  true,
		{math.Inf(-1), 0.1}:       true,
		{4, math.Inf(1)}:          true,
	} {
		if got := b.coarse(); got != want {
			t.Errorf("%v: coarse is %t, want %t", b, got, want)
		}
	}
}
