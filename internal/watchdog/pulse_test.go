package watchdog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// pulseOf runs a daemon whose looks at policies are the function's, and gives what Alive says after a time.
func pulseOf(t *testing.T, after time.Duration, keys int, look func(context.Context) error) (alive error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hung, free := context.WithCancel(context.Background()) // what heeds no deadline ends with the test
		edges := Edges{Policy: func(ctx context.Context, _ Key) (Policy, error) {
			if err := look(ctx); err != errHangs {
				return Policy{}, err
			}
			<-hung.Done()
			return Policy{}, hung.Err()
		}}
		d := New(Options{Edges: edges, Settings: func() Settings { return Settings{} }, Log: zap.NewNop(), Workers: 4})
		done := make(chan error, 1)
		for i := range keys {
			d.Wake(Key{"production", string(rune('a' + i))})
		}
		go func() { done <- d.Run(ctx) }()
		time.Sleep(after)
		synctest.Wait()
		alive = d.Alive(time.Now())
		cancel()
		free()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := d.Alive(time.Now().Add(time.Hour)); err != nil {
			t.Errorf("a daemon that has ended: %v", err)
		}
	})
	return alive
}

var errHangs = errors.New("hangs, whatever its context says")

// Only what a new process would mend is a reason to end this one.
func TestAlive(t *testing.T) {
	hangs := func(context.Context) error { return errHangs }
	once := func() func(context.Context) error {
		n := 0
		return func(context.Context) error {
			if n++; n == 1 {
				return errHangs
			}
			return errors.New("no API server")
		}
	}
	for _, c := range []struct {
		name  string
		after time.Duration
		keys  int
		look  func(context.Context) error
		alive bool
	}{
		{"all workers hang", lookFor + grace + time.Second, 9, hangs, false},
		{"one worker hangs", lookFor + grace + time.Second, 1, once(), false},
		{"all workers hang, not for long yet", lookFor + grace - time.Second, 9, hangs, true},
		{"looks hang until their deadline: Prometheus hangs", time.Hour, 9, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
		{"looks fail at once: the API server is away", time.Hour, 9, func(context.Context) error { return errors.New("no API server") }, true},
		{"nothing to do", time.Hour, 0, hangs, true},
		{"far too much to do", time.Hour, 26, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := pulseOf(t, c.after, c.keys, c.look); (err == nil) != c.alive {
				t.Errorf("alive says %v, want alive %t", err, c.alive)
			}
		})
	}
}

func TestADaemonThatDoesNotRunIsAlive(t *testing.T) {
	d := New(Options{Log: zap.NewNop()})
	d.Wake(Key{"production", "a"})
	if err := d.Alive(time.Now().Add(24 * time.Hour)); err != nil {
		t.Errorf("a standby: %v", err)
	}
}

// A wake-up that is lost is seen by the canaries that come through.
func TestALostWakeUpIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, k := newPulse(), Key{"production", "a"}
		p.run()
		sing := func(d time.Duration) {
			for ; d > 0; d -= canaryEvery {
				p.plan(canary, canaryEvery)
				time.Sleep(canaryEvery)
				p.begin(canary)
				p.end(canary)
			}
		}
		p.plan(k, 24*time.Hour)
		p.plan(k, time.Minute) // the earlier one counts
		p.plan(k, time.Hour)
		if sing(lookFor + grace + time.Minute); p.stuck(time.Now()) != nil {
			t.Errorf("within its time: %v", p.stuck(time.Now()))
		}
		if sing(time.Minute); p.stuck(time.Now()) == nil {
			t.Error("a look was due long ago, canaries came through, and nothing is said")
		}
		p.begin(k)
		p.end(k)
		if err := p.stuck(time.Now()); err != nil {
			t.Errorf("after the look: %v", err)
		}
	})
}
