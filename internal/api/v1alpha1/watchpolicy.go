package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// WatchPolicy says how the releases of one blue/green service are watched. Everything that it names
// is in its own namespace. What it leaves out is as the daemon's file has it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=watchpolicies,singular=watchpolicy,shortName=wp,categories=greenwatch
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Virtualservice",type=string,JSONPath=`.spec.traffic.virtualService`
// +kubebuilder:printcolumn:name="Release",type=integer,JSONPath=`.status.lastRelease`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name is longer than 63 characters; a policy's name stands in the labels of its releases"
type WatchPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   WatchPolicySpec   `json:"spec"`
	Status WatchPolicyStatus `json:"status,omitzero"`
}

// WatchPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type WatchPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WatchPolicy `json:"items"`
}

// WatchPolicyStatus is what must survive between the releases of a policy. It is written only when
// it changes.
type WatchPolicyStatus struct {
	// ObservedGeneration is the generation of the spec that the status speaks of.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []signal.Condition `json:"conditions,omitempty"`

	release.Ledger `json:",inline"`
}

// WatchPolicySpec is how a service is watched.
type WatchPolicySpec struct {
	// Mode says how far greenwatch may go: Observe judges and tells, Enforce acts as well. The
	// daemon's own mode is the ceiling: the weaker wins.
	// +optional
	Mode release.Mode `json:"mode,omitempty"`

	Traffic Traffic `json:"traffic"`

	// Slots are the two sides of the service.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:XValidation:rule="size(self) == 2",message="a blue/green service has exactly two slots; write two entries, each with name, deployment and destination"
	// +kubebuilder:validation:XValidation:rule="size(self) != 2 || self[0].name != self[1].name",message="both slots have the same name; name them apart, such as blue and green"
	// +kubebuilder:validation:XValidation:rule="size(self) != 2 || self[0].deployment != self[1].deployment",message="both slots name the same Deployment; give each slot its own"
	// +kubebuilder:validation:XValidation:rule=`size(self) != 2 || self[0].destination.host != self[1].destination.host || (has(self[0].destination.subset) ? self[0].destination.subset : "") != (has(self[1].destination.subset) ? self[1].destination.subset : "")`,message="both slots have the same destination; give each its own host, or its own subset of the host"
	Slots []Slot `json:"slots"`

	// Schedule says when the whole matrix is evaluated after the cutover, and how traffic is
	// watched in between.
	Schedule *Schedule `json:"schedule,omitempty"`

	Timing *Timing `json:"timing,omitempty"`

	// Baseline says what a candidate is compared with.
	Baseline *Baseline `json:"baseline,omitempty"`

	// Prometheus names one of the servers in the daemon's file. Default: the file's first.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Prometheus string `json:"prometheus,omitempty"`

	// Notify names notifiers in the daemon's file. Default: all of them. An empty list tells nobody.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=63
	Notify []string `json:"notify,omitzero"`

	// HistoryLimit is how many ended releases are kept as the deployment log.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=500
	HistoryLimit *int32 `json:"historyLimit,omitempty"`

	Rollback *Rollback `json:"rollback,omitempty"`

	// Signals are the rows of the decision matrix. Default: the daemon's own.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(s, self.exists_one(t, t.name == s.name))",message="two signals have the same name; give each its own"
	Signals []Signal `json:"signals,omitempty"`
}

// Traffic says where the shares of the traffic stand, and what counts it.
type Traffic struct {
	// VirtualService is the Istio VirtualService whose weights split the traffic.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	VirtualService string `json:"virtualService"`

	// HTTPRoutes names the HTTP routes to watch. Empty: every route that leads, or led, to both
	// slots.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	HTTPRoutes []string `json:"httpRoutes,omitempty"`

	// Requests is the counter of a slot's requests, by which a rollback is proven and availability
	// is judged. Default: the first ratio signal's, else Istio's.
	Requests *Requests `json:"requests,omitempty"`
}

// Requests is a counter of requests.
type Requests struct {
	Metric MetricName `json:"metric"`
	// +optional
	Match Selector `json:"match,omitempty"`
}

// Slot is one of the two sides of a blue/green service.
type Slot struct {
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="not a slot's name; write lower-case letters, digits and dashes, such as blue"
	Name string `json:"name"`

	// Deployment is the slot's Deployment.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Deployment string `json:"deployment"`

	Destination Destination `json:"destination"`
}

// Destination is the Istio destination that leads to a slot.
type Destination struct {
	// Host is a Service: its short name, or its fully qualified one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host"`

	// Subset is a subset of the host's DestinationRule.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Subset string `json:"subset,omitempty"`
}

// Schedule says when a release is checked. Each field that is absent is as the daemon's file has it.
type Schedule struct {
	// Windows follow one another; until counts from the cutover.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="!self.all(w, w.until.matches('^[0-9.hms]+$') && w.every.matches('^[0-9.hms]+$')) || (self.all(w, duration(w.until) > duration('0s')) && self.map(w, duration(w.until)).isSorted() && self.all(w, self.exists_one(v, duration(v.until) == duration(w.until))))",message="a window ends before it begins; write the windows in order, each with an until greater than the one before (until counts from the cutover)"
	Windows []Window `json:"windows,omitempty"`

	// GuardEvery is how often the rollback cells are evaluated between checks.
	// +optional
	GuardEvery Duration `json:"guardEvery,omitempty"`

	// Bin is the grain of counting; never less than two scrapes.
	// +optional
	Bin Duration `json:"bin,omitempty"`
}

// Window is a part of the schedule: from the end of the window before until Until, a check Every.
type Window struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Name  string   `json:"name"`
	Until Duration `json:"until"`
	Every Duration `json:"every"`
}

// Timing holds the fixed times of judging and watching.
type Timing struct {
	// Settle is how long samples may take to arrive.
	// +optional
	Settle Duration `json:"settle,omitempty"`
	// UnavailableFor is how long a slot must serve nothing to count as unavailable.
	// +optional
	UnavailableFor Duration `json:"unavailableFor,omitempty"`
	// WatchStableFor is how long stable is watched after a rollback.
	// +optional
	WatchStableFor Duration `json:"watchStableFor,omitempty"`
	// EpisodeClear is how long it must be clear before an episode is closed.
	// +optional
	EpisodeClear Duration `json:"episodeClear,omitempty"`
	// ReassertWithin is how long weights are set again against another writer.
	// +optional
	ReassertWithin Duration `json:"reassertWithin,omitempty"`
}

// Baseline is what stable measures before the candidate's first traffic.
type Baseline struct {
	// Window is how long before that; at most 120 bins of it are used.
	// +optional
	Window Duration `json:"window,omitempty"`
}

// Rollback holds the terms of an automatic rollback.
type Rollback struct {
	// AutomaticFor is how long after the cutover the rollback tier acts by itself; after that it
	// pages instead.
	// +optional
	AutomaticFor Duration `json:"automaticFor,omitempty"`
	// ProofWithin is how long a rollback may take from decision to proof.
	// +optional
	ProofWithin Duration `json:"proofWithin,omitempty"`
	// OnCanary makes canary cells roll back instead of asking.
	OnCanary *bool `json:"onCanary,omitempty"`
	// KeepCandidateFor is how long the bad side stays up after a rollback.
	// +optional
	KeepCandidateFor Duration `json:"keepCandidateFor,omitempty"`
	// KeepStableFor is how long losing rollback readiness is a page rather than a note.
	// +optional
	KeepStableFor Duration `json:"keepStableFor,omitempty"`
}
