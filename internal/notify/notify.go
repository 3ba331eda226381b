// Package notify says what a notifier is: something that delivers one rendered message to one
// place and tells what is worth remembering of it. The notifiers themselves are the packages
// below: pagerduty pages, slack tells.
//
// A notifier makes one attempt and never waits: an *Error says whether another attempt can help
// and how long the provider asks to be left alone, Backoff turns that into a time to wait, and
// the caller, who owns the queue, waits. Nothing here renders, chooses who is told, or remembers
// what was told. All of it keeps to no-secrets: a Secret shows itself only to the code that
// asks for it, and no error carries one.
package notify

import (
	"context"
	"encoding/json"
	"time"
)

// Pager delivers a page. It may be repeated: pages of one dedup key are one incident.
type Pager func(context.Context, Page) (Receipt, error)

// Teller delivers a story. It may be repeated: the second time edits what the first one posted.
type Teller func(context.Context, Story) (Receipt, error)

// Page is one event in the life of an incident.
type Page struct {
	DedupKey string // what makes two pages one incident: a fact, never chance
	Action   Action
	Severity Severity
	Summary  string
	Source   string // what is in trouble, e.g. namespace/release

	Component string
	Group     string
	Class     string
	At        time.Time // zero: when the provider receives it
	Details   map[string]any
	Links     []Link
}

// Action is what a page does to its incident.
type Action string

// The actions: Trigger opens the incident or adds to it, Resolve closes it.
const (
	Trigger Action = "trigger"
	Resolve Action = "resolve"
)

// Severity is how bad it is, in the four steps of the PagerDuty common event format.
type Severity string

// The severities, worst first.
const (
	SeverityCritical Severity = "critical"
	SeverityError    Severity = "error"
	SeverityWarning  Severity = "warning"
	SeverityInfo     Severity = "info"
)

// Link leads from a page to more.
type Link struct{ Href, Text string }

// Story is the one message about a release in a chat channel: posted once, then edited in place.
type Story struct {
	Key    string          // whose story it is: a fact, e.g. namespace/release
	Ref    string          // the Receipt's Ref of the delivery before, "" if there was none
	Text   string          // what is shown where blocks are not, e.g. on a lock screen
	Blocks json.RawMessage // an array of Slack's Block Kit blocks; may be empty
}

// Receipt is what must be remembered of a delivery: Ref finds it again.
type Receipt struct{ Ref string }
