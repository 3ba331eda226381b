package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// MakeAgain creates the policy again after it was removed, with nothing in its status.
func (s *Service) MakeAgain(plan *release.Plan) {
	s.change(func(now time.Time) {
		p := s.policy.live()
		plan.Namespace, plan.Policy = s.key.Namespace, s.key.Name
		for i := range plan.Slots {
			plan.Slots[i].Deployment = s.key.Name
		}
		p.gone, p.plan, p.ledger = false, plan, release.Ledger{}
		p.version++
		s.policy.put(now, p)
	})
}

// Plant makes a release as somebody else than greenwatch would.
func (s *Service) Plant(spec release.Spec, state release.State) {
	s.change(func(now time.Time) {
		h := &history[object]{}
		h.put(now, object{spec: spec, state: state, active: true, version: 1})
		s.releases[spec.Name()] = h
	})
}

// Forge changes a release's status, as somebody else would.
func (s *Service) Forge(number int64, forge func(release.Spec, *release.State)) {
	s.alter(number, func(o *object) {
		o.state = *o.state.DeepCopy()
		forge(o.spec, &o.state)
	})
}

// Unlist takes the label away that a release is found by.
func (s *Service) Unlist(number int64) { s.alter(number, func(o *object) { o.active = false }) }

// Listed tells whether a release is found by its label.
func (s *Service) Listed(number int64) bool { return s.isActive(s.releaseName(number)) }

func (s *Service) alter(number int64, how func(*object)) {
	s.change(func(now time.Time) {
		h := s.releases[s.releaseName(number)]
		o := h.live()
		how(&o)
		o.version++
		h.put(now, o)
	})
}
