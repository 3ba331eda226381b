package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// errDead is what a dead process' calls come to.
var errDead = errors.New("the process is dead")

// Crash is one place to die: before or after the Nth call of an edge, counted since the process began.
type Crash struct {
	Point string
	N     int
	After bool
	// Down is how long it takes until the next process begins.
	Down time.Duration
}

// String gives the crash as it is printed for a failed life.
func (c Crash) String() string {
	when := "before"
	if c.After {
		when = "after"
	}
	return fmt.Sprintf("%s %s #%d, down %s", when, c.Point, c.N, c.Down)
}

// Call is one call of an edge.
type Call struct {
	Point string
	N     int
	// Effect is whether it may change the world; New whether the world had changed since the same edge
	// was called last.
	Effect, New bool
}

// life is one process.
type life struct {
	w      *World
	daemon *watchdog.Daemon
	cancel context.CancelFunc
	done   chan struct{}
	dead   bool
	counts map[string]int
	seenAt map[string]int
	calls  []Call
	lulls  map[watchdog.Key]release.Lulls
}

// begin starts a process.
func (w *World) begin() *life {
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{w: w, cancel: cancel, done: make(chan struct{}), counts: map[string]int{}, seenAt: map[string]int{}, lulls: map[watchdog.Key]release.Lulls{}}
	l.daemon = watchdog.New(watchdog.Options{Edges: l.edges(), Settings: w.Settings, Meter: w.Meter, Log: zap.NewNop(), Workers: w.Workers})
	w.mu.Lock()
	w.life = l
	w.Lives++
	if w.stale.kind == Old {
		w.stale.begins(time.Now())
		time.AfterFunc(w.stale.behind+w.lag+time.Millisecond, w.wakeAll)
	}
	for _, k := range w.Sinks {
		clear(k.until) // what a sink asked for is not remembered from one process to the next
	}
	keys := slices.Clone(w.keys)
	w.mu.Unlock()
	go func() {
		defer close(l.done)
		_ = l.daemon.Run(ctx)
	}()
	for _, k := range keys {
		l.daemon.Wake(k)
	}
	return l
}

// call is one call of an edge: a place to die before it and after it, to fail, and to take time.
func call[T any](ctx context.Context, l *life, point string, effect bool, do func(now time.Time) (T, error)) (T, error) {
	var none T
	w := l.w
	if err := l.before(point, effect); err != nil {
		return none, err
	}
	if effect && w.Takes > 0 {
		time.Sleep(w.Takes)
	}
	w.mu.Lock()
	if l.dead {
		w.mu.Unlock()
		return none, errDead
	}
	v, err := do(time.Now())
	if effect {
		w.version++
	}
	w.mu.Unlock()
	if failed := w.fails(point, true); failed != nil {
		w.lose(point)
		return none, failed
	}
	if err2 := l.after(point); err2 != nil {
		return none, err2
	}
	if err == nil && ctx.Err() != nil {
		w.lose(point)
		err = ctx.Err()
	}
	return v, err
}

func (l *life) before(point string, effect bool) error {
	l.w.mu.Lock()
	if l.dead {
		l.w.mu.Unlock()
		return errDead
	}
	l.counts[point]++
	l.calls = append(l.calls, Call{Point: point, N: l.counts[point], Effect: effect, New: l.seenAt[point] != l.w.version+1})
	l.seenAt[point] = l.w.version + 1
	died := l.dies(point, false)
	l.w.mu.Unlock()
	if died {
		return errDead
	}
	return l.w.fails(point, false)
}

func (l *life) after(point string) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.dead || l.dies(point, true) {
		return errDead
	}
	return nil
}

// dies kills the process if this is the place.
func (l *life) dies(point string, after bool) bool {
	w := l.w
	if len(w.crashes) == 0 {
		return false
	}
	c := w.crashes[0]
	if c.Point != point || c.N != l.counts[point] || c.After != after {
		return false
	}
	w.crashes = w.crashes[1:]
	w.died(l, c.Down)
	return true
}

// died ends a process: all that it had in memory is lost, and nothing that it still does has an effect.
func (w *World) died(l *life, down time.Duration) {
	l.dead = true
	w.note("the process dies, for %s", down)
	w.Crashes++
	w.down = down
	l.cancel()
}

