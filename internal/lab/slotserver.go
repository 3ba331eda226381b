package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

const (
	retryAfter = time.Second
	idleLook   = time.Minute // changes are watched; this only bounds the wait for one that was missed
)

var workloadEntries = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "workloadentries"}

// SlotState is what the lab runs for a slot.
type SlotState struct {
	Serving   bool   // a server runs and the mesh knows its address
	Version   string // of the server, while it runs
	ReadyPods int
	Starts    int // of servers, since the service's start
	Address   string
	Err       error // what the lab could not do for the slot; it tries again
}

// slotServer keeps one real server in step with the pods of a slot. Its loop alone changes it.
type slotServer struct {
	service *Service
	slot    Slot
	program string
	host    string
	http    string
	look    chan struct{}

	process    *Process // nil: none should run
	version    string
	readySince time.Time
	crashed    map[types.UID]bool

	mu    sync.Mutex
	state SlotState
}

func newSlotServer(service *Service, slot Slot, program string) (*slotServer, error) {
	host, err := service.lab.block.lease()
	if err != nil {
		return nil, err
	}
	web, err := freePort(host, 9102)
	if err != nil {
		return nil, err
	}
	s := &slotServer{
		service: service, slot: slot, program: program, host: host, http: web,
		look: make(chan struct{}, 1), crashed: map[types.UID]bool{},
	}
	s.state.Address = s.grpc()
	return s, nil
}

func (s *slotServer) grpc() string { return net.JoinHostPort(s.host, strconv.Itoa(s.service.Port)) }

func (s *slotServer) lookAgain() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

func (s *slotServer) run(ctx context.Context) {
	for {
		next, err := s.step(ctx)
		if err != nil && ctx.Err() == nil {
			s.note("%v", err)
			next = retryAfter
		}
		s.setState(func(state *SlotState) { state.Err = err })
		select {
		case <-ctx.Done():
			return
		case <-s.look:
		case <-s.ended():
		case <-time.After(next):
		}
	}
}

// step brings the server in step with the pods, and says when to look again.
func (s *slotServer) step(ctx context.Context) (time.Duration, error) {
	if s.hasCrashed() {
		return 0, s.crash(ctx)
	}
	w, err := s.wish()
	if err != nil {
		return 0, err
	}
	s.setState(func(state *SlotState) { state.ReadyPods = w.ready })
	if s.process != nil && (!w.serve || w.version != s.version) {
		if err := s.end(ctx, w.crashing); err != nil {
			return 0, err
		}
	}
	if err := s.scrape(w); err != nil {
		return 0, err
	}
	if !w.serve {
		s.readySince = time.Time{}
		return idleLook, nil
	}
	if s.process != nil {
		return idleLook, nil
	}
	return s.beginWhenDue(ctx, w)
}

func (s *slotServer) beginWhenDue(ctx context.Context, w wish) (time.Duration, error) {
	if s.readySince.IsZero() {
		s.readySince = time.Now()
	}
	if left := s.service.StartupDelay - time.Since(s.readySince); left > 0 {
		return left, nil
	}
	return idleLook, s.begin(ctx, w)
}

func (s *slotServer) livePods() ([]*corev1.Pod, error) {
	deployment, err := s.service.deployments.Get(s.slot.Deployment)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("read the selector of deployment %s: %w", deployment.Name, err)
	}
	return s.service.pods.List(selector)
}

func (s *slotServer) wish() (wish, error) {
	pods, err := s.livePods()
	return wishOf(pods, s.crashed), err
}

func (s *slotServer) begin(ctx context.Context, w wish) error {
	process := newProcess(s.service.lab.spawn, command{
		name: s.name(), path: s.program, dir: s.service.lab.partDir("servers"),
		log:  filepath.Join(s.service.lab.dir, s.name()+".log"),
		args: []string{"--listen", s.grpc(), "--http", s.http, "--slot", s.slot.Name, "--version", w.version},
		up:   answers(http.DefaultClient, "http://"+s.http+"/healthz"),
	})
	if err := process.Start(ctx); err != nil {
		return err
	}
	s.process, s.version = process, w.version
	if err := s.announce(ctx); err != nil {
		return errors.Join(err, s.end(ctx, false))
	}
	s.note("serves %s for %d ready pods", w.version, w.ready)
	s.setState(func(state *SlotState) {
		state.Serving, state.Version, state.Starts = true, w.version, state.Starts+1
	})
	return nil
}

