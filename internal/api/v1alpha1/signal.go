package v1alpha1

// MetricName is the name of a metric.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')",message="not a metric's name; write the bare name, and labels in match"
type MetricName string

// Selector is a list of PromQL label matchers without the braces. It may hold the placeholders
// ${slot}, ${namespace}, ${deployment} and ${version}.
//
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule=`!self.replace("${slot}", "").replace("${namespace}", "").replace("${deployment}", "").replace("${version}", "").contains("${")`,message="unknown placeholder; write ${slot}, ${namespace}, ${deployment} or ${version}"
type Selector string

// Expression is a PromQL expression. It may hold the same placeholders as a Selector.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
// +kubebuilder:validation:XValidation:rule=`!self.replace("${slot}", "").replace("${namespace}", "").replace("${deployment}", "").replace("${version}", "").contains("${")`,message="unknown placeholder; write ${slot}, ${namespace}, ${deployment} or ${version}"
type Expression string

// Unit is what a signal's values are in.
//
// +kubebuilder:validation:Enum=seconds
type Unit string

// Seconds is the only unit that is named: its bounds are durations.
const Seconds Unit = "seconds"

// Fact is something that Kubernetes says of a slot.
//
// +kubebuilder:validation:Enum=Available;Restarts;OOMKills;CrashLoops
type Fact string

// The facts. All but Available are numbers, of the candidate's pods since its first traffic.
const (
	Available  Fact = "Available"  // whether the slot serves
	Restarts   Fact = "Restarts"   // how often containers were started again
	OOMKills   Fact = "OOMKills"   // how many containers ended, last, for want of memory
	CrashLoops Fact = "CrashLoops" // how many containers Kubernetes waits to start again
)

