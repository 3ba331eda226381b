package policy

import "github.com/knowledgebeast/greenwatch/internal/signal"

// ConditionHistory is the type of the condition that says that a policy's Prometheus keeps less than what is judged by it
// needs. It is there once it was so. A policy is watched all the same.
const ConditionHistory = "HistoryShort"

const (
	historyShort  = "Retention"
	historyEnough = "Enough"
)

// History gives the condition HistoryShort; short says what is kept and what is needed, and is empty where that is
// enough. It keeps the time of the last transition from the condition that was, which may be nil.
func History(now signal.Instant, generation int64, was *signal.Condition, short string) signal.Condition {
	c := signal.Condition{Type: ConditionHistory, Status: "False", Reason: historyEnough, LastTransitionTime: now, ObservedGeneration: generation}
	if short != "" {
		c.Status, c.Reason, c.Message = "True", historyShort, short
	}
	return since(c, was)
}
