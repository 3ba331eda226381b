// Package judge turns readings into a verdict: the worst tier of the decision matrix that holds,
// with the evidence it rests on.
//
// It is pure: the same matrix and readings give the same verdict, whenever and wherever it is
// asked. It does not measure, wait, log or act, and it never takes missing data for good or bad.
//
// +kubebuilder:object:generate=true
package judge

import (
	"fmt"
	"math"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Tier is a column of the decision matrix, or Blind where there is not enough evidence.
//
// +kubebuilder:validation:Enum=Rollback;Consider;Investigate;Proceed;Blind
type Tier string

// The tiers, the worst first. Blind is beaten by those before it and beats Proceed.
const (
	Rollback    Tier = "Rollback"
	Consider    Tier = "Consider"
	Investigate Tier = "Investigate"
	Blind       Tier = "Blind"
	Proceed     Tier = "Proceed"
)

// tiers lists all tiers, the worst first.
var tiers = [...]Tier{Rollback, Consider, Investigate, Blind, Proceed}

// Rank gives a tier's place, 0 the worst.
func (t Tier) Rank() int {
	for i, x := range tiers {
		if x == t {
			return i
		}
	}
	return len(tiers)
}

// Worse tells whether t is worse than o.
func (t Tier) Worse(o Tier) bool { return t.Rank() < o.Rank() }

// Bound is what a cell asks of every bin. Exactly one field is set, but that a relative bound has the
// one that it comes to, too, once the baseline is known.
type Bound struct {
	// Above and Below are in the signal's own unit: a share from 0 to 1, seconds, or a number.
	Above *signal.Number `json:"above,omitempty"`
	Below *signal.Number `json:"below,omitempty"`
	// FallsBy and RisesBy are shares of the baseline: 0.3 is 30 % below, or above, it.
	FallsBy *signal.Number `json:"fallsBy,omitempty"`
	RisesBy *signal.Number `json:"risesBy,omitempty"`
	// Unavailable asks whether the slot serves nothing.
	Unavailable bool `json:"unavailable,omitempty"`
}

// Cell is one cell of the matrix: a tier's bound on a signal and how long it must last.
type Cell struct {
	Tier  Tier  `json:"tier"`
	Bound Bound `json:"bound"`
	// For is how long the bound must last, rounded up to whole bins, at least MinBins.
	For signal.Duration `json:"for,omitempty"`
	// Canary cells apply only while the candidate's share is between 0 and 100 %.
	Canary bool `json:"canary,omitempty"`
}

// Row is a signal with its cells.
type Row struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string      `json:"signal"`
	Kind   signal.Kind `json:"kind"`
	// Q is a Quantile's, between 0 and 1: a value above a bound is then a share above 1-Q of events that are.
	Q signal.Number `json:"q,omitempty"`
	// Unit is for people: "%", "/s", "seconds", "milliseconds" or empty.
	// +kubebuilder:validation:MaxLength=16
	Unit string `json:"unit,omitempty"`
	// Required signals make a check blind when they are unknown.
	Required bool `json:"required,omitempty"`
	// SLO is for the milestones.
	SLO *SLO `json:"slo,omitempty"`
	// +kubebuilder:validation:MaxItems=8
	Cells []Cell `json:"cells,omitempty"`
}

// Matrix is the rollback decision matrix, ready to be judged by.
type Matrix struct {
	// Bin is the grain of counting.
	Bin signal.Duration `json:"bin"`
	// UnavailableFor is how long a slot must serve nothing to count as unavailable.
	UnavailableFor signal.Duration `json:"unavailableFor"`
	// Requests names the Ratio signal whose events count as requests, for availability.
	// +kubebuilder:validation:MaxLength=63
	Requests string `json:"requests,omitempty"`
	// +kubebuilder:validation:MaxItems=32
	Rows []Row `json:"rows"`
}

// MinBins is the least number of bins that a bound must last, and MostBins how many are looked at.
const (
	MinBins  = 3
	MostBins = 120
)

// Bins gives how many bins a cell's bound must last.
func (m Matrix) Bins(c Cell) int {
	if m.Bin <= 0 {
		return MinBins
	}
	n := int((c.For + m.Bin - 1) / m.Bin)
	return max(n, MinBins)
}

// Longest gives how many bins the cells of the given kind look at first: a stretch, which is one bin
// longer than the longest bound must last. A Wanting signal looks at MostBins.
func (m Matrix) Longest(of func(Cell) bool) int {
	n := MinBins
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			if of(c) {
				n = max(n, m.Bins(c))
			}
		}
	}
	return n + 1
}

// Coarser gives the matrix with bins of at least the given length: a bin needs two scrapes.
func (m Matrix) Coarser(least signal.Duration) Matrix {
	m.Bin = max(m.Bin, least)
	return m
}

// Only keeps the rows and cells for which keep answers yes; required rows stay even without cells.
func (m Matrix) Only(keep func(Cell) bool) Matrix {
	out := m
	out.Rows = nil
	for _, r := range m.Rows {
		cells := r.Cells
		r.Cells = nil
		for _, c := range cells {
			if keep(c) {
				r.Cells = append(r.Cells, c)
			}
		}
		if len(r.Cells) > 0 || r.Required || r.Signal == m.Requests {
			out.Rows = append(out.Rows, r)
		}
	}
	return out
}

// Text says a bound in words, with the row's unit: "above 5 %".
func (r Row) Text(b Bound) string {
	switch text := factText(r.Kind); {
	case text != "" && b.Above != nil && *b.Above == 0:
		return text
	case b.RisesBy != nil:
		return fmt.Sprintf("over %.3g %% above its baseline", float64(*b.RisesBy)*100)
	case b.FallsBy != nil:
		return fmt.Sprintf("over %.3g %% below its baseline", float64(*b.FallsBy)*100)
	case b.Above != nil:
		return "above " + r.Amount(*b.Above)
	case b.Below != nil && r.Kind == signal.Growth:
		return "full within " + spell(*b.Below)
	case b.Below != nil:
		return "below " + r.Amount(*b.Below)
	case b.Unavailable:
		return "unavailable"
	}
	return "no bound"
}

// Amount writes a value of the row for people: 0.05 of a Ratio is "5 %", 0.25 seconds "250 ms".
func (r Row) Amount(n signal.Number) string {
	switch {
	case n.IsNaN():
		return "unknown"
	case r.Kind.Fact():
		return factAmount(r.Kind, n)
	case r.Kind == signal.Ratio:
		return fmt.Sprintf("%.3g %%", float64(n)*100)
	case r.Kind == signal.Rate:
		return fmt.Sprintf("%.4g/s", float64(n))
	case r.Unit == "seconds":
		return duration(float64(n))
	case r.Unit == "milliseconds":
		return duration(float64(n) / 1000)
	}
	return fmt.Sprintf("%.4g", float64(n))
}

func duration(seconds float64) string {
	if math.Abs(seconds) < 0.9995 {
		return fmt.Sprintf("%.3g ms", seconds*1000)
	}
	return fmt.Sprintf("%.3g s", seconds)
}