// Signal is a named measurement of a slot, of exactly one kind, and its cells in the matrix. A
// signal without cells is recorded only.
//
// +kubebuilder:validation:XValidation:rule="[has(self.ratio), has(self.quantile), has(self.rate), has(self.query), has(self.kubernetes), has(self.alert), has(self.report)].exists(k, k)",message="the signal has no kind; write one of ratio, quantile, rate, query, kubernetes, alert or report"
// +kubebuilder:validation:XValidation:rule="[has(self.ratio), has(self.quantile), has(self.rate), has(self.query), has(self.kubernetes), has(self.alert), has(self.report)].filter(k, k).size() <= 1",message="the signal has more than one kind; write one of ratio, quantile, rate, query, kubernetes, alert or report, and a signal of its own for each other"
// +kubebuilder:validation:XValidation:rule="!has(self.unit) || has(self.quantile) || has(self.query)",message="unit is for quantile and query; leave it out (a ratio's bounds are percentages, such as 5%)"
// +kubebuilder:validation:XValidation:rule="!has(self.ratio) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')))",message="a ratio's bound is a percentage; write it from 0% to 100%, such as above: 5%"
// +kubebuilder:validation:XValidation:rule="!(has(self.unit) && (has(self.quantile) || has(self.query))) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')))",message="a bound in seconds is a duration; write it with its unit, such as above: 200ms"
// +kubebuilder:validation:XValidation:rule="has(self.unit) || !(has(self.quantile) || has(self.rate) || has(self.query)) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')))",message="the bound of a signal without a unit is a bare number; write it such as above: \"100\", or give the signal unit: seconds"
// +kubebuilder:validation:XValidation:rule="!has(self.kubernetes) || self.kubernetes != 'Available' || ((!has(self.canary) || !has(self.canary.above) || false) && (!has(self.canary) || !has(self.canary.below) || false) && (!has(self.rollback) || !has(self.rollback.above) || false) && (!has(self.rollback) || !has(self.rollback.below) || false) && (!has(self.consider) || !has(self.consider.above) || false) && (!has(self.consider) || !has(self.consider.below) || false) && (!has(self.investigate) || !has(self.investigate.above) || false) && (!has(self.investigate) || !has(self.investigate.below) || false))",message="Available has no value to compare; write unavailable: true instead of above or below"
// +kubebuilder:validation:XValidation:rule="(has(self.kubernetes) && self.kubernetes == 'Available') || ((!has(self.canary) || !has(self.canary.unavailable) || !self.canary.unavailable) && (!has(self.rollback) || !has(self.rollback.unavailable) || !self.rollback.unavailable) && (!has(self.consider) || !has(self.consider.unavailable) || !self.consider.unavailable) && (!has(self.investigate) || !has(self.investigate.unavailable) || !self.investigate.unavailable))",message="unavailable is for kubernetes: Available; write above or below"
// +kubebuilder:validation:XValidation:rule="!has(self.kubernetes) || self.kubernetes == 'Available' || ((!has(self.canary) || (has(self.canary.above) && self.canary.above.matches('^[0-9]{1,9}$') && !has(self.canary.__for__))) && (!has(self.rollback) || (has(self.rollback.above) && self.rollback.above.matches('^[0-9]{1,9}$') && !has(self.rollback.__for__))) && (!has(self.consider) || (has(self.consider.above) && self.consider.above.matches('^[0-9]{1,9}$') && !has(self.consider.__for__))) && (!has(self.investigate) || (has(self.investigate.above) && self.investigate.above.matches('^[0-9]{1,9}$') && !has(self.investigate.__for__))))",message="Restarts, OOMKills and CrashLoops are whole numbers; write above: \"0\" as the bound of their cells, without for"
// +kubebuilder:validation:XValidation:rule="!has(self.alert) || ((!has(self.canary) || has(self.canary.firing)) && (!has(self.rollback) || has(self.rollback.firing)) && (!has(self.consider) || has(self.consider.firing)) && (!has(self.investigate) || has(self.investigate.firing)))",message="an alert fires or does not; write firing: true as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.alert) || ((!has(self.canary) || !has(self.canary.firing)) && (!has(self.rollback) || !has(self.rollback.firing)) && (!has(self.consider) || !has(self.consider.firing)) && (!has(self.investigate) || !has(self.investigate.firing)))",message="firing is for an alert signal; write above or below, or alert: {name: ...}"
// +kubebuilder:validation:XValidation:rule="!has(self.report) || ((!has(self.canary) || has(self.canary.reported)) && (!has(self.rollback) || has(self.rollback.reported)) && (!has(self.consider) || has(self.consider.reported)) && (!has(self.investigate) || has(self.investigate.reported)))",message="a report is there or is not; write reported: true as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.report) || ((!has(self.canary) || !has(self.canary.reported)) && (!has(self.rollback) || !has(self.rollback.reported)) && (!has(self.consider) || !has(self.consider.reported)) && (!has(self.investigate) || !has(self.investigate.reported)))",message="reported is for a report signal; write above or below, or report: security"
// +kubebuilder:validation:XValidation:rule="!has(self.slo) || has(self.ratio) || has(self.quantile) || has(self.rate) || has(self.query)",message="slo is for what is measured over a window: ratio, quantile, rate or query; leave it out"
// +kubebuilder:validation:XValidation:rule="!has(self.slo) || !has(self.ratio) || self.slo.matches('^([<>]=? ?)?(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')",message="a ratio's slo is a percentage; write it from 0% to 100%, such as slo: 0.1%, or slo: '>= 70%'"
// +kubebuilder:validation:XValidation:rule="!has(self.slo) || !(has(self.unit) && (has(self.quantile) || has(self.query))) || self.slo.matches('^([<>]=? ?)?([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')",message="an slo in seconds is a duration; write it with its unit, such as slo: 100ms"
// +kubebuilder:validation:XValidation:rule="!has(self.slo) || has(self.unit) || !(has(self.quantile) || has(self.rate) || has(self.query)) || self.slo.matches('^([<>]=? ?)?-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')",message="the slo of a signal without a unit is a bare number; write it such as slo: '<= 100', or give the signal unit: seconds"
// +kubebuilder:validation:XValidation:rule="!has(self.slo) || self.slo.matches('^[<>]') || [has(self.canary) && (has(self.canary.above) || has(self.canary.risesAboveBaselineBy)), has(self.rollback) && (has(self.rollback.above) || has(self.rollback.risesAboveBaselineBy)), has(self.consider) && (has(self.consider.above) || has(self.consider.risesAboveBaselineBy)), has(self.investigate) && (has(self.investigate.above) || has(self.investigate.risesAboveBaselineBy))].exists(b, b) != [has(self.canary) && (has(self.canary.below) || has(self.canary.fallsBelowBaselineBy)), has(self.rollback) && (has(self.rollback.below) || has(self.rollback.fallsBelowBaselineBy)), has(self.consider) && (has(self.consider.below) || has(self.consider.fallsBelowBaselineBy)), has(self.investigate) && (has(self.investigate.below) || has(self.investigate.fallsBelowBaselineBy))].exists(b, b)",message="the cells do not say which side of the slo is better; write it such as slo: '<= 100ms' or slo: '>= 70%'"
type Signal struct {
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="not a signal's name; write lower-case letters, digits and dashes, such as error-rate"
	Name string `json:"name"`

	// Required makes a check blind when the signal is unknown. Default: true for the first ratio and
	// for a kubernetes signal, else false.
	Required *bool `json:"required,omitempty"`

	// Unit is for a quantile or a query: seconds makes its bounds durations. Without it they are
	// bare numbers.
	// +optional
	Unit Unit `json:"unit,omitempty"`

	// SLO is what the signal is to be over a whole window, in the unit of its bounds: "0.1%", "100ms", or ">= 70%".
	// Without a sign it is the most that is allowed, or the least where the cells look for less. The milestones at the
	// ends of the windows tell whether it was met; no verdict depends on it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	SLO string `json:"slo,omitempty"`

	// Ratio is a part of all events.
	Ratio *Ratio `json:"ratio,omitempty"`
	// Quantile is a quantile of a histogram, classic or native.
	Quantile *Quantile `json:"quantile,omitempty"`
	// Rate is how many events there are per second: its bounds are bare numbers.
	Rate *Rate `json:"rate,omitempty"`
	// Query is any PromQL that yields one number.
	// +optional
	Query Expression `json:"query,omitempty"`
	// Kubernetes is a fact of the cluster.
	// +optional
	Kubernetes Fact `json:"kubernetes,omitempty"`
	// Alert is an alert of Prometheus' own rules.
	Alert *Alert `json:"alert,omitempty"`
	// Report is the kind of what people report of a release by greenwatch report, such as security,
	// corruption or complaint. One report is enough, and it counts until it is retracted.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="not a kind of report; write lower-case letters, digits and dashes, such as security"
	Report string `json:"report,omitempty"`

	// Canary is a consider cell that applies only while the traffic is split.
	Canary *Cell `json:"canary,omitempty"`
	// Rollback is the cell that moves the traffic back.
	Rollback *Cell `json:"rollback,omitempty"`
	// Consider is the cell that asks people.
	Consider *Cell `json:"consider,omitempty"`
	// Investigate is the cell that makes a note.
	Investigate *Cell `json:"investigate,omitempty"`
}

