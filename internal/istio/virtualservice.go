package istio

import (
	"fmt"
	"math"
)

// VirtualService is the part of a VirtualService that greenwatch reads.
type VirtualService struct {
	Name            string
	Namespace       string
	ResourceVersion string

	// HTTP, TCP and TLS are the routes in the order of the object, also those without destinations
	// (redirects, direct responses, delegates): the index of a route is its place in the list.
	HTTP []Route
	TCP  []Route
	TLS  []Route

	// Writer is who last wrote spec.http, the zero Writer if the object does not tell.
	Writer Writer

	// Source is what keeps it as it is written elsewhere, such as "Argo CD application shop"; empty if the object does
	// not tell.
	Source string
}

// Kind is the list of the spec that a route belongs to.
type Kind string

const (
	HTTP Kind = "http"
	TCP  Kind = "tcp"
	TLS  Kind = "tls"
)

// Route is one route of a VirtualService.
type Route struct {
	Kind  Kind
	Index int

	// Name is the route's own name, empty if it has none.
	Name string

	// Key recognises the route in a later state of the object, wherever it has moved in the list:
	// its name, else a digest of its matches. It is unique among the routes of its kind.
	Key string

	Destinations []Weighted
}

// Weighted is a destination of a route with its weight.
type Weighted struct {
	Destination Destination
	Port        int64 // 0: none is named
	Weight      int64 // as written, possibly out of range; 0 if absent
	HasWeight   bool
}

// Destination is where a route leads, or a policy's name for one side of the service.
type Destination struct {
	Host   string
	Subset string
}

// Place is a destination as a route names it.
type Place struct {
	Destination
	Port int64 // 0: none is named
}

// String is host, or host/subset.
func (d Destination) String() string {
	if d.Subset == "" {
		return d.Host
	}
	return d.Host + "/" + d.Subset
}

// Slot is one of the two sides of a blue/green service.
type Slot struct {
	Name        string
	Destination Destination
}

const (
	// soleWeight is what a route's only destination weighs if it says nothing itself.
	soleWeight = 100

	maxWeight = math.MaxInt32
	// maxSum is where proxies refuse a route: they add up its weights in 32 bits.
	maxSum = math.MaxUint32
)

// Route finds an HTTP route by its key.
func (vs VirtualService) Route(key string) (Route, bool) {
	for _, route := range vs.HTTP {
		if route.Key == key {
			return route, true
		}
	}
	return Route{}, false
}

// String is namespace/name.
func (vs VirtualService) String() string {
	return vs.Namespace + "/" + vs.Name
}

// Share is the destination's weight over the sum of the route's weights, 0 to 1. An absent weight
// is 0, a sole destination has 1, a destination that occurs several times has its weights together.
// Where shares are not defined every share is 0; see [Route.Defined].
func (r Route) Share(d Destination, namespace string) float64 {
	if !r.Defined() {
		return 0
	}
	var own, sum int64
	for i, weight := range r.weights() {
		sum += weight
		if r.Destinations[i].Destination.Equal(d, namespace) {
			own += weight
		}
	}
	return float64(own) / float64(sum)
}

// Defined tells whether the route's weights give shares. They do not if there is no destination, if
// all weights are 0, or if they are out of range. Proxies refuse such a route (or, with no
// destination, do something else than forward) and keep the split that they had before, so that
// nothing can be concluded from the object.
func (r Route) Defined() bool {
	if len(r.Destinations) == 1 {
		return true
	}
	var sum int64
	for _, weight := range r.weights() {
		sum += weight
	}
	return r.checkWeights() == nil && sum > 0
}

// LeadsTo tells whether the destination is among the route's, with whatever weight.
func (r Route) LeadsTo(d Destination, namespace string) bool {
	for _, w := range r.Destinations {
		if w.Destination.Equal(d, namespace) {
			return true
		}
	}
	return false
}

// weights are the weights as a proxy takes them: a sole destination gets everything, whatever it
// says.
func (r Route) weights() []int64 {
	weights := make([]int64, len(r.Destinations))
	for i, w := range r.Destinations {
		weights[i] = w.Weight
	}
	if len(weights) == 1 && weights[0] <= 0 {
		weights[0] = soleWeight
	}
	return weights
}

// checkWeights refuses weights that no proxy accepts.
func (r Route) checkWeights() error {
	var sum int64
	for i, w := range r.Destinations {
		if w.Weight < 0 || w.Weight > maxWeight {
			return fmt.Errorf("%s.route[%d].weight: want 0 to %d, have %d", r.path(), i, maxWeight, w.Weight)
		}
		sum += w.Weight
	}
	if sum > maxSum {
		return fmt.Errorf("%s.route: want weights that sum to at most %d, have %d", r.path(), int64(maxSum), sum)
	}
	return nil
}

// path is where the route stands in the object, for people.
func (r Route) path() string {
	return fmt.Sprintf("spec.%s[%d]", r.Kind, r.Index)
}
