package release

import (
	"fmt"
	"slices"
)

// Service is what a policy's traffic and slots were when a release began. It is written once, with the release: what
// a release acts on is not changed by an edit of its policy.
type Service struct {
	// +kubebuilder:validation:MaxLength=253
	VirtualService string `json:"virtualService"`
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=253
	HTTPRoutes []string `json:"httpRoutes,omitempty"`
	// +kubebuilder:validation:MaxItems=2
	Slots []Slot `json:"slots"`
}

// Service gives what a plan says of traffic and slots.
func (p *Plan) Service() *Service {
	return &Service{VirtualService: p.VirtualService, HTTPRoutes: slices.Clone(p.HTTPRoutes), Slots: slices.Clone(p.Slots)}
}

// For gives the plan by which a release is watched: the policy's, with the traffic and the slots that the release
// began with. A release of an earlier version of greenwatch has none of its own. The mode speaks of the VirtualService
// and the Deployments that the policy names: who wrote it was asked for the rights on these. Of others it allows nothing.
func (p *Plan) For(s Spec) *Plan {
	if p == nil || s.Service == nil {
		return p
	}
	own := *p
	own.VirtualService, own.HTTPRoutes, own.Slots = s.Service.VirtualService, s.Service.HTTPRoutes, s.Service.Slots
	if p.VirtualService != own.VirtualService || !slices.Equal(deployments(p.Slots), deployments(own.Slots)) {
		own.Mode = Observe
	}
	return &own
}

// takeMode keeps the mode that speaks of this very release. One without a service of its own goes by whatever its
// policy names at the time, which no mode that was seen before speaks of.
func takeMode(t *turn) {
	switch {
	case t.o.Plan == nil: // gone, or not valid
	case t.o.Spec.Service == nil:
		t.s.Mode = Observe
	default:
		t.s.Mode = t.o.Plan.Mode
	}
}

func deployments(slots []Slot) []string {
	var names []string
	for _, s := range slots {
		names = append(names, s.Deployment)
	}
	slices.Sort(names)
	return names
}

// Is tells whether a plan has this service.
func (s *Service) Is(p *Plan) bool {
	return s.VirtualService == p.VirtualService && slices.Equal(s.HTTPRoutes, p.HTTPRoutes) && slices.Equal(s.Slots, p.Slots)
}

// Slot gives the slot of that name.
func (s *Service) Slot(name string) (Slot, bool) {
	i := slices.IndexFunc(s.Slots, func(x Slot) bool { return x.Name == name })
	if i < 0 {
		return Slot{}, false
	}
	return s.Slots[i], true
}

// foreign says why a ladder's frozen plan is not one that greenwatch wrote for the release of that namespace, or
// nothing where it may well be: a status can be written by others, too. A foreign plan is acted on by nobody.
func (l *Ladder) foreign(namespace string, s Spec) string {
	const word = "the rollback's frozen plan is not this release's, so greenwatch did not write it and does nothing by it: "
	switch p := &l.Plan; {
	case p.Namespace != namespace:
		return word + fmt.Sprintf("it is of namespace %q", clip(p.Namespace, 63))
	case p.Policy != s.Policy:
		return word + fmt.Sprintf("it is of policy %q", clip(p.Policy, 63))
	case s.Service != nil && !s.Service.Is(p):
		return word + "its VirtualService, routes or slots are not those that the release began with"
	}
	return ""
}

// Foreign tells whether the release's open ladder has a frozen plan that is not its own.
func (s State) Foreign(namespace string, spec Spec) bool {
	return s.Ladder != nil && s.Ladder.Step != Done && s.Ladder.foreign(namespace, spec) != ""
}

// vouch stops a ladder whose plan is foreign.
func vouch(t *turn) {
	if t.foreignPlan() {
		t.s.Ladder.Stuck, t.s.Ladder.Refused = clip(t.s.Ladder.foreign(t.o.Namespace, t.o.Spec), 500), true
	}
}

func (t *turn) foreignPlan() bool { return t.s.Foreign(t.o.Namespace, t.o.Spec) }
