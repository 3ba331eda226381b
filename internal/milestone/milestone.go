// Package milestone sums up what a candidate did over a whole window of the schedule, from the cutover to the
// window's end: every signal against its SLO and its baseline, and whether it creeps up.
//
// It is for people, who close a window with it, and decides nothing: no verdict rests on a milestone. What is
// unknown is neither met nor missed. It does not measure, and does not know when a window ends.
//
// +kubebuilder:object:generate=true
package milestone

import (
	"math"
	"slices"
	"strconv"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Milestone is the report at the end of a window.
type Milestone struct {
	// +kubebuilder:validation:MaxLength=32
	Window string `json:"window"`
	// At is the window's end, and After how long after the cutover that was.
	At    signal.Instant  `json:"at"`
	After signal.Duration `json:"after"`
	// Late marks one that was made after the daemon was away.
	Late bool `json:"late,omitempty"`
	// Met, Missed and Unknown count the SLOs.
	Met     int32 `json:"met"`
	Missed  int32 `json:"missed"`
	Unknown int32 `json:"unknown"`
	// Rows are the signals, in the order of the policy.
	// +kubebuilder:validation:MaxItems=32
	Rows []Row `json:"rows,omitempty"`
	// Thinned marks that rows were left out, to save room.
	Thinned bool `json:"thinned,omitempty"`
}

// Row is one signal over the window.
type Row struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string      `json:"signal"`
	Kind   signal.Kind `json:"kind"`
	// +kubebuilder:validation:MaxLength=16
	Unit string `json:"unit,omitempty"`
	// Value is of all events of a Ratio or a Quantile, the mean of a Rate or a Query, a Growth's forecast at
	// the window's end; NaN where unknown.
	Value signal.Number `json:"value"`
	// Total is the number of events; of those Least to Most speak against the SLO.
	Total signal.Number `json:"total,omitempty"`
	Least signal.Number `json:"least,omitempty"`
	Most  signal.Number `json:"most,omitempty"`
	SLO   *judge.SLO    `json:"slo,omitempty"`
	// Met is Yes, No or Unknown where there is an SLO.
	Met judge.Answer `json:"met,omitempty"`
	// Seen is how many of the window's Bins were seen.
	Seen int32 `json:"seen,omitempty"`
	Bins int32 `json:"bins,omitempty"`
	// Cause is why the value, or whether the SLO is met, is unknown.
	Cause signal.Cause `json:"cause,omitempty"`
	// Baseline is what stable measured before the first traffic, if that is known.
	Baseline *signal.Number `json:"baseline,omitempty"`
	Trend    *Trend         `json:"trend,omitempty"`
}

// Trend says whether the share of events that speak against a signal creeps up.
type Trend struct {
	Answer judge.Answer `json:"answer"`
	// Over is the bound that a Quantile's events are over.
	Over *signal.Number `json:"over,omitempty"`
	// Others marks the share of the events that are not a Ratio's part, where more of the part is better.
	Others bool `json:"others,omitempty"`
	// From and To are the shares at the beginning and at the end; NaN where too little is known.
	From signal.Number `json:"from"`
	To   signal.Number `json:"to"`
	// Cause is why it is unknown.
	Cause signal.Cause `json:"cause,omitempty"`
}

// Measured is what was read of one signal.
type Measured struct {
	// Reading holds the candidate's bins from the cutover to the window's end.
	Reading signal.Reading
	// Whole is a Quantile of the whole window; NaN where it is unknown.
	Whole signal.Number
	// Before is what stable's bins of the same length counted in the day before, if that was asked.
	Before []signal.Bin
	// Trends tells whether the window is long enough to ask for a trend.
	Trends bool
}

// Add sums up a signal and counts its SLO.
func (m *Milestone) Add(row judge.Row, x Measured, baseline []judge.Baseline) {
	r := rowOf(row, x)
	for _, b := range baseline {
		if b.Signal == row.Signal && !b.Value.IsNaN() {
			v := brief(b.Value)
			r.Baseline = &v
		}
	}
	switch r.Met {
	case judge.Yes:
		m.Met++
	case judge.No:
		m.Missed++
	case judge.Unknown:
		m.Unknown++
	}
	m.Rows = append(m.Rows, r)
}

// Row gives what a row's amounts are written by.
func (r Row) Row() judge.Row { return judge.Row{Signal: r.Signal, Kind: r.Kind, Unit: r.Unit} }

// Creeps tells whether the signal gets worse and worse.
func (r Row) Creeps() bool { return r.Trend != nil && r.Trend.Answer == judge.Yes }

// Climbs tells whether memory only climbs, and is full some day as it goes: the Value of a Growth is in how many
// seconds.
func (r Row) Climbs() bool {
	return r.Kind == signal.Growth && !r.Value.IsNaN() && !math.IsInf(float64(r.Value), 1)
}

func rowOf(row judge.Row, x Measured) Row {
	r := Row{Signal: row.Signal, Kind: row.Kind, Unit: row.Unit, Value: nan, SLO: row.SLO, Bins: int32(len(x.Reading.Bins)), Cause: x.Reading.Cause}
	t := tallied(row, x.Reading.Bins)
	r.Seen, r.Total = int32(t.seen), brief(t.total)
	switch {
	case r.Cause != signal.Known:
	case 2*t.seen < len(x.Reading.Bins) || t.seen == 0:
		r.Cause = unseen(x.Reading.Bins)
	case row.Kind == signal.Ratio && t.total > 0:
		r.Value = brief(t.part / t.total)
	case row.Kind == signal.Quantile && t.total > 0:
		r.Value = brief(x.Whole)
	case row.Kind == signal.Ratio || row.Kind == signal.Quantile:
		r.Cause = signal.Idle
	default:
		r.Value = brief(t.sum / signal.Number(t.seen))
	}
	if r.SLO != nil {
		r.comply(row, t)
	}
	if x.Trends {
		r.Trend = creeps(row, x)
	}
	return r
}

// unseen names what hid most of the bins.
func unseen(bins []signal.Bin) signal.Cause {
	most, n := signal.Gap, 0
	for _, c := range signal.Causes() {
		k := 0
		for _, b := range bins {
			if b.Cause == c {
				k++
			}
		}
		if k > n {
			most, n = c, k
		}
	}
	return most
}

// brief gives a number in six digits, as many as anybody reads.
func brief(n signal.Number) signal.Number {
	if n.IsNaN() || n == signal.Number(math.Trunc(float64(n))) {
		return n
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'g', 6, 64), 64)
	if err != nil {
		return n
	}
	return signal.Number(short)
}

var nan = signal.Number(math.NaN())

// Thin leaves out the rows that keep tells not to keep.
func (m *Milestone) Thin(keep func(Row) bool) {
	rows := slices.DeleteFunc(slices.Clone(m.Rows), func(r Row) bool { return !keep(r) })
	m.Thinned = m.Thinned || len(rows) < len(m.Rows)
	m.Rows = rows
}
