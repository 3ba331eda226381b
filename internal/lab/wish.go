package lab

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const versionLabel = "app.kubernetes.io/version"

// wish is what a slot's pods ask of the server that stands for them.
type wish struct {
	serve    bool   // a pod is ready
	crashing bool   // no pod is ready, and one has a container that failed
	version  string // of the youngest ready pod
	pod      string // the name under which the slot is scraped; empty: there is nothing to scrape
	ready    int
}

// wishOf reads the pods of a slot. Pods whose server crashed count as not ready whatever their
// status still says.
func wishOf(pods []*corev1.Pod, crashed map[types.UID]bool) wish {
	var w wish
	var first, youngest *corev1.Pod
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
			continue
		}
		first = younger(first, pod)
		switch {
		case crashed[pod.UID] || failing(pod):
			w.crashing = true
		case ready(pod):
			w.ready++
			youngest = younger(youngest, pod)
		}
	}
	if first != nil {
		w.pod = first.Name
	}
	if youngest != nil {
		w.serve, w.crashing, w.pod, w.version = true, false, youngest.Name, versionOf(youngest)
	}
	return w
}

// younger prefers the later name among pods of one second, so that the answer does not waver.
func younger(a, b *corev1.Pod) *corev1.Pod {
	if a == nil {
		return b
	}
	at, bt := a.CreationTimestamp, b.CreationTimestamp
	if bt.After(at.Time) || bt.Equal(&at) && b.Name > a.Name {
		return b
	}
	return a
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func failing(pod *corev1.Pod) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Terminated != nil || c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff" {
			return true
		}
	}
	return false
}

// versionOf is the pod's version label, else the tag of its first image.
func versionOf(pod *corev1.Pod) string {
	if v := pod.Labels[versionLabel]; v != "" {
		return v
	}
	image := pod.Spec.Containers[0].Image
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}
	return "latest"
}
