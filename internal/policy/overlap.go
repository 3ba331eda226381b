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
	claimed := claims{}
	for i, p := range oldest {
		if o, ok := claimed.first(p); ok {
			refused[key(p)] = Because(Overlap, "%s is watched by the older policy %s; a Deployment or route belongs to one policy", shared(p, oldest[o]), oldest[o].Name)
			continue
		}
		claimed.add(p, i)
	}
	return refused
}

// claims is who was first to claim what, by place in the order of age: there may be thousands of policies, and each
// is held against all that are older.
type claims map[claim]int

// claim is something that a policy watches. A destination is claimed as such, and once more as one of a policy
// that names no routes.
type claim struct{ namespace, kind, virtualService, name string }

// first gives the oldest policy that claims what p does, too.
func (c claims) first(p *v1alpha1.WatchPolicy) (oldest int, ok bool) {
	own, destinations := claimsOf(p)
	for _, d := range destinations {
		if d.kind = "bare"; len(p.Spec.Traffic.HTTPRoutes) == 0 {
			d.kind = "any"
		}
		own = append(own, d)
	}
	for _, x := range own {
		if i, is := c[x]; is && (!ok || i < oldest) {
			oldest, ok = i, true
		}
	}
	return oldest, ok
}

func (c claims) add(p *v1alpha1.WatchPolicy, place int) {
	own, destinations := claimsOf(p)
	for _, d := range destinations {
		d.kind = "any"
		own = append(own, d)
		if d.kind = "bare"; len(p.Spec.Traffic.HTTPRoutes) == 0 {
			own = append(own, d)
		}
	}
	for _, x := range own {
		if _, taken := c[x]; !taken {
			c[x] = place
		}
	}
}

// claimsOf gives the Deployments and routes that a policy names, and its destinations.
func claimsOf(p *v1alpha1.WatchPolicy) (named, destinations []claim) {
	vs := p.Spec.Traffic.VirtualService
	for _, r := range p.Spec.Traffic.HTTPRoutes {
		named = append(named, claim{p.Namespace, "route", vs, r})
	}
	for _, s := range p.Spec.Slots {
		named = append(named, claim{p.Namespace, "deployment", "", s.Deployment})
		destinations = append(destinations, claim{p.Namespace, "", vs, destination(s, p.Namespace)})
	}
	return named, destinations
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
