package istio

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// toStable moves all routes of the object from green to blue.
func toStable(vs VirtualService) Move {
	return Move{Routes: keys(vs.HTTP), From: green, To: blue, Back: led(vs, 0)}
}

// led says of all routes that they led to where the traffic is to go, with that port.
func led(vs VirtualService, port int64) map[string]int64 {
	back := map[string]int64{}
	for _, key := range keys(vs.HTTP) {
		back[key] = port
	}
	return back
}

func TestMoveGivesStableTheCandidatesWeight(t *testing.T) {
	const (
		unchanged = ""
		b, g, c   = "{destination: {host: kb-blue}", "{destination: {host: kb-green}", "{destination: {host: kb-third}"
	)
	for name, test := range map[string]struct{ before, after string }{
		"90/10":                              {"[" + b + ", weight: 90}, " + g + ", weight: 10}]", "[" + b + ", weight: 100}, " + g + ", weight: 0}]"},
		"0/100":                              {"[" + b + ", weight: 0}, " + g + ", weight: 100}]", "[" + b + ", weight: 100}, " + g + ", weight: 0}]"},
		"sum of 90":                          {"[" + b + ", weight: 60}, " + g + ", weight: 30}]", "[" + b + ", weight: 90}, " + g + ", weight: 0}]"},
		"sum of 150":                         {"[" + b + ", weight: 120}, " + g + ", weight: 30}]", "[" + b + ", weight: 150}, " + g + ", weight: 0}]"},
		"stable's weight absent":             {"[" + b + "}, " + g + ", weight: 100}]", "[" + b + ", weight: 100}, " + g + ", weight: 0}]"},
		"candidate first":                    {"[" + g + ", weight: 10}, " + b + ", weight: 90}]", "[" + g + ", weight: 0}, " + b + ", weight: 100}]"},
		"third keeps its share":              {"[" + c + ", weight: 20}, " + b + ", weight: 50}, " + g + ", weight: 30}]", "[" + c + ", weight: 20}, " + b + ", weight: 80}, " + g + ", weight: 0}]"},
		"moved already":                      {"[" + b + ", weight: 100}, " + g + ", weight: 0}]", unchanged},
		"moved already, weight absent":       {"[" + b + ", weight: 100}, " + g + "}]", unchanged},
		"sole stable":                        {"[" + b + "}]", unchanged},
		"sole stable of weight 0":            {"[" + b + ", weight: 0}]", unchanged},
		"all with the third":                 {"[" + c + ", weight: 100}, " + b + "}, " + g + "}]", unchanged},
		"only the third":                     {"[" + c + "}]", unchanged},
		"dropped, candidate has nothing":     {"[" + c + ", weight: 100}, " + g + ", weight: 0}]", unchanged},
		"neither, all 0":                     {"[" + c + ", weight: 0}, {destination: {host: other}, weight: 0}]", unchanged},
		"all 0":                              {"[" + c + ", weight: 0}, " + b + ", weight: 0}, " + g + ", weight: 0}]", "[" + c + ", weight: 0}, " + b + ", weight: 100}, " + g + ", weight: 0}]"},
		"all absent":                         {"[" + b + "}, " + g + "}]", "[" + b + ", weight: 100}, " + g + "}]"},
		"all 0, stable dropped":              {"[" + c + ", weight: 0}, " + g + ", weight: 0}]", "[" + c + ", weight: 0}, " + g + ", weight: 0}, " + b + ", weight: 100}]"},
		"dropped, sole candidate":            {"[" + g + "}]", "[" + g + ", weight: 0}, " + b + ", weight: 100}]"},
		"dropped, sole candidate of 0":       {"[" + g + ", weight: 0}]", "[" + g + ", weight: 0}, " + b + ", weight: 100}]"},
		"dropped, sole candidate of 40":      {"[" + g + ", weight: 40}]", "[" + g + ", weight: 0}, " + b + ", weight: 40}]"},
		"dropped, with a third":              {"[" + c + ", weight: 50}, " + g + ", weight: 100}]", "[" + c + ", weight: 50}, " + g + ", weight: 0}, " + b + ", weight: 100}]"},
		"dropped, whatever candidate's port": {"[{destination: {host: kb-green, port: {number: 8080}}, headers: {request: {set: {x: y}}}}]", "[{destination: {host: kb-green, port: {number: 8080}}, headers: {request: {set: {x: y}}}, weight: 0}, {destination: {host: kb-blue}, weight: 100}]"},
		"candidate several times":            {"[" + g + ", weight: 10}, " + b + ", weight: 70}, " + g + ", headers: {}, weight: 20}]", "[" + g + ", weight: 0}, " + b + ", weight: 100}, " + g + ", headers: {}, weight: 0}]"},
		"stable several times, in thirds":    {"[" + b + ", weight: 60}, " + b + ", headers: {}, weight: 30}, " + g + ", weight: 10}]", "[" + b + ", weight: 67}, " + b + ", headers: {}, weight: 33}, " + g + ", weight: 0}]"},
		"stable several times, one 0":        {"[" + b + ", weight: 0}, " + b + ", headers: {}, weight: 5}, " + g + ", weight: 95}]", "[" + b + ", weight: 0}, " + b + ", headers: {}, weight: 100}, " + g + ", weight: 0}]"},
		"stable several times, all 0":        {"[" + b + "}, " + b + ", headers: {}, weight: 0}, " + g + ", weight: 95}]", "[" + b + ", weight: 95}, " + b + ", headers: {}, weight: 0}, " + g + ", weight: 0}]"},
		"hosts in full":                      {"[{destination: {host: kb-blue.prod.svc.cluster.local}, weight: 90}, {destination: {host: kb-green.prod}, weight: 10}]", "[{destination: {host: kb-blue.prod.svc.cluster.local}, weight: 100}, {destination: {host: kb-green.prod}, weight: 0}]"},
		"another subset is a third":          {"[{destination: {host: kb-blue, subset: v1}, weight: 90}, " + g + ", weight: 10}]", "[{destination: {host: kb-blue, subset: v1}, weight: 90}, " + g + ", weight: 0}, " + b + ", weight: 10}]"},
		"the greatest weight there can be":   {"[" + b + ", weight: 2147483646}, " + g + ", weight: 1}]", "[" + b + ", weight: 2147483647}, " + g + ", weight: 0}]"},
	} {
		t.Run(name, func(t *testing.T) {
			before := routed(t, test.before)
			vs := read(t, before)
			patch, err := toStable(vs).Patch(vs)
			if err != nil {
				t.Fatal(err)
			}
			if test.after == unchanged {
				if patch != nil {
					t.Fatalf("want no patch, have %s", patch)
				}
				return
			}
			after := apply(t, before, patch)
			if diff := cmp.Diff(routed(t, test.after).Object, after.Object); diff != "" {
				t.Errorf("%s\npatch %s", diff, patch)
			}
			moved := read(t, after)
			if again, err := toStable(moved).Patch(moved); again != nil || err != nil {
				t.Errorf("the second time: %s, %v", again, err)
			}
		})
	}
}

