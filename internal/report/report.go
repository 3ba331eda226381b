// Package report lays out a release and what was found of it: for a terminal, for Slack, and as the
// tables of the commands.
//
// Everything here is a pure function of its arguments: the same release gives the same bytes, in any
// place and at any time. Moments are therefore written out, never as an age. The words for what can
// be found come from package finding; nothing is decided or sent here.
package report

import (
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Release is a release with its place: all that a report depends on.
type Release struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Spec      release.Spec  `json:"spec"`
	State     release.State `json:"status"`
}

// Of gives a release its name.
func Of(namespace string, spec release.Spec, state release.State) Release {
	return Release{Namespace: namespace, Name: spec.Name(), Spec: spec, State: state}
}
