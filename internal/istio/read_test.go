package istio

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestReadTakesWhatRoutesSay(t *testing.T) {
	u := object(t, `
hosts: [kb.example.com]
http:
- name: main
  match: [{uri: {prefix: /}}]
  retries: {attempts: 3}
  route:
  - {destination: {host: kb-blue, subset: v1, port: {number: 8080}}, weight: 90}
  - {destination: {host: kb-green}}
- name: old
  redirect: {uri: /new}
tcp:
- route: [{destination: {host: kb-blue}, weight: 0}]
tls:
- match: [{sniHosts: [a]}]
  route: [{destination: {host: kb-green}}]
`)
	before := encode(t, u.Object)
	got := read(t, u)
	nothing := got.TCP[0].Key
	want := VirtualService{
		Name: "kb", Namespace: "prod", ResourceVersion: "7",
		HTTP: []Route{
			{Kind: HTTP, Index: 0, Name: "main", Key: "main", Destinations: []Weighted{
				{Destination: Destination{Host: "kb-blue", Subset: "v1"}, Port: 8080, Weight: 90, HasWeight: true},
				{Destination: green},
			}},
			{Kind: HTTP, Index: 1, Name: "old", Key: "old"},
		},
		TCP: []Route{{Kind: TCP, Key: nothing, Destinations: []Weighted{{Destination: blue, HasWeight: true}}}},
		TLS: []Route{{Kind: TLS, Key: got.TLS[0].Key, Destinations: []Weighted{{Destination: green}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if encode(t, u.Object) != before {
		t.Error("reading changed the object")
	}
}

func TestReadAcceptsWhatDecodersMakeOfIntegers(t *testing.T) {
	for _, weight := range []any{int64(90), 90, float64(90)} {
		u := routed(t, "[{destination: {host: kb-blue}}, {destination: {host: kb-green}}]")
		route := u.Object["spec"].(map[string]any)["http"].([]any)[0].(map[string]any)["route"].([]any)
		route[0].(map[string]any)["weight"] = weight
		if got := read(t, u).HTTP[0].Destinations[0]; got.Weight != 90 || !got.HasWeight {
			t.Errorf("%T: have %+v", weight, got)
		}
	}
}

func TestReadNamesEveryFaultWithItsPath(t *testing.T) {
	for spec, want := range map[string][]string{
		"http: {}":                                                   {"spec.http: want a list, have an object"},
		"http: [none]":                                               {`spec.http[0]: want an object, have the string "none"`},
		"http: [{name: 5, route: []}]":                               {"spec.http[0].name: want a string, have 5"},
		"http: [{}, {route: [{weight: '90'}]}]":                      {`spec.http[1].route[0].weight: want an integer, have the string "90"`},
		"http: [{route: [{weight: 0.5}]}]":                           {"spec.http[0].route[0].weight: want an integer, have 0.5"},
		"http: [{route: [{weight: 1e300}]}]":                         {"spec.http[0].route[0].weight: want an integer"},
		"http: [{route: [{destination: kb}]}]":                       {"spec.http[0].route[0].destination: want an object"},
		"http: [{route: [{destination: {host: []}}]}]":               {"spec.http[0].route[0].destination.host: want a string, have a list"},
		"tcp: [{route: 1}]\ntls: [{route: [{weight: true}]}]":        {"spec.tcp[0].route: want a list", "spec.tls[0].route[0].weight: want an integer, have true"},
		"http: [{route: [{destination: {port: {number: eighty}}}]}]": {"destination.port.number: want an integer"},
	} {
		_, err := Read(object(t, spec))
		if err == nil {
			t.Errorf("%s: want an error", spec)
			continue
		}
		for _, part := range append(want, "read VirtualService ", "prod/kb") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: want %q in: %v", spec, part, err)
			}
		}
	}
}

func TestReadTakesNullForAbsent(t *testing.T) {
	vs := read(t, object(t, "http: [{name: null, match: null, route: [{destination: {host: kb-blue, subset: null}, weight: null}]}]\ntcp: null"))
	want := []Weighted{{Destination: blue}}
	if diff := cmp.Diff(want, vs.HTTP[0].Destinations); diff != "" {
		t.Error(diff)
	}
	if _, err := Read(&unstructured.Unstructured{}); err != nil {
		t.Errorf("an empty object has no routes, and no fault: %v", err)
	}
}

func TestReadReportsMatchesThatCannotBeEncoded(t *testing.T) {
	u := object(t, "http: [{match: [{port: 1}]}]")
	match := u.Object["spec"].(map[string]any)["http"].([]any)[0].(map[string]any)["match"].([]any)
	match[0].(map[string]any)["port"] = math.NaN()
	if _, err := Read(u); err == nil || !strings.Contains(err.Error(), "spec.http[0].match") {
		t.Errorf("have %v", err)
	}
}

func TestKeyIsNameElseDigestOfMatches(t *testing.T) {
	key := func(route string) string {
		t.Helper()
		return read(t, object(t, "http: ["+route+"]")).HTTP[0].Key
	}
	plain := key("{route: [{destination: {host: a}}]}")
	canary := key("{match: [{headers: {x: {exact: b}}, port: 80}], route: [{destination: {host: a}}]}")

	if len(canary) != digestLength || canary == plain {
		t.Errorf("have %q for a match, %q for none", canary, plain)
	}
	// Pinned: keys are remembered in status, so a change of the digest would forget every route.
	if plain != "74234e98af" {
		t.Errorf("the digest of no match became %q", plain)
	}
	for route, want := range map[string]string{
		"{name: main, match: [{port: 80}]}":                                                  "main",
		"{match: [{port: 80, headers: {x: {exact: b}}}], timeout: 5s, route: []}":            canary,
		"{match: [{port: 80, headers: {x: {exact: b}}}], route: [{destination: {host: z}}]}": canary,
		"{match: []}": plain,
	} {
		if got := key(route); got != want {
			t.Errorf("%s: have %q, want %q", route, got, want)
		}
	}
	if got := key("{match: [{port: 81}]}"); got == canary || got == plain {
		t.Error("different matches have one key")
	}
}

func TestKeysSurviveReorderAndEditsOfOthers(t *testing.T) {
	first := keys(read(t, object(t, "http: [{match: [{port: 1}]}, {match: [{port: 2}]}, {name: c}]")).HTTP)
	later := keys(read(t, object(t, "http: [{name: c}, {match: [{port: 9}]}, {match: [{port: 2}]}]")).HTTP)
	if first[1] != later[2] || first[2] != later[0] {
		t.Errorf("first %v, later %v", first, later)
	}
}

func TestKeysAreUnique(t *testing.T) {
	vs := read(t, object(t, "http: [{name: a}, {}, {name: a}, {name: 'a#2'}, {}, {name: a}]"))
	plain := vs.HTTP[1].Key
	want := []string{"a", plain, "a#3", "a#2", plain + "#2", "a#4"}
	// a#2 belongs to the route of that name, so the second a is numbered past it.
	if diff := cmp.Diff(want, keys(vs.HTTP)); diff != "" {
		t.Error(diff)
	}
	again := read(t, object(t, "http: [{name: a}, {}, {name: a}, {name: 'a#2'}, {}, {name: a}]"))
	if diff := cmp.Diff(vs, again); diff != "" {
		t.Errorf("not deterministic: %s", diff)
	}
}

// However many routes have one name, each gets its number at once.
func TestManyRoutesOfOneName(t *testing.T) {
	took := func(n int) time.Duration {
		routes := make([]Route, 2*n)
		for i := range n {
			routes[i].Key, routes[n+i].Key = fmt.Sprintf("a#%d", i+2), "a"
		}
		begun := time.Now()
		distinguish(routes)
		took := time.Since(begun)
		distinct := map[string]bool{}
		for _, r := range routes {
			distinct[r.Key] = true
		}
		if last := routes[2*n-1].Key; len(distinct) != 2*n || last != fmt.Sprintf("a#%d", 2*n) {
			t.Errorf("%d of %d keys differ, and the last is %s", len(distinct), 2*n, last)
		}
		return took
	}
	// 16 times as many take 256 times as long where each number is looked for from the first on.
	if few, many := took(500), took(8_000); many > 100*few {
		t.Errorf("16 times as many routes take %.0f times as long", many.Seconds()/few.Seconds())
	}
}

// Something of each VirtualService in the cluster is kept, whoever wrote it: what holds too much is not read.
func TestObjectsWithTooMuchAreNotRead(t *testing.T) {
	many := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") + "]"
	}
	for spec, want := range map[string]string{
		"http: " + many(mostRoutes, "{}"):                                          "",
		"http: " + many(mostRoutes+1, "{}"):                                        "spec.http: 1025 are too many to read",
		"tcp: " + many(mostRoutes+1, "{}"):                                         "spec.tcp: 1025 are too many to read",
		"http: [{route: " + many(mostDestinations, "{}") + "}]":                    "",
		"http: [{route: " + many(mostDestinations, "{}") + "}, {}, {route: [{}]}]": "spec.http[2].route: 1 are too many to read",
		"http: [{route: " + many(1_000, "1") + "}]":                                "spec.http[0].route[0]: want an object, have 1",
	} {
		vs, err := Read(object(t, spec))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 || len(vs.HTTP)+len(vs.TCP) > 0) {
			t.Errorf("%.40s…: %.200v; want %q", spec, err, want)
		}
	}
}

