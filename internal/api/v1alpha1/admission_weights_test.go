package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

const aVirtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop-%[1]d, namespace: %[2]s, labels: {team: shop}}
spec:
  hosts: [shop]
  http:
  - name: primary
    match: [{uri: {prefix: /}}]
    timeout: 5s
    route:
    - {destination: {host: shop-green, port: {number: 80}}, weight: 100, headers: {request: {set: {x: "y"}}}}
  - name: both
    route:
    - {destination: {host: shop-blue}, weight: 20}
    - {destination: {host: shop-green}, weight: 80}
  - name: elsewhere
    route:
    - {destination: {host: shop-green.%[2]s.svc.corp.example}}
  tcp:
  - route: [{destination: {host: shop-db}}]
`

// The operations of a JSON patch.
func add(route int, element string) string {
	return put(fmt.Sprintf("/spec/http/%d/route/-", route), element)
}

func put(path, value string) string {
	return fmt.Sprintf(`{"op":"add","path":%q,"value":%s}`, path, value)
}

func remove(path string) string { return fmt.Sprintf(`{"op":"remove","path":%q}`, path) }

// patch is a JSON patch of operations.
func patch(operations ...string) string { return "[" + strings.Join(operations, ",") + "]" }

// What greenwatch's own account may change of a VirtualService: weights, and one more destination of a route, which
// leads into the same namespace.
func TestAdmissionBoundsGreenwatchToWeights(t *testing.T) {
	s := guarded(t)
	const weights, added = "changes the weight", "adds back no destination but one of the VirtualService's own namespace"
	ns := s.Namespace
	s.prove(t, aVirtualService, greenwatchs([]trial{
		{tries: "sets two weights", patch: patch(put("/spec/http/1/route/0/weight", "100"), put("/spec/http/1/route/1/weight", "0"))},
		{tries: "sets a weight that was absent", patch: patch(put("/spec/http/2/route/0/weight", "100"))},
		{tries: "moves all to a destination that it adds back", patch: patch(put("/spec/http/0/route/0/weight", "0"), add(0, `{"destination":{"host":"shop-blue","port":{"number":80}},"weight":100}`))},
		{tries: "adds one destination to each of two routes", patch: patch(add(0, `{"destination":{"host":"shop-blue"},"weight":0}`), add(1, `{"destination":{"host":"shop-blue","subset":"v1"},"weight":0}`))},
		{tries: "adds NAME.NAMESPACE", patch: patch(add(0, `{"destination":{"host":"shop-blue.`+ns+`"},"weight":0}`))},
		{tries: "adds NAME.NAMESPACE.svc", patch: patch(add(0, `{"destination":{"host":"shop-blue.`+ns+`.svc"},"weight":0}`))},
		{tries: "adds NAME.NAMESPACE.svc.cluster.local", patch: patch(add(0, `{"destination":{"host":"shop-blue.`+ns+`.svc.cluster.local"},"weight":0}`))},
		{tries: "adds NAME.NAMESPACE.svc.DOMAIN beside one of that domain", patch: patch(add(2, `{"destination":{"host":"shop-blue.`+ns+`.svc.corp.example"},"weight":0}`))},
		{tries: "adds NAME.NAMESPACE.svc.DOMAIN of a domain that the route doesn't know", patch: patch(add(0, `{"destination":{"host":"shop-blue.`+ns+`.svc.corp.example"},"weight":0}`)), refused: added},
		{tries: "adds a host of another namespace", patch: patch(add(0, `{"destination":{"host":"shop-blue.evil"},"weight":0}`)), refused: added},
		{tries: "adds a host of another namespace in full", patch: patch(add(0, `{"destination":{"host":"shop-blue.evil.svc.cluster.local"},"weight":0}`)), refused: added},
		{tries: "adds a host of another namespace in full, of the other domain", patch: patch(add(2, `{"destination":{"host":"shop-blue.evil.svc.corp.example"},"weight":0}`)), refused: added},
		{tries: "adds a host with the namespace further on", patch: patch(add(2, `{"destination":{"host":"a.b.`+ns+`.svc.corp.example"},"weight":0}`)), refused: added},
		{tries: "adds a host of the internet", patch: patch(add(0, `{"destination":{"host":"evil.example.com"},"weight":0}`)), refused: added},
		{tries: "adds a host of the internet that begins as one of the namespace", patch: patch(add(0, `{"destination":{"host":"shop-blue.`+ns+`.svc.cluster.local.evil.example.com"},"weight":0}`)), refused: added},
		{tries: "adds a wildcard", patch: patch(add(0, `{"destination":{"host":"*"},"weight":0}`)), refused: added},
		{tries: "adds a host with another's headers", patch: patch(add(0, `{"destination":{"host":"shop-blue"},"weight":0,"headers":{"request":{"set":{"x":"z"}}}}`)), refused: added},
		{tries: "adds two destinations to a route", patch: patch(add(0, `{"destination":{"host":"shop-blue"}}`), add(0, `{"destination":{"host":"shop-red"}}`)), refused: "adds one at most"},
		{tries: "takes a destination away", patch: patch(remove("/spec/http/1/route/0")), refused: "removes no destination"},
		{tries: "writes another host", patch: patch(put("/spec/http/0/route/0/destination/host", `"shop-blue"`)), refused: weights},
		{tries: "writes another port", patch: patch(put("/spec/http/0/route/0/destination/port/number", `81`)), refused: weights},
		{tries: "writes a subset", patch: patch(put("/spec/http/0/route/0/destination/subset", `"v1"`)), refused: weights},
		{tries: "takes a destination's headers away", patch: patch(remove("/spec/http/0/route/0/headers")), refused: weights},
		{tries: "swaps two destinations", patch: patch(put("/spec/http/1/route", `[{"destination":{"host":"shop-green"},"weight":20},{"destination":{"host":"shop-blue"},"weight":80}]`)), refused: weights},
		{tries: "writes a negative weight", patch: patch(put("/spec/http/1/route/0/weight", "-20")), refused: "whole numbers from 0"},
		{tries: "changes a timeout", patch: patch(put("/spec/http/0/timeout", `"50s"`)), refused: "changes the weights of a route"},
		{tries: "changes a match", patch: patch(put("/spec/http/0/match", `[{"uri":{"prefix":"/evil"}}]`)), refused: "changes the weights of a route"},
		{tries: "mirrors a route", patch: patch(put("/spec/http/0/mirror", `{"host":"evil.example.com"}`)), refused: "changes the weights of a route"},
		{tries: "takes a route's name away", patch: patch(remove("/spec/http/0/name")), refused: "changes the weights of a route"},
		{tries: "adds a route", patch: patch(put("/spec/http/-", `{"route":[{"destination":{"host":"shop-blue"}}]}`)), refused: "adds and removes no route"},
		{tries: "removes a route", patch: patch(remove("/spec/http/1")), refused: "adds and removes no route"},
		{tries: "removes all routes", patch: `{"spec":{"http":null}}`, refused: "nothing else of its spec"},
		{tries: "takes more hosts", patch: `{"spec":{"hosts":["shop","bank"]}}`, refused: "nothing else of its spec"},
		{tries: "binds a gateway", patch: `{"spec":{"gateways":["evil/gateway"]}}`, refused: "nothing else of its spec"},
		{tries: "exports it", patch: `{"spec":{"exportTo":["*"]}}`, refused: "nothing else of its spec"},
		{tries: "changes a weight of TCP", patch: patch(put("/spec/tcp/0/route/0/weight", "1")), refused: "nothing else of its spec"},
		{tries: "writes a label", patch: `{"metadata":{"labels":{"team":"evil"}}}`, refused: "not its metadata"},
		{tries: "writes an annotation", patch: `{"metadata":{"annotations":{"x":"y"}}}`, refused: "not its metadata"},
		{tries: "writes a finalizer", patch: `{"metadata":{"finalizers":["evil.example.com/x"]}}`, refused: "not its metadata"},
		{tries: "gives it an owner", patch: `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"x"}]}}`, refused: "not its metadata"},
		{tries: "writes its status", sub: "status", patch: `{"status":{}}`, refused: "cannot patch"},
		{who: tenant, tries: "writes another host: not greenwatch's business", patch: patch(put("/spec/http/0/route/0/destination/host", `"shop-blue"`))},
	}))
}

const generous = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: generous, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{kind: ServiceAccount, name: greenwatch, namespace: greenwatch}]
`

