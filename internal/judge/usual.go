package judge

import (
	"fmt"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// A check compares every signal with its baseline, over so many of the newest bins, and calls what differs
// something to look into: nothing worse, since a service that is alive differs from an hour ago all the time.
const (
	usualBins = 30
	// usualMost is how many of them must differ.
	usualMost = 24
	// What matters: a quantile a tenth above, a rate three tenths below, a share of errors twice the
	// baseline's and by so much above it.
	slowerBy   = 1.1
	fewerBy    = 0.7
	moreErrors = 2
	errorFloor = 0.0005
	chanceOff  = 1e-3
	// quantileTotal is how many events a bin needs for its quantile to be one.
	quantileTotal = 100
)

// Unusual names the signals that differ from their baseline, of which last week should be asked: the same
// hour tells a daily rhythm from a change.
func Unusual(m Matrix, in Input, v Verdict) []string {
	var names []string
	for i, row := range m.Rows {
		r, _ := find(in.Readings, row.Signal)
		if e := v.Evidence[i]; e.Tier == Proceed && unusual(row, newest(r.Bins, usualBins), usually(e.Baseline)) {
			names = append(names, row.Signal)
		}
	}
	return names
}

// usually gives what a baseline's value is; NaN where it is unknown.
func usually(b *Baseline) Baseline {
	if b == nil {
		return Baseline{Value: nan}
	}
	return *b
}

// unusual tells whether bins are worse than usual. Better is never unusual.
func unusual(row Row, bins []signal.Bin, b Baseline) bool {
	if len(bins) < usualBins || b.Value.IsNaN() {
		return false
	}
	switch {
	case row.Kind == signal.Ratio && errs(row):
		return moreFail(pool(bins), b)
	case row.Kind == signal.Quantile:
		return most(bins, func(x signal.Bin) bool { return x.Total >= quantileTotal && x.Value > slowerBy*b.Value })
	case row.Kind == signal.Rate:
		return most(bins, func(x signal.Bin) bool { return x.Value < fewerBy*b.Value })
	}
	return false
}

// errs tells whether a ratio's part is what is bad about it.
func errs(row Row) bool {
	return slices.ContainsFunc(row.Cells, func(c Cell) bool { return c.Bound.Above != nil })
}

// moreFail compares two shares by the conditional test of two rates.
func moreFail(now signal.Bin, b Baseline) bool {
	before := float64(b.Value * b.Total)
	k, n := float64(now.Part), float64(now.Total)
	if k < MinPart || b.Total <= 0 || k/n < float64(b.Value)+errorFloor {
		return false
	}
	return surelyAbove(k, k+before, moreErrors*n/(moreErrors*n+float64(b.Total)), chanceOff)
}

func most(bins []signal.Bin, differs func(signal.Bin) bool) bool {
	n := 0
	for _, b := range bins {
		if seen(b) && differs(b) {
			n++
		}
	}
	return n >= usualMost
}

// notice makes a signal that is well by its bounds, and not as usual, something to look into. What was so last
// week at the same time is as usual; a rate is compared with that only.
func notice(row Row, e *Evidence, r signal.Reading, in Input) {
	bins := newest(r.Bins, usualBins)
	if !in.Usual || e.Tier != Proceed || !unusual(row, bins, usually(e.Baseline)) {
		return
	}
	week := weekOf(row, in.Others)
	if week == nil && row.Kind == signal.Rate {
		return
	}
	if week != nil {
		if !unusual(row, bins, BaselineOf(row.Kind, signal.Reading{Bins: week.Bins})) {
			return
		}
		e.Attribution = &Attribution{Other: *week}
	}
	e.Bins = bins
	summarise(e)
	e.Tier = Investigate
	e.Unusual = fmt.Sprintf("%s is %s, for %d minutes not as before: %s", row.Signal, row.Amount(typical(row, bins)),
		int(in.At.Sub(bins[0].End).D().Minutes()+0.5), row.Amount(e.Baseline.Value))
}

// weekOf gives what a signal was last week, if enough was seen of it then to say what was usual.
func weekOf(row Row, others []Other) *Other {
	for _, o := range others {
		if o.Signal == row.Signal && o.Against == LastWeek && BaselineOf(row.Kind, signal.Reading{Bins: o.Bins}).Cause == signal.Known {
			return &o
		}
	}
	return nil
}

// typical is a ratio's share, else the middle value.
func typical(row Row, bins []signal.Bin) signal.Number {
	if all := pool(bins); row.Kind == signal.Ratio && all.Total > 0 {
		return all.Part / all.Total
	}
	var values []signal.Number
	for _, b := range bins {
		if seen(b) {
			values = append(values, b.Value)
		}
	}
	slices.Sort(values)
	return values[len(values)/2]
}
