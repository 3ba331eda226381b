package hold

import (
	"context"
	"fmt"
	"sync"
)

// moment is when a Hold stops its request.
type moment int

const (
	before moment = iota // arrived, not delivered
	after                // delivered and answered, the answer not given back
)

// Hold stops one request, once. The request stays stopped until Release or Drop, even when its
// caller is gone by then: a request that has left a process may arrive after its death.
type Hold struct {
	match   Match
	at      moment
	reached chan struct{} // closed when the request is stopped
	decided chan struct{} // closed when its fate is known
	once    sync.Once
	drop    bool // read after decided is closed
}

func newHold(match Match, at moment) *Hold {
	return &Hold{match: match, at: at, reached: make(chan struct{}), decided: make(chan struct{})}
}

// Reached waits until a request is stopped.
func (h *Hold) Reached(ctx context.Context) error {
	select {
	case <-h.reached:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a request to hold: %w", ctx.Err())
	}
}

// Release lets the request go on; before Reached, it will not be stopped at all. Only the
// first of Release and Drop counts.
func (h *Hold) Release() { h.decide(false) }

// Drop closes the caller's connection. What was not delivered never will be.
func (h *Hold) Drop() { h.decide(true) }

func (h *Hold) decide(drop bool) {
	h.once.Do(func() {
		h.drop = drop
		close(h.decided)
	})
}

// stop waits for the request's fate and tells whether it is dropped.
func (h *Hold) stop() (dropped bool) {
	close(h.reached)
	<-h.decided
	return h.drop
}
