package v1alpha1

// MetricName is the name of a metric, as it is exported: http_requests_total, or http.server.request.duration.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\s\x00-\x1f\x7f\x22\x27\x60\x5c\x5b\x5d{}(),;=<>!|&$#]+$')`,message="not a metric's name; write the bare name, and labels in match"
type MetricName string

// LabelName is the name of a label.
//
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\s\x00-\x1f\x7f\x22\x27\x60\x5c\x5b\x5d{}(),;=<>!|&$#]+$')`,message="not a label's name"
// +kubebuilder:validation:XValidation:rule="!(self in ['alertstate', '__name__'])",message="is alike for all that fires; leave it out"
type LabelName string

// Selector is a list of PromQL label matchers without the braces. It may hold the placeholders
// ${slot}, ${namespace}, ${deployment}, ${version}, and ${host}: the slot's destination as Istio's metrics have
// it, such as shop-green.production.svc.cluster.local.
//
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule=`!self.replace("${slot}", "").replace("${namespace}", "").replace("${deployment}", "").replace("${version}", "").replace("${host}", "").contains("${")`,message="unknown placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}"
type Selector string

// Expression is a PromQL expression. It may hold the same placeholders as a Selector.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=4096
// +kubebuilder:validation:XValidation:rule=`!self.replace("${slot}", "").replace("${namespace}", "").replace("${deployment}", "").replace("${version}", "").replace("${host}", "").contains("${")`,message="unknown placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}"
type Expression string

// Unit is what a signal's values are in.
//
// +kubebuilder:validation:Enum=seconds;milliseconds
type Unit string

