package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

const (
	fieldManager      = "lab"
	establishedWithin = 2 * time.Minute
	crdsAtOnce        = 8
)

// Apply applies manifests, YAML documents in one text, as Admin: CustomResourceDefinitions
// first, and once these are in force the others in their order. Objects that exist are changed,
// and fields that others set are taken over.
func (l *Lab) Apply(ctx context.Context, manifests string) error {
	return l.applier.apply(ctx, fieldManager, manifests)
}

// ApplyAs is Apply under a user's name, with a field manager of the caller's choice.
func (l *Lab) ApplyAs(ctx context.Context, user, manager, manifests string) error {
	a, err := newApplier(l.RESTConfig(user))
	if err != nil {
		return fmt.Errorf("apply manifests as %s: %w", user, err)
	}
	return a.apply(ctx, manager, manifests)
}

// ApplyKustomization renders a folder with kustomize and applies the outcome.
func (l *Lab) ApplyKustomization(ctx context.Context, dir string) error {
	manifests, err := l.Kubectl(ctx, Admin, "kustomize", dir)
	if err != nil {
		return fmt.Errorf("apply kustomization %s: %w", dir, err)
	}
	return l.Apply(ctx, manifests)
}

// Kubectl runs kubectl as the user and returns what it prints.
func (l *Lab) Kubectl(ctx context.Context, user string, args ...string) (string, error) {
	config, err := l.Kubeconfig(user)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, l.programs.Path("kubectl"), append([]string{"--kubeconfig", config}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// applier applies manifests in one user's name.
type applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func newApplier(config *rest.Config) (*applier, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &applier{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

func (a *applier) apply(ctx context.Context, manager, manifests string) error {
	objects, err := decode(manifests)
	if err != nil {
		return fmt.Errorf("apply manifests: %w", err)
	}
	crds, others := divide(objects)
	if err := a.define(ctx, manager, crds); err != nil {
		return err
	}
	for _, object := range others {
		if err := a.applyOne(ctx, manager, object); err != nil {
			return err
		}
	}
	return nil
}

func decode(manifests string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := documents.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode document %d: %w", len(objects)+1, err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func divide(objects []*unstructured.Unstructured) (crds, others []*unstructured.Unstructured) {
	for _, object := range objects {
		if object.GetKind() == "CustomResourceDefinition" {
			crds = append(crds, object)
		} else {
			others = append(others, object)
		}
	}
	return crds, others
}

// define applies CustomResourceDefinitions and waits until their kinds are served.
func (a *applier) define(ctx context.Context, manager string, crds []*unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, establishedWithin)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(crdsAtOnce)
	for _, crd := range crds {
		group.Go(func() error {
			if err := a.applyOne(ctx, manager, crd); err != nil {
				return err
			}
			return Until(ctx, func(ctx context.Context) error { return a.established(ctx, crd) })
		})
	}
	return group.Wait()
}

func (a *applier) established(ctx context.Context, crd *unstructured.Unstructured) error {
	resource := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	now, err := a.client.Resource(resource).Get(ctx, crd.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(now.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == "Established" && condition["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("%s is not established", crd.GetName())
}

func (a *applier) applyOne(ctx context.Context, manager string, object *unstructured.Unstructured) error {
	name := object.GetKind() + " " + strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/")
	resource, err := a.resource(ctx, object)
	if err != nil {
		return fmt.Errorf("apply %s: %w", name, err)
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		return fmt.Errorf("apply %s: %w", name, err)
	}
	return nil
}

func (a *applier) resource(ctx context.Context, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	mapping, err := a.mapping(ctx, object.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return a.client.Resource(mapping.Resource), nil
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return a.client.Resource(mapping.Resource).Namespace(namespace), nil
}

// mapping looks a kind up. A kind whose definition has just been established is listed a
// moment later, so an unknown one is looked for again.
func (a *applier) mapping(ctx context.Context, kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var mapping *meta.RESTMapping
	err := Until(ctx, func(context.Context) (err error) {
		if mapping, err = a.mapper.RESTMapping(kind.GroupKind(), kind.Version); meta.IsNoMatchError(err) {
			a.mapper.Reset()
		}
		return err
	})
	return mapping, err
}
