package watchdog

import (
	"context"
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// refusal is what is known of one sink that refuses, or did, whatever it is sent.
type refusal struct {
	// since is when it began to refuse, and words what it said then; zero where this process has not seen it refuse.
	since signal.Instant
	words string
	// well is since when it takes what it is sent; zero while it refuses.
	well signal.Instant
	// opened are the other sinks that were told of it, with what they want remembered; closed those that know it is over.
	opened map[string]string
	closed map[string]bool
}

// refusals watches over the sinks: one whose key, token or channel is refused is one incident, told to the others.
type refusals struct {
	mu sync.Mutex
	of map[string]*refusal
}

const refusesPrefix = "notifier/"

// note keeps that a sink refuses, and tells whether that is news.
func (r *refusals) note(sink, words string, at signal.Instant) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[sink]
	if x == nil || x.over(at) {
		r.of[sink] = &refusal{since: at, words: words, opened: map[string]string{}, closed: map[string]bool{}}
		return true
	}
	news = !x.well.IsZero()
	x.well = 0
	return news
}

// taken keeps that a sink takes what it is sent, and tells whether that is news. A new leader does not know what the
// one before told of it.
func (r *refusals) taken(sink string, at signal.Instant) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[sink]
	if x == nil {
		x = &refusal{opened: map[string]string{}, closed: map[string]bool{}}
		r.of[sink] = x
	}
	if news = x.well.IsZero(); news {
		x.well = at
	}
	return news
}

// over tells whether it has taken what it was sent for so long that its incident is over. What takes some messages
// and refuses others is one incident.
func (x *refusal) over(at signal.Instant) bool {
	return !x.well.IsZero() && (x.since.IsZero() || at.Sub(x.well) >= clearFor)
}

// owed gives what another sink is to be told of one that refuses, if anything, and else in how long to look again. A
// pager may have an incident open from before this process, which is closed once.
func (r *refusals) owed(refuses, sink string, pages bool, at signal.Instant) (a release.Action, owed bool, again signal.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[refuses]
	if x == nil {
		return a, false, 0
	}
	ref, told := x.opened[sink]
	a = release.Action{Sink: sink, Key: refusesPrefix + refuses, Ref: ref, Incident: release.Incident{Code: release.CodeNotifierRefuses,
		Severity: release.Error, Opened: x.since}}
	switch {
	case x.over(at):
		a.Deed, a.Incident.Closed = release.ClosePage, x.well
		a.Incident.Text = "notifier " + refuses + " takes what it is sent again, since " + x.well.String()
		return a, !x.closed[sink] && (told || pages && x.since.IsZero()), 0
	case !x.well.IsZero():
		return a, false, clearFor - at.Sub(x.well)
	}
	a.Deed = release.OpenPage
	a.Incident.Text = clip("notifier " + refuses + " refuses whatever it is sent, since " + x.since.String() + " (" + x.words +
		"); what it was to tell is kept and tried again")
	return a, !told, 0
}

// told keeps what another sink heard.
func (r *refusals) told(refuses string, o release.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch x := r.of[refuses]; {
	case x.since != o.Action.Incident.Opened: // another incident by now
	case o.Action.Deed == release.ClosePage:
		x.closed[o.Action.Sink] = true
	default:
		x.opened[o.Action.Sink] = o.Ref
	}
}

// refused takes in that a sink refuses whatever it is sent, and has the others told, once.
func (d *Daemon) refused(sink, words string) {
	if d.refusals.note(sink, words, d.now()) {
		d.meter.Refuses(sink, true)
		d.postRefusal(sink)
	}
}

// taken takes in that a sink took what it was sent: what waits for it is tried at once.
func (d *Daemon) taken(sink string) {
	if d.refusals.taken(sink, d.now()) {
		d.meter.Refuses(sink, false)
		d.Renewed(sink)
		d.postRefusal(sink)
	}
}

// Renewed says that a sink's key or token is another one: what it refused is tried at once.
func (d *Daemon) Renewed(sink string) {
	for _, l := range d.book.unbar(sink) {
		d.letters.Add(l)
	}
}

func (d *Daemon) postRefusal(sink string) {
	for _, other := range d.settings().besides(sink) {
		d.letters.Add(letter{refuses: sink, sink: other})
	}
}

func (d *Daemon) writeRefusal(ctx context.Context, l letter) {
	a, owed, again := d.refusals.owed(l.refuses, l.sink, d.settings().Sinks[l.sink], d.now())
	switch {
	case owed:
		d.send(ctx, l, Message{Sink: l.sink, Action: a}, func(o release.Outcome) { d.refusals.told(l.refuses, o) })
	case again > 0:
		d.letters.AddAfter(l, again.D())
	}
}

// besides gives the other sinks that may hear of one: not those that are for other namespaces alone.
func (s Settings) besides(sink string) []string {
	var out []string
	only, reserved := s.SinksOnlyFor[sink]
	for other := range s.Sinks {
		theirs, bound := s.SinksOnlyFor[other]
		strangers := reserved && bound && !slices.ContainsFunc(theirs, func(n string) bool { return slices.Contains(only, n) })
		if other != sink && !strangers {
			out = append(out, other)
		}
	}
	return out
}
