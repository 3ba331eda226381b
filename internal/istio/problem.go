package istio

import (
	"fmt"
	"strings"
)

// Reason says in one word, fit for a condition, what keeps a route from being watched as it should.
type Reason string

const (
	// RouteMissing: the policy names a route that the VirtualService does not have.
	RouteMissing Reason = "RouteMissing"
	// NoRoute: no names were given, and no HTTP route leads, or led, to both slots.
	NoRoute Reason = "NoRoute"
	// NoSlot: the policy names a route that leads to neither slot.
	NoSlot Reason = "NoSlot"
	// TCPRoute: a TCP or TLS route leads to a slot, and greenwatch cannot move it.
	TCPRoute Reason = "TCPRoute"
	// ShareUndefined: a watched route has weights that proxies refuse.
	ShareUndefined Reason = "ShareUndefined"
	// SameDestination: both slots lead to the same place; nothing is watched.
	SameDestination Reason = "SameDestination"
)

// Problem is something of the VirtualService that a person has to look at.
type Problem struct {
	Reason  Reason
	Route   string // the route's key, or the name that is missing; empty if it concerns no single one
	Message string
}

func sameDestination(slots [2]Slot) Problem {
	return Problem{Reason: SameDestination, Message: fmt.Sprintf(
		"slots %s and %s both lead to %s; each needs a host or a subset of its own",
		slots[0].Name, slots[1].Name, slots[0].Destination)}
}

func noRoute(slots [2]Slot) Problem {
	return Problem{Reason: NoRoute, Message: fmt.Sprintf(
		"no HTTP route leads, or led, to both %s (%s) and %s (%s)",
		slots[0].Name, slots[0].Destination, slots[1].Name, slots[1].Destination)}
}

func noSlot(route Route, slots [2]Slot) Problem {
	return Problem{Reason: NoSlot, Route: route.Key, Message: fmt.Sprintf(
		"%s (%s) leads neither to %s (%s) nor to %s (%s)", route.path(), route.Name,
		slots[0].Name, slots[0].Destination, slots[1].Name, slots[1].Destination)}
}

func undefined(route Route) Problem {
	why := route.checkWeights()
	if why == nil {
		why = fmt.Errorf("%s.route: all weights are 0", route.path())
	}
	return Problem{Reason: ShareUndefined, Route: route.Key, Message: fmt.Sprintf(
		"%v; proxies refuse that and keep the split they had", why)}
}

func missing(vs VirtualService, name string) Problem {
	return Problem{Reason: RouteMissing, Route: name, Message: fmt.Sprintf(
		"spec.http has no route named %q; it has %s", name, inventory(vs.HTTP))}
}

// inventory lists the names of routes, as far as they fit a message.
func inventory(routes []Route) string {
	const most = 8
	var names []string
	for _, route := range routes {
		if route.Name != "" {
			names = append(names, fmt.Sprintf("%q", route.Name))
		}
	}
	rest := len(routes) - min(len(names), most)
	if len(names) > most {
		names = names[:most]
	}
	if rest > 0 || len(routes) == 0 {
		names = append(names, fmt.Sprintf("%d others", rest))
	}
	return strings.Join(names, ", ")
}
