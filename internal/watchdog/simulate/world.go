package simulate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// World is everything around the daemon, and the processes that it lives in one after the other.
// Make it inside a bubble.
type World struct {
	mu       sync.Mutex
	services map[watchdog.Key]*Service
	keys     []watchdog.Key
	proms    map[string]*prometheus
	Sinks    map[string]*Sink
	Workers  int
	Meter    *Meter
	// Takes is how long a write or a delivery takes.
	Takes time.Duration
	// Strict writes and reads each status as the API server does, and weighs it.
	Strict bool

	// overlapping is whether the lives that begin look at the slots' selectors.
	overlapping bool

	keeps      Keeps
	settings   watchdog.Settings
	changed    time.Time     // when the settings were
	lag        time.Duration // of the caches
	machine    time.Duration // by how much the daemon's clock is ahead of the true time
	frozen     time.Time     // what the caches show, if not zero
	stale      stale
	foreign    foreign
	dataPlane  time.Duration // how long traffic takes to follow the weights
	rates      map[string]float64
	refused    map[string]bool // edges whose writes the API server refuses for good
	probes     int             // of health endpoints
	lost       int             // deliveries that arrived, and whose answer did not
	unanswered int             // moves that were made, and whose answer did not arrive
	chance     *rand.Rand

	life    *life
	past    []*life
	crashes []Crash
	down    time.Duration
	version int
	// Lives and Crashes count processes and their ends.
	Lives, Crashes int
	broken         []string
	chronicle      []string
}

// NewWorld makes a world with a pager and a chat.
func NewWorld() *World {
	return &World{services: map[watchdog.Key]*Service{}, proms: map[string]*prometheus{}, Meter: &Meter{},
		Sinks: map[string]*Sink{"oncall": newSink(true), "chat": newSink(false)}, Workers: 1, Takes: 20 * time.Millisecond,
		settings: watchdog.Settings{Mode: release.Enforce, Breaker: release.Breaker{Namespaces: 3, Rollbacks: 3, Within: 10 * minute}, BlindFor: 2 * minute, PageExpires: 24 * hour, PagesPerHour: 6,
			Sinks: map[string]bool{"oncall": true, "chat": false}},
		lag: 100 * time.Millisecond, dataPlane: 3 * time.Second, rates: map[string]float64{}, refused: map[string]bool{}}
}

// Settings are the daemon's file.
func (w *World) Settings() watchdog.Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings
}

// Set changes the daemon's file and wakes it.
func (w *World) Set(change func(*watchdog.Settings)) {
	w.mu.Lock()
	change(&w.settings)
	w.changed = time.Now()
	w.mu.Unlock()
	w.wakeAll()
}

// Sink changes a sink's behaviour.
func (w *World) Sink(name string, change func(*Sink)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.Sinks[name])
}

// Lag sets by how much the caches lag behind.
func (w *World) Lag(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag = d
}

// Freeze stops the caches: they show what was so now, until they are thawed.
func (w *World) Freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = time.Now().Add(-w.lag)
}

// Thaw lets the caches catch up.
func (w *World) Thaw() {
	w.mu.Lock()
	w.frozen = time.Time{}
	w.mu.Unlock()
	w.wakeAll()
}

// Fail lets calls of edges whose name begins so fail, in a share of all, before and after their effect.
func (w *World) Fail(point string, share float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rates[point] = share
}

// Refuse lets the API server refuse the writes of an edge for good, or no more.
func (w *World) Refuse(point string, does bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused[point] = does
}

var errAPI = errors.New("the API server does not answer")

func (w *World) fails(point string, after bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused[point] {
		return watchdog.ErrRefused
	}
	for p, share := range w.rates {
		if share > 0 && strings.HasPrefix(point, p) && (share >= 1 && !after || w.chance != nil && w.chance.Float64() < share) {
			return errAPI
		}
	}
	return nil
}

// lose counts what has to be repeated, since its answer is lost: a delivery, or a move.
func (w *World) lose(point string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.HasPrefix(point, "Send."):
		w.lost++
	case point == "Perform."+string(release.SetShares):
		w.unanswered++
	}
}

// cached is the moment that the cache of a kind of objects shows.
func (w *World) cached(k kind, now time.Time) time.Time {
	if !w.frozen.IsZero() {
		return w.frozen
	}
	return w.stale.shows(k, now.Add(-w.lag))
}

func (w *World) wake(k watchdog.Key) {
	w.mu.Lock()
	l := w.life
	asleep := l == nil || l.dead || !w.frozen.IsZero()
	w.mu.Unlock()
	if !asleep {
		l.daemon.Wake(k)
	}
}

func (w *World) wakeAll() {
	for _, k := range slices.Clone(w.keys) {
		w.wake(k)
	}
}

func (w *World) hanging(sink string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Sinks[sink].Hang
}

func (w *World) panicsAt(sink string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Sinks[sink].Panics
}

