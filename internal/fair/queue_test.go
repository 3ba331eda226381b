package fair_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/fair"
)

// Who gives up takes nothing along: the next in line is called, and no slot is lost.
func TestGivingUpLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fair.NewQueue(fair.Terms{Slots: 1})
		done, err := q.Wait(t.Context(), bad, 0)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Wait(short, bad, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it is held: %v", err)
		}
		var all sync.WaitGroup
		for range 100 { // whose time is over as they are called
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if done, err := q.Wait(ctx, other, 0); err == nil {
					done()
				}
			})
		}
		time.AfterFunc(time.Second, done)
		all.Wait()
		begun := time.Now()
		done, err = q.Wait(t.Context(), other, 2)
		if err != nil || time.Since(begun) > 0 {
			t.Errorf("waited %s for a free slot: %v", time.Since(begun), err)
		}
		done()
		if _, err := q.Wait(short, bad, 0); err == nil {
			t.Error("a turn after the end of the context")
		}
	})
}
