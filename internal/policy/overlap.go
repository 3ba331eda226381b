package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// Overlaps gives, for each policy that claims a Deployment or a route which an older one has, the
// error that says which and whose. A policy that is refused so claims nothing itself.
func Overlaps(policies []*v1alpha1.WatchPolicy) map[types.NamespacedName]error {
	oldest := slices.SortedFunc(slices.Values(policies), older)
	refused := map[types.NamespacedName]error{}
	var standing []*v1alpha1.WatchPolicy
	for _, p := range oldest {
		if err := claimedBefore(p, standing); err != nil {
			refused[key(p)] = err
			continue
		}
		standing = append(standing, p)
	}
	return refused
}

func key(p *v1alpha1.WatchPolicy) types.NamespacedName {
	return types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
}

func older(a, b *v1alpha1.WatchPolicy) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Name, b.Name),
	)
}

func claimedBefore(p *v1alpha1.WatchPolicy, standing []*v1alpha1.WatchPolicy) error {
	for _, o := range standing {
		if o.Namespace != p.Namespace {
			continue
		}
		if what := shared(p, o); what != "" {
			return Because(Overlap, "%s is watched by the older policy %s; a Deployment or route belongs to one policy", what, o.Name)
		}
	}
	return nil
}

// shared names what two policies of one namespace both claim.
func shared(p, o *v1alpha1.WatchPolicy) string {
	for _, s := range p.Spec.Slots {
		for _, t := range o.Spec.Slots {
			if s.Deployment == t.Deployment {
				return "Deployment " + s.Deployment
			}
		}
	}
	if p.Spec.Traffic.VirtualService != o.Spec.Traffic.VirtualService {
		return ""
	}
	return sharedRoute(p, o)
}

// sharedRoute names a route of one VirtualService that both claim. A policy that names no routes
// claims those that lead to its destinations.
func sharedRoute(p, o *v1alpha1.WatchPolicy) string {
	vs := p.Spec.Traffic.VirtualService
	for _, r := range p.Spec.Traffic.HTTPRoutes {
		if slices.Contains(o.Spec.Traffic.HTTPRoutes, r) {
			return fmt.Sprintf("route %s of VirtualService %s", r, vs)
		}
	}
	if len(p.Spec.Traffic.HTTPRoutes) > 0 && len(o.Spec.Traffic.HTTPRoutes) > 0 {
		return ""
	}
	for _, s := range p.Spec.Slots {
		for _, t := range o.Spec.Slots {
			if destination(s, p.Namespace) == destination(t, o.Namespace) {
				return fmt.Sprintf("destination %s in VirtualService %s", destination(s, p.Namespace), vs)
			}
		}
	}
	return ""
}

// destination writes a slot's destination in one form, whichever way its host is written.
func destination(s v1alpha1.Slot, namespace string) string {
	host := s.Destination.Host
	for _, suffix := range []string{".svc.cluster.local", ".svc", "." + namespace} {
		host = strings.TrimSuffix(host, suffix)
	}
	if s.Destination.Subset == "" {
		return host
	}
	return host + "/" + s.Destination.Subset
}
