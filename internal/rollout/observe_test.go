package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var (
	toBlueAndGreen = []release.Destination{{Host: "echo", Subset: "blue"}, {Host: "echo", Subset: "green"}}
	noPorts        = map[string]int64{"blue": 0, "green": 0}
)

func shopPlan() *release.Plan {
	return &release.Plan{
		Namespace: "shop", Policy: "echo", VirtualService: "echo",
		Slots: []release.Slot{
			{Name: "blue", Deployment: "echo-blue", Host: "echo", Subset: "blue"},
			{Name: "green", Deployment: "echo-green", Host: "echo", Subset: "green"},
		},
	}
}

// routing reads a VirtualService with the given spec, which has been written by kubectl-edit.
func routing(t *testing.T, spec string) Routing {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(spec), &u.Object); err != nil {
		t.Fatal(err)
	}
	u.Object = map[string]any{"spec": u.Object}
	u.SetName("echo")
	u.SetNamespace("shop")
	u.Object["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{
		"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T00:00:00Z",
		"fieldsV1": map[string]any{"f:spec": map[string]any{"f:http": map[string]any{}}},
	}}
	return RoutingOf(u)
}

func route(name string, weights ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %s\n  route:\n", name)
	for _, w := range weights {
		subset, weight, _ := strings.Cut(w, " ")
		fmt.Fprintf(&b, "  - {destination: {host: echo, subset: %s}, weight: %s}\n", subset, weight)
	}
	return b.String()
}

func source(r Routing, views ...release.SlotView) Source {
	return Source{
		Live: true,
		Slot: func(_ context.Context, _, deployment string) (release.SlotView, error) {
			for _, v := range views {
				if v.Slot == deployment {
					return v, nil
				}
			}
			return release.SlotView{}, nil
		},
		Routing: func(context.Context, string, string) (Routing, error) { return r, nil },
	}
}

func TestObserve(t *testing.T) {
	r := routing(t, "http:\n"+
		route("pinned", "green 100")+
		route("main", "blue 90", "green 10")+
		route("api", "blue 30", "green 0"))
	blue := release.SlotView{Slot: "echo-blue", Found: true, Revision: "b", Wanted: 3, Ready: 3}
	sight, err := Observe(t.Context(), shopPlan(), nil, source(r, blue))
	if err != nil {
		t.Fatal(err)
	}
	blue.Slot = "blue"
	want := Sight{
		World: release.World{
			Live:  true,
			Slots: []release.SlotView{blue, {Slot: "green"}},
			Routes: []release.RouteView{
				{Key: "main", Shares: map[string]float64{"blue": 0.9, "green": 0.1}, Ports: noPorts},
				{Key: "api", Shares: map[string]float64{"blue": 1, "green": 0}, Ports: noPorts},
			},
			Writer: "kubectl-edit",
		},
		Problems: []Problem{{DeploymentMissing, "slot green: there is no Deployment echo-green in namespace shop"}},
		Routes: []release.RouteMemory{
			{Key: "api", Destinations: toBlueAndGreen},
			{Key: "main", Destinations: toBlueAndGreen},
			{Key: "pinned", Destinations: toBlueAndGreen[1:]},
		},
	}
	if diff := cmp.Diff(want, sight); diff != "" {
		t.Error(diff)
	}
}

