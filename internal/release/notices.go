package release

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Notices are the incidents of a policy itself, which none of its releases can carry: it can't be looked
// at, say, or no release of it can be made. Who was told of them is kept with them, so that a restart
// tells nobody twice. Their methods change nothing and give what is so then.
type Notices struct {
	// Incidents are at most 8; the oldest that are over go first.
	// +kubebuilder:validation:MaxItems=8
	Incidents []Incident `json:"incidents,omitempty"`
	// +kubebuilder:validation:MaxItems=64
	Told []Told `json:"told,omitempty"`
}

// mostNotices is how many incidents of a policy are kept.
const mostNotices = 8

// Open tells whether an incident of that code is open.
func (n Notices) Open(code Code) bool {
	return slices.ContainsFunc(n.Incidents, func(in Incident) bool { return in.Code == code && in.Closed.IsZero() })
}

// Raise opens an incident of that code, unless one is open.
func (n Notices) Raise(code Code, severity Severity, text string, now signal.Instant) Notices {
	if n.Open(code) {
		return n
	}
	episode := int64(1)
	for _, in := range n.Incidents {
		if in.Code == code {
			episode = max(episode, in.Episode+1)
		}
	}
	next := *n.DeepCopy()
	next.Incidents = append(next.Incidents, Incident{Code: code, Episode: episode, Severity: severity, Opened: now, Text: clip(text, 500)})
	return next.bounded()
}

// Resolve closes the open incident of that code, if there is one.
func (n Notices) Resolve(code Code, now signal.Instant) Notices {
	if !n.Open(code) {
		return n
	}
	next := *n.DeepCopy()
	for i := range next.Incidents {
		if in := &next.Incidents[i]; in.Code == code && in.Closed.IsZero() {
			in.Closed = now
		}
	}
	return next
}

// Owed gives what the pagers among the sinks have not been told.
func (n Notices) Owed(namespace, policy string, sinks []Sink) []Action {
	var out []Action
	for _, in := range n.Incidents {
		for _, a := range pagesOf(n.state(), Observed{Namespace: namespace, Sinks: sinks}, in) {
			a.Key = in.Key(namespace, policy)
			out = append(out, a)
		}
	}
	return out
}

// Delivered records how deliveries went, so that they are not repeated.
func (n Notices) Delivered(outcomes ...Outcome) Notices {
	old := n.state()
	s := old.DeepCopy()
	for _, o := range outcomes {
		t := &turn{s: s}
		t.toldOf(o, o.Action.Incident.mark())
	}
	return Notices{Incidents: s.Incidents, Told: s.Told}
}

func (n Notices) state() State { return State{Incidents: n.Incidents, Told: n.Told} }

// bounded drops the oldest incidents beyond the most that are kept, those that are over first, and what
// was told of them.
func (n Notices) bounded() Notices {
	for len(n.Incidents) > mostNotices {
		over := slices.IndexFunc(n.Incidents, func(in Incident) bool { return !in.Closed.IsZero() })
		over = max(over, 0)
		n.Incidents = slices.Delete(n.Incidents, over, over+1)
	}
	n.Told = slices.DeleteFunc(n.Told, func(r Told) bool {
		return !slices.ContainsFunc(n.Incidents, func(in Incident) bool { return in.mark() == r.Key })
	})
	return n
}
