package store

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// Fleet asks the API server for all active releases and all policies of a namespace, or of all. What can't be decoded
// is passed over: nobody's object keeps it from the others.
func (s *Store) Fleet(ctx context.Context, namespace string) (active []*v1alpha1.Release, policies []*v1alpha1.WatchPolicy, err error) {
	err = pages(ctx, s.releases(namespace), labels.Set{LabelActive: "true"}, func(o *unstructured.Unstructured) {
		if r, err := toRelease(o); err == nil {
			active = append(active, r)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list the active releases: %w", err)
	}
	err = pages(ctx, s.policies(namespace), nil, func(o *unstructured.Unstructured) {
		if p, err := toPolicy(o); err == nil {
			policies = append(policies, p)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list the policies: %w", err)
	}
	return active, policies, nil
}

// pages lists objects page by page.
func pages(ctx context.Context, of dynamic.ResourceInterface, chosen labels.Set, visit func(*unstructured.Unstructured)) error {
	options := metav1.ListOptions{LabelSelector: chosen.String(), Limit: pageSize}
	for {
		page, err := of.List(ctx, options)
		if err != nil {
			return err
		}
		for i := range page.Items {
			visit(&page.Items[i])
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}
