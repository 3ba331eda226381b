package watchdog

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// letter is a queue's key: all that one sink is to be told of one release, or of a Prometheus.
type letter struct {
	release string
	sink    string
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
}

func (b *book) put(r Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records[r.Name()] = r
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
			delete(b.tries, l)
		}
	}
}

// outcomes gives all deliveries of a release; the core takes each as often as it is told.
func (b *book) outcomes(r Record) []release.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []release.Outcome
	for _, o := range b.done[r.Name()] {
		out = append(out, o)
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
	delete(b.tries, l)
}

// post puts what people have not been told into the letters' queue.
func (d *Daemon) post(r Record, sinks []release.Sink) {
	o := release.Observed{Namespace: r.Namespace, Spec: r.Spec, Sinks: sinks}
	for _, a := range release.Pending(r.State, o) {
		if a.Tells() {
			d.letters.Add(letter{r.Name(), a.Sink})
		}
	}
}

func (d *Daemon) workLetters(ctx context.Context) {
	for {
		l, stop := d.letters.Get()
		if stop {
			return
		}
		d.write(ctx, l)
		d.letters.Done(l)
	}
}

// write delivers everything that one sink has not been told of one release. The first failure stops
// it, so that an incident is never resolved before it was opened.
func (d *Daemon) write(ctx context.Context, l letter) {
	if name, ok := prometheusOf(l); ok {
		d.writeAway(ctx, l, name)
		return
	}
	r, ok := d.book.record(l.release)
	if !ok {
		return
	}
	o := release.Observed{Namespace: r.Namespace, Spec: r.Spec, Sinks: []release.Sink{{Name: l.sink, Pages: d.settings().Sinks[l.sink]}}}
	sent := false
	for _, a := range release.Pending(r.State, o) {
		if !a.Tells() {
			continue
		}
		if d.book.delivered(r.Name(), a) {
			continue
		}
		a.Ref = d.book.ref(r.Name(), a)
		if !d.send(ctx, l, Message{Sink: l.sink, Action: a, Record: r}, func(o release.Outcome) { d.book.deliver(r.Name(), o) }) {
			break
		}
		sent = true
	}
	if sent {
		d.policies.Add(Key{r.Namespace, r.Spec.Policy})
	}
}

// send delivers one message, and plans another try where it fails for now. It gives false where
// nothing further is to be sent yet.
func (d *Daemon) send(ctx context.Context, l letter, m Message, done func(release.Outcome)) bool {
	ref, err := d.Send(ctx, m)
	if ctx.Err() != nil {
		return false
	}
	out := release.Outcome{Action: m.Action, Result: release.Performed, At: now(), Ref: ref}
	if err == nil {
		d.meter.Delivered(l.sink, "delivered")
		d.book.succeed(l)
		done(out)
		return true
	}
	wait, again := d.Retry(m, d.book.try(l), err)
	log := d.log.With(zap.String("sink", l.sink), zap.String("about", l.release), zap.String("deed", string(m.Action.Deed)), zap.Error(err))
	if again && !d.expired(m) {
		d.meter.Delivered(l.sink, "retried")
		log.Warn("delivery failed, will be tried again", zap.Duration("in", wait))
		d.letters.AddAfter(l, wait)
		return false
	}
	d.meter.Delivered(l.sink, "expired")
	log.Error("delivery given up")
	d.book.succeed(l)
	out.Result, out.Detail = release.Expired, err.Error()
	done(out)
	return true
}

// expired tells whether a message has been tried for so long that its time is over.
func (d *Daemon) expired(m Message) bool {
	expires := d.settings().PageExpires
	since := m.Action.Incident.Opened
	if m.Action.Deed == release.TellStory {
		since = m.Record.State.Ended
	}
	return expires > 0 && !since.IsZero() && now().Sub(since) > expires
}
