// Package v1alpha1 is greenwatch's API: WatchPolicy, which a team writes beside its service, and
// Release, which greenwatch writes and people may speak into.
//
// A policy is kept as its author wrote it: durations and bounds are strings, and an absent field
// stays absent, so that one bad value spoils neither the decoding of the object nor of the list it
// is in. What the strings mean is package policy's business. A release's spec and status are the
// core's own types, serialised.
//
// +kubebuilder:object:generate=true
// +groupName=greenwatch.dev
package v1alpha1