func TestMoveIsFencedAndWritesNothingElse(t *testing.T) {
	vs := read(t, routed(t, "[{destination: {host: kb-blue}, weight: 90}, {destination: {host: kb-green}, weight: 10}]"))
	patch, err := toStable(vs).Patch(vs)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},` +
		`{"op":"add","path":"/spec/http/0/route/0/weight","value":100},` +
		`{"op":"add","path":"/spec/http/0/route/1/weight","value":0}]`
	if string(patch) != want {
		t.Errorf("have %s", patch)
	}
}

func TestMoveAddsADestinationSoThatIstioFindsIt(t *testing.T) {
	for host, want := range map[string]string{"kb": "kb", "kb.prod": "kb", "kb.prod.svc": "kb", "kb.prod.svc.cluster.local": "kb.prod.svc.cluster.local",
		"kb.prod.svc.our.domain": "kb.prod.svc.our.domain"} {
		for _, port := range []int64{0, 8080} {
			u := routed(t, "[{destination: {host: kb, subset: green, port: {number: 9090}}}]")
			vs := read(t, u)
			move := Move{Routes: keys(vs.HTTP), From: Destination{"kb", "green"}, To: Destination{host, "blue"}, Back: led(vs, port)}
			patch, err := move.Patch(vs)
			if err != nil {
				t.Fatal(err)
			}
			added := read(t, apply(t, u, patch)).HTTP[0].Destinations[1]
			if diff := cmp.Diff(Weighted{Destination: Destination{want, "blue"}, Port: port, Weight: 100, HasWeight: true}, added); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// The promise no-deputy: a destination is added only to the very route that led to it, and only one of the object's
// own namespace. The control of each is that it moves where stable is in the route, and where the route led to it.
func TestMoveAddsNoDestinationThatTheRouteNeverLedTo(t *testing.T) {
	vs := read(t, object(t, "http: [{name: main, "+toGreen+"}, {name: api, "+toGreen+"}, {name: idle, "+toThird+"}]"))
	move := func(to string, back ...string) error {
		m := Move{Routes: keys(vs.HTTP), From: green, To: Destination{Host: to}, Back: map[string]int64{}}
		for _, key := range back {
			m.Back[key] = 0
		}
		_, err := m.Patch(vs)
		return err
	}
	var never *NeverLedError
	if err := move("kb-blue", "main"); !errors.As(err, &never) || never.Route != "api" {
		t.Errorf("one route led there, the other never: %v", err)
	}
	for _, host := range []string{"kb-blue.evil", "kb-blue.evil.svc.cluster.local", "kb-blue.prod.evil.example", "evil.example", "*.prod.svc.cluster.local", "kb-blue..svc", ".prod"} {
		var foreign *ForeignError
		if err := move(host, "main", "api"); !errors.As(err, &foreign) {
			t.Errorf("%s, which the routes led to: %v", host, err)
		}
	}
	if err := move("kb-blue", "main", "api"); err != nil {
		t.Errorf("both routes led there: %v", err)
	}
	for _, host := range []string{"kb-blue.evil", "evil.example"} { // who may write the route has put it there
		in := read(t, object(t, "http: [{name: main, route: [{destination: {host: kb-green}, weight: 1}, {destination: {host: "+host+"}}]}]"))
		if _, err := (Move{Routes: []string{"main"}, From: green, To: Destination{Host: host}}).Patch(in); err != nil {
			t.Errorf("%s, which is in the route: %v", host, err)
		}
	}
}

const wholeObject = `
hosts: [kb.example.com]
gateways: [public]
exportTo: ["."]
http:
- name: pin-blue
  match: [{headers: {x-slot: {exact: blue}}}]
  route: [{destination: {host: kb-blue}}]
