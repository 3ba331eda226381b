package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

func (s *Service) seenPolicy(t time.Time) watchdog.Policy {
	p, ok := s.policy.at(t)
	out := watchdog.Policy{Key: s.key, Gone: !ok || p.gone, Handle: p.version, Unmeasured: s.measured.Says, HistoryShort: s.kept.Says}
	if !out.Gone {
		out.Plan, out.Generation, out.Ledger = p.plan, p.plan.Generation, *p.ledger.DeepCopy()
	}
	return out
}

// seen gives the active releases of a moment.
func (s *Service) seen(t time.Time) []watchdog.Record {
	var out []watchdog.Record
	for _, name := range slices.Sorted(maps.Keys(s.releases)) {
		if o, ok := s.releases[name].at(t); ok && o.active {
			out = append(out, s.record(o))
		}
	}
	return out
}

func (s *Service) record(o object) watchdog.Record {
	r := watchdog.Record{Namespace: s.key.Namespace, Spec: *o.spec.DeepCopy(), State: *o.state.DeepCopy(), Handle: o.version}
	if !r.Spec.Cutover.IsZero() {
		r.State.Cutover = r.Spec.Cutover
	}
	return r
}

func (s *Service) create(spec release.Spec, now time.Time) (watchdog.Record, error) {
	name := spec.Name()
	if h, ok := s.releases[name]; ok {
		o := h.live()
		if o.spec.Candidate.Revision != spec.Candidate.Revision || o.spec.Candidate.Slot != spec.Candidate.Slot || o.spec.Stable.Revision != spec.Stable.Revision || o.state.Phase != "" {
			return watchdog.Record{}, fmt.Errorf("create %s: %w", name, watchdog.ErrTaken)
		}
		return s.record(o), nil
	}
	h := &history[object]{}
	h.put(now, object{spec: spec, active: true, version: 1})
	s.releases[name] = h
	s.w.bornOf(s, spec)
	s.wrote()
	return s.record(h.live()), nil
}

// reclaim gives a release that is not over its label back.
func (s *Service) reclaim(number int64, now time.Time) (watchdog.Record, bool) {
	h, ok := s.releases[s.releaseName(number)]
	if !ok || h.live().state.Phase != "" && !h.live().state.Active() {
		return watchdog.Record{}, false
	}
	if o := h.live(); !o.active {
		o.active = true
		o.version++
		h.put(now, o)
		s.wrote()
	}
	return s.record(h.live()), true
}

func (s *Service) lastNumber() (last int64) {
	for _, h := range s.releases {
		last = max(last, h.live().spec.Number)
	}
	return last
}

// wrote counts a write of the daemon's, of which its cache will wake it.
func (s *Service) wrote() {
	s.writes++
	s.wakeAt(0)
}

// write changes one release, fenced by its version.
func (s *Service) write(name string, version int, now time.Time, change func(*object)) (int, error) {
	h := s.releases[name]
	if h == nil {
		return 0, fmt.Errorf("release %s does not exist", name)
	}
	o := h.live()
	if f := &s.w.foreign; f.writes(f.saving) {
		o.version++
		h.put(now, o)
	}
	if o.version != version {
		return 0, watchdog.ErrConflict
	}
	change(&o)
	o.version++
	h.put(now, o)
	s.wrote()
	return o.version, nil
}

func (s *Service) saveLedger(p watchdog.Policy, l release.Ledger, now time.Time) error {
	current := s.policy.live()
	if reflect.DeepEqual(p.Ledger, l) {
		return nil
	}
	if current.gone || current.version != p.Handle.(int) {
		return watchdog.ErrConflict
	}
	current.ledger = *l.DeepCopy()
	for _, number := range l.Open {
		s.begun[s.releaseName(number)] = true
	}
	current.version++
	s.policy.put(now, current)
	s.wrote()
	return nil
}

// roundTrip gives a state as the API server would give it back, and how large it is.
func roundTrip(state release.State) (release.State, int, error) {
	b, err := json.Marshal(state)
	if err != nil {
		return state, 0, fmt.Errorf("write the status: %w", err)
	}
	var back release.State
	if err := json.Unmarshal(b, &back); err != nil {
		return state, len(b), fmt.Errorf("read the status: %w", err)
	}
	again, err := json.Marshal(back)
	if err == nil && string(again) != string(b) {
		err = fmt.Errorf("the status reads back otherwise: %s is %s", b, again)
	}
	return back, len(b), err
}
