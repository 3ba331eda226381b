// Package signal holds what is asked of the world and what was measured: queries, bins, readings,
// the causes of not knowing, and the small value types (Instant, Number, Duration, Condition) that
// the objects in the cluster are made of.
//
// It does not ask anything itself and knows neither Prometheus nor Kubernetes.
//
// +kubebuilder:object:generate=true
package signal

import "slices"

// Kind says how a signal is measured.
//
// +kubebuilder:validation:Enum=Ratio;Quantile;Rate;Query;Kubernetes;Alert;Report;Pods;Growth;Probe
type Kind string

// The kinds of signals.
const (
	Ratio      Kind = "Ratio"      // a part of all events, counted per bin: 0 to 1
	Quantile   Kind = "Quantile"   // a quantile of a histogram per bin, in the histogram's unit
	Rate       Kind = "Rate"       // events per second, counted per bin
	Query      Kind = "Query"      // any PromQL that yields one number
	Kubernetes Kind = "Kubernetes" // a fact of the cluster: the slot's availability
	Alert      Kind = "Alert"      // how many series of an alert fire, at each bin's end
	Pods       Kind = "Pods"       // how often something befell the candidate's pods since its first traffic
	Growth     Kind = "Growth"     // in how many seconds memory that only climbs reaches its limit; infinite where it does not
	Report     Kind = "Report"     // how many reports of a kind people have made, less those retracted
	Probe      Kind = "Probe"      // how many components a health endpoint says are not well, at each look
)

// Fact tells whether a kind says what is so at a moment, rather than what was measured in a bin: it is
// compared with no other side and no baseline.
func (k Kind) Fact() bool {
	switch k {
	case Kubernetes, Alert, Report, Pods, Growth, Probe:
		return true
	}
	return false
}

// Cause says why something is unknown. The empty cause means that it is known.
//
// +kubebuilder:validation:MaxLength=32
type Cause string

// The causes, by name.
const (
	Known      Cause = ""
	Empty      Cause = "Empty"            // the query matches no series at all
	NaN        Cause = "NaN"              // the answer is not a number
	ManySeries Cause = "ManySeries"       // several series where one is expected
	QueryError Cause = "QueryError"       // Prometheus refused the query
	TooLarge   Cause = "AnswerTooLarge"   // the answer holds more than is read
	Timeout    Cause = "Timeout"          // no answer in time
	Gap        Cause = "Gap"              // no sample where there should be one
	Away       Cause = "PrometheusAway"   // the server can't be reached
	Refused    Cause = "Refused"          // the server refuses whoever asks, not what is asked
	Throttled  Cause = "Throttled"        // the server turns questions away for now
	Incomplete Cause = "Incomplete"       // the server says itself that its answer is not whole
	Lag        Cause = "Lag"              // the newest samples are older than settle allows
	Idle       Cause = "Idle"             // samples, but no events: a share of nothing
	Few        Cause = "TooFew"           // too few events to say yes or no
	Coarse     Cause = "CoarseBuckets"    // no bucket of the histogram ends near the bound
	Warming    Cause = "WarmingUp"        // beyond the bound, but falling since the first traffic
	NoBaseline Cause = "NoBaseline"       // what it is compared with was not measured
	Mismatch   Cause = "LabelsMismatch"   // the metric is there, but nothing has the labels that are asked for
	WrongKind  Cause = "WrongKind"        // the metric is there, but is no such thing as is asked for
	Duplicates Cause = "Duplicates"       // one pod is scraped twice, and its events are counted twice
	First      Cause = "FirstSeen"        // what a counter had when it was first seen would count in one bin
	Aggregated Cause = "Aggregated"       // a sum over several targets fell: one of them went
	Mixed      Cause = "MixedProcesses"   // a target's counters fell, and it was not restarted
	Overlap    Cause = "SelectorsOverlap" // the series are the other slot's, too
	AtEnd      Cause = "CountedAtEnd"     // requests are counted when they end, and none that began since has
	Young      Cause = "Young"            // not enough bins since the first traffic yet
	NoRule     Cause = "NoRule"           // no rule of the alert's name is loaded, so that its silence says nothing
	BadRule    Cause = "BadRule"          // the alert's rule can't be evaluated
	Fault      Cause = "Fault"            // greenwatch itself failed at the question
	Unseen     Cause = "Unseen"           // nobody could look, or it is not known of the past
	Budget     Cause = "QueryBudget"      // not asked: the policy has used up its share of Prometheus' time
)

