package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// What the objects in the cluster can hold of routes.
const (
	mostRoutes    = 32
	longestKey    = 253 // of a host, too
	longestSubset = 63
)

func recall(memory []release.RouteMemory) map[string][]istio.Place {
	remembered := make(map[string][]istio.Place, len(memory))
	for _, route := range memory {
		for _, d := range route.Destinations {
			remembered[route.Key] = append(remembered[route.Key], istio.Place{Destination: istio.Destination{Host: d.Host, Subset: d.Subset}, Port: d.Port})
		}
	}
	return remembered
}

// remember puts routes in order, so that the same memory is equal to itself. Where there are more
// than can be kept, those that led to both slots are kept first: only these are watched for it.
func remember(remembered map[string][]istio.Place) []release.RouteMemory {
	var memory []release.RouteMemory
	for _, key := range slices.Sorted(maps.Keys(remembered)) {
		route := release.RouteMemory{Key: key}
		for _, p := range remembered[key] {
			if len(p.Host) <= longestKey && len(p.Subset) <= longestSubset {
				route.Destinations = append(route.Destinations, release.Destination{Host: p.Host, Subset: p.Subset, Port: p.Port})
			}
		}
		if len(key) <= longestKey && len(route.Destinations) > 0 {
			memory = append(memory, route)
		}
	}
	if len(memory) <= mostRoutes {
		return memory
	}
	slices.SortStableFunc(memory, func(a, b release.RouteMemory) int { return len(b.Destinations) - len(a.Destinations) })
	memory = memory[:mostRoutes]
	slices.SortFunc(memory, func(a, b release.RouteMemory) int { return strings.Compare(a.Key, b.Key) })
	return memory
}

// overflow refuses to watch what could not be written down: a rollback that can't be saved can't be
// performed, and that had better be known beforehand.
func overflow(plan *release.Plan, watched []istio.WatchedRoute) *Problem {
	if len(watched) > mostRoutes {
		return &Problem{TooManyRoutes, fmt.Sprintf("VirtualService %s has %d routes to watch, at most %d can be; name them in httpRoutes",
			plan.VirtualService, len(watched), mostRoutes)}
	}
	for _, w := range watched {
		if len(w.Key) > longestKey {
			return &Problem{TooManyRoutes, fmt.Sprintf("VirtualService %s: the name of route %.40q… has %d bytes, at most %d can be kept",
				plan.VirtualService, w.Key, len(w.Key), longestKey)}
		}
	}
	return nil
}