// Ratio is a share of all events: of one counter's, those that match Part among all that match Match; or
// of several counters, the sum of Parts among the sum of Wholes.
//
// +kubebuilder:validation:XValidation:rule="has(self.metric) == has(self.part) && has(self.parts) == has(self.wholes) && has(self.metric) != has(self.parts)",message="a ratio counts one counter or several; write metric and part, or parts and wholes"
// +kubebuilder:validation:XValidation:rule="!has(self.parts) || !has(self.wholes) || self.parts.all(p, p in self.wholes)",message="parts are among the wholes; write each of parts in wholes, too"
type Ratio struct {
	// Metric is a counter.
	// +optional
	Metric MetricName `json:"metric,omitempty"`
	// +optional
	Match Selector `json:"match,omitempty"`
	// Part selects, within Match, the events of Metric that are the part.
	// +optional
	// +kubebuilder:validation:MinLength=1
	Part Selector `json:"part,omitempty"`
	// Parts are the counters whose sum is the part, such as a cache's hits.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Parts []MetricName `json:"parts,omitempty"`
	// Wholes are the counters whose sum is the whole, those of Parts among them, such as hits and misses.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Wholes []MetricName `json:"wholes,omitempty"`
}

// Rate is how many events there are per second, such as the throughput.
type Rate struct {
	// Metric is a counter.
	Metric MetricName `json:"metric"`
	// +optional
	Match Selector `json:"match,omitempty"`
}

