package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version name the API.
const (
	Group   = "greenwatch.dev"
	Version = "v1alpha1"
)

// GroupVersion gives the API's group and version.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// WatchPolicies gives the resource of the policies, for clients that go by resource.
func WatchPolicies() schema.GroupVersionResource {
	return GroupVersion().WithResource("watchpolicies")
}

// Releases gives the resource of the releases.
func Releases() schema.GroupVersionResource { return GroupVersion().WithResource("releases") }

// AddToScheme makes the API's types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &WatchPolicy{}, &WatchPolicyList{}, &Release{}, &ReleaseList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
