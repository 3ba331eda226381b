package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
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
// restartedAt and whatever injectors annotate, and so are the marks of controllers that restart pods when a
// Secret or a ConfigMap changed: a restart of pods or an edit of labels is no new
// revision. Any other change is one.
//
// It is a digest of what the API server gives, with its defaults filled in, so that a manifest that
// spells a default out is the same as one that does not. Fields that are newer than the Kubernetes
// API greenwatch was built with are not seen. Those it was built with stay as they are from one
// version of the cluster to the next, since Kubernetes gives no new defaults to pod templates: its
// own controllers digest them, too. What an image tag means is not seen either: a tag that is moved
// is no new revision.
func Revision(template corev1.PodTemplateSpec) string {
	canonical, err := json.Marshal(unmarked(template.Spec)) // fields in the struct's order, maps by key
	if err != nil {
		// A PodSpec that was decoded can be encoded; there is no input that gets here.
		panic(fmt.Sprintf("encode a pod template: %v", err))
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])[:revisionLength]
}

// marks are the environment variables in which controllers that restart pods, and charts that have them restarted, keep
// a digest of a Secret or a ConfigMap: Stakater's Reloader (STAKATER_NAME_SECRET), and names that are in use for it.
var (
	marks  = regexp.MustCompile(`^(STAKATER_[A-Z0-9_]+_(SECRET|CONFIGMAP|SECRETPROVIDERCLASS)|(CONFIG|CONFIGMAP|SECRET|SECRETS)_(HASH|CHECKSUM)|(HASH|CHECKSUM)_(CONFIG|CONFIGMAP|SECRET|SECRETS))$`)
	digest = regexp.MustCompile(`^[0-9a-fA-F]{8,128}$`)
)

// unmarked is a pod without such marks. What it is given stays as it is.
func unmarked(pod corev1.PodSpec) corev1.PodSpec {
	isMark := func(e corev1.EnvVar) bool {
		return e.ValueFrom == nil && marks.MatchString(e.Name) && digest.MatchString(e.Value)
	}
	without := func(all []corev1.Container) []corev1.Container {
		all = slices.Clone(all)
		for i := range all {
			if slices.ContainsFunc(all[i].Env, isMark) {
				all[i].Env = slices.DeleteFunc(slices.Clone(all[i].Env), isMark)
			}
		}
		return all
	}
	pod.InitContainers, pod.Containers = without(pod.InitContainers), without(pod.Containers)
	return pod
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
