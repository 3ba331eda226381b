package release

import (
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Mode says how far greenwatch may go.
//
// +kubebuilder:validation:Enum=Observe;Enforce
type Mode string

// The modes. Observe is the weaker one.
const (
	Observe Mode = "Observe" // judge and tell, touch nothing
	Enforce Mode = "Enforce" // act, too
)

// Weaker gives the weaker of two modes.
func Weaker(a, b Mode) Mode {
	if a == Enforce && b == Enforce {
		return Enforce
	}
	return Observe
}

// Slot is one of the two sides: a Deployment and the destination that leads to it.
type Slot struct {
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// +kubebuilder:validation:MaxLength=253
	Deployment string `json:"deployment"`
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host"`
	// +kubebuilder:validation:MaxLength=63
	Subset string `json:"subset,omitempty"`
}

// Limits are the fixed times of acting.
type Limits struct {
	// Settle is how long samples may take to arrive.
	Settle signal.Duration `json:"settle"`
	// WatchStableFor is how long stable is watched after a rollback.
	WatchStableFor signal.Duration `json:"watchStableFor"`
	// EpisodeClear is how long it must be clear before an episode is closed.
	EpisodeClear signal.Duration `json:"episodeClear"`
	// ReassertWithin is how long weights are set again against another writer.
	ReassertWithin signal.Duration `json:"reassertWithin"`
	// AutomaticFor is how long after cutover the rollback tier acts by itself.
	AutomaticFor signal.Duration `json:"automaticFor"`
	// ProofWithin is how long a rollback may take from decision to proof.
	ProofWithin signal.Duration `json:"proofWithin"`
	// KeepCandidateFor is how long the bad side stays up after a rollback.
	KeepCandidateFor signal.Duration `json:"keepCandidateFor"`
	// KeepStableFor is how long losing rollback readiness is a page rather than a note.
	KeepStableFor signal.Duration `json:"keepStableFor"`
	// OnCanary makes canary cells roll back.
	OnCanary bool `json:"onCanary,omitempty"`
}

// Question is a signal's question before the slot's name is filled in: its selectors may hold
// ${slot}, ${namespace}, ${deployment}, ${host} and ${version}.
type Question = signal.Ask

// Plan is a policy, parsed: all that a release is watched by.
type Plan struct {
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// +kubebuilder:validation:MaxLength=253
	Policy     string `json:"policy"`
	Generation int64  `json:"generation"`
	Mode       Mode   `json:"mode"`
	// +kubebuilder:validation:MaxLength=253
	VirtualService string `json:"virtualService"`
	// HTTPRoutes names the routes to watch; empty: each that leads, or led, to both slots.
	// +kubebuilder:validation:MaxItems=32
	HTTPRoutes []string `json:"httpRoutes,omitempty"`
	// Slots are exactly two.
	// +kubebuilder:validation:MaxItems=2
	Slots []Slot `json:"slots"`
	// Requests counts a slot's requests for proof: a Ratio question of which only the total matters.
	Requests   *Question         `json:"requests,omitempty"`
	Schedule   schedule.Schedule `json:"schedule"`
	GuardEvery signal.Duration   `json:"guardEvery"`
	Matrix     judge.Matrix      `json:"matrix"`
	// +kubebuilder:validation:MaxItems=32
	Questions []Question `json:"questions"`
	// Baseline is how long before the candidate's first traffic stable is measured, to compare with.
	Baseline signal.Duration `json:"baseline,omitempty"`
	// +kubebuilder:validation:MaxLength=63
	Prometheus string `json:"prometheus"`
	// Notify names the sinks.
	// +kubebuilder:validation:MaxItems=8
	Notify       []string `json:"notify,omitempty"`
	HistoryLimit int32    `json:"historyLimit,omitempty"`
	Limits       Limits   `json:"limits"`
}

// Slot gives the slot of that name.
func (p *Plan) Slot(name string) (Slot, bool) {
	for _, s := range p.Slots {
		if s.Name == name {
			return s, true
		}
	}
	return Slot{}, false
}

// Other gives the slot that is not the one of that name.
func (p *Plan) Other(name string) Slot {
	for _, s := range p.Slots {
		if s.Name != name {
			return s
		}
	}
	return Slot{}
}

// Asks gives the questions about a slot that runs the given version, with all placeholders filled
// in. Facts are no measurements, and left out: see AsksOf.
func (p *Plan) Asks(slot, version string) []signal.Ask {
	fill := p.Filler(slot, version)
	asks := make([]signal.Ask, 0, len(p.Questions))
	for _, q := range p.Questions {
		if !q.Kind.Fact() {
			asks = append(asks, filled(q, fill))
		}
	}
	return asks
}

// AsksOf gives the questions of one kind about a slot, likewise.
func (p *Plan) AsksOf(kind signal.Kind, slot, version string) []signal.Ask {
	fill := p.Filler(slot, version)
	var asks []signal.Ask
	for _, q := range p.Questions {
		if q.Kind == kind {
			asks = append(asks, filled(q, fill))
		}
	}
	return asks
}

// OfSlot tells whether a question is about one slot rather than the release: an alert or a probe that does
// not tell the slots apart says nothing of stable.
func OfSlot(q Question) bool {
	switch {
	case !q.Kind.Fact() || q.Kind == signal.Kubernetes:
		return true
	case q.Kind == signal.Growth: // a forecast moves nothing, to whichever side
		return false
	}
	for _, p := range [...]string{"${slot}", "${deployment}", "${version}"} { // slots may share a ${host}
		if strings.Contains(q.Match+q.URL, p) {
			return true
		}
	}
	return false
}

// Beside gives the selector of the other side for a question about one of two, such as Asks gives; empty where the
// question does not tell them apart.
func (p *Plan) Beside(a signal.Ask, sides ...Side) string {
	questions := p.Questions
	if p.Requests != nil {
		questions = append(slices.Clone(questions), *p.Requests)
	}
	for _, q := range questions {
		if q.Kind.Fact() || q.Signal != a.Signal || q.Metric != a.Metric {
			continue
		}
		one := p.Filler(sides[0].Slot, sides[0].Version).Replace(q.Match)
		other := p.Filler(sides[1].Slot, sides[1].Version).Replace(q.Match)
		switch {
		case one == other:
		case a.Match == one:
			return other
		case a.Match == other:
			return one
		}
	}
	return ""
}

// AskRequests gives the question that counts a slot's requests, if there is one.
func (p *Plan) AskRequests(slot, version string) (signal.Ask, bool) {
	if p.Requests == nil {
		return signal.Ask{}, false
	}
	return filled(*p.Requests, p.Filler(slot, version)), true
}

// Filler fills in the placeholders that questions about a slot may hold.
func (p *Plan) Filler(slot, version string) *strings.Replacer {
	s, _ := p.Slot(slot)
	return strings.NewReplacer("${slot}", slot, "${namespace}", p.Namespace, "${deployment}", s.Deployment,
		"${host}", inFull(s.Host, p.Namespace), "${version}", version)
}

// inFull gives the name of a Service as Istio's metrics have it; other hosts are as they stand.
func inFull(host, namespace string) string {
	const domain = ".svc.cluster.local"
	switch labels := strings.Split(host, "."); {
	case len(labels) == 1:
		return host + "." + namespace + domain
	case len(labels) == 2:
		return host + domain
	case len(labels) == 3 && labels[2] == "svc":
		return strings.TrimSuffix(host, ".svc") + domain
	}
	return host
}

func filled(q Question, fill *strings.Replacer) signal.Ask {
	q.Match, q.Part, q.PromQL, q.URL = fill.Replace(q.Match), fill.Replace(q.Part), fill.Replace(q.PromQL), fill.Replace(q.URL)
	return q
}