// Kill ends the process of the moment, if one runs.
func (w *World) Kill(down time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life != nil && !w.life.dead {
		w.died(w.life, down)
	}
}

// edges are the process' ways to the world.
func (l *life) edges() watchdog.Edges {
	e := watchdog.Edges{
		Now:    l.now,
		Policy: l.policy, Fresh: l.fresh, Releases: l.releases, Active: l.active, Ledgers: l.ledgers, Fleet: l.fleet, Observe: l.observe, Unready: l.unready,
		Reclaim: l.reclaim, LastNumber: l.lastNumber, Create: l.create, Save: l.save, SaveLedger: l.saveLedger, Prune: l.prune, Perform: l.perform,
		Befallen: l.befallen, Probe: l.probe,
		Read: l.read, Newest: l.newest, Clock: l.clock, Buckets: l.buckets, SaveBuckets: l.saveBuckets, SaveMeasured: l.saveMeasured, History: l.history, SaveHistory: l.saveHistory, Send: l.send, Retry: retry, Say: l.say,
	}
	if l.w.overlapping {
		e.Overlaps = l.overlaps
	}
	return e
}

func (l *life) policy(ctx context.Context, k watchdog.Key) (watchdog.Policy, error) {
	return call(ctx, l, "Policy", false, func(now time.Time) (watchdog.Policy, error) {
		s := l.w.services[k]
		s.looks[now.Unix()/60]++ // each look begins so
		return s.seenPolicy(l.w.cached(policies, now)), nil
	})
}

func (l *life) fresh(ctx context.Context, p watchdog.Policy) (watchdog.Policy, error) {
	return call(ctx, l, "Policy.live", false, func(now time.Time) (watchdog.Policy, error) {
		live := l.w.services[p.Key].seenPolicy(now)
		if live.Gone {
			return p, watchdog.ErrConflict
		}
		p.Ledger, p.Handle = live.Ledger, live.Handle
		return p, nil
	})
}

func (l *life) releases(ctx context.Context, k watchdog.Key, live bool) ([]watchdog.Record, error) {
	return call(ctx, l, "Releases", false, func(now time.Time) ([]watchdog.Record, error) {
		s := l.w.services[k]
		if live {
			return s.seen(now), nil
		}
		return s.seen(l.w.cached(releases, now)), nil
	})
}

func (l *life) active() []watchdog.Record {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	var out []watchdog.Record
	for _, k := range l.w.keys {
		out = append(out, l.w.services[k].seen(l.w.cached(releases, time.Now()))...)
	}
	return out
}

func (l *life) ledgers() map[watchdog.Key]release.Ledger {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	out := map[watchdog.Key]release.Ledger{}
	for _, k := range l.w.keys {
		out[k] = l.w.services[k].seenPolicy(l.w.cached(policies, time.Now())).Ledger
	}
	return out
}

// fleet gives what the caches would show if they were up to date.
func (l *life) fleet(ctx context.Context) ([]watchdog.Record, map[watchdog.Key]release.Ledger, error) {
	ledgers := map[watchdog.Key]release.Ledger{}
	active, err := call(ctx, l, "Fleet", false, func(now time.Time) (out []watchdog.Record, _ error) {
		for _, k := range l.w.keys {
			out = append(out, l.w.services[k].seen(now)...)
			ledgers[k] = l.w.services[k].seenPolicy(now).Ledger
		}
		return out, nil
	})
	return active, ledgers, err
}

func (l *life) observe(ctx context.Context, plan *release.Plan, memory []release.RouteMemory, live bool) (watchdog.Sight, error) {
	s := l.w.services[watchdog.Key{Namespace: plan.Namespace, Name: plan.Policy}]
	s.panicsAt("Observe")
	return call(ctx, l, "Observe", false, func(now time.Time) (watchdog.Sight, error) {
		at := now
		if !live {
			at = l.w.cached(cluster, now)
		}
		w := s.world(at, []string{"main"})
		w.Live = live
		return watchdog.Sight{World: w, Routes: []release.RouteMemory{{Key: "main", Destinations: []release.Destination{{Host: Blue}, {Host: Green}}}}}, nil
	})
}

// unready remembers, in this process' memory, since when slots have had no ready replica.
func (l *life) unready(k watchdog.Key, w *release.World, now signal.Instant, tick bool) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	ticks := int32(0)
	if tick {
		ticks = 1
	}
	l.lulls[k] = l.lulls[k].Note(w, now, ticks)
}

