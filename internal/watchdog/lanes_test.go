package watchdog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// crowd looks at policies; those of namespace "slow" take long.
type crowd struct {
	mu     sync.Mutex
	looks  map[Key][]time.Time
	under  int
	most   int
	daemon *Daemon
}

func (c *crowd) policy(ctx context.Context, k Key) (Policy, error) {
	c.mu.Lock()
	c.looks[k] = append(c.looks[k], time.Now())
	if k.Namespace == "slow" {
		c.under++
		c.most = max(c.most, c.under)
		defer func() { c.under-- }()
		c.mu.Unlock()
		time.Sleep(time.Minute)
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	return Policy{Key: k, Gone: true}, nil
}

func crowdOf(workers int) *crowd {
	c := &crowd{looks: map[Key][]time.Time{}}
	c.daemon = New(Options{Workers: workers, Log: zap.NewNop(), Settings: func() Settings { return Settings{} }, Meter: unmetered{}, Edges: Edges{
		Policy:   c.policy,
		Releases: func(context.Context, Key, bool) ([]Record, error) { return nil, nil },
	}})
	return c
}

// bounded: policies of one namespace that wait for something slow leave workers to the others, and none of their
// own wake-ups is lost.
func TestOneNamespaceDoesNotHoldAllWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			c := crowdOf(workers)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- c.daemon.Run(ctx) }()
			for i := range 40 {
				c.daemon.Wake(Key{"slow", fmt.Sprint("policy-", i)})
			}
			time.Sleep(10 * time.Second)
			begun := time.Now()
			c.daemon.Wake(Key{"quick", "policy"})
			c.daemon.Wake(Key{"slow", "policy-39"}) // once more, while it waits
			time.Sleep(time.Hour)
			if workers > 1 {
				if at := c.looks[Key{"quick", "policy"}][0]; at.Sub(begun) > time.Second {
					t.Errorf("%d workers: the other namespace waited %s", workers, at.Sub(begun))
				}
			}
			if want := max(1, workers/2); c.most != want {
				t.Errorf("%d workers: %d looks at one namespace at once, want %d", workers, c.most, want)
			}
			for i := range 40 {
				if n := len(c.looks[Key{"slow", fmt.Sprint("policy-", i)}]); n < 1 || n > 2 {
					t.Errorf("%d workers: %d looks at policy-%d", workers, n, i)
				}
			}
			// Later wake-ups find the lanes free.
			before := len(c.looks[Key{"slow", "policy-0"}])
			c.daemon.Wake(Key{"slow", "policy-0"})
			time.Sleep(time.Second)
			if n := len(c.looks[Key{"slow", "policy-0"}]); n != before+1 {
				t.Errorf("%d workers: %d looks after a wake-up, want %d", workers, n, before+1)
			}
			if n := len(c.daemon.lanes.promised) + len(c.daemon.lanes.aside); n > 0 {
				t.Errorf("%d workers: %d policies are still waiting", workers, n)
			}
			time.Sleep(2 * time.Minute)
			cancel()
			<-ended
		})
	}
}
