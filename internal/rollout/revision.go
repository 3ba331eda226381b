package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	// revisionLength is how much of the digest is kept: 48 bits tell the few revisions of a slot
	// apart and fit a line.
	revisionLength = 12

	versionLabel = "app.kubernetes.io/version"
)

// Revision is greenwatch's own digest of a pod template. All metadata is left out, and with it
// restartedAt and whatever injectors annotate: a restart of pods or an edit of labels is no new
// revision. Any other change is one.
//
// It is a digest of what the API server gives, with its defaults filled in, so that a manifest that
// spells a default out is the same as one that does not. Fields that are newer than the Kubernetes
// API greenwatch was built with are not seen. Those it was built with stay as they are from one
// version of the cluster to the next, since Kubernetes gives no new defaults to pod templates: its
// own controllers digest them, too. What an image tag means is not seen either: a tag that is moved
// is no new revision.
func Revision(template corev1.PodTemplateSpec) string {
	canonical, err := json.Marshal(template.Spec) // fields in the struct's order, maps by key
	if err != nil {
		// A PodSpec that was decoded can be encoded; there is no input that gets here.
		panic(fmt.Sprintf("encode a pod template: %v", err))
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])[:revisionLength]
}

// Version is what people call what the Deployment runs: its first container's image tag, or the
// beginning of the image's digest, or else the label app.kubernetes.io/version. It is empty if
// there is none of these.
func Version(dep *appsv1.Deployment) string {
	if containers := dep.Spec.Template.Spec.Containers; len(containers) > 0 {
		if version := imageVersion(containers[0].Image); version != "" {
			return version
		}
	}
	if version := dep.Spec.Template.Labels[versionLabel]; version != "" {
		return version
	}
	return dep.Labels[versionLabel]
}

// imageVersion is the tag of registry:port/path:tag@algorithm:digest, or the digest's beginning.
func imageVersion(image string) string {
	name, digest, _ := strings.Cut(image, "@")
	last := name[strings.LastIndex(name, "/")+1:] // a colon before it is the registry's port
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	_, hash, _ := strings.Cut(digest, ":")
	return hash[:min(len(hash), revisionLength)]
}
