package release

import "github.com/knowledgebeast/greenwatch/internal/signal"

// Lull is a time in which a slot had a share and no ready replica: an outage in the making, whoever wanted it so.
type Lull struct {
	revision string
	since    signal.Instant
	ticks    int32
}

// Lulls are the lulls of a world's slots, by their names.
type Lulls map[string]Lull

// Note takes a look at a world into account, fills in since when its slots are in a lull, and gives the lulls that go
// on. Ticks is how often the look counts: 1 for a tick of the guard, 0 for a look between two. A look that does not
// know the shares begins a lull only where replicas are wanted, and ends none: unknown is not 0. A Deployment that is
// deleted goes on with the lull that it was in; another revision begins anew.
func (l Lulls) Note(w *World, now signal.Instant, ticks int32) Lulls {
	next := Lulls{}
	for i := range w.Slots {
		v := &w.Slots[i]
		was, on := l[v.Slot]
		v.UnreadySince, v.Ticks = 0, 0
		if v.Unseen || !w.lacks(*v, on) {
			continue
		}
		if !on || v.Found && was.revision != "" && was.revision != v.Revision {
			was = Lull{since: now}
		}
		was.revision = orElse(v.Revision, was.revision)
		was.ticks += ticks
		next[v.Slot] = was
		v.UnreadySince, v.Ticks = was.since, was.ticks
	}
	return next
}

// lacks tells whether a slot has traffic, as far as is known, and nothing to serve it; before is whether it lacked
// it at the last look.
func (w World) lacks(v SlotView, before bool) bool {
	switch {
	case v.Ready > 0:
		return false
	case w.Known():
		return w.Most(v.Slot) > 0
	}
	return before || v.Found && v.Wanted > 0
}
