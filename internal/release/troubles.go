package release

// Troubles are what has befallen the pods of a revision since a moment. What befell pods that are gone is
// not known any more: each number is the least that it can have been.
type Troubles struct {
	// Restarts are containers that were started again, OOMKills those whose latest end was for want of
	// memory, CrashLoops those that Kubernetes waits to start again.
	Restarts, OOMKills, CrashLoops Trouble
	// Ever is how often the containers were started again in all their lives.
	Ever int32
}

// Trouble is how often something befell pods, and a container of one of them.
type Trouble struct {
	Count int32
	Where string
}