// words say to an engineer what stands behind each cause, and what to look at.
var words = map[Cause]string{
	Empty:      "no series matches, now or lately: is the metric still exported, and scraped?",
	NaN:        "the answer is not a number: is something divided by nothing?",
	ManySeries: "several series came where one number is wanted: aggregate them",
	QueryError: "Prometheus refused the query",
	TooLarge:   "the answer holds more than is read: aggregate it, or match fewer series",
	Timeout:    "no answer in time",
	Gap:        "no sample where there should be one: are the targets up, and scraped?",
	Away:       "the server can't be reached",
	Refused:    "the server refuses whoever asks: are the token, the tenant and the rights in the daemon's file right?",
	Throttled:  "the server turns questions away for now: is it overloaded, or starting, or are its limits too low?",
	Incomplete: "the server says itself that its answer is not whole: is a store or a shard behind it down?",
	Lag:        "the newest samples are older than timing.settle allows: remote write, or a recording rule, lags",
	Idle:       "it is up, but gets no requests",
	Few:        "too few requests to tell",
	Coarse:     "no bucket of the histogram ends near the bound",
	Warming:    "beyond the bound, but falling since the first traffic: it is warming up",
	NoBaseline: "what it is compared with was not measured",
	Mismatch:   "the metric has series, but none with these labels: was a label renamed, or is the slot not scraped?",
	WrongKind:  "the metric is of another kind than is asked for: is it a summary, or without buckets?",
	Duplicates: "a pod is scraped twice, so its events count twice: is there a second monitor?",
	First:      "a series was first seen with what it had counted before: its target was found late, or a label is written otherwise",
	Aggregated: "a sum over several pods falls when one of them goes, and can't be counted by: keep the labels instance or pod, or have the rule record increases",
	Mixed:      "a target's counters fall though it was not restarted: do several processes answer by turns? Give them one registry, or a port each",
	Overlap:    "both slots' selectors take the same series: write matchers that tell them apart (api-.* takes api-primary-1, too)",
	AtEnd:      "its requests last so long that none has ended yet: they are counted when they end",
	Young:      "not enough has been seen since the first traffic yet",
	NoRule:     "no alerting rule of this name is loaded: is it misspelt, or its file not loaded?",
	BadRule:    "the alert's rule can't be evaluated, so it can't fire",
	Fault:      "greenwatch itself failed at this question: its log has the stack",
	Unseen:     "it can't be seen from here, or not of the past",
	Budget:     "the policy's queries take more of Prometheus' time than one policy may: make them cheaper, or rarer",
}

// Words says in a sentence what stands behind a cause.
func (c Cause) Words() string { return words[c] }

// OfServer tells whether a cause is the server's, and none of the question: it is one incident, however many ask.
func (c Cause) OfServer() bool { return c.Shut() || c == Incomplete }

// Shut tells whether the server answers nothing for now, whatever it is asked.
func (c Cause) Shut() bool { return c == Away || c == Refused || c == Throttled }

// Unanswered tells whether nothing was learnt, and asking again may help.
func (c Cause) Unanswered() bool { return c.OfServer() || c == Timeout || c == Budget }

