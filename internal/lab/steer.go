package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
)

var virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}

// Deployment is what a slot shall run.
type Deployment struct {
	Version      string
	Replicas     int
	ReadyAfter   time.Duration // from a pod's creation to its readiness
	CrashLooping bool          // the pods crash from the start
	PodLabels    map[string]string
}

// Deploy creates or changes the slot's Deployment.
func (s *Service) Deploy(ctx context.Context, slot string, d Deployment) error {
	server, err := s.slot(slot)
	if err != nil {
		return err
	}
	config := s.deployment(server.slot, d)
	_, err = s.client.AppsV1().Deployments(s.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("deploy %s to %s: %w", d.Version, slot, err)
	}
	return nil
}

func (s *Service) deployment(slot Slot, d Deployment) *appsv1ac.DeploymentApplyConfiguration {
	selector := map[string]string{"app": slot.Deployment}
	pod := corev1ac.PodTemplateSpec().
		WithLabels(selector).
		WithLabels(map[string]string{versionLabel: d.Version}).
		WithLabels(d.PodLabels).
		WithSpec(corev1ac.PodSpec().WithContainers(
			corev1ac.Container().WithName("app").WithImage("registry.example/" + s.Name + ":" + d.Version)))
	if d.ReadyAfter > 0 {
		pod.WithAnnotations(map[string]string{ReadyAfterAnnotation: d.ReadyAfter.String()})
	}
	if d.CrashLooping {
		pod.WithLabels(map[string]string{StateLabel: CrashLooping})
	}
	return appsv1ac.Deployment(slot.Deployment, s.Namespace).
		WithLabels(selector).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(int32(d.Replicas)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(selector)).
			WithTemplate(pod))
}

// Scale sets the slot's replicas, through the scale subresource.
func (s *Service) Scale(ctx context.Context, slot string, replicas int) error {
	server, err := s.slot(slot)
	if err != nil {
		return err
	}
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)
	_, err = s.client.AppsV1().Deployments(s.Namespace).Patch(ctx, server.slot.Deployment, types.MergePatchType,
		[]byte(patch), metav1.PatchOptions{FieldManager: fieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale %s to %d: %w", slot, replicas, err)
	}
	return nil
}

// State is what the lab runs for the slot now.
func (s *Service) State(slot string) (SlotState, error) {
	server, err := s.slot(slot)
	if err != nil {
		return SlotState{}, err
	}
	return server.currentState(), nil
}

// WaitServing returns once the slot's server runs the version. It gives up after 30 s.
func (s *Service) WaitServing(ctx context.Context, slot, version string) error {
	return s.await(ctx, slot, "serve "+version, func(now SlotState) bool { return now.Serving && now.Version == version })
}

// WaitGone returns once the slot has no server. It gives up after 30 s.
func (s *Service) WaitGone(ctx context.Context, slot string) error {
	return s.await(ctx, slot, "serve nothing", func(now SlotState) bool { return !now.Serving && now.ReadyPods == 0 })
}

func (s *Service) await(ctx context.Context, slot, what string, done func(SlotState) bool) error {
	server, err := s.slot(slot)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	err = Until(ctx, func(context.Context) error {
		if now := server.currentState(); !done(now) {
			return fmt.Errorf("slot %s is %+v", slot, now)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait for slot %s of %s/%s to %s: %w", slot, s.Namespace, s.Name, what, err)
	}
	return nil
}

// Weights are the weights of the weighted route, in the order of its destinations.
func (s *Service) Weights(ctx context.Context) ([]int64, error) {
	vs, err := s.dynamic.Resource(virtualServices).Namespace(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the weights of %s/%s: %w", s.Namespace, s.Name, err)
	}
	_, destinations, err := findRoute(vs, s.Route)
	if err != nil {
		return nil, fmt.Errorf("read the weights of %s/%s: %w", s.Namespace, s.Name, err)
	}
	var weights []int64
	for _, d := range destinations {
		destination, _ := d.(map[string]any)
		weight, _, err := unstructured.NestedInt64(destination, "weight")
		if err != nil {
			return nil, fmt.Errorf("read the weights of %s/%s: %w", s.Namespace, s.Name, err)
		}
		weights = append(weights, weight)
	}
	return weights, nil
}

// SetWeights patches the weighted route as a person with kubectl would, under the name of a
// field manager.
func (s *Service) SetWeights(ctx context.Context, manager string, weights ...int) error {
	client := s.dynamic.Resource(virtualServices).Namespace(s.Namespace)
	vs, err := client.Get(ctx, s.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("set weights %v: %w", weights, err)
	}
	patch, err := weightPatch(vs, s.Route, weights)
	if err != nil {
		return fmt.Errorf("set weights %v: %w", weights, err)
	}
	_, err = client.Patch(ctx, s.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		return fmt.Errorf("set weights %v: %w", weights, err)
	}
	return nil
}

func weightPatch(vs *unstructured.Unstructured, route string, weights []int) ([]byte, error) {
	index, destinations, err := findRoute(vs, route)
	if err != nil {
		return nil, err
	}
	if len(destinations) != len(weights) {
		return nil, fmt.Errorf("route %s has %d destinations, not %d", route, len(destinations), len(weights))
	}
	var patch []map[string]any
	for i, weight := range weights {
		patch = append(patch, map[string]any{"op": "add", "path": fmt.Sprintf("/spec/http/%d/route/%d/weight", index, i), "value": weight})
	}
	return json.Marshal(patch)
}

func findRoute(vs *unstructured.Unstructured, name string) (index int, destinations []any, err error) {
	routes, _, err := unstructured.NestedSlice(vs.Object, "spec", "http")
	if err != nil {
		return 0, nil, err
	}
	for i, r := range routes {
		if route, ok := r.(map[string]any); ok && route["name"] == name {
			destinations, _, err = unstructured.NestedSlice(route, "route")
			return i, destinations, err
		}
	}
	return 0, nil, fmt.Errorf("virtualservice %s has no route %q", vs.GetName(), name)
}

// Faults is how a slot's server misbehaves. The zero value is a healthy server.
type Faults struct {
	ErrorRatio    float64       // part of the calls that fail, 0 to 1
	Latency       time.Duration // added to each call
	Silent        bool          // /metrics answers 503
	Crash         bool          // the server ends at once; its pods crash-loop until they are replaced
	CacheHitRatio *float64      // nil: as in good health
}

// SetFaults replaces the faults of the slot's server. A new server, after a new version or a
// scaling to 0, has none.
func (s *Service) SetFaults(ctx context.Context, slot string, f Faults) error {
	server, err := s.slot(slot)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"errorRatio": f.ErrorRatio, "latency": f.Latency.String(), "silent": f.Silent, "crash": f.Crash, "cacheHitRatio": f.CacheHitRatio,
	})
	if err != nil {
		return err
	}
	if err := call(ctx, http.MethodPost, "http://"+server.http+"/faults", body, nil); err != nil {
		return fmt.Errorf("set the faults of slot %s: %w", slot, err)
	}
	return nil
}

// call makes a request of one of the traffic programs and decodes its JSON answer, if asked for.
func call(ctx context.Context, method, url string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, strings.TrimSpace(string(text)))
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