// However many rights somebody gives to greenwatch's account, it makes no VirtualService.
func TestAdmissionLetsGreenwatchMakeNoVirtualService(t *testing.T) {
	s := guarded(t)
	if err := s.Apply(t.Context(), strings.ReplaceAll(generous, "$NS", s.Namespace)); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, lab.Greenwatch, "patch virtualservices/status.networking.istio.io") // the API server knows its new rights
	manifest := fmt.Sprintf(aVirtualService, 1, s.Namespace)
	s.judge(t, lab.Greenwatch, "makes a VirtualService", "makes no VirtualService", s.createAs(t, lab.Greenwatch, virtualServices, manifest))
	s.judge(t, tenant, "makes a VirtualService", "", s.createAs(t, tenant, virtualServices, manifest))
}

// greenwatchs gives the trials to greenwatch's account where they say nothing else.
func greenwatchs(trials []trial) []trial {
	for i := range trials {
		trials[i].kind = virtualServices
		if trials[i].who == "" {
			trials[i].who = lab.Greenwatch
		}
	}
	return trials
}

// large is a VirtualService with so many routes of four destinations each.
func large(routes int) string {
	type object = map[string]any
	var http []object
	for i := range routes {
		var route []object
		for j := range 4 {
			route = append(route, object{"destination": object{"host": fmt.Sprintf("shop-%d", j)}, "weight": 25})
		}
		http = append(http, object{"name": fmt.Sprint("r", i), "match": []object{{"uri": object{"prefix": fmt.Sprint("/", i)}}}, "timeout": "5s", "route": route})
	}
	text, err := json.Marshal(object{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": object{"name": "shop-%[1]d", "namespace": "%[2]s"},
		"spec": object{"hosts": []string{"shop"}, "http": http}})
	if err != nil {
		panic(err) // the object is ours
	}
	return string(text)
}

// A rollback must not fail for the size of what it changes: CEL's budget holds for the largest.
func TestAdmissionBearsALargeVirtualService(t *testing.T) {
	s := guarded(t)
	var all, sneaky []map[string]any
	for i := range 1024 {
		for j, weight := range []int{100, 0, 0, 0} {
			all = append(all, map[string]any{"op": "add", "path": fmt.Sprintf("/spec/http/%d/route/%d/weight", i, j), "value": weight})
		}
	}
	sneaky = append(all[:len(all):len(all)], map[string]any{"op": "add", "path": "/spec/http/1023/route/3/destination/host", "value": "evil"})
	s.prove(t, large(1024), greenwatchs([]trial{
		{tries: "sets all weights of 1024 routes", patch: text(t, all)},
		{tries: "sets all weights of 1024 routes, and the last host", patch: text(t, sneaky), refused: "nothing else of it"},
	}))
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