// The units that are named. The bounds of both are durations; which of them the metric is in is not in its
// samples.
const (
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds" // such as Istio's
)

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
// +kubebuilder:validation:XValidation:rule="[has(self.ratio), has(self.quantile), has(self.rate), has(self.query), has(self.kubernetes), has(self.alert), has(self.report), has(self.growth), has(self.probe)].exists(k, k)",message="the signal has no kind; write one of ratio, quantile, rate, query, kubernetes, alert, report, growth or probe"
// +kubebuilder:validation:XValidation:rule="[has(self.ratio), has(self.quantile), has(self.rate), has(self.query), has(self.kubernetes), has(self.alert), has(self.report), has(self.growth), has(self.probe)].filter(k, k).size() <= 1",message="the signal has more than one kind; write one of ratio, quantile, rate, query, kubernetes, alert, report, growth or probe, and a signal of its own for each other"
// +kubebuilder:validation:XValidation:rule="!has(self.unit) || has(self.quantile) || has(self.query)",message="unit is for quantile and query; leave it out (a ratio's bounds are percentages, such as 5%)"
// +kubebuilder:validation:XValidation:rule="!has(self.ratio) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$')))",message="a ratio's bound is a percentage; write it from 0% to 100%, such as above: 5%"
// +kubebuilder:validation:XValidation:rule="!(has(self.unit) && (has(self.quantile) || has(self.query))) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^([0-9]{1,6}([.][0-9]{1,6})?(h|m|s|ms))+$')))",message="a bound in seconds or milliseconds is a duration; write it with its unit, such as above: 200ms"
// +kubebuilder:validation:XValidation:rule="has(self.unit) || !(has(self.quantile) || has(self.rate) || has(self.query)) || ((!has(self.canary) || !has(self.canary.above) || self.canary.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.canary) || !has(self.canary.below) || self.canary.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.rollback) || !has(self.rollback.below) || self.rollback.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.consider) || !has(self.consider.above) || self.consider.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.consider) || !has(self.consider.below) || self.consider.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.investigate) || !has(self.investigate.above) || self.investigate.above.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')) && (!has(self.investigate) || !has(self.investigate.below) || self.investigate.below.matches('^-?[0-9]{1,15}([.][0-9]{1,15})?(e-?[0-9]{1,2})?$')))",message="the bound of a signal without a unit is a bare number; write it such as above: \"100\", or give the signal unit: seconds or milliseconds"
// +kubebuilder:validation:XValidation:rule="!has(self.kubernetes) || self.kubernetes != 'Available' || ((!has(self.canary) || !has(self.canary.above) || false) && (!has(self.canary) || !has(self.canary.below) || false) && (!has(self.rollback) || !has(self.rollback.above) || false) && (!has(self.rollback) || !has(self.rollback.below) || false) && (!has(self.consider) || !has(self.consider.above) || false) && (!has(self.consider) || !has(self.consider.below) || false) && (!has(self.investigate) || !has(self.investigate.above) || false) && (!has(self.investigate) || !has(self.investigate.below) || false))",message="Available has no value to compare; write unavailable: true instead of above or below"
// +kubebuilder:validation:XValidation:rule="(has(self.kubernetes) && self.kubernetes == 'Available') || ((!has(self.canary) || !has(self.canary.unavailable) || !self.canary.unavailable) && (!has(self.rollback) || !has(self.rollback.unavailable) || !self.rollback.unavailable) && (!has(self.consider) || !has(self.consider.unavailable) || !self.consider.unavailable) && (!has(self.investigate) || !has(self.investigate.unavailable) || !self.investigate.unavailable))",message="unavailable is for kubernetes: Available; write above or below"
// +kubebuilder:validation:XValidation:rule="!has(self.kubernetes) || self.kubernetes == 'Available' || ((!has(self.canary) || (has(self.canary.above) && self.canary.above.matches('^[0-9]{1,9}$') && !has(self.canary.__for__))) && (!has(self.rollback) || (has(self.rollback.above) && self.rollback.above.matches('^[0-9]{1,9}$') && !has(self.rollback.__for__))) && (!has(self.consider) || (has(self.consider.above) && self.consider.above.matches('^[0-9]{1,9}$') && !has(self.consider.__for__))) && (!has(self.investigate) || (has(self.investigate.above) && self.investigate.above.matches('^[0-9]{1,9}$') && !has(self.investigate.__for__))))",message="Restarts, OOMKills and CrashLoops are whole numbers; write above: \"0\" as the bound of their cells, without for"
// +kubebuilder:validation:XValidation:rule="!has(self.alert) || ((!has(self.canary) || has(self.canary.firing)) && (!has(self.rollback) || has(self.rollback.firing)) && (!has(self.consider) || has(self.consider.firing)) && (!has(self.investigate) || has(self.investigate.firing)))",message="an alert fires or does not; write firing: true as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.alert) || ((!has(self.canary) || !has(self.canary.firing)) && (!has(self.rollback) || !has(self.rollback.firing)) && (!has(self.consider) || !has(self.consider.firing)) && (!has(self.investigate) || !has(self.investigate.firing)))",message="firing is for an alert signal; write above or below, or alert: {name: ...}"
// +kubebuilder:validation:XValidation:rule="!has(self.report) || ((!has(self.canary) || has(self.canary.reported)) && (!has(self.rollback) || has(self.rollback.reported)) && (!has(self.consider) || has(self.consider.reported)) && (!has(self.investigate) || has(self.investigate.reported)))",message="a report is there or is not; write reported: true as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.report) || ((!has(self.canary) || !has(self.canary.reported)) && (!has(self.rollback) || !has(self.rollback.reported)) && (!has(self.consider) || !has(self.consider.reported)) && (!has(self.investigate) || !has(self.investigate.reported)))",message="reported is for a report signal; write above or below, or report: security"
// +kubebuilder:validation:XValidation:rule="!has(self.growth) || (!has(self.canary) && !has(self.rollback))",message="a forecast moves no traffic; write consider or investigate for a growth signal"
// +kubebuilder:validation:XValidation:rule="!has(self.growth) || ((!has(self.consider) || has(self.consider.reachesLimitWithin)) && (!has(self.investigate) || has(self.investigate.reachesLimitWithin)))",message="growth is told by when the limit is reached; write reachesLimitWithin: 168h as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.growth) || ((!has(self.canary) || !has(self.canary.reachesLimitWithin)) && (!has(self.rollback) || !has(self.rollback.reachesLimitWithin)) && (!has(self.consider) || !has(self.consider.reachesLimitWithin)) && (!has(self.investigate) || !has(self.investigate.reachesLimitWithin)))",message="reachesLimitWithin is for a growth signal; write above or below, or growth: {metric: ...}"
// +kubebuilder:validation:XValidation:rule="!has(self.probe) || ((!has(self.canary) || has(self.canary.failing) || has(self.canary.above) && self.canary.above.matches('^[0-9]{1,9}$')) && (!has(self.rollback) || has(self.rollback.failing) || has(self.rollback.above) && self.rollback.above.matches('^[0-9]{1,9}$')) && (!has(self.consider) || has(self.consider.failing) || has(self.consider.above) && self.consider.above.matches('^[0-9]{1,9}$')) && (!has(self.investigate) || has(self.investigate.failing) || has(self.investigate.above) && self.investigate.above.matches('^[0-9]{1,9}$')))",message="a probe counts components that fail; write failing: true, or a whole number such as above: \"1\", as the bound of its cells"
// +kubebuilder:validation:XValidation:rule="has(self.probe) || ((!has(self.canary) || !has(self.canary.failing)) && (!has(self.rollback) || !has(self.rollback.failing)) && (!has(self.consider) || !has(self.consider.failing)) && (!has(self.investigate) || !has(self.investigate.failing)))",message="failing is for a probe signal; write above or below, or probe: {url: ...}"
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

	// Unit is what a quantile's or a query's values are in: seconds and milliseconds make its bounds
	// durations. Without it they are bare numbers.
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
	// Probe is what a health endpoint says of its components.
	Probe *Probe `json:"probe,omitempty"`

	// Growth is memory that only climbs, until it reaches its limit.
	Growth *Growth `json:"growth,omitempty"`

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
	// Match selects among its series. Without ${slot}, ${deployment}, ${host} or ${version} in it the alert speaks of
	// the release, and says nothing of the side that the traffic would be moved to.
	// +optional
	Match Selector `json:"match,omitempty"`
	// By are the labels that tell one alert from another, as a rule's expression groups by them: what fires with the same
	// as something that fired before the first traffic is that same alert. Absent: all labels but those that name a
	// target, such as pod, instance, container or node, and those that carry a value. alertname alone makes all one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	By []LabelName `json:"by,omitempty"`
}

