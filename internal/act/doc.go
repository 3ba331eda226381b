// Package act performs actions on the cluster: it sets shares, and it scales a slot up or away.
//
// Each action asks the API server, at the moment of acting, whether what it was decided upon is
// still so, and is refused if it is not: between the decision and the act a person may have gone
// back by hand, a new revision may have arrived, the process may have been asleep for an hour. What
// it writes is fenced by the resourceVersion of what it read, so that a change in between is a
// conflict and not a surprise, and the lease is checked right before each write. Done twice is the
// same as done once.
//
// Everything is read from the plan that was frozen with the decision, so that an action can be
// performed whatever has become of the policy. The package decides nothing and retries nothing; it
// writes weights (and a destination that was dropped) and numbers of replicas, and nothing else.
package act
