package act

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// server is an API server, as far as a move of the traffic needs one: it is slow, and others write to the
// VirtualService all the time.
type server struct {
	mu      sync.Mutex
	vs      map[string]any
	read    []any // the routes as greenwatch read them last
	latency time.Duration
	// meanwhile is called before each read and write of the VirtualService.
	meanwhile func(s *server, method string)
	patches   int
	blind     int // writes over routes that were not the ones read
}

const watchedRoutes = `[
	{"name":"preview","route":[{"destination":{"host":"echo","subset":"green"}}]},
	{"name":"main","match":[{"uri":{"regex":"/<a>&.*"}}],"timeout":"2.5s","fault":{"delay":{"percentage":{"value":0.1}}},
	 "route":[{"destination":{"host":"echo","subset":"blue"},"weight":0},{"destination":{"host":"echo","subset":"green"},"weight":100}]},
	{"name":"api","route":[{"destination":{"host":"echo","subset":"green"},"weight":60},{"destination":{"host":"echo","subset":"blue"},"weight":40}]}]`

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{meanwhile: func(*server, string) {}}
	must(t, json.Unmarshal([]byte(`{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"echo","namespace":"shop","uid":"u1","resourceVersion":"1"},
		"spec":{"hosts":["echo"],"http":`+watchedRoutes+`}}`), &s.vs))
	return s
}

func (s *server) routes() []any { return s.vs["spec"].(map[string]any)["http"].([]any) }

func (s *server) metadata() map[string]any { return s.vs["metadata"].(map[string]any) }

func (s *server) version() string { return s.metadata()["resourceVersion"].(string) }

// wrote gives the object another version.
func (s *server) wrote() {
	n := 0
	fmt.Sscan(s.version(), &n)
	s.metadata()["resourceVersion"] = fmt.Sprint(n + 1)
}

// touch is a foreign write of something that moves no traffic.
func (s *server) touch() {
	s.wrote()
	s.metadata()["annotations"] = map[string]any{"touched": s.version()}
}

// weigh is a foreign write of the weights of a watched route.
func (s *server) weigh(route int, blue, green float64) {
	s.wrote()
	for _, d := range s.routes()[route].(map[string]any)["route"].([]any) {
		d := d.(map[string]any)
		d["weight"] = map[any]float64{"blue": blue, "green": green}[d["destination"].(map[string]any)["subset"]]
	}
}

// insert is a foreign write of a route before all others.
func (s *server) insert() {
	s.wrote()
	first := map[string]any{"name": "r" + s.version(), "redirect": map[string]any{"uri": "/new"}}
	s.vs["spec"].(map[string]any)["http"] = append([]any{first}, s.routes()...)
}

// weights are those of the route of that name, by slot.
func (s *server) weights(name string) string {
	for _, r := range s.routes() {
		if r := r.(map[string]any); r["name"] == name {
			out := map[any]any{}
			for _, d := range r["route"].([]any) {
				d := d.(map[string]any)
				out[d["destination"].(map[string]any)["subset"]] = d["weight"]
			}
			return fmt.Sprintf("blue %v green %v", out["blue"], out["green"])
		}
	}
	return "no such route"
}

// RoundTrip implements http.RoundTripper.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.latency / 2)
	defer time.Sleep(s.latency / 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	code, body := s.answer(r)
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func (s *server) answer(r *http.Request) (int, []byte) {
	var out any
	var err error
	switch {
	case strings.Contains(r.URL.Path, "/deployments/"):
		out = serving(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	case r.Method == http.MethodPatch:
		s.meanwhile(s, r.Method)
		patch, _ := io.ReadAll(r.Body)
		out, err = s.patch(patch)
	default:
		s.meanwhile(s, r.Method)
		out, s.read = s.vs, copied(s.routes())
	}
	code := http.StatusOK
	if status, failed := err.(apierrors.APIStatus); failed {
		of := status.Status()
		of.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		out, code = &of, int(of.Code)
	}
	body, err := json.Marshal(out)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	return code, body
}

// patch applies a JSON patch as the API server does.
func (s *server) patch(patch []byte) (any, error) {
	s.patches++
	before, err := json.Marshal(s.vs)
	if err != nil {
		return nil, err
	}
	ops, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	after, err := ops.Apply(before)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	var next map[string]any
	if err := json.Unmarshal(after, &next); err != nil {
		return nil, err
	}
	if next["metadata"].(map[string]any)["resourceVersion"] != s.version() {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "virtualservices"}, "echo", errors.New("modified"))
	}
	if !reflect.DeepEqual(s.read, s.routes()) {
		s.blind++
	}
	s.vs = next
	s.wrote()
	return s.vs, nil
}

func copied(v []any) (out []any) {
	b, _ := json.Marshal(v)
	_ = json.Unmarshal(b, &out)
	return out
}

