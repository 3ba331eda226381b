package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"
	"text/template"
	"time"

	appsv1 "k8s.io/client-go/listers/apps/v1"
	corev1 "k8s.io/client-go/listers/core/v1"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	serviceLabel = "lab.greenwatch.dev/service"
	slotLabel    = "lab.greenwatch.dev/slot"
	servicePort  = 7070
	stepWithin   = 30 * time.Second // for a slot to do what was asked of it
)

// Slot is one side of a service.
type Slot struct {
	Name       string // blue
	Deployment string // default: NAME OF THE SERVICE-NAME OF THE SLOT
	// EndpointLabels are added to the labels of the slot's WorkloadEntry, for Services of the
	// caller's own. Those must not select the pods, whose addresses lead nowhere.
	EndpointLabels map[string]string
}

// ServiceOptions describe a service with slots that serve real traffic.
type ServiceOptions struct {
	Namespace, Name string
	Slots           []Slot        // default: blue and green
	Port            int           // default 7070
	StartupDelay    time.Duration // from a slot's first ready pod to its server's first answer
	Prometheus      *Prometheus   // scrapes the servers, with labels namespace, deployment (the slot), pod
	// HostPerSlot routes to a Service per slot, NAME-SLOT, where the default is a subset per slot.
	HostPerSlot bool
	// Route is the name of the weighted route; default "primary".
	Route string
	// Bare creates no namespace, Service, DestinationRule or VirtualService: the caller has
	// manifests with the same names.
	Bare bool
}

// Destination is a slot's destination in the VirtualService, as YAML.
func (o ServiceOptions) Destination(s Slot) string {
	if o.HostPerSlot {
		return fmt.Sprintf("{host: %s-%s.%s.svc.cluster.local}", o.Name, s.Name, o.Namespace)
	}
	return fmt.Sprintf("{host: %s.%s.svc.cluster.local, subset: %s}", o.Name, o.Namespace, s.Name)
}

func (o ServiceOptions) withDefaults() ServiceOptions {
	if len(o.Slots) == 0 {
		o.Slots = []Slot{{Name: "blue"}, {Name: "green"}}
	}
	o.Slots = slices.Clone(o.Slots)
	for i, s := range o.Slots {
		if s.Deployment == "" {
			o.Slots[i].Deployment = o.Name + "-" + s.Name
		}
	}
	if o.Port == 0 {
		o.Port = servicePort
	}
	if o.Route == "" {
		o.Route = "primary"
	}
	return o
}

//go:embed service.yaml.tmpl
var serviceTemplate string

// manifests are the mesh's side of the service. All traffic is with the first slot. Each slot
// is also led to by a route of its own, chosen by header x-pin: so no destination ever loses
// its last reference, which would cost the clients some requests when the weights flip.
func (o ServiceOptions) manifests() (string, error) {
	t, err := template.New("service").Parse(serviceTemplate)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = t.Execute(&text, o)
	return text.String(), err
}

// Service is a running service. Its methods are safe for concurrent use.
type Service struct {
	ServiceOptions // as in force, with the defaults

	lab     *Lab
	client  kubernetes.Interface
	dynamic dynamic.Interface
	slots   []*slotServer

	deployments appsv1.DeploymentNamespaceLister
	pods        corev1.PodNamespaceLister

	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// StartService creates the service's objects and keeps a real server in step with the pods of
// each of its slots from now on. ctx bounds the start only.
func (l *Lab) StartService(ctx context.Context, o ServiceOptions) (*Service, error) {
	programs, err := Build(ctx, BuildOptions{Only: trafficPrograms, Progress: l.progress})
	if err != nil {
		return nil, err
	}
	s := &Service{ServiceOptions: o.withDefaults(), lab: l}
	if s.client, s.dynamic, err = l.Clients(Admin); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, programs.Path("traffic-server")); err != nil {
		return nil, fmt.Errorf("start service %s/%s: %w", o.Namespace, o.Name, err)
	}
	if err := s.keepInStep(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start service %s/%s: %w", o.Namespace, o.Name, err), s.quit())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.services = append(l.services, s)
	return s, nil
}

func (s *Service) prepare(ctx context.Context, program string) error {
	if !s.Bare {
		manifests, err := s.manifests()
		if err != nil {
			return err
		}
		if err := s.lab.Apply(ctx, manifests); err != nil {
			return err
		}
	}
	for _, slot := range s.Slots {
		server, err := newSlotServer(s, slot, program)
		if err != nil {
			return err
		}
		s.slots = append(s.slots, server)
	}
	return nil
}

// keepInStep starts to watch, and a loop per slot.
func (s *Service) keepInStep(ctx context.Context) error {
	running, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.Namespace))
	deployments, pods := factory.Apps().V1().Deployments(), factory.Core().V1().Pods()
	s.deployments = deployments.Lister().Deployments(s.Namespace)
	s.pods = pods.Lister().Pods(s.Namespace)
	for _, informer := range []cache.SharedIndexInformer{deployments.Informer(), pods.Informer()} {
		if _, err := informer.AddEventHandler(s.onChange()); err != nil {
			return err
		}
	}
	factory.Start(running.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("list %s: %w", kind, context.Cause(ctx))
		}
	}
	for _, slot := range s.slots {
		s.loops.Go(func() { slot.run(running) })
	}
	return nil
}

func (s *Service) onChange() cache.ResourceEventHandlerFuncs {
	lookAgain := func() {
		for _, slot := range s.slots {
			slot.lookAgain()
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { lookAgain() },
		UpdateFunc: func(any, any) { lookAgain() },
		DeleteFunc: func(any) { lookAgain() },
	}
}

// Close ends the service's servers and withdraws their endpoints. The other objects stay.
func (s *Service) Close() error {
	s.lab.mu.Lock()
	s.lab.services = slices.DeleteFunc(s.lab.services, func(other *Service) bool { return other == s })
	s.lab.mu.Unlock()
	err := s.quit()
	ctx, cancel := context.WithTimeout(context.Background(), stepWithin)
	defer cancel()
	errs := []error{err}
	for _, slot := range s.slots {
		errs = append(errs, slot.withdraw(ctx), slot.forget())
	}
	return errors.Join(errs...)
}

// quit ends the servers and asks nothing of the API server.
func (s *Service) quit() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.loops.Wait()
	var errs []error
	for _, slot := range s.slots {
		if slot.process != nil {
			errs = append(errs, slot.process.Kill())
		}
	}
	return errors.Join(errs...)
}

func (s *Service) slot(name string) (*slotServer, error) {
	for _, slot := range s.slots {
		if slot.slot.Name == name {
			return slot, nil
		}
	}
	return nil, fmt.Errorf("service %s has no slot %q", s.Name, name)
}