func (l *life) create(ctx context.Context, r watchdog.Record) (watchdog.Record, error) {
	return call(ctx, l, "Create", true, func(now time.Time) (watchdog.Record, error) {
		return l.w.services[watchdog.Key{Namespace: r.Namespace, Name: r.Spec.Policy}].create(r.Spec, now)
	})
}

func (l *life) reclaim(ctx context.Context, k watchdog.Key, number int64) (watchdog.Record, bool, error) {
	type answer struct {
		r    watchdog.Record
		open bool
	}
	a, err := call(ctx, l, "Reclaim", true, func(now time.Time) (answer, error) {
		r, open := l.w.services[k].reclaim(number, now)
		return answer{r, open}, nil
	})
	return a.r, a.open, err
}

func (l *life) lastNumber(ctx context.Context, k watchdog.Key) (int64, error) {
	return call(ctx, l, "LastNumber", false, func(time.Time) (int64, error) { return l.w.services[k].lastNumber(), nil })
}

// save writes as the store does: the cutover first, then the status, then the label.
func (l *life) save(ctx context.Context, old, next watchdog.Record) (watchdog.Record, error) {
	s := l.w.services[watchdog.Key{Namespace: next.Namespace, Name: next.Spec.Policy}]
	s.panicsAt("Save")
	name, version := next.Spec.Name(), old.Handle.(int)
	if !next.State.Cutover.IsZero() && next.State.Cutover != old.Spec.Cutover {
		var err error
		if version, err = call(ctx, l, "Save.cutover", true, func(now time.Time) (int, error) {
			return s.write(name, version, now, func(o *object) { o.spec.Cutover = next.State.Cutover })
		}); err != nil {
			return watchdog.Record{}, err
		}
	}
	if !release.Same(old.State, next.State) {
		var err error
		if version, err = l.saveStatus(ctx, s, name, version, next.State); err != nil {
			return watchdog.Record{}, err
		}
	}
	if next.State.Active() != s.isActive(name) {
		if _, err := call(ctx, l, "Save.label", true, func(now time.Time) (int, error) {
			return s.write(name, version, now, func(o *object) { o.active = o.state.Active() })
		}); err != nil {
			return watchdog.Record{}, err
		}
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return s.record(s.releases[name].live()), nil
}

func (l *life) saveStatus(ctx context.Context, s *Service, name string, version int, next release.State) (int, error) {
	return call(ctx, l, "Save.status", true, func(now time.Time) (int, error) {
		state, size := *next.DeepCopy(), 0
		if l.w.Strict {
			var err error
			if state, size, err = roundTrip(next); err != nil {
				return 0, err
			}
		}
		v, err := s.write(name, version, now, func(o *object) {
			l.w.saved(s, *o, state, size)
			o.state = state
		})
		return v, err
	})
}

func (s *Service) isActive(name string) bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	h, ok := s.releases[name]
	return ok && h.live().active
}

func (l *life) saveLedger(ctx context.Context, p watchdog.Policy, ledger release.Ledger, problems []watchdog.Problem) error {
	_, err := call(ctx, l, "SaveLedger", true, func(now time.Time) (bool, error) {
		l.w.services[p.Key].problems = problems
		return true, l.w.services[p.Key].saveLedger(p, ledger, now)
	})
	return err
}

func (l *life) prune(ctx context.Context, _ watchdog.Key, _ int) error {
	_, err := call(ctx, l, "Prune", false, func(time.Time) (bool, error) { return true, nil })
	return err
}

func (l *life) perform(ctx context.Context, namespace string, a release.Action) (release.Result, string) {
	type answer struct {
		result release.Result
		detail string
	}
	point := "Perform." + string(a.Deed)
	v, err := call(ctx, l, point, true, func(now time.Time) (answer, error) {
		s := l.w.services[watchdog.Key{Namespace: namespace, Name: a.Ladder.Plan.Policy}]
		result, detail := s.perform(a, now)
		return answer{result, detail}, nil
	})
	if err != nil {
		return release.Failed, err.Error()
	}
	return v.result, v.detail
}

