package judge

import (
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// without names the signals that a verdict was given without.
func without(v Verdict) []string {
	var names []string
	for _, e := range v.Evidence {
		if e.Signal != v.Signal && e.unanswered() {
			names = append(names, e.Signal)
		}
	}
	return names
}

// unanswered tells whether the worst that a signal may call for was not answered, though it is not too early.
func (e Evidence) unanswered() bool {
	worst := Finding{}
	for _, f := range e.Findings {
		if f.Cell.Tier.Worse(worst.Cell.Tier) {
			worst = f
		}
	}
	return e.Tier == Blind && worst.Answer == Unknown && e.Cause != signal.Young
}

// Measured tells whether the signal had a value at all, for as long as the evidence reaches.
func (e Evidence) Measured() bool {
	return e.Availability != nil || !e.Value.IsNaN() || !lastKnown(e.Bins).IsNaN()
}

// mostNamed is how many signals are named where there is little room.
const mostNamed = 3

// Called is a tier by its name, with what it was judged without, where that could have made it worse: "Proceed without
// p99-latency".
func (t Tier) Called(without string) string {
	if without == "" || t == Blind || t == Rollback {
		return string(t)
	}
	return string(t) + " without " + without
}

// Named lists names for a sentence; of many the first.
func Named(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
