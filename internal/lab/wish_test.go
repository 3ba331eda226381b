package lab

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pod is a running, ready pod that was created so many seconds into the test.
func pod(name, version string, second int, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), Labels: map[string]string{versionLabel: version},
			CreationTimestamp: metav1.Unix(int64(second), 0),
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "registry.example:5000/web:tagged"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func starting(p *corev1.Pod)    { p.Status.Phase = corev1.PodPending }
func unready(p *corev1.Pod)     { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func unlabelled(p *corev1.Pod)  { p.Labels = nil }
func untagged(p *corev1.Pod)    { p.Labels, p.Spec.Containers[0].Image = nil, "registry.example:5000/web" }
func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(9, 0)} }
func crashLooping(p *corev1.Pod) {
	unready(p)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
}

func TestServersAreWishedForByPods(t *testing.T) {
	for name, c := range map[string]struct {
		pods    []*corev1.Pod
		crashed string
		want    wish
	}{
		"no pods":                {want: wish{}},
		"starting":               {pods: []*corev1.Pod{pod("a", "v1", 1, starting)}, want: wish{}},
		"running, not ready":     {pods: []*corev1.Pod{pod("a", "v1", 1, unready)}, want: wish{pod: "a"}},
		"ready":                  {pods: []*corev1.Pod{pod("a", "v1", 1)}, want: wish{serve: true, version: "v1", pod: "a", ready: 1}},
		"ready but on its way":   {pods: []*corev1.Pod{pod("a", "v1", 1, terminating)}, want: wish{}},
		"one of two ready":       {pods: []*corev1.Pod{pod("a", "v1", 1), pod("b", "v2", 2, unready)}, want: wish{serve: true, version: "v1", pod: "a", ready: 1}},
		"the youngest decides":   {pods: []*corev1.Pod{pod("b", "v2", 2), pod("a", "v1", 1)}, want: wish{serve: true, version: "v2", pod: "b", ready: 2}},
		"same age":               {pods: []*corev1.Pod{pod("b", "v2", 1), pod("a", "v1", 1)}, want: wish{serve: true, version: "v2", pod: "b", ready: 2}},
		"crash-looping":          {pods: []*corev1.Pod{pod("a", "v1", 1, crashLooping)}, want: wish{crashing: true, pod: "a"}},
		"one crashes, one ready": {pods: []*corev1.Pod{pod("a", "v1", 1), pod("b", "v2", 2, crashLooping)}, want: wish{serve: true, version: "v1", pod: "a", ready: 1}},
		"its server crashed":     {pods: []*corev1.Pod{pod("a", "v1", 1)}, crashed: "a", want: wish{crashing: true, pod: "a"}},
		"replaced after a crash": {pods: []*corev1.Pod{pod("a", "v1", 1), pod("b", "v1", 2)}, crashed: "a", want: wish{serve: true, version: "v1", pod: "b", ready: 1}},
		"version by image":       {pods: []*corev1.Pod{pod("a", "", 1, unlabelled)}, want: wish{serve: true, version: "tagged", pod: "a", ready: 1}},
		"no version at all":      {pods: []*corev1.Pod{pod("a", "", 1, untagged)}, want: wish{serve: true, version: "latest", pod: "a", ready: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wishOf(c.pods, map[types.UID]bool{types.UID(c.crashed): true}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