func TestWriterIsLastManagerOfHTTP(t *testing.T) {
	const (
		early = `"2026-11-02T10:00:00Z"`
		late  = `"2026-11-02T11:00:00Z"`
	)
	entry := func(manager, operation, time, fields string) string {
		return "{manager: " + manager + ", operation: " + operation + ", time: " + time + ", fieldsV1: " + fields + "}"
	}
	http, hosts := "{'f:spec': {'f:http': {}}}", "{'f:spec': {'f:hosts': {}}}"
	for name, c := range map[string]struct {
		entries []string
		want    string
	}{
		"none":                      {nil, ""},
		"one":                       {[]string{entry("argocd", "Apply", early, http)}, "argocd Apply 10:00"},
		"the later":                 {[]string{entry("kubectl", "Update", late, http), entry("argocd", "Apply", early, http)}, "kubectl Update 11:00"},
		"not of other fields":       {[]string{entry("argocd", "Apply", early, http), entry("kubectl", "Update", late, hosts)}, "argocd Apply 10:00"},
		"not of the status":         {[]string{entry("istiod", "Update", late, "{'f:status': {'f:http': {}}}")}, ""},
		"same second, later listed": {[]string{entry("a", "Apply", late, http), entry("b", "Update", late, http)}, "b Update 11:00"},
		"without time, the oldest":  {[]string{entry("a", "Apply", early, http), entry("b", "Update", "null", http)}, "a Apply 10:00"},
		"nonsense passed over":      {[]string{"5", "{}", entry("[]", "Update", late, http), entry("a", "Apply", early, http), "{fieldsV1: 5}"}, "a Apply 10:00"},
	} {
		t.Run(name, func(t *testing.T) {
			u := parse(t, "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: kb, managedFields: ["+strings.Join(c.entries, ", ")+"]}}")
			got := ""
			if w := read(t, u).Writer; w != (Writer{}) {
				got = w.Manager + " " + w.Operation + " " + w.Time.Format("15:04")
			}
			if got != c.want {
				t.Errorf("have %q, want %q", got, c.want)
			}
		})
	}
	if got := read(t, object(t, "http: []")).Writer; !got.Time.Equal(time.Time{}) || got.Manager != "" {
		t.Errorf("without managed fields: %+v", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"kb","managedFields":[{"fieldsV1":{"f:spec":{"f:http":null}}}]},"spec":{"http":[{"name":"a","match":[{"port":1}],"route":[{"destination":{"host":"kb-blue","port":{"number":1}},"weight":90},{"destination":{"host":"kb-green"}}]}]}}`))
	f.Add([]byte(`{"spec":{"http":[{"route":[{"weight":-9223372036854775808},{"weight":9e99}]}],"tcp":[null],"tls":[[]]}}`))
	f.Add([]byte(`{"metadata":null,"spec":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var content map[string]any
		if json.Unmarshal(data, &content) != nil {
			return
		}
		vs, err := Read(&unstructured.Unstructured{Object: content})
		if err != nil {
			return
		}
		memory := Remember(vs, bothSlots, nil)
		watched, _ := Watch(vs, bothSlots, nil, memory)
		for _, w := range watched {
			for slot, share := range w.Shares {
				if !(share >= 0 && share <= 1) {
					t.Errorf("%s has share %v", slot, share)
				}
			}
		}
		unique := map[string]bool{}
		for _, key := range keys(vs.HTTP) {
			if unique[key] {
				t.Errorf("two routes with key %q", key)
			}
			unique[key] = true
		}
	})
}