func TestASlotThatARouteNoLongerLeadsToHasNoShareThere(t *testing.T) {
	memory := []release.RouteMemory{{Key: "main", Destinations: toBlueAndGreen}}
	sight := Routes(shopPlan(), memory, routing(t, "http:\n"+route("main", "green 100")))
	want := []release.RouteView{{Key: "main", Shares: map[string]float64{"green": 1}, Ports: noPorts}}
	if diff := cmp.Diff(want, sight.World.Routes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(memory, sight.Routes); diff != "" {
		t.Error("the memory changed:", diff)
	}
}

func TestAnAPIErrorIsNeverMissing(t *testing.T) {
	down := errors.New("connection refused")
	healthy := source(routing(t, "http:\n"+route("main", "blue 90", "green 10")))
	tests := map[string]Source{
		"VirtualService": {Slot: healthy.Slot, Routing: func(context.Context, string, string) (Routing, error) { return Routing{}, down }},
		"Deployment": {Routing: healthy.Routing, Slot: func(context.Context, string, string) (release.SlotView, error) {
			return release.SlotView{}, down
		}},
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			sight, err := Observe(t.Context(), shopPlan(), nil, src)
			if !errors.Is(err, down) {
				t.Errorf("error %v, want %v", err, down)
			}
			if diff := cmp.Diff(Sight{}, sight); diff != "" {
				t.Error("something was observed all the same:", diff)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	memory := []release.RouteMemory{{Key: "main", Destinations: toBlueAndGreen}}
	good := route("main", "blue 90", "green 10")
	tests := map[string]struct {
		routing Routing
		names   []string
		same    bool // both slots have one destination
		reasons []Reason
		known   bool
	}{
		"all is well": {routing: routing(t, "http:\n"+good), known: true},
		"no VirtualService": {
			reasons: []Reason{VirtualServiceMissing},
		},
		"a VirtualService that can't be understood": {
			routing: routing(t, "http: nonsense"), reasons: []Reason{VirtualServiceUnreadable},
		},
		"no route": {
			routing: routing(t, "http:\n"+route("other", "grey 100")), reasons: []Reason{NoRoute},
		},
		"one destination for both": {
			routing: routing(t, "http:\n"+good), same: true, reasons: []Reason{SameDestination},
		},
		"weights that define nothing": {
			routing: routing(t, "http:\n"+route("main", "blue 0", "green 0")), reasons: []Reason{ShareUndefined},
		},
		"one of two named routes is missing": {
			routing: routing(t, "http:\n"+good), names: []string{"main", "api"}, reasons: []Reason{RouteMissing}, known: true,
		},
		"all named routes are missing": {
			routing: routing(t, "http:\n"+good), names: []string{"api"}, reasons: []Reason{RouteMissing},
		},
		"one of two named routes leads elsewhere": {
			routing: routing(t, "http:\n"+good+route("api", "grey 100")), names: []string{"main", "api"},
			reasons: []Reason{NoSlot}, known: true,
		},
		"the only named route leads elsewhere": {
			routing: routing(t, "http:\n"+good+route("api", "grey 100")), names: []string{"api"}, reasons: []Reason{NoSlot},
		},
		"a TCP route beside HTTP ones": {
			routing: routing(t, "http:\n"+good+"tcp: [{route: [{destination: {host: echo, subset: blue}}]}]"),
			reasons: []Reason{TCPRoute}, known: true,
		},
		"a TCP route alone": {
			routing: routing(t, "tcp: [{route: [{destination: {host: echo, subset: blue}}]}]"), reasons: []Reason{NoRoute, TCPRoute},
		},
		"more routes than can be kept": {
			routing: routing(t, "http:\n"+many(33)), reasons: []Reason{TooManyRoutes},
		},
		"as many routes as can be kept": {
			routing: routing(t, "http:\n"+many(32)), known: true,
		},
		"a name that can't be kept": {
			routing: routing(t, "http:\n"+route(strings.Repeat("x", 254), "blue 1", "green 1")), reasons: []Reason{TooManyRoutes},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plan := shopPlan()
			plan.HTTPRoutes = test.names
			if test.same {
				plan.Slots[1].Subset = plan.Slots[0].Subset
			}
			sight := Routes(plan, memory, test.routing)
			var reasons []Reason
			for _, p := range sight.Problems {
				reasons = append(reasons, p.Reason)
			}
			if diff := cmp.Diff(test.reasons, reasons); diff != "" {
				t.Error(diff, sight.Problems)
			}
			if sight.World.Known() != test.known {
				t.Errorf("shares known: %v, want %v (%q)", sight.World.Known(), test.known, sight.World.Problem)
			}
			if (sight.World.Problem == "") != test.known {
				t.Errorf("world's problem is %q", sight.World.Problem)
			}
			if len(sight.Routes) > mostRoutes {
				t.Errorf("%d routes remembered, at most %d can be", len(sight.Routes), mostRoutes)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(route(fmt.Sprintf("r%03d", i), "blue 1", "green 1"))
	}
	return b.String()
}

func TestWhatCantBeReadIsNotForgotten(t *testing.T) {
	memory := []release.RouteMemory{{Key: "main", Destinations: toBlueAndGreen}}
	for name, r := range map[string]Routing{"missing": {}, "unreadable": {Found: true, Fault: errors.New("bad")}} {
		if diff := cmp.Diff(memory, Routes(shopPlan(), memory, r).Routes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRoutesThatLedToBothAreRememberedFirst(t *testing.T) {
	blue, green := istio.Place{Destination: istio.Destination{Host: "blue"}}, istio.Place{Destination: istio.Destination{Host: "green"}}
	remembered := map[string][]istio.Place{"zz": {blue, green}}
	for i := range 40 {
		remembered[fmt.Sprintf("r%03d", i)] = []istio.Place{blue}
	}
	memory := remember(remembered)
	if len(memory) != mostRoutes || memory[len(memory)-1].Key != "zz" {
		t.Errorf("%d remembered, the last is %q; want %d with zz", len(memory), memory[len(memory)-1].Key, mostRoutes)
	}
}

func TestAgeIsAskedOnlyIfTheTrafficIsSplitEqually(t *testing.T) {
	born := map[string]signal.Instant{"echo-blue": 100, "echo-green": 200}
	tests := map[string]struct {
		blue, green float64
		asked       bool
	}{
		"equal":    {0.5, 0.5, true},
		"majority": {0.6, 0.4, false},
		"none":     {0, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := release.World{
				Slots:  []release.SlotView{{Slot: "blue", Found: true}, {Slot: "green", Found: true}},
				Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{"blue": test.blue, "green": test.green}}},
			}
			aged, err := Age(t.Context(), shopPlan(), w, func(_ context.Context, _, deployment string) (signal.Instant, error) {
				return born[deployment], nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := [2]signal.Instant{}
			if test.asked {
				want = [2]signal.Instant{100, 200}
			}
			if got := [2]signal.Instant{aged.Slots[0].Since, aged.Slots[1].Since}; got != want {
				t.Errorf("since %v, want %v", got, want)
			}
			if !w.Slots[0].Since.IsZero() {
				t.Error("the world that was given has changed")
			}
		})
	}
}
