package judge

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// tally is what one bin, or a group of them, counted for and against a bound.
type tally struct {
	// least and most enclose the events that speak for the bound, among total.
	least, most, total float64
	// seen is whether enough of it was seen to count, whole whether all of it was.
	seen, whole bool
}

// over tells whether the tally is beyond a bound at p.
func (t tally) over(p float64) bool { return t.seen && t.total > 0 && t.least > p*t.total }

func (t tally) plus(o tally) tally {
	return tally{t.least + o.least, t.most + o.most, t.total + o.total, t.seen || o.seen, t.whole && o.whole}
}

// tallied gives a row's bins as tallies for a cell, and the share at its bound; false where they are not
// counts of events on either side of it.
func tallied(row Row, bound Bound, bins []signal.Bin) (ts []tally, p float64, ok bool) {
	return new(paper).tallied(row, bound, bins)
}

// paper is where tallies are written; what is written next takes the place of what was.
type paper []tally

func (x *paper) tallied(row Row, bound Bound, bins []signal.Bin) (ts []tally, p float64, ok bool) {
	switch {
	case bound.Unavailable: // the bins are those of the requests
		p = failsToo
	case row.Kind == signal.Ratio && bound.Above != nil:
		p = float64(*bound.Above)
	case row.Kind == signal.Ratio && bound.Below != nil:
		p = 1 - float64(*bound.Below)
	case row.Kind == signal.Quantile && bound.Above != nil:
		p = 1 - float64(row.Q)
	case row.Kind == signal.Quantile && bound.Below != nil:
		p = float64(row.Q)
	default:
		return nil, 0, false
	}
	*x = slices.Grow((*x)[:0], len(bins))
	for i := range bins {
		t, ok := counted(row, bound, &bins[i])
		if !ok {
			return nil, 0, false
		}
		*x = append(*x, t)
	}
	return *x, p, true
}

// counted is one bin's tally.
func counted(row Row, bound Bound, b *signal.Bin) (tally, bool) {
	switch {
	case b.Cause == signal.Idle:
		return tally{seen: true, whole: true}, true
	case b.Cause != signal.Known || b.Value.IsNaN():
		return tally{}, true
	case row.Kind == signal.Ratio || bound.Unavailable:
		k := float64(against(bound, *b))
		return tally{k, k, float64(b.Total), true, true}, true
	}
	for _, o := range b.Over {
		switch {
		case bound.Above != nil && o.Bound == *bound.Above:
			return tally{float64(o.Least), float64(o.Most), float64(b.Total), true, true}, true
		case bound.Below != nil && o.Bound == *bound.Below:
			return tally{float64(b.Total - o.Most), float64(b.Total - o.Least), float64(b.Total), true, true}, true
		}
	}
	return tally{}, false
}

// grouped adds the newest bins up in n groups of size each, the oldest first; nil where there are too few.
// A group of which half was seen counts.
func grouped(ts []tally, n, size int) []tally {
	if len(ts) < n*size {
		return nil
	}
	if size == 1 {
		return ts[len(ts)-n:]
	}
	groups := make([]tally, n)
	ts = ts[len(ts)-n*size:]
	for i := range groups {
		sum, unseen := tally{whole: true}, 0
		for _, t := range ts[i*size : (i+1)*size] {
			sum = sum.plus(t)
			if !t.seen {
				unseen++
			}
		}
		sum.seen = 2*unseen <= size
		groups[i] = sum
	}
	return groups
}

func sum(ts []tally) tally {
	all := tally{whole: true}
	for _, t := range ts {
		all = all.plus(t)
	}
	return all
}