- name: pin-green
  match: [{headers: {x-slot: {exact: green}}}]
  route: [{destination: {host: kb-green}}]
- name: main
  match: [{uri: {prefix: /}, withoutHeaders: {x: {}}}]
  retries: {attempts: 3, perTryTimeout: 2s}
  timeout: 10s
  fault: {delay: {percentage: {value: 0.1}, fixedDelay: 5s}}
  mirror: {host: kb-green}
  mirrors: [{destination: {host: kb-green}, percentage: {value: 5}}]
  corsPolicy: {allowOrigins: [{exact: "*"}]}
  headers: {request: {add: {a: b}}}
  ofTheFuture: {known: [to, {nobody: 1.5}]}
  route:
  - destination: {host: kb-blue, port: {number: 8080}}
    weight: 90
    headers: {response: {remove: [c]}}
    ofTheFuture: 18446744073709551615
  - destination: {host: kb-green, port: {number: 8080}}
    weight: 10
- match: [{port: 8443}]
  route:
  - {destination: {host: kb-green}, weight: 7}
  - {destination: {host: kb-blue}}
- redirect: {uri: /gone}
tcp:
- route: [{destination: {host: kb-green}, weight: 5}]
tls:
- match: [{sniHosts: [a]}]
  route: [{destination: {host: kb-green}, weight: 5}]