// The marks by which the usual tools know what they keep; what is no name is no mark.
func TestSourceIsWhatKeepsTheObject(t *testing.T) {
	for name, c := range map[string]struct{ metadata, want string }{
		"none":               {"labels: {app: kb}", ""},
		"Argo CD by id":      {`annotations: {argocd.argoproj.io/tracking-id: "shop:networking.istio.io/VirtualService:production/kb"}`, "Argo CD application shop"},
		"Argo CD by label":   {"labels: {argocd.argoproj.io/instance: shop}", "Argo CD application shop"},
		"Flux Kustomization": {"labels: {kustomize.toolkit.fluxcd.io/name: shop, kustomize.toolkit.fluxcd.io/namespace: flux-system}", "Flux Kustomization flux-system/shop"},
		"Flux HelmRelease":   {"labels: {helm.toolkit.fluxcd.io/name: shop, helm.toolkit.fluxcd.io/namespace: flux-system}", "Flux HelmRelease flux-system/shop"},
		"Helm":               {"annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: production}", "Helm release production/shop"},
		"Flux before Helm":   {"labels: {helm.toolkit.fluxcd.io/name: shop}, annotations: {meta.helm.sh/release-name: x}", "Flux HelmRelease shop"},
		"words":              {`annotations: {argocd.argoproj.io/tracking-id: "call 555\nnow:x"}`, ""},
		"too long":           {"labels: {argocd.argoproj.io/instance: " + strings.Repeat("x", 200) + "}", ""},
		"no text":            {"labels: {argocd.argoproj.io/instance: 5}", ""},
	} {
		u := parse(t, "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: kb, "+c.metadata+"}}")
		if got := read(t, u).Source; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
