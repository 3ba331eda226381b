package rollout

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	typedappsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"

	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// VirtualServices is the resource as greenwatch reads and patches it.
func VirtualServices() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
}

// Live is the source that asks the API server.
func Live(apps typedappsv1.AppsV1Interface, objects dynamic.Interface) Source {
	return Source{
		Live: true,
		Slot: func(ctx context.Context, namespace, name string) (release.SlotView, error) {
			dep, err := apps.Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
			if IsMissing(err) {
				return release.SlotView{}, nil
			}
			if err != nil {
				return release.SlotView{}, fmt.Errorf("get Deployment %s/%s: %w", namespace, name, err)
			}
			return View(dep), nil
		},
		Routing: func(ctx context.Context, namespace, name string) (Routing, error) {
			object, err := objects.Resource(VirtualServices()).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
			if IsMissing(err) {
				return Routing{}, nil
			}
			if err != nil {
				return Routing{}, fmt.Errorf("get VirtualService %s/%s: %w", namespace, name, err)
			}
			return RoutingOf(object), nil
		},
	}
}

// RoutingOf reads a VirtualService. One that is nil or being deleted is not found.
func RoutingOf(object *unstructured.Unstructured) Routing {
	if object == nil || object.GetDeletionTimestamp() != nil {
		return Routing{}
	}
	vs, err := istio.Read(object)
	return Routing{Found: true, VirtualService: vs, Fault: err}
}

// IsMissing tells an object that is not there from a resource that is not served, which the API
// server answers with 404 as well: that says nothing of the object.
func IsMissing(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
