package rollout

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const traffic = signal.Instant(10_000)

// pod is a pod with one container, created so many seconds after the first traffic.
func pod(name string, created signal.Instant, c corev1.ContainerStatus) corev1.Pod {
	c.Name = "app"
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Time{Time: (traffic + created).Time()}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{c}}}
}

// ended is a state of a container that ended so many seconds after the first traffic.
func ended(reason string, at signal.Instant) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, FinishedAt: metav1.Time{Time: (traffic + at).Time()}}}
}

func TestTroublesSinceTheFirstTraffic(t *testing.T) {
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	trouble := func(n int32) release.Trouble { return release.Trouble{Count: n, Where: "a/app"} }
	for name, c := range map[string]struct {
		created signal.Instant
		status  corev1.ContainerStatus
		want    release.Troubles
	}{
		"a pod that is well":                        {-60, corev1.ContainerStatus{}, release.Troubles{}},
		"a young pod: each restart":                 {60, corev1.ContainerStatus{RestartCount: 3}, release.Troubles{Restarts: trouble(3), Ever: 3}},
		"an old pod: one restart at least":          {-60, corev1.ContainerStatus{RestartCount: 3, LastTerminationState: ended("Error", 5)}, release.Troubles{Restarts: trouble(1), Ever: 3}},
		"an old pod that restarted before":          {-60, corev1.ContainerStatus{RestartCount: 3, LastTerminationState: ended("Error", -5)}, release.Troubles{Ever: 3}},
		"killed for want of memory, and back":       {-60, corev1.ContainerStatus{RestartCount: 1, LastTerminationState: ended("OOMKilled", 5)}, release.Troubles{Restarts: trouble(1), OOMKills: trouble(1), Ever: 1}},
		"killed for want of memory, and not back":   {-60, corev1.ContainerStatus{State: ended("OOMKilled", 5)}, release.Troubles{OOMKills: trouble(1)}},
		"killed for want of memory before":          {-60, corev1.ContainerStatus{RestartCount: 1, LastTerminationState: ended("OOMKilled", -5)}, release.Troubles{Ever: 1}},
		"crashing again and again":                  {60, corev1.ContainerStatus{RestartCount: 5, State: waiting("CrashLoopBackOff"), LastTerminationState: ended("Error", 70)}, release.Troubles{Restarts: trouble(5), CrashLoops: trouble(1), Ever: 5}},
		"waiting for its image is not crashing":     {60, corev1.ContainerStatus{State: waiting("ImagePullBackOff")}, release.Troubles{}},
		"the second of the first traffic is within": {0, corev1.ContainerStatus{RestartCount: 2}, release.Troubles{Restarts: trouble(2), Ever: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Troubles([]corev1.Pod{pod("a", c.created, c.status)}, traffic)); diff != "" {
				t.Errorf("troubles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTroublesOfSeveralPodsAddUp(t *testing.T) {
	sidecar := pod("b", 60, corev1.ContainerStatus{RestartCount: 1})
	sidecar.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", RestartCount: 2}}
	got := Troubles([]corev1.Pod{pod("a", 60, corev1.ContainerStatus{}), sidecar}, traffic)
	if diff := cmp.Diff(release.Troubles{Restarts: release.Trouble{Count: 3, Where: "b/proxy"}, Ever: 3}, got); diff != "" {
		t.Errorf("troubles (-want +got):\n%s", diff)
	}
}

// TestTroublesOfALivePod asks with the daemon's own rights, and leaves out the pods of another slot and of
// another revision.
func TestTroublesOfALivePod(t *testing.T) {
	s := setup(t)
	must(t, s.lab.ApplyKustomization(t.Context(), "../../deploy"))
	daemon, _, err := s.lab.Clients(lab.Greenwatch)
	must(t, err)
	since := signal.At(time.Now().Add(-time.Hour))
	revision := s.observe(s.live).World.Slot("blue").Revision
	s.kill("slot=blue")
	ask := func(deployment, revision string) (got release.Troubles) {
		s.eventually(func(ctx context.Context) (err error) {
			got, err = LiveBefallen(daemon)(ctx, s.lab.Namespace, deployment, revision, since, signal.At(time.Now()))
			if !apierrors.IsForbidden(err) {
				must(t, err)
			}
			return err // the API server learns of the daemon's rights from a watch of its own
		})
		return got
	}
	if got := ask("echo-blue", revision); got.Restarts.Count != 2 || got.OOMKills.Count != 1 || got.Ever != 2 {
		t.Errorf("blue: %+v, want two restarts and one OOM kill", got)
	}
	if got := ask("echo-blue", ""); got.Ever != 2 {
		t.Errorf("blue, whatever it runs: %+v", got)
	}
	if got := ask("echo-blue", "another"); got != (release.Troubles{}) {
		t.Errorf("another revision in blue: %+v", got)
	}
	if got := ask("echo-green", ""); got != (release.Troubles{}) {
		t.Errorf("green: %+v", got)
	}
}

// kill writes into one of the selected pods that it was killed and started again, as a kubelet does.
func (s *scene) kill(selector string) {
	s.Helper()
	pods := s.client.CoreV1().Pods(s.lab.Namespace)
	s.eventually(func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: selector})
		must(s.T, err)
		p := &list.Items[0]
		for i := range p.Status.ContainerStatuses {
			p.Status.ContainerStatuses[i].RestartCount = 2
			p.Status.ContainerStatuses[i].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.Now()}
		}
		_, err = pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
		return err
	})
}
