package policy

import "github.com/knowledgebeast/greenwatch/internal/signal"

// ConditionBudget is the type of the condition that says whether a policy's queries take more of Prometheus'
// time than the daemon's file allows one policy. It is there once they have.
const ConditionBudget = "QueryBudget"

const (
	budgetSpent  = "UsedUp"
	budgetEnough = "Enough"
)

// Budget gives the condition QueryBudget. It keeps the time of the last transition from the condition that was,
// which may be nil.
func Budget(now signal.Instant, generation int64, was *signal.Condition, spent bool) signal.Condition {
	c := signal.Condition{Type: ConditionBudget, Status: "True", Reason: budgetEnough, LastTransitionTime: now, ObservedGeneration: generation}
	if spent {
		c.Status, c.Reason = "False", budgetSpent
		c.Message = "its queries take more of Prometheus' time per minute than the daemon's file allows one policy (queryBudget): " +
			"until they do not, only what a rollback rests on is asked, and nothing in the policy's own PromQL; write cheaper queries, or a longer schedule.guardEvery"
	}
	return since(c, was)
}
