package act

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// scene is a service in a namespace of its own: stable v1 in slot blue, candidate v2 in slot green.
type scene struct {
	*testing.T
	lab     *lab.TestLab
	client  kubernetes.Interface
	objects dynamic.Interface
	routes  string
	// before is called between reading and writing; nil: the lease is held.
	before func() error
	swayed int
	action release.Action
}

// setup deploys the service with the given routes and waits until it is rolled out.
func setup(t *testing.T, routes string) *scene {
	t.Helper()
	l := cluster.ForTest(t)
	client, objects, err := l.Clients(lab.Admin)
	must(t, err)
	s := &scene{T: t, lab: l, client: client, objects: objects, routes: routes}
	s.reset(t)
	s.action = release.Action{
		Ladder: &release.Ladder{
			Plan: release.Plan{
				Namespace: l.Namespace, Policy: "echo", VirtualService: "echo",
				Slots: []release.Slot{
					{Name: "blue", Deployment: "echo-blue", Host: "echo", Subset: "blue"},
					{Name: "green", Deployment: "echo-green", Host: "echo", Subset: "green"},
				},
			},
			Routes: []string{"main"}, Ports: []int64{0},
			Needed: 2,
		},
		Stable:    release.Side{Slot: "blue", Revision: s.revision("echo-blue")},
		Candidate: release.Side{Slot: "green", Revision: s.revision("echo-green")},
		Replicas:  3,
	}
	return s
}

// reset makes everything as it was at first, whatever was done to it.
func (s *scene) reset(t *testing.T) {
	t.Helper()
	s.T, s.before, s.swayed = t, nil, 0
	s.deploy("echo-blue", pods{version: "v1", replicas: 2})
	s.deploy("echo-green", pods{version: "v2", replicas: 2})
	s.route(s.routes)
	s.settle("echo-blue", 2)
	s.settle("echo-green", 2)
}

// pods are what a Deployment shall run.
type pods struct {
	version  string
	replicas int
	restart  string // changes nothing but metadata
	never    bool   // becomes ready
}

func (s *scene) deploy(name string, p pods) {
	s.Helper()
	annotations := fmt.Sprintf("{kubectl.kubernetes.io/restartedAt: %q}", p.restart)
	if p.never {
		annotations = fmt.Sprintf("{kubectl.kubernetes.io/restartedAt: %q, %s: 1h}", p.restart, lab.ReadyAfterAnnotation)
	}
	s.apply(fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: %[4]s}
    spec: {containers: [{name: app, image: "registry.example/echo:%[5]s"}]}
`, name, s.lab.Namespace, p.replicas, annotations, p.version))
}

func (s *scene) route(routes string) {
	s.Helper()
	s.apply(s.manifest(routes))
}

func (s *scene) manifest(routes string) string {
	return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: echo, namespace: %s}\nspec:\n  hosts: [echo]\n%s",
		s.lab.Namespace, routes)
}

func (s *scene) apply(manifests string) {
	s.Helper()
	must(s.T, s.lab.Apply(s.Context(), manifests))
}

// settle waits until the Deployment is rolled out with as many ready replicas.
func (s *scene) settle(name string, replicas int32) {
	s.Helper()
	s.until(name, func(d *appsv1.Deployment) bool {
		return rollout.Unmixed(d) && d.Status.ReadyReplicas == replicas && d.Status.Replicas == replicas
	})
}

// until waits until the Deployment is as wanted.
func (s *scene) until(name string, want func(*appsv1.Deployment) bool) {
	s.Helper()
	s.eventually(func(ctx context.Context) error {
		d, err := s.client.AppsV1().Deployments(s.lab.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !want(d) {
			err = fmt.Errorf("%s: generation %d, status %+v", name, d.Generation, d.Status)
		}
		return err
	})
}

func (s *scene) eventually(try func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	must(s.T, lab.Until(ctx, try))
}

func (s *scene) deployment(name string) *appsv1.Deployment {
	s.Helper()
	d, err := s.client.AppsV1().Deployments(s.lab.Namespace).Get(s.Context(), name, metav1.GetOptions{})
	must(s.T, err)
	return d
}

func (s *scene) revision(name string) string {
	s.Helper()
	return rollout.Revision(s.deployment(name).Spec.Template)
}

func (s *scene) delete(name string) {
	s.Helper()
	must(s.T, s.client.AppsV1().Deployments(s.lab.Namespace).Delete(s.Context(), name, metav1.DeleteOptions{}))
}

func (s *scene) virtualServices() dynamic.ResourceInterface {
	return s.objects.Resource(rollout.VirtualServices()).Namespace(s.lab.Namespace)
}

func (s *scene) virtualService() *unstructured.Unstructured {
	s.Helper()
	vs, err := s.virtualServices().Get(s.Context(), "echo", metav1.GetOptions{})
	must(s.T, err)
	return vs
}

func (s *scene) deleteVirtualService() error {
	return s.virtualServices().Delete(s.Context(), "echo", metav1.DeleteOptions{})
}

// shares are the weights of the first HTTP route, in order.
func (s *scene) shares() string {
	s.Helper()
	routes, _, err := unstructured.NestedSlice(s.virtualService().Object, "spec", "http")
	must(s.T, err)
	weights := ""
	for _, d := range routes[0].(map[string]any)["route"].([]any) {
		weights += fmt.Sprint(d.(map[string]any)["weight"], " ")
	}
	return weights
}

// touchVirtualService lets somebody else write to the object between greenwatch's reading and writing.
func (s *scene) touchVirtualService() error {
	_, err := s.virtualServices().Patch(s.Context(), "echo", types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":%q}}}`, time.Now().String()), metav1.PatchOptions{FieldManager: "kubectl"})
	return err
}

// swayVirtualService is somebody else who sets weights, other ones each time; greenwatch's own would end that.
func (s *scene) swayVirtualService() error {
	s.swayed++
	_, err := s.virtualServices().Patch(s.Context(), "echo", types.JSONPatchType,
		fmt.Appendf(nil, `[{"op":"replace","path":"/spec/http/0/route/0/weight","value":%d}]`, 10+s.swayed), metav1.PatchOptions{FieldManager: "kubectl"})
	return err
}

func (s *scene) touchDeployment(name string) func() error {
	return func() error {
		_, err := s.client.AppsV1().Deployments(s.lab.Namespace).Patch(s.Context(), name, types.MergePatchType,
			fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":%q}}}`, time.Now().String()), metav1.PatchOptions{FieldManager: "kubectl"})
		return err
	}
}

var errLeaseLost = errors.New("the lease was lost")

func (s *scene) loseLease() { s.before = func() error { return errLeaseLost } }

func (s *scene) held() error {
	if s.before == nil {
		return nil
	}
	return s.before()
}

func (s *scene) perform(deed release.Deed) (release.Result, string) {
	return s.performAs(lab.Admin, deed)
}

func (s *scene) performAs(user string, deed release.Deed) (release.Result, string) {
	s.Helper()
	client, objects, err := s.lab.Clients(user)
	must(s.T, err)
	action := s.action
	action.Deed = deed
	return New(Config{Apps: client.AppsV1(), Objects: objects, Held: s.held}).Perform(s.Context(), s.lab.Namespace, action)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
