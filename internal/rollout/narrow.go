package rollout

import (
	"fmt"
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// deployment is what the cache keeps of a Deployment.
type deployment struct {
	metav1.ObjectMeta
	view release.SlotView
}

// virtualService is what the cache keeps of a VirtualService.
type virtualService struct {
	metav1.ObjectMeta
	routing Routing
}

// narrow reduces an object to what the cache keeps of it. It is given what it returned, too, and
// what client-go itself puts in the place of objects; those it leaves alone.
func narrow(object any) (any, error) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &deployment{ObjectMeta: identity(o), view: View(o)}, nil
	case *unstructured.Unstructured:
		return &virtualService{ObjectMeta: identity(o), routing: RoutingOf(o)}, nil
	}
	return object, nil
}

func identity(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:       o.GetNamespace(),
		Name:            o.GetName(),
		UID:             o.GetUID(),
		ResourceVersion: o.GetResourceVersion(),
	}
}

// differs tells whether the newer one says anything new.
// Deployments and VirtualServices change all the time in ways that don't matter here.
func differs(older, newer any) bool {
	switch a := older.(type) {
	case *deployment:
		b, ok := newer.(*deployment)
		return !ok || a.view != b.view
	case *virtualService:
		b, ok := newer.(*virtualService)
		return !ok || !reflect.DeepEqual(a.routing.told(), b.routing.told())
	}
	return true
}

// told is what is worth telling of: not the version of the object, nor when its writer last touched it.
func (r Routing) told() Routing {
	r.VirtualService.ResourceVersion, r.VirtualService.Writer.Time = "", time.Time{}
	return r
}

// Object names an object in the cluster.
type Object struct {
	Kind, Namespace, Name string
}

func (o Object) String() string { return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name) }

// The kinds that are watched.
const (
	KindDeployment     = "Deployment"
	KindVirtualService = "VirtualService"
)

// objectOf names what an informer told of.
func objectOf(object any) (Object, bool) {
	switch o := object.(type) {
	case *deployment:
		return Object{KindDeployment, o.Namespace, o.Name}, true
	case *virtualService:
		return Object{KindVirtualService, o.Namespace, o.Name}, true
	}
	return Object{}, false
}
