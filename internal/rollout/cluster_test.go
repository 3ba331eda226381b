package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// echo is a service in the lab: blue with three replicas, green with one and another version.
const echo = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo-blue, namespace: NAMESPACE}
spec:
  replicas: 3
  selector: {matchLabels: {slot: blue}}
  template:
    metadata: {labels: {slot: blue}}
    spec: {containers: [{name: app, image: "registry.example/echo:v1", resources: {requests: {cpu: 1000m}}}], volumes: [{name: v, emptyDir: {}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo-green, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {slot: green}}
  template:
    metadata: {labels: {slot: green}}
    spec: {containers: [{name: app, image: "registry.example/echo:v2"}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: NAMESPACE}
spec:
  hosts: [echo]
  http:
  - name: main
    route:
    - {destination: {host: echo, subset: blue}, weight: 90}
    - {destination: {host: echo, subset: green}, weight: 10}
`

type scene struct {
	*testing.T
	lab    *lab.TestLab
	client kubernetes.Interface
	live   Source
	plan   *release.Plan
}

func setup(t *testing.T) *scene {
	t.Helper()
	l := cluster.ForTest(t)
	must(t, l.Apply(t.Context(), strings.ReplaceAll(echo, "NAMESPACE", l.Namespace)))
	client, objects, err := l.Clients(lab.Admin)
	must(t, err)
	s := &scene{T: t, lab: l, client: client, live: Live(client.AppsV1(), objects), plan: shopPlan()}
	s.plan.Namespace = l.Namespace
	s.eventually(func(context.Context) error {
		for _, slot := range s.observe(s.live).World.Slots {
			if !slot.RolledOut {
				return fmt.Errorf("%+v", slot)
			}
		}
		return nil
	})
	return s
}

func (s *scene) observe(src Source) Sight {
	s.Helper()
	sight, err := Observe(s.Context(), s.plan, nil, src)
	must(s.T, err)
	return sight
}

func (s *scene) eventually(try func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	must(s.T, lab.Until(ctx, try))
}

// informers are run until the test ends.
func (s *scene) informers(user string, namespaces []string, changed func(Object), failed func(error)) *Informers {
	s.Helper()
	client, objects, err := s.lab.Clients(user)
	must(s.T, err)
	i, err := NewInformers(Config{Client: client, Objects: objects, Namespaces: namespaces, Changed: changed, Failed: failed})
	must(s.T, err)
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); i.Run(ctx) }()
	s.Cleanup(func() { cancel(); <-ended })
	return i
}

func (s *scene) sync(i *Informers) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	must(s.T, i.Sync(ctx))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ignore[T any](T) {}

func TestTheCacheSeesWhatTheAPIServerHas(t *testing.T) {
	for name, all := range map[string]bool{"all namespaces": true, "one namespace": false} {
		t.Run(name, func(t *testing.T) {
			s := setup(t)
			namespaces := []string{s.lab.Namespace}
			if all {
				namespaces = nil
			}
			i := s.informers(lab.Admin, namespaces, ignore[Object], ignore[error])
			s.sync(i)
			s.agree(i.Source())

			must(t, s.client.AppsV1().Deployments(s.lab.Namespace).Delete(t.Context(), "echo-green", metav1.DeleteOptions{}))
			must(t, s.lab.Apply(t.Context(), strings.ReplaceAll(strings.Replace(echo[strings.LastIndex(echo, "---"):], "90", "30", 1), "NAMESPACE", s.lab.Namespace)))
			sight := s.agree(i.Source())
			if sight.World.Slots[1].Found || sight.World.Least("green") != 0.25 {
				t.Errorf("neither the deletion nor the weights were seen: %+v", sight.World)
			}
		})
	}
}

// agree waits until the cache says what the API server says.
func (s *scene) agree(cached Source) Sight {
	s.Helper()
	var live Sight
	s.eventually(func(context.Context) error {
		live = s.observe(s.live)
		sight := s.observe(cached)
		if sight.World.Live || !live.World.Live {
			return errors.New("live is what is not, or the other way around")
		}
		sight.World.Live = true
		if diff := cmp.Diff(live, sight); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	return live
}

func TestTheFirstSightOfALiveService(t *testing.T) {
	s := setup(t)
	sight := s.observe(s.live)
	blue := sight.World.Slots[0]
	if blue.Version != "v1" || blue.Wanted != 3 || blue.Ready != 3 || blue.Pods != 3 || blue.Updated != 3 {
		t.Errorf("blue is %+v", blue)
	}
	if sight.World.Writer != "lab" || len(sight.Problems) > 0 {
		t.Errorf("written by %q, problems %v", sight.World.Writer, sight.Problems)
	}
	s.plan.VirtualService, s.plan.Slots[0].Deployment = "absent", "absent"
	sight = s.observe(s.live)
	if sight.World.Slots[0].Found || len(sight.Problems) != 2 || sight.Problems[0].Reason != VirtualServiceMissing {
		t.Errorf("what is missing was seen: %+v", sight)
	}
}

func TestChangesAreTold(t *testing.T) {
	s := setup(t)
	told := make(chan Object, 1000)
	i := s.informers(lab.Admin, []string{s.lab.Namespace}, func(o Object) { told <- o }, ignore[error])
	s.sync(i)
	s.await(told, Object{KindDeployment, s.lab.Namespace, "echo-blue"}, Object{KindDeployment, s.lab.Namespace, "echo-green"},
		Object{KindVirtualService, s.lab.Namespace, "echo"})

	// What doesn't matter is not told: by the time that a later change of green is heard of, nothing was heard of blue.
	deployments := s.client.AppsV1().Deployments(s.lab.Namespace)
	for n := range 5 {
		_, err := deployments.Patch(t.Context(), "echo-blue", types.MergePatchType,
			fmt.Appendf(nil, `{"metadata":{"labels":{"note":"%d"}}}`, n), metav1.PatchOptions{})
		must(t, err)
	}
	must(t, deployments.Delete(t.Context(), "echo-green", metav1.DeleteOptions{}))
	before := s.await(told, Object{KindDeployment, s.lab.Namespace, "echo-green"})
	for _, o := range before {
		if o.Name == "echo-blue" {
			t.Errorf("a label was told as a change of %s", o)
		}
	}

	// Nor is it of a VirtualService, until its routes change.
	_, objects, err := s.lab.Clients(lab.Admin)
	must(t, err)
	routes := objects.Resource(VirtualServices()).Namespace(s.lab.Namespace)
	patch := func(kind types.PatchType, text string) {
		_, err := routes.Patch(t.Context(), "echo", kind, []byte(text), metav1.PatchOptions{FieldManager: "kubectl"})
		must(t, err)
	}
	for n := range 5 {
		patch(types.MergePatchType, fmt.Sprintf(`{"metadata":{"annotations":{"note":"%d"}},"status":{"observedGeneration":%d}}`, n, n))
	}
	other := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"metadata": map[string]any{"name": "other"}, "spec": map[string]any{"hosts": []any{"other"}}}}
	_, err = routes.Create(t.Context(), other, metav1.CreateOptions{})
	must(t, err)
	if before := s.await(told, Object{KindVirtualService, s.lab.Namespace, "other"}); len(before) > 0 {
		t.Errorf("annotations were told as changes of %v", before)
	}
	patch(types.JSONPatchType, `[{"op":"add","path":"/spec/http/0/route/0/weight","value":7}]`)
	s.await(told, Object{KindVirtualService, s.lab.Namespace, "echo"})
}

// await waits until all of these have been told of, and gives what else was.
func (s *scene) await(told <-chan Object, wanted ...Object) (others []Object) {
	s.Helper()
	deadline := time.After(20 * time.Second)
	missing := map[Object]bool{}
	for _, o := range wanted {
		missing[o] = true
	}
	for len(missing) > 0 {
		select {
		case o := <-told:
			if !missing[o] {
				others = append(others, o)
			}
			delete(missing, o)
		case <-deadline:
			s.Fatalf("was not told of %v", missing)
		}
	}
	return others
}

func TestWhatTheCacheCantKnowIsAnError(t *testing.T) {
	s := setup(t)
	client, objects, err := s.lab.Clients(lab.Admin)
	must(t, err)
	idle, err := NewInformers(Config{Client: client, Objects: objects, Changed: ignore[Object], Failed: ignore[error]})
	must(t, err)
	if _, err := Observe(t.Context(), s.plan, nil, idle.Source()); !errors.Is(err, errNotSynced) {
		t.Errorf("an empty cache gave %v, want %v", err, errNotSynced)
	}
	elsewhere := s.informers(lab.Admin, []string{"default"}, ignore[Object], ignore[error])
	s.sync(elsewhere)
	if _, err := Observe(t.Context(), s.plan, nil, elsewhere.Source()); err == nil || !strings.Contains(err.Error(), "is not watched") {
		t.Errorf("another namespace gave %v", err)
	}
}

func TestAWatchThatIsForbiddenIsTold(t *testing.T) {
	s := setup(t)
	failed := make(chan error, 100)
	s.informers(lab.Bob, nil, ignore[Object], func(err error) {
		select {
		case failed <- err:
		default:
		}
	})
	select {
	case err := <-failed:
		if !apierrors.IsForbidden(err) {
			t.Errorf("told of %v, want that it is forbidden", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was told")
	}
}

func TestARevisionIsTheSameOverEveryWire(t *testing.T) {
	s := setup(t)
	seen := map[string]bool{}
	for _, contentType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeCBOR} {
		config := s.lab.RESTConfig(lab.Admin)
		config.ContentType = contentType
		config.AcceptContentTypes = contentType + "," + runtime.ContentTypeJSON
		client, err := kubernetes.NewForConfig(config)
		must(t, err)
		dep, err := client.AppsV1().Deployments(s.lab.Namespace).Get(t.Context(), "echo-blue", metav1.GetOptions{})
		must(t, err)
		seen[Revision(dep.Spec.Template)] = true
	}
	if len(seen) != 1 {
		t.Errorf("revisions %v, want one", seen)
	}
}

func TestLiveBorn(t *testing.T) {
	s := setup(t)
	since, err := LiveBorn(s.client.AppsV1())(t.Context(), s.lab.Namespace, "echo-blue")
	must(t, err)
	if age := time.Since(since.Time()); age < 0 || age > time.Minute {
		t.Errorf("blue was born at %s, want just now", since)
	}
}

func TestAKindThatIsNotServedIsNotAMissingObject(t *testing.T) {
	gone := apierrors.NewNotFound(VirtualServices().GroupResource(), "echo")
	unserved := apierrors.NewGenericServerResponse(http.StatusNotFound, "get", VirtualServices().GroupResource(), "echo", "404 page not found", 0, true)
	if !IsMissing(fmt.Errorf("get: %w", gone)) || IsMissing(unserved) || IsMissing(nil) {
		t.Errorf("missing: %v, %v, %v; want true, false, false", IsMissing(gone), IsMissing(unserved), IsMissing(nil))
	}
}
