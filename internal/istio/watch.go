package istio

import (
	"fmt"
	"slices"
	"strings"
)

// WatchedRoute is an HTTP route whose traffic greenwatch judges and, if it must, moves.
type WatchedRoute struct {
	Route

	// Shares is each slot's share of what goes to the two slots, by the slot's name, 0 to 1. Both are there, always, and
	// both are 0 where all goes to third destinations.
	Shares map[string]float64

	// Undefined is set if the weights give no shares (see [Route.Defined]). Shares are 0 then, which
	// must not be read as traffic that was moved away.
	Undefined bool
}

// Watch picks the routes to watch. With names it is the HTTP routes of these names; without, it is
// every HTTP route that leads to both slots, or that leads to one and led to the other's destination according
// to remembered (places by route key; see [Remember]). A route that pins requests to one slot is
// thus left alone, and so are routes that only redirect, respond or delegate.
func Watch(vs VirtualService, slots [2]Slot, names []string, remembered map[string][]Place) ([]WatchedRoute, []Problem) {
	if slots[0].Destination.Equal(slots[1].Destination, vs.Namespace) {
		return nil, []Problem{sameDestination(slots)}
	}
	var routes []Route
	var problems []Problem
	if len(names) > 0 {
		routes, problems = named(vs, slots, names)
	} else {
		routes, problems = leadingToBoth(vs, slots, remembered)
	}
	var watched []WatchedRoute
	for _, route := range routes {
		w := watch(route, slots, vs.Namespace)
		watched = append(watched, w)
		if w.Undefined && len(w.Destinations) > 0 {
			problems = append(problems, undefined(route))
		}
	}
	return watched, append(problems, immovable(vs, slots)...)
}

// Remember adds the slots' destinations that the HTTP routes lead to now to those that they are remembered to
// have led to, and forgets routes that are no more, and destinations that are no slot's any more. It goes by what
// stands in the routes alone: what a policy calls its slots' destinations was never seen there for that. It
// returns what Watch wants to be given next time; what it is given stays as it is.
//
// Every route that leads to a slot is remembered, watched or not: where a service is switched by
// naming the one or the other slot alone, this is the only way to see that a route leads to both. A
// preview route that is pointed at one slot after the other comes to be watched the same way; where
// that is not wanted, the policy names its routes.
func Remember(vs VirtualService, slots [2]Slot, remembered map[string][]Place) map[string][]Place {
	memory := map[string][]Place{}
	for _, route := range vs.HTTP {
		for _, slot := range slots {
			if place, ok := Led(route, slot.Destination, vs.Namespace, remembered[route.Key]); ok {
				memory[route.Key] = append(memory[route.Key], place)
			}
		}
	}
	return memory
}

// Led gives the place of a destination in a route, as it stands there or else as it is remembered. A route
// without destinations leads nowhere, whatever it did before.
func Led(route Route, d Destination, namespace string, remembered []Place) (Place, bool) {
	if len(route.Destinations) == 0 {
		return Place{}, false
	}
	for _, w := range route.Destinations {
		if w.Destination.Equal(d, namespace) {
			return Place{w.Destination, w.Port}, true
		}
	}
	for _, p := range remembered {
		if p.Equal(d, namespace) {
			return p, true
		}
	}
	return Place{}, false
}

func named(vs VirtualService, slots [2]Slot, names []string) (routes []Route, problems []Problem) {
	found := map[string]bool{}
	for _, route := range vs.HTTP {
		if route.Name == "" || !slices.Contains(names, route.Name) {
			continue
		}
		found[route.Name] = true
		routes = append(routes, route)
		if len(ledTo(route, slots, vs.Namespace, nil)) == 0 {
			problems = append(problems, noSlot(route, slots))
		}
	}
	for _, name := range names {
		if !found[name] {
			found[name] = true // said once, however often it is asked for
			problems = append(problems, missing(vs, name))
		}
	}
	return routes, problems
}

func leadingToBoth(vs VirtualService, slots [2]Slot, remembered map[string][]Place) ([]Route, []Problem) {
	var routes []Route
	for _, route := range vs.HTTP {
		if len(ledTo(route, slots, vs.Namespace, remembered[route.Key])) == len(slots) {
			routes = append(routes, route)
		}
	}
	if len(routes) == 0 {
		return nil, []Problem{noRoute(slots)}
	}
	return routes, nil
}

// ledTo names the slots that the route leads, or is remembered to have led, to.
func ledTo(route Route, slots [2]Slot, namespace string, remembered []Place) []string {
	var led []string
	for _, slot := range slots {
		if _, ok := Led(route, slot.Destination, namespace, remembered); ok {
			led = append(led, slot.Name)
		}
	}
	return led
}

func watch(route Route, slots [2]Slot, namespace string) WatchedRoute {
	shares, both := make(map[string]float64, len(slots)), 0.0
	for _, slot := range slots {
		shares[slot.Name] = route.Share(slot.Destination, namespace)
		both += shares[slot.Name]
	}
	for name := range shares {
		if both > 0 { // third destinations keep theirs and don't count
			shares[name] /= both
		}
	}
	return WatchedRoute{Route: route, Shares: shares, Undefined: !route.Defined()}
}

// immovable finds what leads to the slots past the HTTP routes.
func immovable(vs VirtualService, slots [2]Slot) (problems []Problem) {
	for _, route := range slices.Concat(vs.TCP, vs.TLS) {
		led := ledTo(route, slots, vs.Namespace, nil)
		if len(led) == 0 {
			continue
		}
		problems = append(problems, Problem{
			Reason: TCPRoute,
			Route:  route.Key,
			Message: fmt.Sprintf("%s leads to %s, but greenwatch moves HTTP routes only",
				route.path(), strings.Join(led, " and ")),
		})
	}
	return problems
}
