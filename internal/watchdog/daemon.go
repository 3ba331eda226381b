package watchdog

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"

	"github.com/knowledgebeast/greenwatch/internal/caught"
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
	// answersFor is how long a look waits for answers; 0 is for as long as it takes.
	answersFor time.Duration

	policies workqueue.TypedRateLimitingInterface[Key]
	letters  workqueue.TypedDelayingInterface[letter]

	pulse     *pulse
	book      *book
	ticks     ticks
	probes    probes
	trusted   trusted
	ears      ears
	vouched   vouched
	begun     unmade
	fleet     fleet
	away      away
	clocks    clocks
	steady    steady
	owns      owns
	buckets   buckets
	overlaps  overlaps
	notices   notices
	refusals  refusals
	rests     rests
	budgets   budgets
	histories histories
	lanes     *lanes
}

// mostBackoff is how long a policy rests at most after looks that failed.
const mostBackoff = 15 * time.Second

// New makes a daemon.
func New(o Options) *Daemon {
	workers := o.Workers
	if workers <= 0 {
		workers = 32
	}
	return &Daemon{Edges: o.Edges, settings: o.Settings, meter: o.Meter, log: o.Log, workers: workers, answersFor: answersFor,
		policies: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[Key](200*time.Millisecond, mostBackoff)),
		letters:  workqueue.NewTypedDelayingQueue[letter](),
		pulse:    newPulse(),
		book:     newBook(),
		ticks:    ticks{last: map[string]int64{}, at: map[string]time.Time{}},
		trusted:  trusted{quiet: map[Key]bool{}},
		ears:     ears{knocks: map[Key]chan struct{}{}},
		vouched:  vouched{names: map[string]bool{}},
		begun:    unmade{since: map[Key]signal.Instant{}},
		fleet:    fleet{decided: map[string]release.Rollback{}},
		away:     away{servers: map[string]*server{}},
		owns:     owns{ahead: map[string]signal.Duration{}},
		clocks:   clocks{servers: map[string]*clock{}},
		buckets:  buckets{due: map[Key]nextLook{}},
		overlaps: overlaps{of: map[Key]overlap{}},
		notices:  notices{of: map[Key]release.Notices{}, sinks: map[Key][]string{}, well: map[notice]signal.Instant{}},
		refusals: refusals{of: map[string]*refusal{}},
		rests:    rests{of: map[Key]rest{}},
		lanes:    newLanes(workers),
	}
}

// gathered is how long what happens to a policy is gathered for one look: a write wakes more than once.
const gathered = 100 * time.Millisecond

// Wake asks for a look at a policy, and lets one that is under way know.
func (d *Daemon) Wake(k Key) {
	d.lookAfter(k, gathered)
	d.ears.knock(k)
}

// wakeNow asks for a look at once.
func (d *Daemon) wakeNow(k Key) {
	d.pulse.plan(k, 0)
	d.policies.Add(k)
	d.ears.knock(k)
}

// Run looks at policies and delivers messages until ctx ends. What is under way is finished first.
func (d *Daemon) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	d.pulse.run()
	d.wakeNow(canary)
	for range d.workers {
		g.Go(func() error { d.workPolicies(ctx); return nil })
	}
	for range writers {
		g.Go(func() error { d.workLetters(ctx); return nil })
	}
	g.Go(func() error {
		<-ctx.Done()
		d.pulse.rest()
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
		d.pulse.begin(k)
		switch {
		case ctx.Err() != nil:
		case k == canary:
			d.lookAfter(k, canaryEvery)
		case d.lanes.begin(k):
			d.look(ctx, k)
			if next, waits := d.lanes.end(k); waits {
				d.wakeNow(next)
			}
		}
		d.pulse.end(k)
		d.policies.Done(k)
	}
}

// lookAfter asks for a look at a policy after a time.
func (d *Daemon) lookAfter(k Key, t time.Duration) {
	d.pulse.plan(k, t)
	d.policies.AddAfter(k, t)
}

// lookFor is how long one look may take: a policy that hangs must come back to what is due.
const lookFor = 2 * time.Minute

// look is one look at one policy; whatever comes of it, the next one is planned.
func (d *Daemon) look(ctx context.Context, k Key) {
	if left := d.resting(ctx, k); left > 0 {
		d.lookAfter(k, left)
		return
	}
	timed, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	wake, err := d.syncCaught(timed, k)
	if ctx.Err() != nil {
		return
	}
	if _, panicked := errors.AsType[*caught.Panic](err); panicked {
		d.lookAfter(k, d.rests.left(k))
		return
	}
	if !wake.IsZero() {
		d.lookAfter(k, wake.Time().Sub(d.time()))
	}
	if err == nil {
		d.policies.Forget(k)
		return
	}
	if errors.Is(err, errWord) {
		d.policies.Add(k)
		return
	}
	log := d.log.Error
	if errors.Is(err, ErrConflict) {
		log = d.log.Info
	}
	log("look", zap.Stringer("policy", k), zap.Error(err))
	d.pulse.plan(k, mostBackoff)
	d.policies.AddRateLimited(k)
}

// ticks remembers the guard's last tick of each release, and when it was: in memory alone, so that a
// new leader looks at once.
type ticks struct {
	mu   sync.Mutex
	last map[string]int64
	at   map[string]time.Time
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
	t.at[name] = time.Now()
}

// again lets the same tick be taken once more.
func (t *ticks) again(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, name)
}

// rest says that a release is not guarded now.
func (t *ticks) rest(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.at, name)
}

func (t *ticks) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, name)
	delete(t.at, name)
}

// trusted remembers for which policies the cache may be believed: it was seen to show what the API server
// has, and nothing was written and nothing failed since. After this process' own writes, after a conflict
// and at the start of a process the API server is asked, since the cache may not have the last write yet,
// be it of the leader before.
type trusted struct {
	mu    sync.Mutex
	quiet map[Key]bool
}

func (t *trusted) is(k Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quiet[k]
}

func (t *trusted) set(k Key, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if quiet {
		t.quiet[k] = true
	} else {
		delete(t.quiet, k)
	}
}

// GuardAge gives the age of the oldest of the latest guard evaluations, one per release; 0 where none
// is guarded.
func (d *Daemon) GuardAge(now time.Time) time.Duration {
	d.ticks.mu.Lock()
	defer d.ticks.mu.Unlock()
	var oldest time.Duration
	for _, at := range d.ticks.at {
		oldest = max(oldest, now.Sub(at))
	}
	return oldest
}
