package watchdog

import (
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// letter is a queue's key: all that one sink is to be told of one release, of one Prometheus, of one
// policy itself, or of another sink.
type letter struct {
	release string
	server  string
	policy  Key
	refuses string // another sink, that refuses
	sink    string
}

func (l letter) about() string {
	if l.policy != (Key{}) {
		return l.policy.String()
	}
	return l.release + l.server + l.refuses
}

// deed is one delivery, however often it is tried.
type deed struct {
	sink, key string
	deed      release.Deed
}

func deedOf(a release.Action) deed { return deed{a.Sink, a.Key, a.Deed} }

// book holds the releases as they were saved last, and what was delivered of them, until the status
// shows it and for as long as a stale cache might not: what stands here is not sent again.
type book struct {
	mu      sync.Mutex
	records map[string]Record
	done    map[string]map[deed]release.Outcome
	tries   map[letter]int
	rest    map[letter]time.Time // not to be tried before
	barred  map[letter]bool      // rest since their sink refuses
	busy    map[string]int       // writers per sink
	aside   map[string][]letter  // letters that wait for a writer of their sink
}

func newBook() *book {
	return &book{records: map[string]Record{}, done: map[string]map[deed]release.Outcome{}, tries: map[letter]int{},
		rest: map[letter]time.Time{}, barred: map[letter]bool{}, busy: map[string]int{}, aside: map[string][]letter{}}
}

func (b *book) put(r Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records[r.Name()] = r
}

// saved drops what was delivered of incidents that the saved state has dropped.
func (b *book) saved(r Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := map[string]bool{}
	for _, in := range r.State.Incidents {
		keys[in.Key(r.Namespace, r.Spec.Name())] = true
	}
	for k := range b.done[r.Name()] {
		if k.deed != release.TellStory && !keys[k.key] {
			delete(b.done[r.Name()], k)
		}
	}
}

func (b *book) record(name string) (Record, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.records[name]
	return r, ok
}

func (b *book) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.records, name)
	delete(b.done, name)
	for l := range b.tries {
		if l.release == name {
			b.clear(l)
		}
	}
}

// clear forgets the failed tries of a letter.
func (b *book) clear(l letter) {
	delete(b.tries, l)
	delete(b.rest, l)
	delete(b.barred, l)
}

// keep forgets the releases of a policy that are not among those given, and names them.
func (b *book) keep(k Key, records []Record) (forgotten []string) {
	names := map[string]bool{}
	for _, r := range records {
		names[r.Name()] = true
	}
	for _, name := range b.of(k) {
		if !names[name] {
			b.forget(name)
			forgotten = append(forgotten, name)
		}
	}
	return forgotten
}

func (b *book) of(k Key) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name, r := range b.records {
		if r.Namespace == k.Namespace && r.Spec.Policy == k.Name {
			names = append(names, name)
		}
	}
	return names
}

// outcomes gives the deliveries of a release that its state still asks for: to a state that has them
// they are no news.
func (b *book) outcomes(r Record, sinks []release.Sink, now signal.Instant) []release.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	done := b.done[r.Name()]
	if len(done) == 0 {
		return nil
	}
	var out []release.Outcome
	for _, a := range tells(r, sinks, now) {
		if o, ok := done[deedOf(a)]; ok {
			out = append(out, o)
		}
	}
	return out
}

// tells gives what people have not been told of a release.
func tells(r Record, sinks []release.Sink, now signal.Instant) []release.Action {
	var out []release.Action
	for _, a := range release.Pending(r.State, release.Observed{Now: now, Namespace: r.Namespace, Spec: r.Spec, Sinks: sinks}) {
		if a.Tells() {
			out = append(out, a)
		}
	}
	return out
}

func (b *book) deliver(name string, o release.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done[name] == nil {
		b.done[name] = map[deed]release.Outcome{}
	}
	b.done[name][deedOf(o.Action)] = o
}

// delivered tells whether an action, or a later edition of it, was delivered.
func (b *book) delivered(name string, a release.Action) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.done[name][deedOf(a)]
	return ok && o.Action.Story >= a.Story
}

// ref gives what the sink wanted remembered, if the status does not have it yet.
func (b *book) ref(name string, a release.Action) string {
	if a.Ref != "" {
		return a.Ref
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done[name][deedOf(a)].Ref
}

func (b *book) try(l letter) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries[l]++
	return b.tries[l]
}

func (b *book) succeed(l letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear(l)
}

// restUntil keeps a letter from being tried before t; barred is whether its sink refuses whatever is sent.
func (b *book) restUntil(l letter, t time.Time, barred bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest[l] = t
	delete(b.barred, l)
	if barred {
		b.barred[l] = true
	}
}

// unbar gives the letters that rest since their sink refuses, and lets them be tried.
func (b *book) unbar(sink string) []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	var freed []letter
	for l := range b.barred {
		if l.sink == sink {
			freed = append(freed, l)
			b.clear(l)
		}
	}
	return freed
}

func (b *book) restsUntil(l letter) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rest[l]
}

// perSink is how many writers write to one sink at the same time: one that hangs must leave some to
// the others.
const perSink = 4

// begin takes a writer for the letter's sink; if all of them are busy the letter is put aside.
func (b *book) begin(l letter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[l.sink] >= perSink {
		b.aside[l.sink] = append(b.aside[l.sink], l)
		return false
	}
	b.busy[l.sink]++
	return true
}

// end gives the writer back, and the letters that were put aside.
func (b *book) end(l letter) []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy[l.sink]--
	waiting := b.aside[l.sink]
	delete(b.aside, l.sink)
	return waiting
}