// Caught is how many panics the processes caught.
func (m *Meter) Caught() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Panics
}

// queryTimeout is how long a query may take, as the daemon's file has it by default.
const queryTimeout = 10 * time.Second

// asking takes as long as a Prometheus takes for a query; the error is that it took too long.
func (w *World) asking(ctx context.Context, by watchdog.Asker) error {
	w.mu.Lock()
	f := w.proms[by.Prometheus].faults.live()
	w.mu.Unlock()
	takes := f.Takes
	switch {
	case f.Hang:
		takes = time.Hour
	case by.Class == signal.Tells:
		takes = max(takes, f.TakesTold)
	}
	if takes == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(takes):
		return nil
	}
}

// Live lets processes live one after the other, while the script goes on, until over says that the
// world has come to rest or the limit is reached. It gives whether it came to rest.
func (w *World) Live(limit time.Duration, script func(), over func() bool) bool {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		script()
	}()
	end := time.Now().Add(limit)
	l := w.begin()
	rest := time.NewTicker(20 * time.Second)
	defer rest.Stop()
	ended := false
	for {
		select {
		case <-l.done:
			l = w.next(l)
			continue
		case <-finished:
			ended, finished = true, nil
		case <-rest.C:
		}
		if late := time.Now().After(end); late || ended && over() {
			if !ended {
				<-finished
			}
			w.stop()
			return !late
		}
	}
}

// next begins a new process after the downtime.
func (w *World) next(l *life) *life {
	w.mu.Lock()
	down := w.down
	w.past = append(w.past, l)
	w.mu.Unlock()
	time.Sleep(down)
	return w.begin()
}

// stop ends the last process as SIGTERM does.
func (w *World) stop() {
	w.mu.Lock()
	l := w.life
	w.past = append(w.past, l)
	w.crashes = nil
	w.mu.Unlock()
	l.cancel()
	<-l.done
	w.mu.Lock()
	l.dead = true
	w.mu.Unlock()
}

// Calls gives the calls of the nth process.
func (w *World) Calls(n int) []Call {
	if n >= len(w.past) {
		return nil
	}
	return w.past[n].calls
}

// Broken lists the promises that were broken, and what the daemon kept from being.
func (w *World) Broken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	broken := slices.Clone(w.broken)
	for _, i := range w.Meter.Breaches() {
		broken = append(broken, "the daemon itself found an invariant broken: "+string(i))
	}
	return broken
}

func (w *World) breaks(format string, args ...any) {
	if len(w.broken) < 10 {
		w.broken = append(w.broken, time.Now().UTC().Format("15:04:05 ")+fmt.Sprintf(format, args...))
	}
}

// Meter counts.
type Meter struct {
	mu                          sync.Mutex
	Guards, Checks, Late, Moved int
	Panics                      int
	breaches                    []release.Invariant
	refuses                     map[string]bool
	Delivery                    map[string]int
	blind                       map[signal.Cause]int
	ahead                       time.Duration
}

// Guarded implements watchdog.Meter.
func (m *Meter) Guarded(_ judge.Tier, cause signal.Cause, _ signal.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Guards++
	if m.blind == nil {
		m.blind = map[signal.Cause]int{}
	}
	m.blind[cause]++
}

// Blindness gives how often the guard was blind, by cause; Known is that it was not.
func (m *Meter) Blindness() map[signal.Cause]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.blind)
}

// Skew gives the skew of a Prometheus' clock as it was counted last.
func (m *Meter) Skew() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ahead
}

// Guarding is how often the guard has judged.
func (m *Meter) Guarding() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Guards
}

// Checked implements watchdog.Meter.
func (m *Meter) Checked(_ judge.Tier, late bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Checks++
	if late {
		m.Late++
	}
}

// Phases implements watchdog.Meter.
func (m *Meter) Phases([]watchdog.Record) {}

// Advanced implements watchdog.Meter.
func (m *Meter) Advanced(release.State, release.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Moved++
}

// Delivered implements watchdog.Meter.
func (m *Meter) Delivered(sink, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Delivery == nil {
		m.Delivery = map[string]int{}
	}
	m.Delivery[sink+" "+outcome]++
}

// Refuses implements watchdog.Meter.
func (m *Meter) Refuses(sink string, is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuses == nil {
		m.refuses = map[string]bool{}
	}
	m.refuses[sink] = is
}

// Refusing is whether a sink is known to refuse whatever it is sent.
func (m *Meter) Refusing(sink string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refuses[sink]
}

// Skewed implements watchdog.Meter.
func (m *Meter) Skewed(_ string, ahead time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead = ahead
}

// Broke implements watchdog.Meter.
func (m *Meter) Broke(i release.Invariant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.breaches = append(m.breaches, i)
}

// Breaches are the invariants that the daemon found broken, in their order.
func (m *Meter) Breaches() []release.Invariant {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.breaches)
}

// Panicked implements watchdog.Meter.
func (m *Meter) Panicked(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Panics++
}
