package store

import (
	"context"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// mostAgain is how often a write that met a conflict is done again at once.
const mostAgain = 4

// operation is one operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// rewrite is a write that met a conflict, in a form that can be done again over what others wrote meanwhile.
type rewrite struct {
	objects     dynamic.ResourceInterface
	name        string
	subresource []string
	// rests tells whether an object as it is now is, in all that the write rests on, the one that was loaded.
	rests func(*unstructured.Unstructured) (bool, error)
	// change is what to change of that object; nothing if it is so already.
	change func(*unstructured.Unstructured) []operation
}

// again does the write at once as long as others wrote nothing but what no decision rests on, such as annotations
// and labels of their own: who keeps on writing those keeps no save from being made. It is fenced not by the version
// of the object but by tests of its spec and status as they were read. If those have changed, the conflict stands.
func (s *Store) again(ctx context.Context, conflict error, w rewrite) (*unstructured.Unstructured, error) {
	err := conflict
	for range mostAgain {
		now, failed := w.objects.Get(ctx, w.name, metav1.GetOptions{})
		if failed != nil {
			return nil, failed
		}
		switch rests, failed := w.rests(now); {
		case failed != nil:
			return nil, failed
		case !rests:
			return nil, conflict
		}
		change := w.change(now)
		if len(change) == 0 {
			return now, nil
		}
		patch, failed := json.Marshal(append(guards(now), change...))
		if failed != nil {
			return nil, failed
		}
		if failed := s.leased(); failed != nil {
			return nil, failed
		}
		var written *unstructured.Unstructured
		written, err = w.objects.Patch(ctx, w.name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager}, w.subresource...)
		// A test that failed is a 422, and so is an object that is not valid: which of them the next look tells.
		if !apierrors.IsConflict(err) && !apierrors.IsInvalid(err) {
			return written, err
		}
	}
	return nil, err
}

// guards make the API server answer 422 if the object is another one, or its spec or status are not as they were read.
func guards(now *unstructured.Unstructured) []operation {
	return []operation{
		{"test", "/metadata/uid", now.GetUID()},
		{"test", "/spec", now.Object["spec"]},
		{"test", "/status", now.Object["status"]},
	}
}

// restsOn tells whether an object is still the release that was loaded: what people said, and how far it has come.
func restsOn(r *v1alpha1.Release) func(*unstructured.Unstructured) (bool, error) {
	return func(object *unstructured.Unstructured) (bool, error) {
		now, err := toRelease(object)
		if err != nil || now.UID != r.UID || now.DeletionTimestamp != nil {
			return false, err
		}
		return same([]any{r.Spec, r.Status}, []any{now.Spec, now.Status})
	}
}

// restsOnPolicy is restsOn for a policy.
func restsOnPolicy(p *v1alpha1.WatchPolicy) func(*unstructured.Unstructured) (bool, error) {
	return func(object *unstructured.Unstructured) (bool, error) {
		now, err := toPolicy(object)
		if err != nil || now.UID != p.UID || now.Generation != p.Generation || now.DeletionTimestamp != nil {
			return false, err
		}
		return same([]any{p.Spec, p.Status}, []any{now.Spec, now.Status})
	}
}

// replacing changes one field, whatever is there.
func replacing(path string, value any) func(*unstructured.Unstructured) []operation {
	return func(*unstructured.Unstructured) []operation { return []operation{{"add", path, value}} }
}
