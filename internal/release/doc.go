// Package release is the life of a release as a pure function: Advance takes a state and what was
// observed and gives the next state; Pending gives what is to be done about it; Detect tells when a
// new release begins.
//
// It has no clock, does no I/O and starts nothing: the daemon, simulations and backtests run the
// same functions. It does not judge (package judge does) and does not word messages (packages
// finding and report do).
//
// +kubebuilder:object:generate=true
package release
