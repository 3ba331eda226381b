package istio

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Move takes the traffic of one slot to the other. It is a plan, not an act: [Move.Patch] says what
// to send for an object as it was just read.
type Move struct {
	// Routes are the keys of the HTTP routes to change.
	Routes []string
	// From ends with weight 0 in each of them, To with its own weight and From's.
	From, To Destination
	// Back is, by route key, the port that To was seen with in a route that may lack it now; 0: none. To is
	// added to no other route.
	Back map[string]int64
}

// NeverLedError says that a route has traffic to give and was never seen to lead to where it should go. Nothing
// is patched then.
type NeverLedError struct {
	Route string // its key
	To    Destination
}

func (e *NeverLedError) Error() string {
	return fmt.Sprintf("HTTP route %s does not lead to %s, and was never seen to", e.Route, e.To)
}

// ForeignError says that a destination that would be added is not of the object's namespace.
type ForeignError struct {
	To        Destination
	Namespace string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not in namespace %s: it is added to no route", e.To, e.Namespace)
}

// MissingRoutesError says that routes to be changed are not in the object: they were removed, or
// were renamed, or, having no name, match something else now. Nothing is patched then; who wants to
// go on without them leaves them out of the Move.
type MissingRoutesError struct {
	Keys []string
}

func (e *MissingRoutesError) Error() string {
	return "no HTTP route with key " + strings.Join(e.Keys, ", ")
}

// Patch is the JSON patch that performs the move on the object, or nil if there is nothing to do.
//
// The sum of a route's weights stays what it was, and so does the share of any third destination.
// If To occurs several times in a route, its weights keep their proportions; were they all 0, the
// first gets everything. A route whose weights are all 0 has no shares to keep: To gets 100. If To
// is not in a route that led to it before, it is added at the end, with the port that it had there, and only if it
// is of the object's own namespace. Routes in which From has no weight are left alone.
//
// The patch replaces the resourceVersion by the very one that was read, so that the API server
// answers 409 if the object has changed in between.
func (m Move) Patch(vs VirtualService) ([]byte, error) {
	return m.fenced(vs, []operation{{Op: "replace", Path: "/metadata/resourceVersion", Value: vs.ResourceVersion}})
}

// Guarded is the same patch for an object that others write to all the time. It is fenced not by the version
// of the object but by what the move rests on: that it is the same object, and that each of the routes is
// still at its place and as it was read, matches, destinations, weights and all. Where it is not, the API
// server applies nothing and answers 422. The object is the one that vs was read from.
func (m Move) Guarded(vs VirtualService, object *unstructured.Unstructured) ([]byte, error) {
	list, _, err := unstructured.NestedFieldNoCopy(object.Object, "spec", string(HTTP))
	routes, ok := list.([]any)
	if err != nil || !ok || len(routes) != len(vs.HTTP) {
		return nil, fmt.Errorf("guard the patch of VirtualService %s: the object is not the one that was read", vs)
	}
	guards := []operation{{Op: "test", Path: "/metadata/uid", Value: object.GetUID()}}
	for _, route := range vs.HTTP {
		if slices.Contains(m.Routes, route.Key) {
			guards = append(guards, operation{Op: "test", Path: fmt.Sprintf("/spec/http/%d", route.Index), Value: routes[route.Index]})
		}
	}
	return m.fenced(vs, guards)
}

func (m Move) fenced(vs VirtualService, fence []operation) ([]byte, error) {
	operations, err := m.operations(vs)
	if err != nil {
		return nil, fmt.Errorf("move traffic of VirtualService %s from %s to %s: %w", vs, m.From, m.To, err)
	}
	if len(operations) == 0 {
		return nil, nil
	}
	return json.Marshal(append(fence, operations...))
}

// operation is one operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func (m Move) operations(vs VirtualService) ([]operation, error) {
	if err := m.check(vs); err != nil {
		return nil, err
	}
	var all []operation
	for _, route := range vs.HTTP {
		if !slices.Contains(m.Routes, route.Key) {
			continue
		}
		operations, err := m.moveRoute(route, vs.Namespace)
		if err != nil {
			return nil, err
		}
		all = append(all, operations...)
	}
	return all, nil
}

