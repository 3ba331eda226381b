package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

const onlyGreen = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: $NAME, namespace: $NAMESPACE}
spec:
  hosts: [$NAME.$NAMESPACE.svc.cluster.local]
  http:
  - name: primary
    route: [{destination: {host: $NAME.$NAMESPACE.svc.cluster.local, subset: green}}]
`

// A cutover need not be by weights: what was applied leads to green alone. (Cutover by weights is what
// the other tests do.)
func TestACutoverThatDropsBlueIsRolledBack(t *testing.T) {
	s := open(t, stage.Options{})
	s.deployGreen("v2")
	s.apply(onlyGreen)
	r := s.awaitPhase(release.Watching)
	if r.Spec.Cutover.IsZero() || r.Status.Readiness != release.Hot {
		t.Errorf("after the cutover the cutover is %s and blue is %s", r.Spec.Cutover, r.Status.Readiness)
	}
	s.served("green", 20)
	s.fail("green", 0.5)
	_, moved := s.rolledBack() // to blue with all the weight, which had no destination
	s.requestsFollow(moved)
	s.paged(release.CodeRollback)
}

// rich has what a mesh team may write; futureOption is known to nobody. The weights of a route need not
// sum to 100.
const rich = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: $NAME, namespace: $NAMESPACE, labels: {team: mesh}, annotations: {reviewed: "yes"}}
spec:
  hosts: [$NAME.$NAMESPACE.svc.cluster.local]
  exportTo: ["*"]
  http:
  - name: beta
    match:
    - {headers: {x-beta: {exact: "yes"}}}
    - {headers: {x-user: {prefix: internal-}}, ignoreUriCase: true}
    fault: {delay: {fixedDelay: 5ms, percentage: {value: 50}}, abort: {httpStatus: 503, percentage: {value: 0.5}}}
    timeout: 1.5s
    futureOption: {depth: 3, of: [1, two, {three: 3.5}]}
    route:
    - {destination: {host: $HOST, subset: blue, port: {number: 7070}}, weight: 7}
    - {destination: {host: $HOST, subset: green, port: {number: 7070}}, weight: 0, headers: {request: {set: {x-side: green}, remove: [x-old]}}}
  - name: pinned
    match: [{headers: {x-pin: {exact: green}}}]
    route: [{destination: {host: $HOST, subset: green}}]
  - name: primary
    retries: {attempts: 2, perTryTimeout: 800ms, retryOn: "unavailable,cancelled"}
    timeout: 2s
    fault: {delay: {fixedDelay: 2ms, percentage: {value: 10}}}
    mirrors: [{destination: {host: $HOST, subset: green}, percentage: {value: 5}}]
    headers: {response: {add: {x-served-by: mesh}}}
    futureOption: {depth: 4}
    route:
    - {destination: {host: $HOST, subset: blue, futureOption: sticky}, weight: 40}
    - {destination: {host: $HOST, subset: green}, weight: 0}
`

// The promise weights-only, by the daemon and against the real API server.
func TestARollbackChangesNothingButWeights(t *testing.T) {
	s := open(t, stage.Options{})
	s.allowUnknownFields()
	s.apply(rich)
	s.deployGreen("v2")
	s.apply(strings.NewReplacer("weight: 7", "weight: 0", "weight: 40", "weight: 0", "weight: 0", "weight: 7").Replace(rich))
	s.awaitPhase(release.Watching)
	before := s.virtualService()
	if _, ok, _ := unstructured.NestedMap(before.Object["spec"].(map[string]any)["http"].([]any)[2].(map[string]any), "futureOption"); !ok {
		t.Fatal("the API server took the unknown field away; the test shows nothing")
	}

	s.served("green", 20)
	s.fail("green", 0.5)
	s.awaitPhase(release.RolledBack)

	after := s.virtualService()
	for _, route := range []string{"beta", "primary"} {
		if got, want := weights(after, route), (map[string]int64{"blue": 7, "green": 0}); !maps.Equal(got, want) {
			t.Errorf("route %s has weights %v, want %v", route, got, want)
		}
	}
	if diff := cmp.Diff(bare(before), bare(after)); diff != "" {
		t.Errorf("the rollback changed more than weights (-before +after):\n%s", diff)
	}
	writes := s.writes("virtualservices")
	if len(writes) != 1 {
		t.Fatalf("greenwatch wrote the VirtualService %d times, want once", len(writes))
	}
	s.requestsFollow(writes[0].At)
}

// bare is what people wrote of a VirtualService, without the weights.
func bare(vs *unstructured.Unstructured) map[string]any {
	vs = vs.DeepCopy()
	routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
	for _, r := range routes {
		for _, d := range r.(map[string]any)["route"].([]any) {
			delete(d.(map[string]any), "weight")
		}
	}
	_ = unstructured.SetNestedSlice(vs.Object, routes, "spec", "http")
	return map[string]any{"spec": vs.Object["spec"], "labels": vs.GetLabels(), "annotations": vs.GetAnnotations()}
}

func (s *scene) virtualService() *unstructured.Unstructured {
	s.t.Helper()
	vs, err := s.objects.Resource(virtualServices).Namespace(s.Namespace).Get(s.t.Context(), s.Name, metav1.GetOptions{})
	s.must(err)
	return vs
}

// apply applies manifests as a person with kubectl does.
func (s *scene) apply(manifests string) {
	s.t.Helper()
	host := s.Name + "." + s.Namespace + ".svc.cluster.local"
	text := strings.NewReplacer("$NAMESPACE", s.Namespace, "$NAME", s.Name, "$HOST", host).Replace(manifests)
	s.must(s.Lab.ApplyAs(s.t.Context(), lab.Admin, operator, text))
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// allowUnknownFields makes the API server keep fields of a VirtualService that it does not know, as that
// of a newer Istio does.
func (s *scene) allowUnknownFields() {
	s.t.Helper()
	ctx, client := s.t.Context(), s.objects.Resource(definitions)
	crd, err := client.Get(ctx, "virtualservices.networking.istio.io", metav1.GetOptions{})
	s.must(err)
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	var patch []map[string]any
	for i := range versions {
		http := fmt.Sprintf("/spec/versions/%d/schema/openAPIV3Schema/properties/spec/properties/http/items", i)
		for _, at := range []string{http, http + "/properties/route/items/properties/destination"} {
			patch = append(patch, map[string]any{"op": "add", "path": at + "/x-kubernetes-preserve-unknown-fields", "value": true})
		}
	}
	text, err := json.Marshal(patch)
	s.must(err)
	_, err = client.Patch(ctx, crd.GetName(), types.JSONPatchType, text, metav1.PatchOptions{FieldManager: operator})
	s.must(err)
	s.eventually("the loosened definition", func(ctx context.Context) error {
		return s.keepsUnknownFields(ctx)
	})
}

// keepsUnknownFields is an error as long as the API server takes them away.
func (s *scene) keepsUnknownFields(ctx context.Context) error {
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"hosts": []any{"probe"}, "http": []any{map[string]any{"futureOption": "kept",
			"route": []any{map[string]any{"destination": map[string]any{"host": "probe", "futureOption": "kept"}}}}}},
	}}
	got, err := s.objects.Resource(virtualServices).Namespace(s.Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	if diff := cmp.Diff(probe.Object["spec"], got.Object["spec"]); diff != "" {
		return fmt.Errorf("it takes away: %s", diff)
	}
	return nil
}