// Growth is memory that only climbs, projected to its limit: robust to restarts, garbage collection and caches
// that fill, and less what stable's memory does. It takes two hours, at least, from a pod's start.
type Growth struct {
	// Metric is a gauge of bytes in use, a series for each container, such as container_memory_working_set_bytes.
	Metric MetricName `json:"metric"`
	// +optional
	Match Selector `json:"match,omitempty"`
	// Started is a gauge of when its process started, in seconds since 1970, with the same labels, such as
	// container_start_time_seconds.
	// +optional
	Started MetricName `json:"started,omitempty"`
	// Limit yields the containers' limits in bytes, with the labels pod and container as far as there are several, such as
	// kube_pod_container_resource_limits{resource="memory",namespace="${namespace}"}. Without a limit memory counts as full when it
	// has doubled.
	// +optional
	Limit Expression `json:"limit,omitempty"`
}

// Probe is a health endpoint that greenwatch itself asks by GET: with each look at its rollback cell, and else with those
// at consider cells, by default once a minute. It is to answer in JSON, such
// as {"status": "healthy", "components": {"database": {"status": "up"}}}; up, ok, healthy and pass mean that all
// is well. An answer other than 200, a redirect too, or one that can't be understood counts as one component
// that fails. Where nothing answers it is unknown, since the fault may lie on the way.
type Probe struct {
	// URL may hold the placeholders of a Selector. It leads to a Service of the policy's own namespace, as
	// NAME.${namespace}.svc, or to a host that the daemon's file names. With ${slot}, ${deployment} or ${version}
	// in it stable is asked, too, before traffic is moved there by itself.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@]+([/?][^#]*)?$')",message="not a URL that can be asked; write it such as http://shop-${slot}.${namespace}.svc:8080/health, without a user's name and without a fragment"
	// +kubebuilder:validation:XValidation:rule=`!self.replace("${slot}", "").replace("${namespace}", "").replace("${deployment}", "").replace("${host}", "").replace("${version}", "").contains("${")`,message="unknown placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}"
	URL string `json:"url"`
	// Components are those that matter; empty: all that the answer names. One that it does not name fails.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Components []string `json:"components,omitempty"`
}

// Cell is a bound and how long it must last.
//
// +kubebuilder:validation:XValidation:rule="[has(self.above), has(self.below), has(self.fallsBelowBaselineBy), has(self.risesAboveBaselineBy), has(self.unavailable) && self.unavailable, has(self.firing) && self.firing, has(self.reported) && self.reported, has(self.reachesLimitWithin), has(self.failing) && self.failing].filter(b, b).size() == 1",message="a cell has exactly one bound; write one of above, below, fallsBelowBaselineBy, risesAboveBaselineBy, unavailable: true, firing: true, reported: true, reachesLimitWithin or failing: true"
// +kubebuilder:validation:XValidation:rule="!(has(self.unavailable) && self.unavailable && has(self.__for__))",message="for does not apply to unavailable; write timing.unavailableFor instead"
// +kubebuilder:validation:XValidation:rule="!(has(self.firing) && has(self.__for__))",message="for does not apply to firing: an alert's rule has its own"
// +kubebuilder:validation:XValidation:rule="!(has(self.reported) && has(self.__for__))",message="for does not apply to reported: one report is enough"
// +kubebuilder:validation:XValidation:rule="!(has(self.reachesLimitWithin) && has(self.__for__))",message="for does not apply to reachesLimitWithin: it takes hours to see a climb"
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
	// ReachesLimitWithin asks whether memory only climbs, and is full within so long: at most 168h.
	// +optional
	ReachesLimitWithin Duration `json:"reachesLimitWithin,omitempty"`
	// Failing asks whether any component of the probe fails; above is for more than so many.
	// +optional
	Failing bool `json:"failing,omitempty"`
	// For is how long the bound must last: by default, and at least, three bins.
	// +optional
	For Duration `json:"for,omitempty"`
}