func (m Move) check(vs VirtualService) error {
	if m.To.Host == "" || m.From.Host == "" {
		return errors.New("want two destinations with a host")
	}
	if m.From.Equal(m.To, vs.Namespace) {
		return errors.New("both are the same destination")
	}
	if vs.ResourceVersion == "" {
		return errors.New("the object has no resourceVersion to fence the patch with")
	}
	var absent []string
	for _, key := range m.Routes {
		if _, ok := vs.Route(key); !ok {
			absent = append(absent, key)
		}
	}
	if len(absent) > 0 {
		return &MissingRoutesError{Keys: absent}
	}
	return nil
}

// moveRoute changes one route. It reckons with the weights as a proxy takes them, so that a sole
// destination, which carries all whatever it says, has something to give.
func (m Move) moveRoute(route Route, namespace string) ([]operation, error) {
	if err := route.checkWeights(); err != nil {
		return nil, err
	}
	before := split(route, m.From, m.To, namespace)
	total, ok := before.moved()
	if !ok {
		return nil, nil
	}
	if total > maxWeight {
		return nil, fmt.Errorf("%s.route: the weights of both together are %d, want at most %d", route.path(), total, maxWeight)
	}
	operations := setWeights(route, before.weights, before.after(total))
	if len(before.to) > 0 {
		return operations, nil
	}
	port, led := m.Back[route.Key]
	switch {
	case !led:
		return nil, &NeverLedError{Route: route.Key, To: m.To}
	case !m.To.Within(namespace):
		return nil, &ForeignError{To: m.To, Namespace: namespace}
	}
	return append(operations, operation{
		Op:    "add",
		Path:  fmt.Sprintf("/spec/http/%d/route/-", route.Index),
		Value: newElement(m.To, port, total, namespace),
	}), nil
}

// sides are a route's weights with the places of the two destinations among them.
type sides struct {
	weights  []int64
	from, to []int
}

func split(route Route, from, to Destination, namespace string) sides {
	s := sides{weights: route.weights()}
	for i, w := range route.Destinations {
		switch {
		case w.Destination.Equal(from, namespace):
			s.from = append(s.from, i)
		case w.Destination.Equal(to, namespace):
			s.to = append(s.to, i)
		}
	}
	return s
}

// moved is the weight that To has after the move, and whether there is anything to move.
func (s sides) moved() (total int64, ok bool) {
	if len(s.from)+len(s.to) == 0 {
		return 0, false
	}
	if sum(s.weights) == 0 {
		return soleWeight, true
	}
	carried := sum(pick(s.weights, s.from))
	return carried + sum(pick(s.weights, s.to)), carried > 0
}

// after is the weights after a move that gives To the total, as far as To is in the route.
func (s sides) after(total int64) []int64 {
	after := slices.Clone(s.weights)
	for _, i := range s.from {
		after[i] = 0
	}
	for i, weight := range distribute(total, pick(s.weights, s.to)) {
		after[s.to[i]] = weight
	}
	return after
}

// setWeights writes the weights that change.
func setWeights(route Route, before, after []int64) (operations []operation) {
	for i := range after {
		if after[i] == before[i] {
			continue
		}
		operations = append(operations, operation{
			Op:    "add", // also replaces; a weight may be absent
			Path:  fmt.Sprintf("/spec/http/%d/route/%d/weight", route.Index, i),
			Value: after[i],
		})
	}
	return operations
}

// newElement is a destination as an element of a route.
func newElement(d Destination, port, weight int64, namespace string) map[string]any {
	destination := map[string]any{"host": resolvable(d.Host, namespace)}
	if d.Subset != "" {
		destination["subset"] = d.Subset
	}
	if port != 0 {
		destination["port"] = map[string]any{"number": port}
	}
	return map[string]any{"destination": destination, "weight": weight}
}

// distribute shares total out in proportion to the weights, in whole numbers that sum to total: what
// rounding down leaves over goes, one each, to the largest remainders. Without any weight the first
// gets all.
func distribute(total int64, weights []int64) []int64 {
	parts := make([]int64, len(weights))
	whole := sum(weights)
	if whole == 0 {
		copy(parts, []int64{total}) // no weights, no parts
		return parts
	}
	order := make([]int, len(weights))
	for i, weight := range weights {
		order[i] = i
		parts[i] = total * weight / whole // below 2^62: both are at most 2^31
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(total*weights[b]%whole, total*weights[a]%whole)
	})
	for _, i := range order[:total-sum(parts)] {
		parts[i]++
	}
	return parts
}

func pick(weights []int64, places []int) []int64 {
	picked := make([]int64, len(places))
	for i, place := range places {
		picked[i] = weights[place]
	}
	return picked
}

func sum(weights []int64) (total int64) {
	for _, weight := range weights {
		total += weight
	}
	return total
}
