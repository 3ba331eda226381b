package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// alive gives the check behind /healthz. It fails where a new process would help, and only there, since to
// end this one costs every release a pause:
//
//   - the loop stands still: a worker hangs beyond its deadline, or a look that was due is not taken;
//   - the lease has run out and this process, whose election should have ended it, lives on.
//
// It does not fail because Prometheus, the API server or a sink is away, or because a queue is long. A standby
// is healthy. A process that is ending, its lease given back or lost, does not listen any more.
func alive(held *lease, dog *atomic.Pointer[watchdog.Daemon]) func(context.Context) error {
	return func(context.Context) error {
		var errs []error
		if err := held.overdue(); err != nil {
			errs = append(errs, err)
		}
		if d := dog.Load(); d != nil {
			errs = append(errs, d.Alive(time.Now()))
		}
		return errors.Join(errs...)
	}
}

// endsWithin is how long a process may take to end once its lease has run out.
const endsWithin = 30 * time.Second

// overdue gives an error where the lease is held in name, and ran out so long ago that the process should have
// ended.
func (l *lease) overdue() error {
	e := l.elector.Load()
	if e == nil {
		return nil
	}
	if err := e.Check(endsWithin); err != nil {
		return fmt.Errorf("the lease has run out, and this process lives on: %w", err)
	}
	return nil
}
