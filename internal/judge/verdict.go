package judge

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Answer is what a bound says: yes, it lasted; no; or unknown.
//
// +kubebuilder:validation:Enum=Yes;No;Unknown
type Answer string

// The answers.
const (
	Yes     Answer = "Yes"
	No      Answer = "No"
	Unknown Answer = "Unknown"
)

// How says in which way a bound has lasted.
//
// +kubebuilder:validation:Enum=Held;Flapping;Pooled;Before
type How string

// The ways.
const (
	Held     How = "Held"     // in every bin, one after another
	Flapping How = "Flapping" // altogether, though it comes and goes
	Pooled   How = "Pooled"   // in every bin of several added up, since single ones hold too few events
	Before   How = "Before"   // since before the candidate's first traffic: it is not the release
)

// Finding is what one cell said, and how often.
type Finding struct {
	Cell   Cell   `json:"cell"`
	Answer Answer `json:"answer"`
	// How is set for a Yes.
	How How `json:"how,omitempty"`
	// Bins is how many bins the bound must last. Over is the stretch that decided, in bins; of those Yes
	// and No were beyond the bound and within it, Unknown neither.
	Bins    int32 `json:"bins,omitempty"`
	Over    int32 `json:"over,omitempty"`
	Yes     int32 `json:"yes,omitempty"`
	No      int32 `json:"no,omitempty"`
	Unknown int32 `json:"unknown,omitempty"`
	// Cause is why it is unknown; Needs is how many more events would answer it, if known.
	Cause signal.Cause  `json:"cause,omitempty"`
	Needs signal.Number `json:"needs,omitempty"`
}

// Evidence is all that a verdict knows of one signal: enough to judge it again.
type Evidence struct {
	// +kubebuilder:validation:MaxLength=63
	Signal   string      `json:"signal"`
	Kind     signal.Kind `json:"kind"`
	Unit     string      `json:"unit,omitempty"`
	Required bool        `json:"required,omitempty"`
	// Q is a Quantile's, between 0 and 1.
	Q signal.Number `json:"q,omitempty"`
	// Tier is the worst tier that holds for this signal alone; Blind where it is unknown.
	Tier Tier `json:"tier"`
	// Value is over the deciding stretch: pooled for a Ratio, else the last known bin's; NaN where
	// unknown. Total is the number of events behind it.
	Value signal.Number `json:"value"`
	Total signal.Number `json:"total,omitempty"`
	Cause signal.Cause  `json:"cause,omitempty"`
	// +kubebuilder:validation:MaxLength=512
	Detail string `json:"detail,omitempty"`
	// +kubebuilder:validation:MaxItems=8
	Findings []Finding `json:"findings,omitempty"`
	// Bins is the deciding stretch, the oldest first.
	// +kubebuilder:validation:Type=string
	Bins signal.Bins `json:"bins,omitempty"`
	// +kubebuilder:validation:MaxItems=4
	Queries      []string             `json:"queries,omitempty"`
	Availability *signal.Availability `json:"availability,omitempty"`
	// Baseline is what stable measured before the candidate's first traffic.
	Baseline *Baseline `json:"baseline,omitempty"`
	// Unusual says how the signal differs from its baseline, where it is worse.
	// +kubebuilder:validation:MaxLength=256
	Unusual string `json:"unusual,omitempty"`
	// Attribution says whether it is the release, where that was asked.
	Attribution *Attribution `json:"attribution,omitempty"`
}

// Verdict is the worst tier that holds, and why.
type Verdict struct {
	// At is the moment that the verdict speaks of.
	At   signal.Instant `json:"at"`
	Tier Tier           `json:"tier"`
	// Signal is the one that decided; empty when all is well.
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal,omitempty"`
	// Reason says it in a sentence.
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// Without names the signals with bounds that were not answered, other than Signal: the verdict is one without them.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	Without []string `json:"without,omitempty"`
	// Generation is the policy's generation that it was judged by.
	Generation int64 `json:"generation,omitempty"`
	// Split is whether the canary cells applied.
	Split bool `json:"split,omitempty"`
	// Bin, UnavailableFor and Requests are the matrix's: with them the evidence can be judged again.
	Bin            signal.Duration `json:"bin,omitempty"`
	UnavailableFor signal.Duration `json:"unavailableFor,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Requests string `json:"requests,omitempty"`
	// Thinned marks that evidence of the signals that did not decide was left out, to save room.
	Thinned bool `json:"thinned,omitempty"`
	// FirstTraffic is the candidate's.
	FirstTraffic signal.Instant `json:"firstTraffic,omitempty"`
	// Skew is by how much Prometheus' clock was ahead of the one that all moments here are told by: whoever repeats
	// a query asks as of a moment plus it.
	Skew signal.Duration `json:"skew,omitempty"`
	// +kubebuilder:validation:MaxItems=32
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Brief gives v without its evidence and what that is judged by.
func (v Verdict) Brief() Verdict {
	v.Evidence, v.Bin, v.UnavailableFor, v.Requests, v.Skew, v.Thinned = nil, 0, 0, "", 0, false
	return v
}

// Unavailable tells whether the verdict found that the slot serves nothing.
func (v Verdict) Unavailable() bool {
	for _, e := range v.Evidence {
		for _, f := range e.Findings {
			if f.Cell.Bound.Unavailable && f.Answer == Yes {
				return true
			}
		}
	}
	return false
}

// Unready tells whether all that the verdict calls for a rollback for is that no replica is ready: nothing is wrong with
// what the slot serves, once it does.
func (v Verdict) Unready() bool {
	for _, e := range v.Evidence {
		unready := func(f Finding) bool { return f.Cell.Bound.Unavailable && f.Answer == Yes && f.How != Held }
		if e.Tier == Rollback && !slices.ContainsFunc(e.Findings, unready) {
			return false
		}
	}
	return v.Tier == Rollback && len(v.Evidence) > 0
}

// Stretch says which bins of a reading a bound may be found in.
type Stretch int

const (
	// Newest asks whether a bound holds now: in the newest bins.
	Newest Stretch = iota
	// Whole asks whether it has held at any time within the bins given.
	Whole
)

// Input is all that a verdict depends on besides the matrix.
type Input struct {
	At       signal.Instant
	Readings []signal.Reading
	// Split is whether the candidate's share is between 0 and 100 %.
	Split   bool
	Stretch Stretch
	// Since leaves out, for Whole, what had ended by then.
	Since signal.Instant
	// FirstTraffic is the candidate's: what falls in the minutes after it is warming up. 0 for none.
	FirstTraffic signal.Instant
	// Skew is recorded in the verdict.
	Skew signal.Duration
	// Baseline is what stable measured before, by signal.
	Baseline []Baseline
	// Usual asks for what is not as usual, too.
	Usual bool
	// Others are what other sides counted, the best to compare with first.
	Others []Other
	// Generation is recorded in the verdict.
	Generation int64
}

// With gives the input with readings in the place of those of the same signals.
func (in Input) With(more []signal.Reading) Input {
	readings := slices.Clone(in.Readings)
	for _, r := range more {
		for i := range readings {
			if readings[i].Signal == r.Signal {
				readings[i] = r
			}
		}
	}
	in.Readings = readings
	return in
}
