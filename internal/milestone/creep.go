package milestone

import (
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

// creeps asks whether the share of events that speak against a signal creeps up: failures, or what is slower than
// the SLO, else than the mildest bound. It is nil where nothing says what is against the signal.
func creeps(row judge.Row, x Measured) *Trend {
	bound, moreIsBetter, ok := TrendBound(row)
	if !ok {
		return nil
	}
	count := func(bins []signal.Bin) []trend.Count { return counts(row, bound, moreIsBetter, bins) }
	rise := trend.Creep(trend.Shares{Signal: row.Signal, Counts: count(x.Reading.Bins), Before: count(x.Before)})
	out := &Trend{Answer: judge.Answer(rise.Answer), From: brief(rise.From), To: brief(rise.To), Cause: rise.Cause, Others: moreIsBetter}
	if x.Reading.Cause != signal.Known {
		out.Cause = x.Reading.Cause
	}
	if row.Kind == signal.Quantile {
		out.Over = &bound
	}
	return out
}

// counts are the bins' events; where a bound lies within a bucket, all that may be beyond it.
func counts(row judge.Row, bound signal.Number, moreIsBetter bool, bins []signal.Bin) []trend.Count {
	var out []trend.Count
	for _, b := range bins {
		if _, most, ok := against(row, bound, moreIsBetter, b); ok && b.Cause == signal.Known {
			out = append(out, trend.Count{End: b.End, Events: b.Total, Bad: most})
		}
	}
	return out
}

// TrendBound gives the bound, for a Quantile, whose excess is followed, and on which side of it is better; false
// where that can't be said.
func TrendBound(row judge.Row) (bound signal.Number, moreIsBetter, ok bool) {
	above, below := row.Sense()
	if row.SLO != nil {
		below = row.SLO.Least()
		above = !below
		bound = row.SLO.Value
	}
	switch {
	case above == below:
		return 0, false, false
	case row.Kind == signal.Ratio:
		return 0, below, true
	case row.Kind != signal.Quantile || below:
		return 0, false, false
	case row.SLO == nil:
		bound, ok = mildest(row)
		return bound, false, ok
	}
	return bound, false, true
}

// mildest is the lowest bound that a row's values are above.
func mildest(row judge.Row) (least signal.Number, found bool) {
	for _, c := range row.Cells {
		if a := c.Bound.Above; a != nil && (!found || *a < least) {
			least, found = *a, true
		}
	}
	return least, found
}
