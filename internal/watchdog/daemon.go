package watchdog

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Daemon is the shell. Make it with New, feed it with Wake, and run it while it leads.
type Daemon struct {
	Edges
	settings func() Settings
	meter    Meter
	log      *zap.Logger
	workers  int

	policies workqueue.TypedRateLimitingInterface[Key]
	letters  workqueue.TypedDelayingInterface[letter]

	book  book
	ticks ticks
	fleet fleet
	away  away
}

// New makes a daemon.
func New(o Options) *Daemon {
	workers := o.Workers
	if workers <= 0 {
		workers = 32
	}
	return &Daemon{Edges: o.Edges, settings: o.Settings, meter: o.Meter, log: o.Log, workers: workers,
		policies: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[Key](200*time.Millisecond, 15*time.Second)),
		letters:  workqueue.NewTypedDelayingQueue[letter](),
		book:     book{records: map[string]Record{}, done: map[string]map[deed]release.Outcome{}, tries: map[letter]int{}},
		ticks:    ticks{last: map[string]int64{}},
		fleet:    fleet{decided: map[string]signal.Instant{}},
		away:     away{servers: map[string]*server{}},
	}
}

// Wake asks for a look at a policy.
func (d *Daemon) Wake(k Key) { d.policies.Add(k) }

// Run looks at policies and delivers messages until ctx ends. What is under way is finished first.
func (d *Daemon) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range d.workers {
		g.Go(func() error { d.workPolicies(ctx); return nil })
		g.Go(func() error { d.workLetters(ctx); return nil })
	}
	g.Go(func() error { d.watchServers(ctx); return nil })
	g.Go(func() error {
		<-ctx.Done()
		d.policies.ShutDown()
		d.letters.ShutDown()
		return nil
	})
	return g.Wait()
}

func (d *Daemon) workPolicies(ctx context.Context) {
	for {
		k, stop := d.policies.Get()
		if stop {
			return
		}
		d.look(ctx, k)
		d.policies.Done(k)
	}
}

// look is one look at one policy; whatever comes of it, the next one is planned.
func (d *Daemon) look(ctx context.Context, k Key) {
	wake, err := d.Sync(ctx, k)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.log.Error("look", zap.Stringer("policy", k), zap.Error(err))
		d.policies.AddRateLimited(k)
		return
	}
	d.policies.Forget(k)
	if !wake.IsZero() {
		d.policies.AddAfter(k, time.Until(wake.Time()))
	}
}

// ticks remembers the guard's last tick of each release, and when it was: in memory alone, so that a
// new leader looks at once.
type ticks struct {
	mu   sync.Mutex
	last map[string]int64
}

func (t *ticks) of(name string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.last[name]; ok {
		return n
	}
	return -1
}

func (t *ticks) set(name string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[name] = n
}

func (t *ticks) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, name)
}

// fleet remembers the automatic rollbacks that this process decided, until the cache shows them.
type fleet struct {
	mu      sync.Mutex
	decided map[string]signal.Instant
}

// others gives the moments of the automatic rollbacks of all releases but one.
func (f *fleet) others(active []Record, name string) []signal.Instant {
	all := map[string]signal.Instant{}
	for k, at := range f.decided {
		all[k] = at
	}
	for _, r := range active {
		if l := r.State.Ladder; l != nil && l.Automatic && l.Moved == "" {
			all[r.Name()] = l.Decided
		}
	}
	var out []signal.Instant
	for k, at := range all {
		if k != name {
			out = append(out, at)
		}
	}
	return out
}

// expire forgets what is too old to count.
func (f *fleet) expire(now signal.Instant, within signal.Duration) {
	for k, at := range f.decided {
		if now.Sub(at) > 2*within {
			delete(f.decided, k)
		}
	}
}

func now() signal.Instant { return signal.At(time.Now()) }