// Causes lists all causes.
func Causes() []Cause {
	var all []Cause
	for c := range words {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}

// Ask is one question for one slot, with all placeholders filled in.
type Ask struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal"`
	Kind   Kind   `json:"kind"`
	// Metric and Match select the series: a counter (Ratio, Rate), a histogram's base name (Quantile) or a gauge (Growth). Without
	// a metric Match names those of a Ratio.
	// +kubebuilder:validation:MaxLength=256
	Metric string `json:"metric,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Match string `json:"match,omitempty"`
	// Part selects, within Match, the events that are the part.
	// +kubebuilder:validation:MaxLength=4096
	Part string `json:"part,omitempty"`
	// Q is the quantile, between 0 and 1.
	Q Number `json:"q,omitempty"`
	// Over are the values, in increasing order, of which a Quantile's bins count what lies above; of a Probe
	// its bounds.
	// +kubebuilder:validation:MaxItems=8
	Over []Number `json:"over,omitempty"`
	// Of names what is asked about: an Alert's name, the kind of a Report, what befalls Pods, a Growth's metric of
	// process starts.
	// +kubebuilder:validation:MaxLength=1024
	Of string `json:"of,omitempty"`
	// By are the labels that tell one of an Alert's series from another; none are all but those that name a target or
	// carry a value.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=128
	By []string `json:"by,omitempty"`
	// URL is a Probe's, Components those that matter to it; none are all that its answer names.
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	Components []string `json:"components,omitempty"`
	// Since is the candidate's first traffic, for an Alert or a Growth: what was before is told apart.
	Since Instant `json:"since,omitempty"`
	// Beside selects a Growth's series of stable, or those of the other slot, which are not to be counted with it.
	// +kubebuilder:validation:MaxLength=4096
	Beside string `json:"beside,omitempty"`
	// PromQL is the expression of a Query, or that of a Growth's limits.
	// +kubebuilder:validation:MaxLength=4096
	PromQL string `json:"promql,omitempty"`
}

// Bin is what was counted in one stretch of the grain of counting, ended at End.
type Bin struct {
	End Instant `json:"end"`
	// Value is the share (Ratio), the quantile (Quantile), the events per second (Rate), the number (Query)
	// or how many there are of what a fact is.
	Value Number `json:"value"`
	// Total and Part are the counted events, for a Ratio; Total alone for a Quantile or a Rate. For an Alert
	// Part is how many have fired since before the candidate's first traffic.
	Total Number `json:"total,omitempty"`
	Part  Number `json:"part,omitempty"`
	// Over counts the events of a Quantile that lie above a bound, one for each that was asked for.
	// +kubebuilder:validation:MaxItems=8
	Over []Over `json:"over,omitempty"`
	// Cause says why the bin is unknown; Value means nothing then.
	Cause Cause `json:"cause,omitempty"`
}

// Over is how many events lie above Bound: between Least and Most, which are equal where a bucket of
// the histogram ends at it.
type Over struct {
	Bound Number `json:"bound"`
	Least Number `json:"least"`
	Most  Number `json:"most"`
}

// Reading is the answer to one Ask: consecutive bins, the oldest first.
type Reading struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal"`
	// +kubebuilder:validation:MaxItems=120
	Bins []Bin `json:"bins,omitempty"`
	// Cause is set where nothing at all is known; Bins is empty then.
	Cause Cause `json:"cause,omitempty"`
	// Detail says in words what stands behind Cause: the server's own message, or counts.
	// +kubebuilder:validation:MaxLength=512
	Detail string `json:"detail,omitempty"`
	// Queries are the PromQL expressions as they were asked.
	// +kubebuilder:validation:MaxItems=4
	Queries []string `json:"queries,omitempty"`
	// Availability is set for a Kubernetes signal instead of bins.
	Availability *Availability `json:"availability,omitempty"`
}

// Availability is what Kubernetes says of a slot's Deployment.
type Availability struct {
	// Wanted and Ready are replicas.
	Wanted int32 `json:"wanted"`
	Ready  int32 `json:"ready"`
	// Gone is whether the Deployment does not exist; Wanted is then what it had.
	Gone bool `json:"gone,omitempty"`
	// UnreadySince is when Ready was first seen at 0 with a share of the traffic, without a break since.
	UnreadySince Instant `json:"unreadySince,omitempty"`
	// Ticks is how many looks in a row found it so.
	Ticks int32 `json:"ticks,omitempty"`
}