func (l *life) read(ctx context.Context, by watchdog.Asker, asks []signal.Ask, span watchdog.Span) []signal.Reading {
	l.w.asked(asks).panicsAt("Read")
	if err := l.w.asking(ctx, by); err != nil {
		return unknown(asks, signal.Timeout, err)
	}
	out, err := call(ctx, l, "Read", false, func(time.Time) ([]signal.Reading, error) {
		return l.w.read(l.w.asked(asks), by.Prometheus, strip(asks), span), nil
	})
	if err != nil {
		return unknown(asks, signal.Timeout, err)
	}
	return out
}

func unknown(asks []signal.Ask, c signal.Cause, err error) []signal.Reading {
	out := make([]signal.Reading, len(asks))
	for i, a := range asks {
		out[i] = signal.Reading{Signal: a.Signal, Cause: c, Detail: err.Error()}
	}
	return out
}

func (l *life) newest(ctx context.Context, by watchdog.Asker, _ []signal.Ask, now signal.Instant) watchdog.Freshness {
	if err := l.w.asking(ctx, by); err != nil {
		return watchdog.Freshness{Cause: signal.Timeout, Detail: err.Error()}
	}
	out, err := call(ctx, l, "Newest", false, func(time.Time) (watchdog.Freshness, error) { return l.w.newest(by.Prometheus, now), nil })
	if err != nil {
		return watchdog.Freshness{Cause: signal.Timeout, Detail: err.Error()}
	}
	return out
}

// now is the machine's clock.
func (l *life) now() time.Time {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return time.Now().Add(l.w.machine)
}

func (l *life) clock(ctx context.Context, name string) (time.Time, error) {
	if err := l.w.asking(ctx, watchdog.Asker{Prometheus: name}); err != nil {
		return time.Time{}, err
	}
	return call(ctx, l, "Clock", false, func(now time.Time) (time.Time, error) {
		p := l.w.proms[name]
		if f := p.faults.live(); f.Away || f.Mute {
			return time.Time{}, errors.New("connection refused")
		}
		return p.clock(now), nil
	})
}

func (l *life) buckets(ctx context.Context, by watchdog.Asker, asks []signal.Ask, _ signal.Instant) []signal.Buckets {
	out, err := call(ctx, l, "Buckets", false, func(time.Time) ([]signal.Buckets, error) {
		return l.w.asked(asks).buckets(l.w.proms[by.Prometheus], asks), nil
	})
	err = cmp.Or(err, l.w.asking(ctx, by))
	if err != nil {
		out = make([]signal.Buckets, len(asks))
		for i, a := range asks {
			out[i] = signal.Buckets{Signal: a.Signal, Cause: signal.Timeout, Detail: err.Error()}
		}
	}
	return out
}

func (l *life) saveBuckets(ctx context.Context, p watchdog.Policy, seen []signal.Buckets) error {
	_, err := call(ctx, l, "SaveBuckets", true, func(now time.Time) (bool, error) {
		return true, l.w.services[p.Key].saveBuckets(p, seen, now)
	})
	return err
}

func (l *life) send(ctx context.Context, m watchdog.Message) (string, error) {
	point := "Send." + m.Sink + "." + string(m.Action.Deed)
	if l.w.panicsAt(m.Sink) {
		panic("nil map in the delivery to " + m.Sink)
	}
	if wait := l.w.hanging(m.Sink); wait > 0 {
		time.Sleep(wait) // whatever the context says
	}
	ref, err := call(ctx, l, point, true, func(now time.Time) (string, error) { return l.w.Sinks[m.Sink].take(m, now) })
	if _, heard := errors.AsType[limited](err); !heard {
		l.w.Sink(m.Sink, func(s *Sink) { delete(s.until, about(m)) })
	}
	return ref, err
}

func (l *life) say(watchdog.Record, release.State) {}

// asked gives the service that questions are about, and strip the questions with the slot alone: a
// question's selector is namespace/policy/slot.
func (w *World) asked(asks []signal.Ask) *Service {
	parts := strings.Split(asks[0].Match, "/")
	return w.services[watchdog.Key{Namespace: parts[0], Name: parts[1]}]
}

func strip(asks []signal.Ask) []signal.Ask {
	out := slices.Clone(asks)
	for i, a := range out {
		out[i].Match = a.Match[strings.LastIndex(a.Match, "/")+1:]
	}
	return out
}
