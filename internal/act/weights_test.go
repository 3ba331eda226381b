package act

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Everything that a VirtualService can have around its weights, and a field that nobody knows.
const crowded = `
  gateways: [mesh, echo-gateway]
  exportTo: ["."]
  http:
  - name: preview
    match:
    - {headers: {preview: {exact: green}}, uri: {prefix: /v2}, ignoreUriCase: true}
    route: [{destination: {host: echo, subset: green, port: {number: 8080}}}]
  - name: main
    unheardOf: {deep: [1, two, {three: 3.5}], none: null}
    match: [{uri: {prefix: /}}]
    rewrite: {uri: /}
    timeout: 2.5s
    retries: {attempts: 3, perTryTimeout: 500ms, retryOn: "5xx,reset"}
    fault: {delay: {percentage: {value: 0.1}, fixedDelay: 1s}, abort: {percentage: {value: 0.01}, httpStatus: 503}}
    mirror: {host: shadow, subset: v1}
    mirrorPercentage: {value: 12.5}
    mirrors: [{destination: {host: shadow, subset: v2}, percentage: {value: 1}}]
    corsPolicy: {allowOrigins: [{exact: "https://example.org"}], maxAge: 24h}
    headers: {request: {set: {x-side: weighted}}, response: {remove: [x-internal]}}
    route:
    - {destination: {host: echo, subset: blue, port: {number: 8080}}, headers: {request: {add: {x-slot: blue}}}}
    - {destination: {host: echo, subset: green, port: {number: 8080}}, weight: 135, headers: {response: {set: {x-slot: green}}}}
    - {destination: {host: legacy.other.svc.cluster.local}, weight: 15}
  - name: api
    route:
    - {destination: {host: echo, subset: green}, weight: 60}
    - {destination: {host: echo, subset: blue}, weight: 40}
  - {name: moved, match: [{uri: {exact: /old}}], redirect: {uri: /new, redirectCode: 301}}
`

// TestWeightsOnly is the promise of that name.
func TestWeightsOnly(t *testing.T) {
	s := setup(t, split)
	s.loosen()
	before := s.virtualService()
	want := before.DeepCopy()
	setWeights(t, want, 1, 135, 0, 15)
	setWeights(t, want, 2, 0, 100)
	if _, ok, _ := unstructured.NestedMap(routeOf(want, 1), "unheardOf"); !ok {
		t.Fatal("the unknown field did not reach the API server: the test proves nothing")
	}

	s.action.Ladder.Routes = []string{"main", "api"}
	s.expect(release.SetShares, release.Performed, "moved")

	after := s.virtualService()
	if diff := cmp.Diff(want.Object["spec"], after.Object["spec"]); diff != "" {
		t.Error("the spec differs by more than the weights:", diff)
	}
	for _, vs := range []*unstructured.Unstructured{before, after} {
		vs.SetManagedFields(nil)
		vs.SetResourceVersion("")
		vs.SetGeneration(0)
	}
	if diff := cmp.Diff(before.Object["metadata"], after.Object["metadata"]); diff != "" {
		t.Error("the metadata differ:", diff)
	}
}

func TestTheWriterIsGreenwatch(t *testing.T) {
	s := setup(t, split)
	s.expect(release.SetShares, release.Performed, "moved")
	for _, f := range s.virtualService().GetManagedFields() {
		if f.Manager == FieldManager && f.Operation == metav1.ManagedFieldsOperationUpdate {
			return
		}
	}
	t.Error("the object does not say that greenwatch wrote it")
}

func routeOf(vs *unstructured.Unstructured, route int) map[string]any {
	routes, _, _ := unstructured.NestedFieldNoCopy(vs.Object, "spec", "http")
	return routes.([]any)[route].(map[string]any)
}

func setWeights(t *testing.T, vs *unstructured.Unstructured, route int, weights ...int64) {
	t.Helper()
	for i, destination := range routeOf(vs, route)["route"].([]any) {
		destination.(map[string]any)["weight"] = weights[i]
	}
}

// loosen lets VirtualServices have HTTP routes with fields that their schema does not know, as
// those of a later Istio have, and makes this one have some.
func (s *scene) loosen() {
	s.Helper()
	crds := s.objects.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	crd, err := crds.Get(s.Context(), "virtualservices.networking.istio.io", metav1.GetOptions{})
	must(s.T, err)
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	must(s.T, err)
	patch := "["
	for i := range versions {
		patch += fmt.Sprintf(`{"op":"add","path":"/spec/versions/%d/schema/openAPIV3Schema/properties/spec/properties/http/items/x-kubernetes-preserve-unknown-fields","value":true},`, i)
	}
	patch = patch[:len(patch)-1] + "]"
	_, err = crds.Patch(s.Context(), crd.GetName(), types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	must(s.T, err)
	s.eventually(func(ctx context.Context) error { // the API server takes a moment to be looser
		if err := s.lab.Apply(ctx, s.manifest(crowded)); err != nil {
			return err
		}
		if _, ok, _ := unstructured.NestedMap(routeOf(s.virtualService(), 1), "unheardOf"); !ok {
			return errors.New("it still prunes fields that it does not know")
		}
		return nil
	})
}
