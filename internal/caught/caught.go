// Package caught turns a panic into an error with its stack, so that what went wrong for one thing ends
// nothing else.
//
// It is for the edges of a unit of work (a look at a policy, a delivery, a query) whose failure is said
// and tried again. It does not make the unit's own memory whole: what a panic left half changed is its
// owner's business.
package caught

import (
	"fmt"
	"runtime/debug"
)

// longestStack is how much of a stack is kept, in bytes.
const longestStack = 8 << 10

// Panic is a panic that was caught.
type Panic struct {
	Value any
	// Stack is where it happened, the innermost call first, at most 8 KiB.
	Stack string
}

// Error implements error. The stack is left out: it is for the log.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Call calls f and gives what it gives, or its panic as a [*Panic].
func Call(f func() error) (err error) {
	defer func() {
		v := recover()
		if p, again := v.(*Panic); again { // from a goroutine that it was caught in
			err = p
		} else if v != nil {
			err = &Panic{Value: v, Stack: stack()}
		}
	}()
	return f()
}

func stack() string {
	s := debug.Stack()
	return string(s[:min(len(s), longestStack)])
}
