package judge

import (
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Than says on which side of its value an SLO is met.
//
// +kubebuilder:validation:Enum="<";"<=";">";">="
type Than string

// The sides.
const (
	Below   Than = "<"
	AtMost  Than = "<="
	Above   Than = ">"
	AtLeast Than = ">="
)

// SLO is what a signal is to be over a whole window. No verdict depends on it.
type SLO struct {
	Than Than `json:"than"`
	// Value is in the signal's own unit, as a Bound's.
	Value signal.Number `json:"value"`
}

// Least tells whether more is better.
func (s SLO) Least() bool { return s.Than == Above || s.Than == AtLeast }

// Met tells whether a value meets the SLO. What differs by less than arithmetic on floats can tell is equal.
func (s SLO) Met(v signal.Number) bool { return met(s.Than, float64(v), float64(s.Value)) }

// Keeps tells whether an SLO is met where k events speak against it, of most that it bears.
func (s SLO) Keeps(k, most float64) bool {
	than := s.Than
	switch than {
	case Above:
		than = Below
	case AtLeast:
		than = AtMost
	}
	return met(than, k, most)
}

func met(than Than, v, value float64) bool {
	equal := math.Abs(v-value) <= 1e-9*math.Abs(value)
	switch than {
	case Below:
		return v < value && !equal
	case AtMost:
		return v < value || equal
	case Above:
		return v > value && !equal
	}
	return v > value || equal
}

// Text says an SLO in the unit of its row: "<= 100 ms".
func (s SLO) Text(r Row) string { return string(s.Than) + " " + r.Amount(s.Value) }

// Sense says on which side the row's cells see trouble: above is whether more of it is worse, below whether
// less is. Both or neither may be so.
func (r Row) Sense() (above, below bool) {
	for _, c := range r.Cells {
		above = above || c.Bound.Above != nil || c.Bound.RisesBy != nil
		below = below || c.Bound.Below != nil || c.Bound.FallsBy != nil
	}
	return above, below
}
