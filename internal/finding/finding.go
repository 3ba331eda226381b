// Package finding is the one catalogue of everything that greenwatch can say: each code with its
// title, severity, audience, words, and what a person is to do about it. Pages, Events, the log,
// the story and the documentation are fed from here and from nowhere else.
//
// It is pure. It does not decide what is so (package release does), lay anything out (package
// report does) or send it.
package finding

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Audience is who hears of a finding.
type Audience string

// The audiences. What is paged is told in the story, too.
const (
	OnCall   Audience = "on-call"  // a page, an Event and an edition of the story
	Everyone Audience = "everyone" // an Event and an edition of the story
	Record   Audience = "record"   // an Event and a line in the log
)

// Entry is one thing that greenwatch can say.
type Entry struct {
	Code release.Code
	// Title names it in a few words, without facts.
	Title string
	// Severity is what it is worth unless the incident itself says otherwise.
	Severity release.Severity
	Audience Audience
	// Text says what happened and what was done, as one clause without a full stop.
	Text func(Facts) string
	// Do says what a person is to do now. It may hold {candidate}, {stable}, {release}, {policy} and
	// {namespace}; Facts.Fill puts the names in.
	Do string

	// news finds what of it newly is so.
	news func(Facts) []Facts
}

// All gives the catalogue: pages first, then the story in the order of a release's life.
func All() []Entry { return slices.Concat(pages(), stories()) }

// Find gives the entry of a code.
func Find(code release.Code) (Entry, bool) {
	for _, e := range All() {
		if e.Code == code {
			return e, true
		}
	}
	return Entry{}, false
}
