package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Range is a row of bins: (From, From+Bin], and so on up to To.
type Range struct {
	From, To signal.Instant
	// Bin is in whole seconds. It must be at least two scrapes long.
	Bin signal.Duration
	// Every is the distance of the bins' ends, in whole seconds: Bin by default, so that they follow one
	// another; less, and they overlap. To-From-Bin is a multiple of it.
	Every signal.Duration
	// Past says that what the server knows of the present, its rules, says nothing of these bins.
	Past bool
}

// step is the distance of the bins' ends.
func (r Range) step() signal.Duration { return cmp.Or(r.Every, r.Bin) }

// first is the end of the first bin.
func (r Range) first() signal.Instant { return r.From.Add(r.Bin) }

func (r Range) check() error {
	switch second := signal.Duration(1e9); {
	case r.Bin < second || r.Bin%second != 0:
		return fmt.Errorf("bin %s; want whole seconds", r.Bin)
	case r.Every < 0 || r.Every%second != 0:
		return fmt.Errorf("bins every %s; want whole seconds", r.Every)
	case r.To <= r.From:
		return fmt.Errorf("range from %s to %s; want the end after the start", r.From, r.To)
	case r.Every == 0 && r.To.Sub(r.From)%r.Bin != 0:
		return fmt.Errorf("range of %s; want a multiple of the bin, %s", r.To.Sub(r.From), r.Bin)
	case r.To < r.first() || r.To.Sub(r.first())%r.step() != 0:
		return fmt.Errorf("range of %s; want a bin of %s and a multiple of %s", r.To.Sub(r.From), r.Bin, r.step())
	}
	return nil
}

// chunks cuts r into ranges of at most n bins.
func (r Range) chunks(n int) []Range {
	var parts []Range
	size := r.step() * signal.Duration(n)
	for end := r.first(); end <= r.To; end = end.Add(size) {
		last := min(end.Add(size-r.step()), r.To)
		parts = append(parts, Range{From: end.Add(-r.Bin), To: last, Bin: r.Bin, Every: r.Every})
	}
	return parts
}

// bins gives one bin per end, as fill says.
func (r Range) bins(fill func(end signal.Instant) signal.Bin) []signal.Bin {
	bins := make([]signal.Bin, 0, 1+r.To.Sub(r.first())/r.step())
	for end := r.first(); end <= r.To; end = end.Add(r.step()) {
		b := fill(end)
		b.End = end
		bins = append(bins, b)
	}
	return bins
}

// points are one series' values by the time they were asked for.
type points map[signal.Instant]float64

func newPoints(s *model.SampleStream) points {
	p := make(points, len(s.Values))
	for _, v := range s.Values {
		p[signal.At(v.Timestamp.Time())] = float64(v.Value)
	}
	return p
}

// table is an answer by columns.
type table map[string]points

// newTable's error is that of an answer in which a column comes twice, or one that was not asked for.
func newTable(m model.Matrix, asked []column) (table, error) {
	t := table{}
	for _, s := range m {
		name := string(s.Metric[tag])
		if !slices.ContainsFunc(asked, func(c column) bool { return c.name == name }) {
			return nil, unasked(name)
		}
		if name == colBucket {
			name += string(s.Metric[model.BucketLabel])
		}
		if _, twice := t[name]; twice {
			return nil, &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("column %.64q comes twice", name)}
		}
		t[name] = newPoints(s)
	}
	return t, nil
}

func unasked(column string) error {
	return &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("column %.64q came, which was not asked for", column)}
}

// totals are the columns that count events, and the columns that go with them, in the order in which
// they are preferred.
var totals = []struct{ total, value string }{
	{colTotal, colPart},
	{colNativeTotal, colNative},
	{colClassicTotal, colClassic},
}

// silent tells whether no bin has a sample.
func (t table) silent() bool {
	for _, c := range totals {
		if len(t[c.total]) > 0 {
			return false
		}
	}
	return true
}

// behind gives the expressions whose numbers the bins hold: those of the kind of histogram that was
// found, and none that only watch over the coverage.
func (t table) behind(columns []column) []string {
	var exprs []string
	for _, c := range columns {
		switch c.name {
		case "", colTotal, colPart:
			exprs = append(exprs, c.expr)
		case colNative, colClassic:
			if len(t[c.name]) > 0 || t.silent() {
				exprs = append(exprs, c.expr)
			}
		case colBucket:
			if len(t[colClassic]) > 0 {
				exprs = append(exprs, c.expr)
			}
		}
	}
	return exprs
}

// any tells whether the column, a count, is above 0 anywhere.
func (t table) any(column string) bool {
	for _, n := range t[column] {
		if n > 0 {
			return true
		}
	}
	return false
}

