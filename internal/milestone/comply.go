package milestone

import (
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// tally is what a window's bins add up to.
type tally struct {
	seen        int
	total, part signal.Number
	// least and most enclose the events that speak against the SLO; counted is whether they are known.
	least, most signal.Number
	counted     bool
	// sum adds up the values.
	sum signal.Number
}

func tallied(row judge.Row, bins []signal.Bin) tally {
	t := tally{counted: true}
	for _, b := range bins {
		if b.Cause != signal.Known && b.Cause != signal.Idle {
			continue
		}
		t.seen++
		if b.Cause == signal.Idle {
			continue
		}
		t.total, t.part, t.sum = t.total+b.Total, t.part+b.Part, t.sum+b.Value
		if row.SLO == nil {
			continue
		}
		least, most, ok := against(row, row.SLO.Value, row.SLO.Least(), b)
		t.least, t.most, t.counted = t.least+least, t.most+most, t.counted && ok
	}
	return t
}

// against counts the events of a bin that speak against a bound: those beyond it, or for a Ratio the part; the
// others where more is better.
func against(row judge.Row, bound signal.Number, moreIsBetter bool, b signal.Bin) (least, most signal.Number, ok bool) {
	switch row.Kind {
	case signal.Ratio:
		least, most, ok = b.Part, b.Part, true
	case signal.Quantile:
		for _, o := range b.Over {
			if o.Bound == bound {
				least, most, ok = o.Least, o.Most, true
			}
		}
	}
	if moreIsBetter {
		least, most = b.Total-most, b.Total-least
	}
	return least, most, ok
}

// bears gives the share of events against it that a row's SLO bears.
func bears(row judge.Row) float64 {
	share := float64(row.SLO.Value)
	if row.Kind == signal.Quantile {
		share = 1 - float64(row.Q)
	}
	if row.SLO.Least() {
		return 1 - share
	}
	return share
}

// comply says whether the SLO is met: for a Ratio and a Quantile from the counts alone, which is not an estimate
// but what happened. So few events that the SLO bears not one of them tell nothing, unless it is plainly missed.
func (r *Row) comply(row judge.Row, t tally) {
	r.Met = judge.Unknown
	if r.Cause != signal.Known {
		return
	}
	if r.Kind != signal.Ratio && r.Kind != signal.Quantile {
		r.Met = yesOrNo(r.SLO.Met(r.Value))
		return
	}
	if !t.counted {
		r.Cause = signal.Coarse
		return
	}
	r.Least, r.Most = t.least, t.most
	most := bears(row) * float64(t.total)
	few := most < 1-1e-9 && bears(row) > 0 || t.total < judge.MinTotal
	switch {
	case !r.SLO.Keeps(float64(t.least), most) && (!few || t.least >= judge.MinPart):
		r.Met = judge.No
	case few:
		r.Cause = signal.Few
	case r.SLO.Keeps(float64(t.most), most):
		r.Met = judge.Yes
	default:
		r.Cause = signal.Coarse
	}
}

func yesOrNo(yes bool) judge.Answer {
	if yes {
		return judge.Yes
	}
	return judge.No
}