ofTheFuture: true
`

// Everything but the weights of the chosen routes survives: compared as text, with the weights
// written into the text by hand.
func TestMoveLeavesTheRestAlone(t *testing.T) {
	before := object(t, wholeObject)
	vs := read(t, before)
	watched, _ := Watch(vs, bothSlots, nil, nil)
	move := Move{From: green, To: blue}
	for _, w := range watched {
		move.Routes = append(move.Routes, w.Key)
	}
	patch, err := move.Patch(vs)
	if err != nil {
		t.Fatal(err)
	}
	after := strings.NewReplacer(
		"weight: 90", "weight: 100",
		"weight: 10\n", "weight: 0\n",
		"weight: 7}", "weight: 0}",
		"- {destination: {host: kb-blue}}", "- {destination: {host: kb-blue}, weight: 7}",
	).Replace(wholeObject)
	if diff := cmp.Diff(object(t, after).Object, apply(t, before, patch).Object); diff != "" {
		t.Errorf("%s\npatch %s", diff, patch)
	}
}

func TestMoveFindsRoutesAfterReorder(t *testing.T) {
	plan := read(t, object(t, "http: [{match: [{port: 1}], "+toBoth+"}, {match: [{port: 2}], "+toBoth+"}]"))
	move := Move{Routes: []string{plan.HTTP[0].Key}, From: green, To: blue}

	now := object(t, "http: [{name: new, "+toBoth+"}, {match: [{port: 2}], "+toBoth+"}, {timeout: 5s, match: [{port: 1}], "+toBoth+"}]")
	patch, err := move.Patch(read(t, now))
	if err != nil {
		t.Fatal(err)
	}
	var shares []string
	for _, route := range read(t, apply(t, now, patch)).HTTP {
		shares = append(shares, fmt.Sprintf("%.2f", route.Share(green, namespace)))
	}
	if got := strings.Join(shares, " "); got != "0.10 0.10 0.00" {
		t.Errorf("green's shares are %s", got)
	}
}

func TestMoveRefuses(t *testing.T) {
	both := read(t, object(t, "http: [{name: main, "+toBoth+"}]"))
	unfenced := both
	unfenced.ResourceVersion = ""
	weights := func(blue, green string) VirtualService {
		return read(t, object(t, "http: [{name: main, route: [{destination: {host: kb-blue}, weight: "+blue+"}, {destination: {host: kb-green}, weight: "+green+"}]}]"))
	}
	main := Move{Routes: []string{"main"}, From: green, To: blue}
	for name, c := range map[string]struct {
		vs   VirtualService
		move Move
		want string
	}{
		"a missing route":         {both, Move{Routes: []string{"main", "api", "web"}, From: green, To: blue}, "no HTTP route with key api, web"},
		"no host":                 {both, Move{Routes: []string{"main"}, From: green}, "want two destinations with a host"},
		"from itself":             {both, Move{Routes: []string{"main"}, From: green, To: Destination{Host: "kb-green.prod"}}, "the same destination"},
		"an object without fence": {unfenced, main, "no resourceVersion"},
		"a negative weight":       {weights("-1", "5"), main, "spec.http[0].route[0].weight: want 0 to 2147483647, have -1"},
		"a weight over 31 bits":   {weights("5", "2147483648"), main, "spec.http[0].route[1].weight: want 0 to 2147483647, have 2147483648"},
		"a result over 31 bits":   {weights("2147483647", "1"), main, "spec.http[0].route: the weights of both together are 2147483648"},
	} {
		t.Run(name, func(t *testing.T) {
			patch, err := c.move.Patch(c.vs)
			if patch != nil || err == nil {
				t.Fatalf("have %s, %v", patch, err)
			}
			for _, want := range []string{"move traffic of VirtualService prod/kb from kb-green to", c.want} {
				if !strings.Contains(err.Error(), want) && name != "no host" {
					t.Errorf("want %q in: %v", want, err)
				}
			}
		})
	}
	_, err := Move{From: Destination{"kb", "green"}, To: Destination{"kb", "green"}}.Patch(both)
	if want := "from kb/green to kb/green: both are"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("want %q in: %v", want, err)
	}
	var missing *MissingRoutesError
	_, err = Move{Routes: []string{"main", "api"}, From: green, To: blue}.Patch(both)
	if !errors.As(err, &missing) || cmp.Diff([]string{"api"}, missing.Keys) != "" {
		t.Errorf("have %v", err)
	}
}

// A bad weight elsewhere does not keep a good route from being moved.
func TestMoveJudgesOnlyItsOwnRoutes(t *testing.T) {
	u := object(t, "http: [{name: other, route: [{destination: {host: a}, weight: -1}, {destination: {host: b}}]}, {name: main, "+toBoth+"}]")
	patch, err := Move{Routes: []string{"main"}, From: green, To: blue}.Patch(read(t, u))
	if err != nil || patch == nil {
		t.Errorf("have %s, %v", patch, err)
	}
}

func TestDistributeKeepsTheSum(t *testing.T) {
	for _, c := range []struct {
		total   int64
		weights []int64
		want    []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{100, []int64{60, 30}, []int64{67, 33}},
		{90, []int64{60, 30}, []int64{60, 30}},
		{7, []int64{0, 0}, []int64{7, 0}},
		{maxWeight, []int64{1, 2, 4}, []int64{306783378, 613566756, 1227133513}},
		{5, nil, []int64{}},
	} {
		if diff := cmp.Diff(c.want, distribute(c.total, c.weights)); diff != "" {
			t.Errorf("%d over %v: %s", c.total, c.weights, diff)
		}
	}
}

// FuzzMove builds an object of up to 4 routes from the bytes and moves all of them.
func FuzzMove(f *testing.F) {
	f.Add([]byte{2, 0, 90, 1, 10, 1, 1, 255})
	f.Add([]byte{3, 0, 0, 1, 0, 2, 0, 4, 3, 255, 4, 255, 0, 7, 2, 9})
	f.Add([]byte{1, 1, 255, 1, 5, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := build(data)
		vs := read(t, before)
		patch, err := toStable(vs).Patch(vs)
		if err != nil {
			t.Fatal(err) // bytes are never out of range
		}
		after := before
		if patch != nil {
			after = apply(t, before, patch)
		}
		moved := read(t, after)
		for i, route := range moved.HTTP {
			checkMoved(t, vs.HTTP[i], route)
		}
		if diff := cmp.Diff(rest(before), rest(after)); diff != "" {
			t.Errorf("more than weights changed: %s", diff)
		}
		if again, err := toStable(moved).Patch(moved); again != nil || err != nil {
			t.Errorf("the second time: %s, %v", again, err)
		}
	})
}

func checkMoved(t *testing.T, before, after Route) {
	t.Helper()
	if share := after.Share(green, namespace); share != 0 {
		t.Errorf("%s: green still has %v", after.path(), share)
	}
	if leads := before.LeadsTo(green, namespace) || before.LeadsTo(blue, namespace); leads && !after.Defined() {
		t.Errorf("%s: no shares after the move: %+v", after.path(), after.Destinations)
	}
	if !before.Defined() {
		return
	}
	if was, is := before.Share(third, namespace), after.Share(third, namespace); was != is {
		t.Errorf("%s: the third had %v, has %v", after.path(), was, is)
	}
	if was, is := sum(before.weights()), sum(after.weights()); was != is {
		t.Errorf("%s: the weights summed to %d, sum to %d", after.path(), was, is)
	}
	was := before.Share(blue, namespace) + before.Share(green, namespace)
	if is := after.Share(blue, namespace); is-was > 1e-9 || was-is > 1e-9 {
		t.Errorf("%s: both had %v, blue has %v", after.path(), was, is)
	}
}

// build reads the bytes as routes: a count of destinations, then for each what it is and its weight,
// 255 being absent.
func build(data []byte) *unstructured.Unstructured {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	var routes []any
	for len(data) > 0 && len(routes) < 4 {
		var list []any
		for range next() % 6 {
			list = append(list, buildDestination(next(), next()))
		}
		routes = append(routes, map[string]any{"timeout": "5s", "route": list, "match": []any{map[string]any{"port": int64(next())}}})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1",
		"kind":       "VirtualService",
		"metadata":   map[string]any{"name": "kb", "namespace": namespace, "resourceVersion": "7"},
		"spec":       map[string]any{"http": routes, "hosts": []any{"kb"}},
	}}
}

func buildDestination(what, weight int) map[string]any {
	hosts := []string{"kb-blue", "kb-green", "kb-third", "kb-blue.prod.svc.cluster.local", "kb-green.prod"}
	destination := map[string]any{"host": hosts[what%len(hosts)]}
	if what%3 == 0 {
		destination["port"] = map[string]any{"number": int64(8080)}
	}
	element := map[string]any{"destination": destination, "headers": map[string]any{}}
	if weight != 255 {
		element["weight"] = int64(weight)
	}
	return element
}

// rest is the object without the weights of HTTP routes and without destinations that were added,
// which are known by having no headers.
func rest(u *unstructured.Unstructured) map[string]any {
	content := u.DeepCopy().Object
	routes, _ := content["spec"].(map[string]any)["http"].([]any)
	for _, r := range routes {
		route := r.(map[string]any)
		list, _ := route["route"].([]any)
		var kept []any
		for _, element := range list {
			element := element.(map[string]any)
			delete(element, "weight")
			if _, old := element["headers"]; old {
				kept = append(kept, element)
			}
		}
		route["route"] = kept
	}
	return content
}

// apply does what the API server does with the patch.
func apply(t testing.TB, u *unstructured.Unstructured, encoded []byte) *unstructured.Unstructured {
	t.Helper()
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	document, err = patch.Apply(document)
	if err != nil {
		t.Fatalf("apply %s: %v", encoded, err)
	}
	after := &unstructured.Unstructured{}
	if err := after.UnmarshalJSON(document); err != nil {
		t.Fatal(err)
	}
	return after
}
