package policy

import "github.com/knowledgebeast/greenwatch/internal/signal"

// ConditionMeasured is the type of the condition that says whether each signal with bounds has had a value since the
// candidate's first traffic: what was never measured is judged by nobody. It is there once one has not.
const ConditionMeasured = "SignalsMeasured"

const (
	measuredAll   = "AllMeasured"
	measuredNever = "NeverMeasured"
)

// Measured gives the condition SignalsMeasured; never says which signals were not, and why. It keeps the time of the
// last transition from the condition that was, which may be nil.
func Measured(now signal.Instant, generation int64, was *signal.Condition, never string) signal.Condition {
	c := signal.Condition{Type: ConditionMeasured, Status: "True", Reason: measuredAll, LastTransitionTime: now, ObservedGeneration: generation}
	if never != "" {
		c.Status, c.Reason, c.Message = "False", measuredNever, never
	}
	return since(c, was)
}
