package rollout

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Leads tells what is wrong with where a slot's destination leads, for people, or nothing where it leads to the
// slot's own pods as far as can be told. An error means that it can't be told now: a right or a resource is missing, or
// the API server is away. Who asks takes that for no objection, since what is in a route, or was, is known by itself.
type Leads func(ctx context.Context, namespace string, slot release.Slot) (wrong string, err error)

// destinationRules is the resource that says what a subset is.
func destinationRules() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
}

// LiveLeads asks the API server: for the Service, for the subset's labels, and for the slot's pod template. A Service
// that selects no pod at all may lead to WorkloadEntries, of which nobody can say whose they are: nothing is wrong with
// that.
func LiveLeads(client kubernetes.Interface, objects dynamic.Interface) Leads {
	l := leads{client, objects, make(chan struct{}, 1)}
	return func(ctx context.Context, namespace string, slot release.Slot) (string, error) {
		wrong, err := l.wrong(ctx, namespace, slot)
		if err != nil {
			return "", fmt.Errorf("see where slot %s of namespace %s leads: %w", slot.Name, namespace, err)
		}
		return wrong, nil
	}
}

type leads struct {
	client  kubernetes.Interface
	objects dynamic.Interface
	// page holds whoever reads a page of rules: one at a time, since each may take many times its megabyte or so.
	page chan struct{}
}

func (l leads) wrong(ctx context.Context, namespace string, slot release.Slot) (string, error) {
	if !DestinationOf(slot).Within(namespace) {
		return fmt.Sprintf("host %s is no Service of namespace %s", slot.Host, namespace), nil
	}
	name, _, _ := strings.Cut(slot.Host, ".")
	service, err := l.client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case IsMissing(err):
		return fmt.Sprintf("there is no Service %s", name), nil
	case err != nil:
		return "", err
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return fmt.Sprintf("Service %s is an ExternalName: it leads out of the cluster", name), nil
	case len(service.Spec.Selector) == 0:
		return fmt.Sprintf("Service %s has no selector: it leads to whatever its endpoints say", name), nil
	}
	chosen := labels.Merge(service.Spec.Selector, nil)
	if slot.Subset != "" {
		subset, found, err := l.subset(ctx, namespace, slot)
		if err != nil {
			return "", err
		}
		if !found {
			return fmt.Sprintf("no DestinationRule of namespace %s has subset %s of host %s", namespace, slot.Subset, slot.Host), nil
		}
		chosen = labels.Merge(chosen, subset)
	}
	return l.chooses(ctx, namespace, slot, chosen)
}

// How many rules are read at once, and how many in all: whoever writes them decides how large they are.
const (
	rulesPerPage = 4
	mostPages    = 64
)

// subset gives the labels of a slot's subset.
func (l leads) subset(ctx context.Context, namespace string, slot release.Slot) (chosen labels.Set, found bool, err error) {
	options := metav1.ListOptions{Limit: rulesPerPage}
	for range mostPages {
		if chosen, found, options.Continue, err = l.subsetIn(ctx, namespace, slot, options); found || err != nil || options.Continue == "" {
			return chosen, found, err
		}
	}
	return nil, false, fmt.Errorf("namespace %s has more than %d DestinationRules", namespace, mostPages*rulesPerPage)
}

// subsetIn looks through one page of rules, and gives where the next one begins.
func (l leads) subsetIn(ctx context.Context, namespace string, slot release.Slot, page metav1.ListOptions) (labels.Set, bool, string, error) {
	select {
	case l.page <- struct{}{}:
		defer func() { <-l.page }()
	case <-ctx.Done():
		return nil, false, "", ctx.Err()
	}
	rules, err := l.objects.Resource(destinationRules()).Namespace(namespace).List(ctx, page)
	if err != nil {
		return nil, false, "", err
	}
	for _, rule := range rules.Items {
		host, _, _ := unstructured.NestedString(rule.Object, "spec", "host")
		if !(istio.Destination{Host: host}).Equal(istio.Destination{Host: slot.Host}, namespace) {
			continue
		}
		field, _, _ := unstructured.NestedFieldNoCopy(rule.Object, "spec", "subsets")
		subsets, _ := field.([]any)
		for _, s := range subsets {
			subset, _ := s.(map[string]any)
			if subset["name"] == slot.Subset {
				chosen, _, _ := unstructured.NestedStringMap(subset, "labels")
				return chosen, true, "", nil
			}
		}
	}
	return nil, false, rules.GetContinue(), nil
}

// chooses tells whether the labels choose other pods than the slot's.
func (l leads) chooses(ctx context.Context, namespace string, slot release.Slot, chosen labels.Set) (string, error) {
	dep, err := l.client.AppsV1().Deployments(namespace).Get(ctx, slot.Deployment, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", nil // which is said of the slot itself
	case err != nil:
		return "", err
	case chosen.AsSelector().Matches(labels.Set(dep.Spec.Template.Labels)):
		return "", nil
	}
	pods, err := l.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: chosen.String(), Limit: 1})
	if err != nil || len(pods.Items) == 0 {
		return "", err
	}
	return fmt.Sprintf("%s leads to other pods, such as %s, not to those of Deployment %s", DestinationOf(slot), pods.Items[0].Name, slot.Deployment), nil
}
