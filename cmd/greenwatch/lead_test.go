package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// slowLock renews a lease, and takes its time to answer.
type slowLock struct {
	resourcelock.Interface
	takes time.Duration
	fails error
}

func (s slowLock) Create(context.Context, resourcelock.LeaderElectionRecord) error {
	time.Sleep(s.takes)
	return s.fails
}

func (s slowLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return s.Create(ctx, r)
}

// A lease counts from when its renewal was asked for: an answer that is read late, by a process that was frozen, say,
// gives no right to write.
func TestALeaseCountsFromWhenItWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		lock  slowLock
		then  time.Duration
		fresh bool
	}{
		{"answered at once", slowLock{takes: 10 * time.Millisecond}, 0, true},
		{"answered at once, and about to run out", slowLock{takes: 10 * time.Millisecond}, 2980 * time.Millisecond, true},
		{"answered at once, and run out", slowLock{takes: 10 * time.Millisecond}, 3 * time.Second, false},
		{"answered after it ran out", slowLock{takes: 4 * time.Second}, 0, false},
		{"never renewed", slowLock{fails: errors.New("conflict")}, 0, false},
	} {
		for verb, renew := range map[string]func(resourcelock.Interface) error{
			"create": func(l resourcelock.Interface) error {
				return l.Create(t.Context(), resourcelock.LeaderElectionRecord{})
			},
			"update": func(l resourcelock.Interface) error {
				return l.Update(t.Context(), resourcelock.LeaderElectionRecord{})
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				var l lease
				if err := renew(noted{Interface: c.lock, lease: &l, lasts: 3 * time.Second}); !errors.Is(err, c.lock.fails) {
					t.Error(err)
				}
				time.Sleep(c.then)
				if err := l.fresh(); (err == nil) != c.fresh {
					t.Errorf("%s, %s: %v", c.name, verb, err)
				}
			})
		}
	}
}
