package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Options say what a lab consists of. The zero value is a full control plane with one node.
type Options struct {
	NoIstiod bool      // Istio's CRDs are there all the same
	Nodes    int       // 0 means 1; each takes 1000 pods
	Users    []User    // beside Admin, Greenwatch, Alice and Bob
	Progress io.Writer // see BuildOptions
}

// Lab is a running cluster. Its methods are safe for concurrent use.
type Lab struct {
	dir       string
	programs  Programs
	progress  io.Writer
	block     *block
	spawn     *spawner
	authority *authority
	tokens    map[string]string
	applier   *applier
	notes     *log.Logger // what the lab does by itself, for whoever looks into a failed test

	etcd, apiURL, xds string

	mu        sync.Mutex
	processes map[string]*Process
	order     []string // names of processes, in the order of their start
	services  []*Service
	closed    bool
}

// Start builds what is missing and starts a lab. On an error nothing is left running.
func Start(ctx context.Context, o Options) (*Lab, error) {
	programs, err := Build(ctx, BuildOptions{Only: neededBy(o), Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	l, err := prepare(programs, o)
	if err != nil {
		return nil, fmt.Errorf("prepare a lab: %w", err)
	}
	if err := l.startAll(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start a lab: %w", err), l.Close())
	}
	return l, nil
}

func neededBy(o Options) []string {
	if o.NoIstiod {
		return controlPlane
	}
	return slices.Concat(controlPlane, istiod)
}

func prepare(programs Programs, o Options) (*Lab, error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	block, err := claimBlock()
	if err != nil {
		return nil, err
	}
	l := &Lab{
		programs:  programs,
		progress:  o.Progress,
		block:     block,
		spawn:     newSpawner(),
		authority: authority,
		tokens:    newTokens(everyone(o.Users)),
		processes: map[string]*Process{},
	}
	if err := l.makeDir(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// makeDir makes the lab's folder, named after its addresses. What is there already is of a lab
// that was killed: its addresses could not be claimed otherwise.
func (l *Lab) makeDir() error {
	l.dir = filepath.Join(os.TempDir(), fmt.Sprintf("greenwatch-lab-%d-%s0", os.Getuid(), l.block.prefix))
	if err := os.RemoveAll(l.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(l.kubeconfigs(), 0o700); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(l.dir, "lab.log"))
	if err != nil {
		return err
	}
	l.notes = log.New(file, "", log.LstdFlags|log.Lmicroseconds)
	return nil
}

func (l *Lab) startAll(ctx context.Context, o Options) error {
	if err := l.startControlPlane(ctx, o); err != nil {
		return err
	}
	applier, err := newApplier(l.RESTConfig(Admin))
	if err != nil {
		return err
	}
	l.applier = applier
	if err := l.addIstio(ctx); err != nil {
		return fmt.Errorf("add Istio's CRDs: %w", err)
	}
	if !o.NoIstiod {
		if err := l.startIstiod(ctx); err != nil {
			return err
		}
	}
	return l.awaitNodes(ctx)
}

// part is what is particular about one program of the lab.
type part struct {
	program string // when several processes run the same one; else the process's name
	args    []string
	env     []string
	up      func(context.Context) error
}

// start runs a program of the lab, in a folder and with a log of its own.
func (l *Lab) start(ctx context.Context, name string, p part) error {
	if p.program == "" {
		p.program = name
	}
	process := newProcess(l.spawn, command{
		name: name, path: l.programs.Path(p.program), args: p.args, env: p.env, up: p.up,
		dir: l.partDir(name), log: filepath.Join(l.dir, name+".log"),
	})
	if err := l.keep(name, process); err != nil {
		return err
	}
	return process.Start(ctx)
}

func (l *Lab) keep(name string, p *Process) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("start %s: the lab is closed", name)
	}
	if _, ok := l.processes[name]; ok {
		return fmt.Errorf("start %s: the lab has a process of that name", name)
	}
	l.order = append(l.order, name)
	l.processes[name] = p
	return nil
}

// unusedName is stem, or stem-2 and so on where that is taken.
func (l *Lab) unusedName(stem string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := stem
	for n := 2; l.processes[name] != nil; n++ {
		name = fmt.Sprintf("%s-%d", stem, n)
	}
	return name
}

// drop forgets a process that has ended for good.
func (l *Lab) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.processes, name)
	l.order = slices.DeleteFunc(l.order, func(other string) bool { return other == name })
}

func (l *Lab) partDir(name string) string { return filepath.Join(l.dir, name) }

// failed is an error if one of the lab's processes has ended.
func (l *Lab) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, p := range l.processes {
		select {
		case <-p.Done():
			return fmt.Errorf("%s has ended\n%s", name, p.Tail(tailLines))
		default:
		}
	}
	return nil
}

// Process is a part of the lab by its program's name: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kwok, pilot-discovery, prometheus.
func (l *Lab) Process(name string) (*Process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.processes[name]
	if !ok {
		return nil, fmt.Errorf("no process %q in this lab; there are %s", name, strings.Join(slices.Sorted(maps.Keys(l.processes)), ", "))
	}
	return p, nil
}

// Close ends everything that the lab runs and removes its folder, unless GREENWATCH_LAB_KEEP
// is set.
func (l *Lab) Close() error { return l.end(false) }

func (l *Lab) end(keepDir bool) error {
	keepDir = keepDir || os.Getenv("GREENWATCH_LAB_KEEP") != ""
	services, processes := l.shut()
	var errs []error
	for _, s := range services {
		errs = append(errs, s.quit())
	}
	for _, p := range processes {
		errs = append(errs, p.Kill())
	}
	l.spawn.close()
	if !keepDir && l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(append(errs, l.block.release())...)
}

// shut lets nothing more be started and hands over what runs, the latest first. The second
// time there is nothing left.
func (l *Lab) shut() ([]*Service, []*Process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	services, order := l.services, l.order
	l.closed, l.services, l.order = true, nil, nil
	var processes []*Process
	for _, name := range slices.Backward(order) {
		processes = append(processes, l.processes[name])
	}
	return services, processes
}

// Dir holds the lab's data and a log per process.
func (l *Lab) Dir() string { return l.dir }

// Host is the loopback address of the lab's own programs. Tests may listen on other ports of it.
func (l *Lab) Host() string { return l.block.host(1) }

// APIServer is the URL of kube-apiserver.
func (l *Lab) APIServer() string { return l.apiURL }

// CA is the certificate, in PEM, that vouches for APIServer.
func (l *Lab) CA() []byte { return slices.Clone(l.authority.caPEM) }

// Clients are what one user needs to talk to the API server.
func (l *Lab) Clients(user string) (kubernetes.Interface, dynamic.Interface, error) {
	config := l.RESTConfig(user)
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("make %s's client: %w", user, err)
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("make %s's client: %w", user, err)
	}
	return typed, untyped, nil
}

// Program builds a program of the lab if need be and returns its path: greenwatch, kubectl,
// promtool, …
func (l *Lab) Program(ctx context.Context, name string) (string, error) {
	programs, err := Build(ctx, BuildOptions{Only: []string{name}, Progress: l.progress})
	if err != nil {
		return "", err
	}
	return programs.Path(name), nil
}
