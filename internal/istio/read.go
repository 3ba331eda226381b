package istio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What is read of one object: whoever writes it decides how much it holds, and of each in the cluster something is kept.
// The API server lets greenwatch change no object of more routes (deploy/admission.yaml).
const (
	mostRoutes       = 1024 // of a kind
	mostDestinations = 4096 // of all routes of a kind
	mostFaults       = 8
)

// Read takes from the object what greenwatch needs. It keeps no reference into the object, which
// may belong to an informer's cache. An error names the fields that could not be understood, and what there is too much of;
// weights out of range are no error here, since they concern only who reads or moves that route.
func Read(u *unstructured.Unstructured) (VirtualService, error) {
	var faults []error
	root := node{value: u.Object, faults: &faults}
	spec := root.field("spec")
	vs := VirtualService{
		Name:            u.GetName(),
		Namespace:       u.GetNamespace(),
		ResourceVersion: u.GetResourceVersion(),
		HTTP:            readRoutes(spec, HTTP),
		TCP:             readRoutes(spec, TCP),
		TLS:             readRoutes(spec, TLS),
		Writer:          lastWriter(root.field("metadata").field("managedFields").value),
		Source:          source(u.GetLabels(), u.GetAnnotations()),
	}
	if err := errors.Join(faults...); err != nil {
		return VirtualService{}, fmt.Errorf("read VirtualService %s: %w", vs, err)
	}
	return vs, nil
}

func readRoutes(spec node, kind Kind) []Route {
	var routes []Route
	left := mostDestinations
	for i, n := range spec.field(string(kind)).items(mostRoutes) {
		route := Route{
			Kind:         kind,
			Index:        i,
			Key:          matchDigest(n.field("match")),
			Destinations: readDestinations(n.field("route"), left),
		}
		left -= len(route.Destinations)
		if kind == HTTP {
			route.Name = n.field("name").text()
		}
		if route.Name != "" {
			route.Key = route.Name
		}
		routes = append(routes, route)
	}
	distinguish(routes)
	return routes
}

func readDestinations(list node, most int) []Weighted {
	var destinations []Weighted
	for _, n := range list.items(most) {
		destination := n.field("destination")
		weight, hasWeight := n.field("weight").integer()
		port, _ := destination.field("port").field("number").integer()
		destinations = append(destinations, Weighted{
			Destination: Destination{
				Host:   destination.field("host").text(),
				Subset: destination.field("subset").text(),
			},
			Port:      port,
			Weight:    weight,
			HasWeight: hasWeight,
		})
	}
	return destinations
}

// node is a value of the object with the path that leads to it. What is absent, or null, is a node
// without a value, which has no fields, no items, no text and no number; what is of another type
// than wanted is the same and leaves a fault.
type node struct {
	path   string
	value  any
	faults *[]error
}

func (n node) field(name string) node {
	path := name
	if n.path != "" {
		path = n.path + "." + name
	}
	object, ok := n.value.(map[string]any)
	if !ok {
		n.mismatch("an object")
	}
	return node{path: path, value: object[name], faults: n.faults}
}

// items gives none of a list that is longer than so many.
func (n node) items(most int) []node {
	list, ok := n.value.([]any)
	if !ok {
		n.mismatch("a list")
	}
	if len(list) > most {
		n.fault(fmt.Errorf("%s: %d are too many to read", n.path, len(list)))
		return nil
	}
	nodes := make([]node, len(list))
	for i, value := range list {
		nodes[i] = node{path: fmt.Sprintf("%s[%d]", n.path, i), value: value, faults: n.faults}
	}
	return nodes
}

func (n node) text() string {
	text, ok := n.value.(string)
	if !ok {
		n.mismatch("a string")
	}
	return text
}

// integer also tells whether there is one.
func (n node) integer() (int64, bool) {
	switch number := n.value.(type) {
	case int64:
		return number, true
	case int:
		return int64(number), true
	case float64:
		// Decoders that know no integers make floats of them; beyond 2^53 they are no longer exact.
		if number == math.Trunc(number) && math.Abs(number) <= 1<<53 {
			return int64(number), true
		}
	}
	n.mismatch("an integer")
	return 0, false
}

// mismatch leaves a fault, unless there is nothing that could be of the wrong type.
func (n node) mismatch(want string) {
	if n.value == nil {
		return
	}
	n.fault(fmt.Errorf("%s: want %s, have %s", n.path, want, describe(n.value)))
}

func (n node) fault(err error) {
	if len(*n.faults) < mostFaults {
		*n.faults = append(*n.faults, err)
	}
}

// describe shows a value shortly enough for a message.
func describe(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a %T", value)
	}
	return string(text)
}