// doubts are the columns of an inquiry by which a bin is no count, and what it is instead.
var doubts = []struct {
	column string
	cause  signal.Cause
}{
	{colReturned, signal.Gap},
	{colFirst, signal.First},
	{colAggregated, signal.Aggregated},
	{colMixed, signal.Mixed},
}

// events gives the bins of a Ratio or a Quantile from the counts, and from an inquiry where there was one.
func events(t, found table, r Range) []signal.Bin {
	return r.bins(func(end signal.Instant) signal.Bin {
		if t[colTwice][end] > 0 {
			return signal.Bin{Cause: signal.Duplicates}
		}
		for _, d := range doubts {
			if found[d.column][end] > 0 {
				return signal.Bin{Cause: d.cause}
			}
		}
		for _, c := range totals {
			if total, ok := t[c.total][end]; ok {
				return known(c.total, total, t[c.value], end)
			}
		}
		return signal.Bin{Cause: signal.Gap}
	})
}

// rounding is by how much sums of the same numbers may differ, in another order.
const rounding = 1e-9

// known is a bin with samples, which say something unless there were no events.
func known(column string, total float64, values points, end signal.Instant) signal.Bin {
	v, ok := values[end]
	switch {
	case !(total >= 0 && total <= mostEvents):
		return signal.Bin{Cause: signal.NaN}
	case total == 0:
		return signal.Bin{Cause: signal.Idle}
	case !finite(v):
		return signal.Bin{Cause: signal.NaN}
	case column == colTotal && !(v >= 0 && v <= total*(1+rounding)): // it is no part of the whole
		return signal.Bin{Cause: signal.NaN}
	case column == colTotal: // no series of the part is none of it
		v = min(v, total)
		return signal.Bin{Value: signal.Number(v / total), Total: signal.Number(total), Part: signal.Number(v)}
	case !ok:
		return signal.Bin{Cause: signal.NaN}
	}
	return signal.Bin{Value: signal.Number(v), Total: signal.Number(total)}
}

// perSecond makes rates of counts. No event at all is a rate, too: 0.
func perSecond(bins []signal.Bin, length signal.Duration) {
	for i := range bins {
		b := &bins[i]
		switch b.Cause {
		case signal.Idle:
			b.Cause, b.Value = signal.Known, 0
		case signal.Known:
			b.Value, b.Part = b.Total/signal.Number(length.D().Seconds()), 0
		}
	}
}

// numbers gives the reading of a Query, which must be one series.
func numbers(reading signal.Reading, m model.Matrix, r Range) signal.Reading {
	if m = withoutShadow(m); len(m) == 0 {
		return unknown(reading, signal.Empty, "the query yields nothing")
	}
	if len(m) > 1 {
		return manySeries(reading, strconv.Itoa(len(m)), []string{m[0].Metric.String(), m[1].Metric.String()})
	}
	values := newPoints(m[0])
	reading.Bins = r.bins(func(end signal.Instant) signal.Bin {
		v, ok := values[end]
		switch {
		case !ok:
			return signal.Bin{Cause: signal.Gap}
		case !finite(v):
			return signal.Bin{Cause: signal.NaN}
		}
		return signal.Bin{Value: signal.Number(v)}
	})
	return reading
}

func manySeries(reading signal.Reading, n string, like []string) signal.Reading {
	return unknown(reading, signal.ManySeries, fmt.Sprintf("%s series, such as %s; want one number", n, strings.Join(like, " and ")))
}

// withoutShadow drops the unlabelled series of nothing but NaN that a ratio may bring beside its
// real one.
func withoutShadow(m model.Matrix) model.Matrix {
	if len(m) != 2 {
		return m
	}
	for i, s := range m {
		if len(s.Metric) == 0 && allNaN(s) {
			return model.Matrix{m[1-i]}
		}
	}
	return m
}

func allNaN(s *model.SampleStream) bool {
	for _, v := range s.Values {
		if !math.IsNaN(float64(v.Value)) {
			return false
		}
	}
	return len(s.Values) > 0
}

// join appends the series of a later chunk to their earlier points.
func join(whole, later model.Matrix) model.Matrix {
	if whole == nil {
		return later
	}
	known := make(map[model.Fingerprint]*model.SampleStream, len(whole))
	for _, s := range whole {
		known[s.Metric.Fingerprint()] = s
	}
	for _, s := range later {
		if k := known[s.Metric.Fingerprint()]; k != nil {
			k.Values = append(k.Values, s.Values...)
			continue
		}
		whole = append(whole, s)
	}
	return whole
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
