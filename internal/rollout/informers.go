package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	appsinformers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Config says what to watch and whom to tell.
type Config struct {
	Client  kubernetes.Interface
	Objects dynamic.Interface
	// Namespaces to watch; empty: all of them.
	Namespaces []string
	// Changed is told of each object that appeared, changed in a way that matters, or went away. It
	// is called from several goroutines and must not block.
	Changed func(Object)
	// Failed is told why a watch was lost; it is tried again all the same.
	Failed func(error)
}

// Informers keep caches of Deployments and VirtualServices.
type Informers struct {
	changed    func(Object)
	namespaces map[string]pair
}

// pair is the informers of one namespace, or of all of them under the empty name.
type pair struct {
	deployments, virtualServices cache.SharedIndexInformer
}

var errNotSynced = errors.New("the cache is not filled yet")

// NewInformers makes informers that do nothing until they are run.
func NewInformers(c Config) (*Informers, error) {
	if len(c.Namespaces) == 0 {
		c.Namespaces = []string{metav1.NamespaceAll}
	}
	i := &Informers{changed: c.Changed, namespaces: map[string]pair{}}
	for _, namespace := range c.Namespaces {
		p := newPair(c, namespace)
		for _, informer := range p.both() {
			if err := i.prepare(informer, c.Failed); err != nil {
				return nil, fmt.Errorf("prepare the informers of namespace %q: %w", namespace, err)
			}
		}
		i.namespaces[namespace] = p
	}
	return i, nil
}

// newPair needs no index: objects are found by their key.
func newPair(c Config, namespace string) pair {
	return pair{
		deployments: appsinformers.NewDeploymentInformer(c.Client, namespace, 0, cache.Indexers{}),
		virtualServices: dynamicinformer.NewFilteredDynamicInformer(
			c.Objects, VirtualServices(), namespace, 0, cache.Indexers{}, nil).Informer(),
	}
}

func (p pair) both() []cache.SharedIndexInformer {
	return []cache.SharedIndexInformer{p.deployments, p.virtualServices}
}

func (i *Informers) prepare(informer cache.SharedIndexInformer, failed func(error)) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: i.tell,
		UpdateFunc: func(older, newer any) {
			if differs(older, newer) {
				i.tell(newer)
			}
		},
		DeleteFunc: i.tell,
	})
	return errors.Join(err,
		informer.SetTransform(narrow),
		informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { failed(err) }))
}

func (i *Informers) tell(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if o, ok := objectOf(object); ok {
		i.changed(o)
	}
}

// Run keeps the caches until the context ends.
func (i *Informers) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, p := range i.namespaces {
		for _, informer := range p.both() {
			running.Go(func() { informer.RunWithContext(ctx) })
		}
	}
	running.Wait()
}

// Sync waits until the caches are filled, or the context ends.
func (i *Informers) Sync(ctx context.Context) error {
	var synced []cache.InformerSynced
	for _, p := range i.namespaces {
		for _, informer := range p.both() {
			synced = append(synced, informer.HasSynced)
		}
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return fmt.Errorf("wait for Deployments and VirtualServices to be listed: %w", context.Cause(ctx))
	}
	return nil
}

// Source is the source that reads the caches. What is not in a filled cache does not exist, as far
// as the cache knows; a namespace that is not watched, or a cache not filled yet, is an error.
func (i *Informers) Source() Source {
	return Source{
		Slot: func(_ context.Context, namespace, name string) (release.SlotView, error) {
			object, err := i.find(KindDeployment, namespace, name)
			if found, ok := object.(*deployment); ok {
				return found.view, nil
			}
			return release.SlotView{}, err
		},
		Routing: func(_ context.Context, namespace, name string) (Routing, error) {
			object, err := i.find(KindVirtualService, namespace, name)
			if found, ok := object.(*virtualService); ok {
				return found.routing, nil
			}
			return Routing{}, err
		},
	}
}

// find gives the cached object, or nil if there is none.
func (i *Informers) find(kind, namespace, name string) (any, error) {
	object := Object{kind, namespace, name}
	informer, err := i.informer(kind, namespace)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", object, err)
	}
	if !informer.HasSynced() {
		return nil, fmt.Errorf("look up %s: %w", object, errNotSynced)
	}
	found, _, err := informer.GetStore().GetByKey(namespace + "/" + name)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", object, err)
	}
	return found, nil
}

func (i *Informers) informer(kind, namespace string) (cache.SharedIndexInformer, error) {
	p, ok := i.namespaces[metav1.NamespaceAll]
	if !ok {
		p, ok = i.namespaces[namespace]
	}
	if !ok {
		return nil, fmt.Errorf("namespace %s is not watched", namespace)
	}
	if kind == KindDeployment {
		return p.deployments, nil
	}
	return p.virtualServices, nil
}
