package istio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	toBoth  = "route: [{destination: {host: kb-blue}, weight: 90}, {destination: {host: kb-green}, weight: 10}]"
	toBlue  = "route: [{destination: {host: kb-blue}}]"
	toGreen = "route: [{destination: {host: kb-green}}]"
	toThird = "route: [{destination: {host: kb-third}}]"
)

func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		spec     string
		names    []string
		memory   map[string][]Place
		watched  string // key blue/green in per cent
		problems string // reason route
	}{
		"route to both": {
			spec:    "http: [{name: main, " + toBoth + "}]",
			watched: "main 90/10",
		},
		"routes that disagree": {
			spec:    "http: [{name: main, " + toBoth + "}, {name: api, route: [{destination: {host: kb-blue.prod.svc.cluster.local}}, {destination: {host: kb-green}, weight: 3}]}]",
			watched: "main 90/10, api 0/100",
		},
		"pins are left alone": {
			spec:    "http: [{name: pin-blue, " + toBlue + "}, {name: pin-green, " + toGreen + "}, {name: main, " + toBoth + "}]",
			watched: "main 90/10",
		},
		"a third keeps its share, and does not count": {
			spec:    "http: [{name: main, route: [{destination: {host: kb-blue}, weight: 20}, {destination: {host: kb-third}, weight: 20}, {destination: {host: kb-green}, weight: 60}]}]",
			watched: "main 25/75",
		},
		"a third has the rest, and the candidate all of stable's": {
			spec:    "http: [{name: main, route: [{destination: {host: kb-blue}, weight: 0}, {destination: {host: kb-third}, weight: 20}, {destination: {host: kb-green}, weight: 80}]}]",
			watched: "main 0/100",
		},
		"a third has all": {
			spec:    "http: [{name: main, route: [{destination: {host: kb-blue}, weight: 0}, {destination: {host: kb-third}, weight: 100}, {destination: {host: kb-green}, weight: 0}]}]",
			watched: "main 0/0",
		},
		"led to both, dropped by the cutover": {
			spec:    "http: [{name: main, " + toGreen + "}]",
			memory:  map[string][]Place{"main": {{Destination: blue}, {Destination: green}}},
			watched: "main 0/100",
		},
		"switched from one to the other": {
			spec:    "http: [{name: main, " + toGreen + "}]",
			memory:  map[string][]Place{"main": {{Destination: blue}}},
			watched: "main 0/100",
		},
		"led to both, leads elsewhere": {
			spec:    "http: [{name: main, " + toThird + "}]",
			memory:  map[string][]Place{"main": {{Destination: blue}, {Destination: green}}},
			watched: "main 0/0",
		},
		"led to both, redirects": {
			spec:     "http: [{name: main, redirect: {uri: /}}]",
			memory:   map[string][]Place{"main": {{Destination: blue}, {Destination: green}}},
			problems: "NoRoute ",
		},
		"led to green only": {
			spec:     "http: [{name: main, " + toGreen + "}]",
			memory:   map[string][]Place{"main": {{Destination: green}}},
			problems: "NoRoute ",
		},
		"memory of another route": {
			spec:     "http: [{name: main, " + toGreen + "}]",
			memory:   map[string][]Place{"api": {{Destination: blue}, {Destination: green}}},
			problems: "NoRoute ",
		},
		"no routes": {spec: "hosts: []", problems: "NoRoute "},
		"delegates, redirects and responses lead nowhere": {
			spec:    "http: [{delegate: {name: x}}, {redirect: {uri: /}}, {directResponse: {status: 503}}, {name: main, " + toBoth + "}]",
			watched: "main 90/10",
		},
		"names: exactly those": {
			spec:    "http: [{name: main, " + toBoth + "}, {name: api, " + toBlue + "}, {name: web, " + toBoth + "}]",
			names:   []string{"web", "api"},
			watched: "api 100/0, web 90/10",
		},
		"names: missing": {
			spec:     "http: [{name: main, " + toBoth + "}]",
			names:    []string{"main", "api", "api"},
			watched:  "main 90/10",
			problems: "RouteMissing api",
		},
		"names: an unnamed route is not asked for": {
			spec:     "http: [{" + toBoth + "}]",
			names:    []string{"", "main"},
			problems: "RouteMissing , RouteMissing main",
		},
		"names: twice in the object": {
			spec:    "http: [{name: main, " + toBoth + "}, {name: main, " + toBlue + "}]",
			names:   []string{"main"},
			watched: "main 90/10, main#2 100/0",
		},
		"names: leads to no slot": {
			spec:     "http: [{name: main, " + toThird + "}, {name: old, redirect: {uri: /}}]",
			names:    []string{"main", "old"},
			watched:  "main 0/0, old undefined",
			problems: "NoSlot main, NoSlot old",
		},
		"tcp and tls cannot be moved": {
			spec:     "http: [{name: main, " + toBoth + "}]\ntcp: [{" + toThird + "}, {" + toGreen + "}]\ntls: [{match: [{sniHosts: [a]}], " + toBoth + "}]",
			watched:  "main 90/10",
			problems: "TCPRoute 74234e98af#2, TCPRoute " + tlsKey,
		},
		"all weights 0": {
			spec:     "http: [{name: main, route: [{destination: {host: kb-blue}}, {destination: {host: kb-green}, weight: 0}]}]",
			watched:  "main undefined",
			problems: "ShareUndefined main",
		},
		"negative weight": {
			spec:     "http: [{name: main, route: [{destination: {host: kb-blue}, weight: -5}, {destination: {host: kb-green}, weight: 5}]}]",
			watched:  "main undefined",
			problems: "ShareUndefined main",
		},
	} {
		t.Run(name, func(t *testing.T) {
			watched, problems := Watch(read(t, object(t, c.spec)), bothSlots, c.names, c.memory)
			if diff := cmp.Diff(c.watched, showWatched(watched)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.problems, showProblems(problems)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// tlsKey is the digest of [{"sniHosts":["a"]}].
const tlsKey = "b812b2d3b4"

func TestWatchRefusesSlotsThatAreOne(t *testing.T) {
	slots := [2]Slot{{Name: "blue", Destination: blue}, {Name: "green", Destination: Destination{Host: "kb-blue.prod"}}}
	watched, problems := Watch(read(t, object(t, "http: [{name: main, "+toBoth+"}]")), slots, nil, nil)
	if len(watched) != 0 || showProblems(problems) != "SameDestination " {
		t.Errorf("have %v, %v", watched, problems)
	}
}

func TestProblemsSayWhatInstead(t *testing.T) {
	many := "{redirect: {}}, {name: r1}, {name: r2}, {name: r3}, {name: r4}, {name: r5}, {name: r6}, {name: r7}, {name: r8}, {name: r9}"
	for _, c := range []struct {
		spec  string
		names []string
		want  string
	}{
		{"http: []", nil, "no HTTP route leads, or led, to both blue (kb-blue) and green (kb-green)"},
		{"http: []", []string{"a"}, `spec.http has no route named "a"; it has 0 others`},
		{"http: [{name: b}, {name: c}]", []string{"a"}, `spec.http has no route named "a"; it has "b", "c"`},
		{"http: [" + many + "]", []string{"a"}, `"r7", "r8", 2 others`},
		{"http: [{name: a, " + toThird + "}]", []string{"a"}, "spec.http[0] (a) leads neither to blue (kb-blue) nor to green (kb-green)"},
		{"http: [{name: a, " + toBoth + "}]\ntls: [{" + toBoth + "}]", nil, "spec.tls[0] leads to blue and green, but greenwatch moves HTTP routes only"},
		{"http: [{route: [{destination: {host: kb-blue}}, {destination: {host: kb-green}}]}]", nil, "spec.http[0].route: all weights are 0"},
		{"http: [{route: [{destination: {host: kb-blue}}, {destination: {host: kb-green}, weight: -1}]}]", nil, "spec.http[0].route[1].weight: want 0 to 2147483647, have -1"},
	} {
		_, problems := Watch(read(t, object(t, c.spec)), bothSlots, c.names, nil)
		if len(problems) != 1 || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%s: want %q, have %+v", c.spec, c.want, problems)
		}
	}
}

func TestRememberAccumulatesAndForgets(t *testing.T) {
	spec := "http: [{name: main, " + toGreen + "}, {name: pin, " + toBlue + "}, {name: other, " + toThird + "}, {name: moved, " + toThird + "}]"
	given := map[string][]Place{"main": {{blue, 80}, {third, 0}}, "moved": {{green, 0}}, "gone": {{blue, 0}, {green, 0}}}
	got := Remember(read(t, object(t, spec)), bothSlots, given)
	want := map[string][]Place{"main": {{blue, 80}, {green, 0}}, "pin": {{blue, 0}}, "moved": {{green, 0}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(given) != 3 || len(given["main"]) != 2 {
		t.Errorf("what was given changed: %v", given)
	}
}

// A service that is switched by naming one slot alone is seen once it was seen on either side.
func TestSwitchedServiceIsWatchedThroughMemory(t *testing.T) {
	onBlue := read(t, object(t, "http: [{"+toBlue+"}]"))
	onGreen := read(t, object(t, "http: [{"+toGreen+"}]"))
	memory := Remember(onBlue, bothSlots, nil)
	if watched, _ := Watch(onBlue, bothSlots, nil, memory); len(watched) != 0 {
		t.Errorf("watched before it led to both: %v", watched)
	}
	if watched, problems := Watch(onGreen, bothSlots, nil, memory); len(watched) != 1 || len(problems) != 0 {
		t.Errorf("have %v, %v", watched, problems)
	}
}

func showWatched(watched []WatchedRoute) string {
	var all []string
	for _, w := range watched {
		shares := fmt.Sprintf("%.0f/%.0f", 100*w.Shares["blue"], 100*w.Shares["green"])
		if w.Undefined {
			shares = "undefined"
		}
		all = append(all, w.Key+" "+shares)
	}
	return strings.Join(all, ", ")
}

func showProblems(problems []Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, string(p.Reason)+" "+p.Route)
	}
	return strings.Join(all, ", ")
}
