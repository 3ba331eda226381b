package signal

// Class says how much hangs on the answer to a question: the less of it is asked first.
type Class int

// The classes.
const (
	Acts  Class = iota // a rollback rests on it, or its proof
	Pages              // a person may be paged for it
	Tells              // it is shown, or recorded
)
