package simulate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// foreign is whoever else writes, right between a read of greenwatch's and the write that rests on it. The zero value
// writes nothing.
type foreign struct {
	*rand.Rand
	// routing is how likely somebody writes to the VirtualService, and saving to a release.
	routing, saving float64
}

// draw lets others write often, now and then, or never.
func (f *foreign) draw(seed uint64) {
	f.Rand = rand.New(rand.NewPCG(seed, 4))
	f.routing = [...]float64{0, 0.3, 0.6, 0.95}[f.IntN(4)]
	f.saving = [...]float64{0, 0, 0.05, 0.1}[f.IntN(4)]
}

func (f *foreign) writes(likely float64) bool { return likely > 0 && f.Float64() < likely }

// meddle is a foreign write to the VirtualService: of something that is no route, mostly; of a route before the
// watched one; of the weights.
func (s *Service) meddle(now time.Time) {
	f := &s.w.foreign
	if !f.writes(f.routing) {
		return
	}
	r := s.vs.live()
	switch f.IntN(6) {
	case 0:
		s.route("argocd", [...]string{Blue, Green}[f.IntN(2)], float64(f.IntN(11))/10, now)
		return
	case 1:
		r.before = 1 - r.before
		s.wakeAt(0)
	}
	r.version++ // which alone wakes nobody
	s.vs.put(now, r)
}

// How often a write of the weights is tried at once, as package act does: the first times fenced by the version.
const (
	mostTries = 6
	versioned = 2
)

// setShares moves the traffic by the very patches that package act sends.
func (s *Service) setShares(a release.Action, now time.Time) (release.Result, string) {
	for try := range mostTries {
		read := s.vs.live()
		switch {
		case read.problem != "":
			return release.Refused, read.problem
		case read.shares[a.Candidate.Slot] == 0:
			return release.Performed, "there already"
		}
		patch, err := s.patchOf(a, read, try >= versioned)
		if err != nil {
			return release.Refused, err.Error()
		}
		s.meddle(now)
		if s.patched(a, read, patch, now) {
			return release.Performed, ""
		}
	}
	return release.Conflict, "changed in between"
}

func (s *Service) patchOf(a release.Action, read routing, guarded bool) ([]byte, error) {
	object := &unstructured.Unstructured{Object: s.object(read)}
	vs, err := istio.Read(object)
	if err != nil {
		return nil, err
	}
	move := istio.Move{Routes: a.Ladder.Routes, From: istio.Destination{Host: a.Candidate.Slot}, To: istio.Destination{Host: a.Stable.Slot}}
	if guarded {
		return move.Guarded(vs, object)
	}
	return move.Patch(vs)
}

// patched applies a patch to the VirtualService as it is by now, if it fits.
func (s *Service) patched(a release.Action, read routing, patch []byte, now time.Time) bool {
	there := s.vs.live()
	share, fits := s.apply(patch, there, a.Stable.Slot)
	if !fits {
		return false
	}
	if !reflect.DeepEqual(s.object(read)["spec"], s.object(there)["spec"]) {
		s.w.breaks("one-writer: %s sets weights over what %s wrote unseen", releaseOf(a), there.writer)
	}
	s.w.moving(s, a, now)
	s.moves[releaseOf(a)]++
	s.movedAt[releaseOf(a)] = now
	s.route("greenwatch", a.Stable.Slot, share, now)
	s.wakeAt(0)
	return true
}

// apply gives the share that a slot has in the watched route after a patch, and whether the API server takes it.
func (s *Service) apply(patch []byte, there routing, slot string) (share float64, fits bool) {
	before, err := json.Marshal(s.object(there))
	if err != nil {
		return 0, false
	}
	ops, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return 0, false
	}
	after, err := ops.Apply(before)
	if err != nil {
		return 0, false
	}
	object := &unstructured.Unstructured{}
	if object.UnmarshalJSON(after) != nil || object.GetResourceVersion() != fmt.Sprint(there.version) {
		return 0, false
	}
	vs, err := istio.Read(object)
	if err != nil {
		return 0, false
	}
	main, found := vs.Route("main")
	return main.Share(istio.Destination{Host: slot}, s.key.Namespace), found
}

// object is the VirtualService as the API server has it.
func (s *Service) object(r routing) map[string]any {
	leads := func(slot string) any {
		return map[string]any{"destination": map[string]any{"host": slot}, "weight": int64(math.Round(r.shares[slot] * 1000))}
	}
	var routes []any
	for range r.before {
		routes = append(routes, map[string]any{"name": "before", "route": []any{leads(Green), leads(Blue)}})
	}
	routes = append(routes, map[string]any{"name": "main", "route": []any{leads(Blue), leads(Green)}})
	return map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"metadata": map[string]any{"name": "service", "namespace": s.key.Namespace, "uid": s.key.Name, "resourceVersion": fmt.Sprint(r.version)},
		"spec":     map[string]any{"hosts": []any{"service"}, "http": routes},
	}
}
