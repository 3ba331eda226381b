package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Reclaim asks the API server for a policy's release by its number, and gives it back the labels that it has been
// watched by, if it is not over; lost is whether they were gone. It gives nil where there is none, or where it is over.
func (s *Store) Reclaim(ctx context.Context, namespace, policy string, number int64) (r *v1alpha1.Release, lost bool, err error) {
	name := release.Spec{Policy: policy, Number: number}.Name()
	switch r, err = s.Load(ctx, namespace, name); {
	case IsMissing(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case r.Spec.Policy != policy, r.Status.Phase != "" && !r.Status.Active():
		return nil, false, nil
	}
	want := labels.Set{LabelActive: "true", LabelPolicy: policy, LabelSlot: r.Spec.Candidate.Slot}
	if want.AsSelector().Matches(labels.Set(r.Labels)) {
		return r, false, nil
	}
	if r, err = s.patch(ctx, r, map[string]any{"metadata": map[string]any{"labels": want}}, claiming(want)); err != nil {
		return nil, false, fmt.Errorf("give release %s/%s its labels back: %w", namespace, name, err)
	}
	return r, true, nil
}

// claiming gives a release its labels back, whichever it has.
func claiming(want labels.Set) func(*unstructured.Unstructured) []operation {
	return func(now *unstructured.Unstructured) []operation {
		if now.GetLabels() == nil {
			return []operation{{"test", "/metadata/labels", nil}, {"add", "/metadata/labels", want}}
		}
		var out []operation
		for _, label := range slices.Sorted(maps.Keys(want)) {
			out = append(out, operation{"add", "/metadata/labels/" + strings.ReplaceAll(label, "/", "~1"), want[label]})
		}
		return out
	}
}

// LastNumber asks the API server for the greatest number of all releases of a policy, by what they say or by their
// name alone, whatever their labels. Numbers that leave little room for more are passed over: nobody got there by one
// release after the other.
func (s *Store) LastNumber(ctx context.Context, namespace, policy string) (last int64, err error) {
	take := func(n int64) {
		if n <= release.Farthest {
			last = max(last, n)
		}
	}
	err = s.list(ctx, namespace, labels.Set{}, func(r *v1alpha1.Release) {
		if r.Spec.Policy == policy {
			take(r.Spec.Number)
		}
		if text, ok := strings.CutPrefix(r.Name, policy+"-"); ok {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				take(n)
			}
		}
	})
	if err != nil {
		return last, fmt.Errorf("list the releases of namespace %s: %w", namespace, err)
	}
	return last, nil
}
