package judge

import (
	"math"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Baseline is what stable measured of a signal before the candidate's first traffic.
type Baseline struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal"`
	// Value is the share of all events of a Ratio, else the middle one of the bins' values; NaN where unknown.
	Value signal.Number `json:"value"`
	// Total is the number of events behind it, Bins of known bins.
	Total signal.Number `json:"total,omitempty"`
	Bins  int32         `json:"bins,omitempty"`
	// Long is whether most of the requests lasted longer than SilentFor, where that is known.
	Long Answer `json:"long,omitempty"`
	// Cause is why it is unknown.
	Cause signal.Cause `json:"cause,omitempty"`
}

// minBaseline is how many bins it takes to speak of what is usual.
const minBaseline = 5

// BaselineOf sums up a reading of stable before the candidate's first traffic. Its first bin is left out,
// since a target's whole life may have been counted in it.
func BaselineOf(kind signal.Kind, r signal.Reading) Baseline {
	b := Baseline{Signal: r.Signal, Value: nan, Cause: r.Cause}
	var values []signal.Number
	for _, x := range r.Bins[min(1, len(r.Bins)):] {
		if seen(x) {
			values = append(values, x.Value)
		}
	}
	all := pool(r.Bins[min(1, len(r.Bins)):])
	b.Bins, b.Total = int32(len(values)), all.Total
	switch {
	case b.Cause != signal.Known:
	case len(values) < minBaseline || kind == signal.Ratio && all.Total < MinOther:
		b.Cause = signal.Few
	case kind == signal.Ratio:
		b.Value = all.Part / all.Total
	default:
		slices.Sort(values)
		b.Value = values[len(values)/2]
	}
	return b
}

// Lasted answers, from a reading of how long requests lasted, whether most of them did longer than a bound.
func Lasted(r signal.Reading, bound signal.Number) Answer {
	var total, least, most signal.Number
	for _, b := range r.Bins {
		for _, o := range b.Over {
			if seen(b) && o.Bound == bound {
				total, least, most = total+b.Total, least+o.Least, most+o.Most
			}
		}
	}
	switch {
	case total < MinTotal:
		return Unknown
	case 2*least > total:
		return Yes
	case 2*most < total:
		return No
	}
	return Unknown
}

func baselineOf(all []Baseline, name string) *Baseline {
	for _, b := range all {
		if b.Signal == name {
			return &b
		}
	}
	return nil
}

// relative gives a cell whose bound is relative the bound that it comes to.
func relative(c Cell, b *Baseline) Cell {
	if b == nil || b.Value.IsNaN() {
		return c
	}
	switch {
	case c.Bound.FallsBy != nil:
		below := b.Value * (1 - *c.Bound.FallsBy)
		c.Bound.Below = &below
	case c.Bound.RisesBy != nil:
		above := b.Value * (1 + *c.Bound.RisesBy)
		c.Bound.Above = &above
	}
	return c
}

var nan = signal.Number(math.NaN())
