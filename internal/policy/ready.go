package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Reason says in a word why a policy is ready or not.
type Reason string

// The reasons. All but Watching are of a policy that is not ready.
const (
	Watching              Reason = "Watching"
	Invalid               Reason = "Invalid"               // something written in it
	NotPermitted          Reason = "NotPermitted"          // a Prometheus or notifier that is for other namespaces
	Overlap               Reason = "Overlap"               // an older policy has its Deployment or route
	SelectorsOverlap      Reason = "SelectorsOverlap"      // both slots' selectors take the same series; it is watched without them
	NoRequestsMetric      Reason = "NoRequestsMetric"      // nothing proves a rollback
	TCPRoute              Reason = "TCPRoute"              // its traffic is not split by HTTP routes
	VirtualServiceMissing Reason = "VirtualServiceMissing" // the VirtualService that it names
	DeploymentMissing     Reason = "DeploymentMissing"     // the Deployment of a slot
	ForeignDestination    Reason = "ForeignDestination"    // a slot's destination is not of its namespace, in Enforce
)

// ConditionReady is the type of the condition that says whether a policy is watched.
const ConditionReady = "Ready"

// Error is one thing that keeps a policy from being ready.
type Error struct {
	Reason Reason
	// Path is where it stands, such as spec.signals[2].rollback.above; empty where it is about the
	// whole policy, or about the cluster.
	Path string
	Text string
}

func (e Error) Error() string {
	if e.Path == "" {
		return e.Text
	}
	return e.Path + ": " + e.Text
}

// Because gives an error for what was found in the cluster.
func Because(reason Reason, format string, args ...any) error {
	return Error{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// ReasonOf gives the reason of an error; one of unknown origin is Invalid.
func ReasonOf(err error) Reason {
	var e Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return Invalid
}

// within puts an error that begins with its own path below a path.
func within(path string, err error) error {
	below, text, _ := strings.Cut(err.Error(), ": ")
	return Error{Reason: Invalid, Path: path + "." + below, Text: text}
}

// Ready gives the condition Ready of a policy's generation: True when nothing is wrong, else False
// for the first error's reason, with all errors in its message. It keeps the time of the last
// transition from the condition that was, which may be nil.
func Ready(now signal.Instant, generation int64, was *signal.Condition, errs ...error) signal.Condition {
	c := signal.Condition{Type: ConditionReady, Status: "True", Reason: string(Watching), LastTransitionTime: now, ObservedGeneration: generation}
	if len(errs) > 0 {
		c.Status, c.Reason, c.Message = "False", string(ReasonOf(errs[0])), message(errs)
	}
	return since(c, was)
}

// since gives a condition that keeps the time of the last transition from the one that was, which may be nil.
func since(c signal.Condition, was *signal.Condition) signal.Condition {
	if was != nil && was.Status == c.Status && !was.LastTransitionTime.IsZero() {
		c.LastTransitionTime = was.LastTransitionTime
	}
	return c
}

// Noting adds to a policy that is ready what is in force instead of what it says: see Lifted.
func Noting(ready signal.Condition, notes []error) signal.Condition {
	if ready.Status == "True" && len(notes) > 0 {
		ready.Message = message(notes)
	}
	return ready
}

// message joins as many errors as fit into a condition, and counts the others.
func message(errs []error) string {
	const most = 1000
	text := ""
	for i, err := range errs {
		next := err.Error()
		if i > 0 {
			next = text + "; " + next
		}
		if runes := []rune(next); len(runes) > most {
			if i > 0 {
				return fmt.Sprintf("%s; and %d more", text, len(errs)-i)
			}
			next = string(runes[:most]) + "…"
		}
		text = next
	}
	return text
}

// list joins names for people.
func list(names []string) string { return strings.Join(names, ", ") }
