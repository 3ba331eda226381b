package release

// Deed names what is to be done.
type Deed string

// The deeds.
const (
	ScaleUp   Deed = "ScaleUp"   // stable's Deployment to Replicas
	SetShares Deed = "SetShares" // all of the candidate's weight to stable
	ScaleAway Deed = "ScaleAway" // the candidate's Deployment to 0
	OpenPage  Deed = "OpenPage"  // trigger an incident at a sink
	ClosePage Deed = "ClosePage" // resolve it
	TellStory Deed = "TellStory" // post or edit the story at a sink
)

// Action is one thing to do, idempotent by its key.
type Action struct {
	Deed Deed
	// Key is made of facts: what makes a second time the same as once.
	Key string
	// Sink is where to tell; Incident what, for a page; Ref what is to be edited; Story which edition.
	Sink     string
	Incident Incident
	Ref      string
	Story    int64
	// Replicas is for ScaleUp.
	Replicas int32
	// Ladder is for what touches the cluster: the frozen plan.
	Ladder *Ladder
	// Candidate and Stable are the release's sides.
	Candidate, Stable Side
}

// Tells tells whether the action is a message rather than a change of the cluster.
func (a Action) Tells() bool {
	return a.Deed == OpenPage || a.Deed == ClosePage || a.Deed == TellStory
}