// Quantile is a quantile of a histogram's values.
type Quantile struct {
	// Metric is the histogram's base name, without _bucket.
	// +kubebuilder:validation:XValidation:rule="!self.endsWith('_bucket')",message="metric is the histogram's base name; leave _bucket out"
	Metric MetricName `json:"metric"`
	// +optional
	Match Selector `json:"match,omitempty"`
	// Q is the quantile, between 0 and 1.
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^0[.][0-9]+$') && self.matches('[1-9]')",message="not a quantile between 0 and 1; write it such as \"0.99\""
	Q string `json:"q"`
}

// Alert is an alert of Prometheus' own rules that fires. Only alertstate="firing" counts, at once, since
// the rule has a for of its own. One that fired before the candidate's first traffic moves nothing for as
// long as it goes on. That it does not fire is good news only where its rule is loaded.
type Alert struct {
	// Name is the alert's: its label alertname.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
	// Match selects among its series. Without ${slot}, ${deployment} or ${version} in it the alert speaks of
	// the release, and says nothing of the side that the traffic would be moved to.
	// +optional
	Match Selector `json:"match,omitempty"`
}

// Cell is a bound and how long it must last.
//
// +kubebuilder:validation:XValidation:rule="[has(self.above), has(self.below), has(self.fallsBelowBaselineBy), has(self.risesAboveBaselineBy), has(self.unavailable) && self.unavailable, has(self.firing) && self.firing, has(self.reported) && self.reported].filter(b, b).size() == 1",message="a cell has exactly one bound; write one of above, below, fallsBelowBaselineBy, risesAboveBaselineBy, unavailable: true, firing: true or reported: true"
// +kubebuilder:validation:XValidation:rule="!(has(self.unavailable) && self.unavailable && has(self.__for__))",message="for does not apply to unavailable; write timing.unavailableFor instead"
// +kubebuilder:validation:XValidation:rule="!(has(self.firing) && has(self.__for__))",message="for does not apply to firing: an alert's rule has its own"
// +kubebuilder:validation:XValidation:rule="!(has(self.reported) && has(self.__for__))",message="for does not apply to reported: one report is enough"
type Cell struct {
	// Above and Below are in the unit of the signal's kind: a percentage for a ratio ("5%"), a
	// duration where the unit is seconds ("200ms"), else a bare number ("100"), for a rate per second.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Above string `json:"above,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Below string `json:"below,omitempty"`
	// FallsBelowBaselineBy and RisesAboveBaselineBy compare with what stable measured before the candidate's
	// first traffic: a percentage of that ("30%").
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,4}([.][0-9]{1,3})?%$') && self.matches('[1-9]')",message="not a part of the baseline; write a percentage above 0%, such as fallsBelowBaselineBy: 30%"
	FallsBelowBaselineBy string `json:"fallsBelowBaselineBy,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,4}([.][0-9]{1,3})?%$') && self.matches('[1-9]')",message="not a part of the baseline; write a percentage above 0%, such as risesAboveBaselineBy: 10%"
	RisesAboveBaselineBy string `json:"risesAboveBaselineBy,omitempty"`
	// Unavailable asks whether the slot serves nothing.
	// +optional
	Unavailable bool `json:"unavailable,omitempty"`
	// Firing asks whether the alert fires.
	// +optional
	Firing bool `json:"firing,omitempty"`
	// Reported asks whether people report it.
	// +optional
	Reported bool `json:"reported,omitempty"`
	// For is how long the bound must last: by default, and at least, three bins.
	// +optional
	For Duration `json:"for,omitempty"`
}
