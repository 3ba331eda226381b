package simulate

import (
	"maps"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// pod is one replica: it becomes ready, and ends when it was replaced or scaled away.
type pod struct {
	revision string
	ready    time.Time
	ends     time.Time // zero: it goes on
}

func (p pod) runs(t time.Time) bool   { return p.ends.IsZero() || t.Before(p.ends) }
func (p pod) serves(t time.Time) bool { return p.runs(t) && !p.ready.After(t) }

// deployment is one slot's Deployment at one moment.
type deployment struct {
	missing  bool
	revision string
	wanted   int32
	pods     []pod
	since    time.Time
	version  int
	scaler   string // who set wanted last
}

// never is when a pod becomes ready that can't start.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (d deployment) count(is func(pod) bool) int32 {
	n := int32(0)
	for _, p := range d.pods {
		if p.revision == d.revision && is(p) {
			n++
		}
	}
	return n
}

func (d deployment) ready(t time.Time) int32 {
	return d.count(func(p pod) bool { return p.serves(t) })
}

func (d deployment) view(slot string, t time.Time) release.SlotView {
	if d.missing {
		return release.SlotView{Slot: slot}
	}
	all := int32(0)
	for _, p := range d.pods {
		if p.runs(t) {
			all++
		}
	}
	v := release.SlotView{Slot: slot, Found: true, Revision: d.revision, Version: d.revision, Wanted: d.wanted,
		Ready: d.ready(t), Updated: d.count(func(p pod) bool { return p.runs(t) }), Pods: all, Since: signal.At(d.since), Scaler: d.scaler}
	v.RolledOut = v.Updated == d.wanted && v.Ready == d.wanted && all == d.wanted
	return v
}

// scaled gives the Deployment with another number of replicas; new pods take warm to become ready.
func (d deployment) scaled(n int32, now time.Time, warm time.Duration) deployment {
	d.pods = slices.Clone(d.pods)
	running := int32(0)
	for i, p := range d.pods {
		if !p.runs(now) {
			continue
		}
		if running++; running > n {
			d.pods[i].ends = now
		}
	}
	for ; running < n; running++ {
		d.pods = append(d.pods, pod{revision: d.revision, ready: startsAt(now, warm)})
	}
	d.wanted = n
	return d
}

func startsAt(now time.Time, warm time.Duration) time.Time {
	if warm < 0 {
		return never
	}
	return now.Add(warm)
}

// rolled gives the Deployment with another revision: the old pods go when the new ones are ready.
func (d deployment) rolled(revision string, now time.Time, warm time.Duration) deployment {
	d.pods = slices.DeleteFunc(slices.Clone(d.pods), func(p pod) bool { return !p.runs(now) })
	for i := range d.pods {
		d.pods[i].ends = startsAt(now, warm)
	}
	for range d.wanted {
		d.pods = append(d.pods, pod{revision: revision, ready: startsAt(now, warm)})
	}
	d.revision, d.since, d.missing = revision, now, false
	return d
}

// routing is the VirtualService at one moment.
type routing struct {
	shares  map[string]float64 // by slot; the same in all routes
	writer  string
	problem string
	before  int // how many routes come before the watched one
	version int
}

func (r routing) views(routes []string) []release.RouteView {
	var out []release.RouteView
	for _, key := range routes {
		out = append(out, release.RouteView{Key: key, Shares: maps.Clone(r.shares)})
	}
	return out
}

// Deploy puts a revision into a slot, as a team's pipeline does.
func (s *Service) Deploy(slot, revision string) {
	s.change(func(now time.Time) {
		h := s.slots[slot]
		d := h.live().rolled(revision, now, s.warm(revision))
		d.version++
		h.put(now, d)
		s.wakeAt(s.warm(revision))
	})
}

// Scale sets a slot's replicas, as a person or an autoscaler does; those of a Deployment that is there.
func (s *Service) Scale(slot string, replicas int32) {
	s.change(func(now time.Time) { s.scale("autoscaler", slot, replicas, now) })
}

func (s *Service) scale(writer, slot string, replicas int32, now time.Time) {
	h := s.slots[slot]
	if h.live().missing {
		return
	}
	d := h.live().scaled(replicas, now, s.warm(h.live().revision))
	d.scaler = writer
	d.version++
	h.put(now, d)
	s.wakeAt(s.warm(d.revision))
}

// Delete deletes a slot's Deployment.
func (s *Service) Delete(slot string) {
	s.change(func(now time.Time) {
		d := s.slots[slot].live()
		s.slots[slot].put(now, deployment{missing: true, version: d.version + 1})
	})
}

// Route gives a slot a share of the traffic, and the other slot the rest, in the name of a writer.
func (s *Service) Route(writer, slot string, share float64) {
	s.change(func(now time.Time) { s.route(writer, slot, share, now) })
}

func (s *Service) route(writer, slot string, share float64, now time.Time) {
	r := s.vs.live()
	s.w.note("%s leads %v of %s to %s", writer, share, s.key.Name, slot)
	s.vs.put(now, routing{shares: map[string]float64{slot: share, s.other(slot): 1 - share}, writer: writer, before: r.before, version: r.version + 1})
	s.wakeAt(s.w.dataPlane)
}

// Obscure makes the routes unreadable, or readable again with an empty problem.
func (s *Service) Obscure(problem string) {
	s.change(func(now time.Time) {
		r := s.vs.live()
		r.problem, r.version = problem, r.version+1
		s.vs.put(now, r)
	})
}

// Share gives a slot's share now.
func (s *Service) Share(slot string) float64 {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.vs.live().shares[slot]
}

// Wanted gives a slot's spec.replicas now.
func (s *Service) Wanted(slot string) int32 {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.slots[slot].live().wanted
}

func (s *Service) other(slot string) string {
	if slot == Blue {
		return Green
	}
	return Blue
}

// warm is how long pods of a revision take to become ready; negative: they never do.
func (s *Service) warm(revision string) time.Duration {
	if q, ok := s.quality[revision]; ok && q.live().Broken {
		return -1
	}
	return s.Warm
}

// world is what the cluster looked like at a moment.
func (s *Service) world(t time.Time, routes []string) release.World {
	var w release.World
	for _, slot := range []string{Blue, Green} {
		w.Slots = append(w.Slots, s.slots[slot].before(t).view(slot, t))
	}
	r := s.vs.before(t)
	w.Routes, w.Writer, w.Source, w.Problem = r.views(routes), r.writer, s.Source, r.problem
	return w
}