// end takes the server out of the mesh and stops it; one whose pods crash gets no time to
// finish what it was doing.
func (s *slotServer) end(ctx context.Context, crashing bool) error {
	stop := s.process.Stop
	if crashing {
		stop = s.process.Kill
		if err := stop(); err != nil {
			return err
		}
	}
	if err := s.withdraw(ctx); err != nil {
		return err
	}
	if err := stop(); err != nil {
		return err
	}
	s.note("serves nothing; it was %s", s.version)
	s.process, s.version, s.readySince = nil, "", time.Time{}
	s.setState(func(state *SlotState) { state.Serving, state.Version = false, "" })
	return nil
}

func (s *slotServer) ended() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.Done()
}

func (s *slotServer) hasCrashed() bool {
	select {
	case <-s.ended():
		return true
	default:
		return false
	}
}

// crash makes the slot's ready pods crash-loop, since the server that stood for them did not
// end by the lab's doing. Only new pods bring a new server.
func (s *slotServer) crash(ctx context.Context) error {
	s.note("the server crashed")
	if err := s.end(ctx, true); err != nil {
		return err
	}
	pods, err := s.livePods()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		s.crashed[pod.UID] = true
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, StateLabel, CrashLooping)
	for _, pod := range pods {
		_, err := s.service.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: fieldManager})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("let pod %s crash-loop: %w", pod.Name, err)
		}
	}
	return nil
}

// announce tells the mesh the server's address. It is told only while a server runs: clients
// that know a dead address wait longer and longer between attempts to reach it.
func (s *slotServer) announce(ctx context.Context) error {
	labels := map[string]string{serviceLabel: s.service.Name, slotLabel: s.slot.Name}
	maps.Copy(labels, s.slot.EndpointLabels)
	entry, err := yaml.Marshal(map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
		"metadata": map[string]any{"name": s.entry(), "namespace": s.service.Namespace, "labels": labels},
		"spec":     map[string]any{"address": s.host, "labels": labels},
	})
	if err != nil {
		return err
	}
	return s.service.lab.Apply(ctx, string(entry))
}

func (s *slotServer) withdraw(ctx context.Context) error {
	err := s.service.dynamic.Resource(workloadEntries).Namespace(s.service.Namespace).Delete(ctx, s.entry(), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("withdraw endpoint %s: %w", s.entry(), err)
	}
	return nil
}

// scrape makes Prometheus scrape the slot as long as it has a running pod, ready or not.
func (s *slotServer) scrape(w wish) error {
	prometheus := s.service.Prometheus
	if prometheus == nil {
		return nil
	}
	if w.pod == "" {
		return prometheus.RemoveTarget(s.http)
	}
	return prometheus.SetTarget(Target{Address: s.http, Labels: map[string]string{
		"namespace": s.service.Namespace, "service": s.service.Name, "deployment": s.slot.Name, "pod": w.pod,
	}})
}

// forget gives back what the slot holds of the lab's.
func (s *slotServer) forget() error {
	s.service.lab.block.giveBack(s.host)
	return s.scrape(wish{})
}

func (s *slotServer) entry() string { return s.service.Name + "-" + s.slot.Name }

func (s *slotServer) name() string {
	return strings.Join([]string{s.service.Namespace, s.service.Name, s.slot.Name}, "-")
}

func (s *slotServer) note(format string, args ...any) {
	s.service.lab.notes.Printf("%s: %s", s.name(), fmt.Sprintf(format, args...))
}

func (s *slotServer) setState(change func(*SlotState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
}

func (s *slotServer) currentState() SlotState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
