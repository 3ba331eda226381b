package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// The kinds as they are written in an object.
const (
	kindRelease = "Release"
	kindPolicy  = "WatchPolicy"
)

// toRelease decodes a release. What its status lost, since the object was made anew without it, is
// taken from its spec.
func toRelease(object *unstructured.Unstructured) (*v1alpha1.Release, error) {
	r := &v1alpha1.Release{}
	if err := decode(object, r); err != nil {
		return nil, err
	}
	if r.Status.Cutover.IsZero() {
		r.Status.Cutover = r.Spec.TrueCutover(signal.At(time.Now()))
	}
	return r, nil
}

func toPolicy(object *unstructured.Unstructured) (*v1alpha1.WatchPolicy, error) {
	p := &v1alpha1.WatchPolicy{}
	return p, decode(object, p)
}

func decode(object *unstructured.Unstructured, into any) error {
	raw, err := object.MarshalJSON()
	if err == nil {
		err = utiljson.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("decode %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// toObject encodes a part of an object of the given kind, with the name and the resourceVersion
// that it has.
func toObject(kind string, meta metav1.ObjectMeta, parts map[string]any) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(parts)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", kind, meta.Namespace, meta.Name, err)
	}
	object := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(raw, &object.Object); err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", kind, meta.Namespace, meta.Name, err)
	}
	object.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind))
	object.SetNamespace(meta.Namespace)
	object.SetName(meta.Name)
	object.SetUID(meta.UID)
	object.SetResourceVersion(meta.ResourceVersion)
	object.SetLabels(meta.Labels)
	return object, nil
}

// same tells whether two values are the same once they are written.
func same(a, b any) (bool, error) {
	first, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	second, err := json.Marshal(b)
	return bytes.Equal(first, second), err
}

// fits refuses a status that is too large.
func fits(state release.State) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if len(raw) > MaxStatus {
		return &TooLargeError{Size: len(raw)}
	}
	return nil
}
