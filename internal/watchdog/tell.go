package watchdog

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// writers is how many letters are written side by side.
const writers = 32

// sendFor is how long one delivery may take.
const sendFor = time.Minute

// post puts what people have not been told into the letters' queue.
func (d *Daemon) post(r Record, sinks []release.Sink) {
	for _, a := range tells(r, sinks, d.nowOf(r)) {
		d.letters.Add(letter{release: r.Name(), sink: a.Sink})
	}
}

func (d *Daemon) workLetters(ctx context.Context) {
	for {
		l, stop := d.letters.Get()
		if stop {
			return
		}
		if ctx.Err() == nil && d.book.begin(l) {
			d.writeCaught(ctx, l)
			for _, waiting := range d.book.end(l) {
				d.letters.Add(waiting)
			}
		}
		d.letters.Done(l)
	}
}

// write delivers everything that one sink has not been told. A sink that asked to be left alone, or
// has just failed, is not tried before its time, however often there is something to tell.
func (d *Daemon) write(ctx context.Context, l letter) {
	if wait := time.Until(d.book.restsUntil(l)); wait > 0 {
		d.letters.AddAfter(l, wait)
		return
	}
	switch {
	case l.server != "":
		d.writeAway(ctx, l)
		return
	case l.policy != (Key{}):
		d.writeNotices(ctx, l)
		return
	case l.refuses != "":
		d.writeRefusal(ctx, l)
		return
	}
	if r, ok := d.book.record(l.release); ok && d.writeRelease(ctx, l, r) {
		d.Wake(Key{r.Namespace, r.Spec.Policy})
	}
}

// writeRelease tells whether anything was delivered. The first failure stops it, so that an incident
// is never resolved before it was opened.
func (d *Daemon) writeRelease(ctx context.Context, l letter, r Record) (sent bool) {
	for _, a := range tells(r, []release.Sink{{Name: l.sink, Pages: d.settings().Sinks[l.sink]}}, d.nowOf(r)) {
		if d.book.delivered(r.Name(), a) {
			continue
		}
		a.Ref = d.book.ref(r.Name(), a)
		done := func(o release.Outcome) {
			o.Action = a
			d.book.deliver(r.Name(), o)
		}
		if d.sharedByOthers(ctx, r, a) {
			done(release.Outcome{Result: release.Performed, At: d.now()})
		} else if !d.send(ctx, l, Message{Sink: l.sink, Action: addressed(r, a), Record: r}, done) {
			break
		}
		sent = true
	}
	return sent
}

// send delivers one message, and plans another try where it fails for now. It gives false where
// nothing further is to be sent yet.
func (d *Daemon) send(ctx context.Context, l letter, m Message, done func(release.Outcome)) bool {
	timed, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	ref, err := d.sendCaught(timed, m)
	if ctx.Err() != nil {
		return false
	}
	out := release.Outcome{Action: m.Action, Result: release.Performed, At: d.now(), Ref: ref}
	if err == nil {
		d.meter.Delivered(l.sink, "delivered")
		d.book.succeed(l)
		d.taken(l.sink)
		done(out)
		return true
	}
	retry := d.Retry(m, d.book.try(l), err)
	log := d.log.With(zap.String("sink", l.sink), zap.String("about", l.about()), zap.String("deed", string(m.Action.Deed)), zap.Error(err))
	outcome := "retried"
	if retry.Refusal != "" {
		outcome = "refused"
		d.refused(l.sink, retry.Refusal)
	}
	if retry.Again && !d.expired(m) {
		d.meter.Delivered(l.sink, outcome)
		log.Warn("delivery failed, will be tried again", zap.Duration("in", retry.Wait))
		d.book.restUntil(l, time.Now().Add(retry.Wait), retry.Refusal != "")
		d.letters.AddAfter(l, retry.Wait)
		return false
	}
	d.meter.Delivered(l.sink, "expired")
	log.Error("delivery given up")
	d.book.succeed(l)
	out.Result, out.Detail = release.Expired, err.Error()
	done(out)
	return true
}

// expired tells whether a message has been owed for so long that its time is over.
func (d *Daemon) expired(m Message) bool {
	expires := d.settings().PageExpires
	since := m.Action.Incident.Opened
	switch m.Action.Deed {
	case release.ClosePage:
		since = m.Action.Incident.Closed
	case release.TellStory:
		since = m.Record.State.Ended
	}
	return expires > 0 && !since.IsZero() && d.now().Sub(since) > expires
}
