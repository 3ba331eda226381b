package istio

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const namespace = "prod"

var (
	blue  = Destination{Host: "kb-blue"}
	green = Destination{Host: "kb-green"}
	third = Destination{Host: "kb-third"}

	bothSlots = [2]Slot{{Name: "blue", Destination: blue}, {Name: "green", Destination: green}}
)

// object is a VirtualService with the spec given as YAML.
func object(t testing.TB, spec string) *unstructured.Unstructured {
	t.Helper()
	return parse(t, `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: kb, namespace: prod, resourceVersion: "7"}
spec:
`+indent(spec))
}

// routed is a VirtualService with one unnamed HTTP route with the destinations given as YAML.
func routed(t testing.TB, destinations string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "http: [{route: "+destinations+"}]")
}

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	encoded, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(encoded); err != nil {
		t.Fatal(err)
	}
	return u
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

func read(t testing.TB, u *unstructured.Unstructured) VirtualService {
	t.Helper()
	vs, err := Read(u)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

func encode(t testing.TB, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func keys(routes []Route) []string {
	var all []string
	for _, route := range routes {
		all = append(all, route.Key)
	}
	return all
}
