package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Release is one watched rollout of one candidate revision, from first sight to its end. greenwatch
// writes it; people write spec.people, and nobody else does. Ended releases are kept, up to a limit,
// as the deployment log.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=releases,singular=release,shortName=rel,categories=greenwatch
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.spec.policy`
// +kubebuilder:printcolumn:name="Candidate",type=string,JSONPath=`.spec.candidate.version`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.verdict.tier`
// +kubebuilder:printcolumn:name="Share",type=integer,JSONPath=`.status.share`
// +kubebuilder:printcolumn:name="Next check",type=string,JSONPath=`.status.nextCheck`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Slot",type=string,priority=1,JSONPath=`.spec.candidate.slot`
// +kubebuilder:printcolumn:name="Stable",type=string,priority=1,JSONPath=`.spec.stable.version`
// +kubebuilder:printcolumn:name="Readiness",type=string,priority=1,JSONPath=`.status.readiness`
// +kubebuilder:printcolumn:name="Checks",type=integer,priority=1,JSONPath=`.status.checks`
// +kubebuilder:printcolumn:name="Cutover",type=string,priority=1,JSONPath=`.spec.cutover`
// +kubebuilder:printcolumn:name="Step",type=string,priority=1,JSONPath=`.status.ladder.step`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.verdict.reason`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.startsWith(self.spec.policy + '-')",message="a release is named after its policy, with its number, such as knowledgebeast-17"
type Release struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	// +kubebuilder:validation:XValidation:rule="self.policy == oldSelf.policy && self.number == oldSelf.number && self.candidate == oldSelf.candidate && self.stable == oldSelf.stable && self.firstSeen == oldSelf.firstSeen && (has(self.midFlight) && self.midFlight) == (has(oldSelf.midFlight) && oldSelf.midFlight) && (has(self.spent) ? self.spent : 0) == (has(oldSelf.spent) ? oldSelf.spent : 0)",message="policy, number, candidate, stable, midFlight, spent and firstSeen say which release it is and can't be changed; a person's word goes into people"
	// +kubebuilder:validation:XValidation:rule="has(self.service) == has(oldSelf.service) && (!has(self.service) || self.service == oldSelf.service)",message="service is what the release began with and can't be changed; edit the policy for the next release"
	// +kubebuilder:validation:XValidation:rule="!has(oldSelf.cutover) || (has(self.cutover) && self.cutover == oldSelf.cutover)",message="cutover is written once; the schedule counts from it"
	// +kubebuilder:validation:XValidation:rule="!has(self.cutover) || self.cutover >= self.firstSeen",message="cutover lies before firstSeen; the traffic can't have moved to what was not there"
	// +kubebuilder:validation:XValidation:rule="!has(self.people) || !has(self.people.hold) || self.people.hold.until <= self.firstSeen + duration('8784h')",message="a hold ends within a year of firstSeen; hold again later, or accept the release"
	Spec   release.Spec  `json:"spec"`
	Status release.State `json:"status,omitzero"`
}

// ReleaseList is a list of releases.
//
// +kubebuilder:object:root=true
type ReleaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Release `json:"items"`
}