// serving is a Deployment that is rolled out, with two ready replicas.
func serving(name string) *appsv1.Deployment {
	two := int32(2)
	return &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Generation: 1},
		Spec:   appsv1.DeploymentSpec{Replicas: &two, Template: template(name)},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2}}
}

func template(name string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: name}}}}
}

// move lets an Actor move the traffic from green to blue in routes main and api.
func (s *server) move(t *testing.T) (release.Result, string) {
	t.Helper()
	config := &rest.Config{Host: "http://server", Transport: s, QPS: -1}
	kube, err := kubernetes.NewForConfig(config)
	must(t, err)
	objects, err := dynamic.NewForConfig(config)
	must(t, err)
	side := func(slot string) release.Side {
		return release.Side{Slot: slot, Revision: rollout.Revision(template("echo-" + slot))}
	}
	slot := func(name string) release.Slot {
		return release.Slot{Name: name, Deployment: "echo-" + name, Host: "echo", Subset: name}
	}
	return New(Config{Apps: kube.AppsV1(), Objects: objects, Held: func() error { return nil }}).Perform(t.Context(), "shop", release.Action{
		Deed: release.SetShares, Candidate: side("green"), Stable: side("blue"),
		Ladder: &release.Ladder{Needed: 2, Routes: []string{"main", "api"}, Ports: []int64{0, 0},
			Plan: release.Plan{Namespace: "shop", Policy: "echo", VirtualService: "echo", Slots: []release.Slot{slot("blue"), slot("green")}}}})
}

// one-writer: whoever writes what in between, weights are only ever set over routes as they were read.
func TestNoForeignChangeIsOverwrittenUnseen(t *testing.T) {
	results := map[release.Result]int{}
	for seed := range uint64(400) {
		chance := rand.New(rand.NewPCG(seed, 1))
		often, fierce := chance.Float64(), seed%4 == 0
		s := newServer(t)
		s.meanwhile = func(s *server, method string) {
			switch {
			case fierce:
				share := float64(chance.IntN(100))
				s.weigh(len(s.routes())-1-chance.IntN(2), 100-share, share)
				return
			case chance.Float64() > often:
				return
			}
			switch n := chance.IntN(6); {
			case n == 0 && len(s.routes()) < 6:
				s.insert()
			case n == 1 && len(s.routes()) > 3: // the route that came last goes
				s.wrote()
				s.vs["spec"].(map[string]any)["http"] = s.routes()[1:]
			case n == 2:
				share := float64(chance.IntN(100))
				s.weigh(len(s.routes())-1-chance.IntN(2), 100-share, share)
			default:
				s.touch()
			}
		}
		result, detail := s.move(t)
		results[result]++
		if s.blind > 0 {
			t.Fatalf("seed %d: %s %s: %d writes over routes that greenwatch had not read", seed, result, detail, s.blind)
		}
		if s.patches > mostTries {
			t.Fatalf("seed %d: %d writes at once, at most %d may be", seed, s.patches, mostTries)
		}
		if result != release.Performed && result != release.Conflict {
			t.Fatalf("seed %d: %s: %s", seed, result, detail)
		}
	}
	if results[release.Performed] < 100 || results[release.Conflict] == 0 {
		t.Errorf("%v: want many of the first, and some of the other", results)
	}
}

// Others write ten times a second to a VirtualService on an API server that takes 300 ms for everything: the
// weights are set within two seconds. If what they write is the weights, nothing is set over them.
func TestWeightsAreSetUnderAFloodOfWrites(t *testing.T) {
	flood := func(t *testing.T, write func(*server)) (s *server, result release.Result, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			s = newServer(t)
			s.latency = 300 * time.Millisecond
			ticker, done := time.NewTicker(100*time.Millisecond), make(chan struct{})
			var writers sync.WaitGroup
			writers.Go(func() {
				for {
					select {
					case <-done:
						return
					case <-ticker.C:
						s.mu.Lock()
						write(s)
						s.mu.Unlock()
					}
				}
			})
			began := time.Now()
			result, _ = s.move(t)
			took = time.Since(began)
			close(done)
			writers.Wait()
		})
		return s, result, took
	}
	s, result, took := flood(t, (*server).touch)
	if result != release.Performed || took > 2*time.Second || s.weights("main") != "blue 100 green 0" || s.weights("api") != "blue 100 green 0" {
		t.Errorf("%s after %s and %d writes: main has %s, api %s", result, took, s.patches, s.weights("main"), s.weights("api"))
	}
	n := 0.0
	s, result, took = flood(t, func(s *server) { n++; s.weigh(1, n, 100-n) })
	if result != release.Conflict || s.blind > 0 || s.weights("api") != "blue 40 green 60" {
		t.Errorf("%s after %s and %d writes: %d of them blind, api has %s", result, took, s.patches, s.blind, s.weights("api"))
	}
}
