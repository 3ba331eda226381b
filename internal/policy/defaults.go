package policy

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Defaults are the daemon's own: what a policy leaves out, in a policy's own form, and the names
// that it may use.
type Defaults struct {
	Mode     release.Mode      `json:"mode"`
	Schedule v1alpha1.Schedule `json:"schedule"`
	Timing   v1alpha1.Timing   `json:"timing"`
	Baseline v1alpha1.Baseline `json:"baseline"`
	// Prometheus is one of Servers; empty: the first of them.
	Prometheus string `json:"prometheus"`
	// Notify names some of Notifiers; nil: all of them.
	Notify       []string          `json:"notify"`
	HistoryLimit int32             `json:"historyLimit"`
	Rollback     v1alpha1.Rollback `json:"rollback"`
	// Signals are those of a policy that names none; nil: the checklist's matrix over Istio's standard
	// metrics, which every service in the mesh has, as Istio says.
	Signals []v1alpha1.Signal `json:"signals"`
	Istio   Istio             `json:"istio"`

	// Servers and Notifiers are the names that the daemon's file knows.
	Servers   []string `json:"-"`
	Notifiers []string `json:"-"`
	// ServersOnlyFor and NotifiersOnlyFor are the namespaces whose policies may use one of that name; one that is
	// absent is for all.
	ServersOnlyFor   map[string][]string `json:"-"`
	NotifiersOnlyFor map[string][]string `json:"-"`
	// Probes says whom probes may ask.
	Probes probe.Trust `json:"-"`
	// Floors are the least that a policy may ask for.
	Floors Floors `json:"-"`
}

// Default gives the numbers of the deployment checklist: its decision matrix, its schedule, and its
// times for keeping both sides.
func Default() Defaults {
	return Defaults{
		Mode: release.Observe,
		Schedule: v1alpha1.Schedule{
			Windows: []v1alpha1.Window{
				{Name: "active", Until: "1h", Every: "5m"},
				{Name: "enhanced", Until: "24h", Every: "30m"},
				{Name: "standard", Until: "168h", Every: "24h"},
			},
			GuardEvery: "15s",
			Bin:        "1m",
		},
		Timing: v1alpha1.Timing{
			Settle: "30s", UnavailableFor: "30s", WatchStableFor: "5m", EpisodeClear: "30m", ReassertWithin: "2m",
		},
		Baseline: v1alpha1.Baseline{Window: "1h"},
		Rollback: v1alpha1.Rollback{
			AutomaticFor: "24h", ProofWithin: "5m", OnCanary: ptr.To(false), KeepCandidateFor: "1h", KeepStableFor: "24h",
		},
		HistoryLimit: 50,
		Istio:        Istio{Reporter: bySource},
		Probes:       probe.Default(),
	}
}

// For gives the defaults of a namespace: they hold, and choose among, what its policies may use.
func (d Defaults) For(namespace string) Defaults {
	d.Servers = permitted(d.Servers, d.ServersOnlyFor, namespace)
	d.Notifiers = permitted(d.Notifiers, d.NotifiersOnlyFor, namespace)
	if len(permitted([]string{d.Prometheus}, d.ServersOnlyFor, namespace)) == 0 {
		d.Prometheus = ""
	}
	d.Notify = permitted(d.Notify, d.NotifiersOnlyFor, namespace)
	return d
}

// permitted leaves out what is for other namespaces only.
func permitted(names []string, onlyFor map[string][]string, namespace string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		namespaces, reserved := onlyFor[name]
		return reserved && !slices.Contains(namespaces, namespace)
	})
}

// InForce gives the spec with all that it leaves out filled in.
func InForce(spec v1alpha1.WatchPolicySpec, d Defaults) v1alpha1.WatchPolicySpec {
	out := *spec.DeepCopy()
	out.Mode = cmp.Or(out.Mode, d.Mode)
	out.Schedule = ptr.To(scheduleInForce(ptr.Deref(out.Schedule, v1alpha1.Schedule{}), d.Schedule))
	out.Timing = ptr.To(timingInForce(ptr.Deref(out.Timing, v1alpha1.Timing{}), d.Timing))
	base := ptr.Deref(out.Baseline, d.Baseline)
	out.Baseline = &v1alpha1.Baseline{Window: cmp.Or(base.Window, d.Baseline.Window)}
	out.Rollback = ptr.To(rollbackInForce(ptr.Deref(out.Rollback, v1alpha1.Rollback{}), d.Rollback))
	if out.HistoryLimit == nil {
		out.HistoryLimit = ptr.To(d.HistoryLimit)
	}
	out.Prometheus = cmp.Or(out.Prometheus, d.Prometheus, first(d.Servers))
	switch {
	case out.Notify != nil:
	case d.Notify != nil:
		out.Notify = slices.Clone(d.Notify)
	default:
		out.Notify = slices.Clone(d.Notifiers)
	}
	switch {
	case len(out.Signals) > 0:
	case d.Signals != nil:
		out.Signals = (&v1alpha1.WatchPolicySpec{Signals: d.Signals}).DeepCopy().Signals
	default:
		out.Signals = istioSignals(d.Istio.Reporter, out.Slots)
	}
	return out
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func scheduleInForce(s, d v1alpha1.Schedule) v1alpha1.Schedule {
	if len(s.Windows) == 0 {
		s.Windows = slices.Clone(d.Windows)
	}
	s.GuardEvery = cmp.Or(s.GuardEvery, d.GuardEvery)
	s.Bin = cmp.Or(s.Bin, d.Bin)
	return s
}

func timingInForce(t, d v1alpha1.Timing) v1alpha1.Timing {
	return v1alpha1.Timing{
		Settle:         cmp.Or(t.Settle, d.Settle),
		UnavailableFor: cmp.Or(t.UnavailableFor, d.UnavailableFor),
		WatchStableFor: cmp.Or(t.WatchStableFor, d.WatchStableFor),
		EpisodeClear:   cmp.Or(t.EpisodeClear, d.EpisodeClear),
		ReassertWithin: cmp.Or(t.ReassertWithin, d.ReassertWithin),
	}
}

func rollbackInForce(b, d v1alpha1.Rollback) v1alpha1.Rollback {
	return v1alpha1.Rollback{
		AutomaticFor:     cmp.Or(b.AutomaticFor, d.AutomaticFor),
		ProofWithin:      cmp.Or(b.ProofWithin, d.ProofWithin),
		OnCanary:         cmp.Or(b.OnCanary, d.OnCanary),
		KeepCandidateFor: cmp.Or(b.KeepCandidateFor, d.KeepCandidateFor),
		KeepStableFor:    cmp.Or(b.KeepStableFor, d.KeepStableFor),
	}
}

// Validate gives all that is wrong with the defaults themselves, with paths as of a policy.
func (d Defaults) Validate() []error {
	p := &v1alpha1.WatchPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "any"}, Spec: v1alpha1.WatchPolicySpec{
		Traffic: v1alpha1.Traffic{VirtualService: "any"},
		Slots: []v1alpha1.Slot{
			{Name: "blue", Deployment: "blue", Destination: v1alpha1.Destination{Host: "blue"}},
			{Name: "green", Deployment: "green", Destination: v1alpha1.Destination{Host: "green"}},
		},
	}}
	d.ServersOnlyFor, d.NotifiersOnlyFor = nil, nil // whoever they are for, they must be right
	_, errs := Parse(p, d)
	return slices.DeleteFunc(errs, func(err error) bool { return ReasonOf(err) != Invalid })
}
