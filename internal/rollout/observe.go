package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Source is where observations come from: [Live], or the caches of [Informers].
type Source struct {
	// Live says that it asks the API server.
	Live bool
	// Slot views a Deployment. One that does not exist is a view that is not Found.
	Slot func(ctx context.Context, namespace, deployment string) (release.SlotView, error)
	// Routing reads a VirtualService. One that does not exist is not Found.
	Routing func(ctx context.Context, namespace, virtualService string) (Routing, error)
}

// Routing is a VirtualService that was looked for.
type Routing struct {
	Found          bool
	VirtualService istio.VirtualService
	// Fault says why it can't be understood although it is there.
	Fault error
}

// Reason says in one word, fit for a condition, what is wrong with what a policy names. Those of
// package istio are used as they are.
type Reason string

// The reasons.
const (
	DeploymentMissing        Reason = "DeploymentMissing"
	VirtualServiceMissing    Reason = "VirtualServiceMissing"
	VirtualServiceUnreadable Reason = "VirtualServiceUnreadable"
	TooManyRoutes            Reason = "TooManyRoutes"
	RouteMissing                    = Reason(istio.RouteMissing)
	NoRoute                         = Reason(istio.NoRoute)
	NoSlot                          = Reason(istio.NoSlot)
	TCPRoute                        = Reason(istio.TCPRoute)
	ShareUndefined                  = Reason(istio.ShareUndefined)
	SameDestination                 = Reason(istio.SameDestination)
)

// Problem is something that a person has to put right before the policy can be obeyed.
type Problem struct {
	Reason  Reason
	Message string
}

// Sight is one observation of what a plan names.
type Sight struct {
	World release.World
	// Problems are the policy's; the worst for the watch comes first. World.Problem is set only by
	// those that leave the shares unknown.
	Problems []Problem
	// Routes is what to remember of the routes for the next observation.
	Routes []release.RouteMemory
}

// Observe looks at the slots and the routes of a plan. An error means that nothing was observed.
func Observe(ctx context.Context, plan *release.Plan, memory []release.RouteMemory, src Source) (Sight, error) {
	routing, err := src.Routing(ctx, plan.Namespace, plan.VirtualService)
	if err != nil {
		return Sight{}, fmt.Errorf("observe policy %s/%s: %w", plan.Namespace, plan.Policy, err)
	}
	sight := Routes(plan, memory, routing)
	sight.World.Live = src.Live
	for _, slot := range plan.Slots {
		view, err := src.Slot(ctx, plan.Namespace, slot.Deployment)
		if err != nil {
			return Sight{}, fmt.Errorf("observe policy %s/%s: slot %s: %w", plan.Namespace, plan.Policy, slot.Name, err)
		}
		if !view.Found {
			sight.Problems = append(sight.Problems, deploymentMissing(plan, slot))
		}
		view.Slot = slot.Name
		sight.World.Slots = append(sight.World.Slots, view)
	}
	return sight, nil
}

// Routes is the part of an observation that comes from the VirtualService.
//
// The shares are unknown if it is missing or can't be understood, if no route is left to be watched
// or more than can be remembered, or if a watched route has weights that proxies refuse: they keep
// the split that they had, and only the data plane knows it. A route that the policy names and that
// leads to neither slot is said and not counted: it has no shares of them.
func Routes(plan *release.Plan, memory []release.RouteMemory, routing Routing) Sight {
	if problem := unusable(plan, routing); problem != nil {
		return blind(memory, *problem)
	}
	vs, slots := routing.VirtualService, istioSlots(plan)
	remembered := recall(memory)
	watched, found := istio.Watch(vs, slots, plan.HTTPRoutes, remembered)
	problems := problemsOf(plan, found)
	watched = slices.DeleteFunc(watched, func(r istio.WatchedRoute) bool { return leadsNowhere(r, found) })
	if tooMany := overflow(plan, watched); tooMany != nil {
		problems = append([]Problem{*tooMany}, problems...)
	}
	sight := Sight{
		World:    release.World{Writer: vs.Writer.Manager, Source: vs.Source, Routes: views(plan, watched, remembered)},
		Problems: problems,
		Routes:   remember(istio.Remember(vs, slots, remembered)),
	}
	sight.World.Problem = unknownBecause(problems, len(watched) == 0)
	if sight.World.Problem != "" {
		sight.World.Routes = nil
	}
	return sight
}

func unusable(plan *release.Plan, routing Routing) *Problem {
	switch {
	case len(plan.Slots) != 2:
		return &Problem{NoSlot, fmt.Sprintf("the policy has %d slots; it needs two", len(plan.Slots))}
	case !routing.Found:
		return &Problem{VirtualServiceMissing, fmt.Sprintf("there is no VirtualService %s in namespace %s", plan.VirtualService, plan.Namespace)}
	case routing.Fault != nil:
		return &Problem{VirtualServiceUnreadable, routing.Fault.Error()}
	}
	return nil
}

// blind is a sight without shares. What was remembered stays: it is not known to have changed.
func blind(memory []release.RouteMemory, problem Problem) Sight {
	return Sight{
		World:    release.World{Problem: problem.String()},
		Problems: []Problem{problem},
		Routes:   memory,
	}
}

// String is the problem in a line.
func (p Problem) String() string { return string(p.Reason) + ": " + p.Message }

func deploymentMissing(plan *release.Plan, slot release.Slot) Problem {
	return Problem{DeploymentMissing, fmt.Sprintf("slot %s: there is no Deployment %s in namespace %s",
		slot.Name, slot.Deployment, plan.Namespace)}
}

func istioSlots(plan *release.Plan) (slots [2]istio.Slot) {
	for i := range slots {
		slots[i] = istio.Slot{Name: plan.Slots[i].Name, Destination: DestinationOf(plan.Slots[i])}
	}
	return slots
}

// DestinationOf is where a slot's traffic leads.
func DestinationOf(slot release.Slot) istio.Destination {
	return istio.Destination{Host: slot.Host, Subset: slot.Subset}
}

func problemsOf(plan *release.Plan, found []istio.Problem) []Problem {
	problems := make([]Problem, 0, len(found))
	for _, p := range found {
		problems = append(problems, Problem{Reason(p.Reason), "VirtualService " + plan.VirtualService + ": " + p.Message})
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return weight(a.Reason) - weight(b.Reason) })
	return problems
}

// weight orders reasons by what they do to the watch: the shares are unknown, or some are missing,
// or all are there.
func weight(r Reason) int {
	switch r {
	case SameDestination, NoRoute, ShareUndefined, TooManyRoutes:
		return 0
	case RouteMissing, NoSlot:
		return 1
	}
	return 2
}

func leadsNowhere(route istio.WatchedRoute, found []istio.Problem) bool {
	return slices.ContainsFunc(found, func(p istio.Problem) bool {
		return p.Reason == istio.NoSlot && p.Route == route.Key
	})
}

// unknownBecause says why the shares are unknown, or nothing if they are known.
func unknownBecause(problems []Problem, nothingWatched bool) string {
	var why []string
	for _, p := range problems {
		if nothingWatched || weight(p.Reason) == 0 {
			why = append(why, p.String())
		}
	}
	return strings.Join(why, "; ")
}

// views are the watched routes with the shares of the slots that they lead to.
func views(plan *release.Plan, watched []istio.WatchedRoute, remembered map[string][]istio.Place) (routes []release.RouteView) {
	for _, w := range watched {
		shares, ports := map[string]float64{}, map[string]int64{}
		for _, slot := range plan.Slots {
			d := DestinationOf(slot)
			if w.LeadsTo(d, plan.Namespace) {
				shares[slot.Name] = w.Shares[slot.Name]
			}
			if place, led := istio.Led(w.Route, d, plan.Namespace, remembered[w.Key]); led {
				ports[slot.Name] = place.Port
			}
		}
		routes = append(routes, release.RouteView{Key: w.Key, Shares: shares, Ports: ports})
	}
	return routes
}
