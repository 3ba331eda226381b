package rollout

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// mostPods is how many pods of one Deployment are looked at.
const mostPods = 500

// Befallen asks what has befallen the pods of a Deployment's revision since a moment; without a revision,
// of all of its pods.
type Befallen func(ctx context.Context, namespace, deployment, revision string, since, now signal.Instant) (release.Troubles, error)

// LiveBefallen asks the API server, which knows the present alone: pods are not watched, since a cache of them would grow with the cluster
// and not with the releases. A look costs three requests.
func LiveBefallen(kube kubernetes.Interface) Befallen {
	return func(ctx context.Context, namespace, deployment, revision string, since, _ signal.Instant) (release.Troubles, error) {
		dep, err := kube.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return release.Troubles{}, fmt.Errorf("get Deployment %s/%s: %w", namespace, deployment, err)
		}
		sets, err := ReplicaSets(ctx, kube.AppsV1(), dep)
		if err != nil {
			return release.Troubles{}, err
		}
		pods, err := kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{
			LabelSelector: metav1.FormatLabelSelector(dep.Spec.Selector), Limit: mostPods})
		if err != nil {
			return release.Troubles{}, fmt.Errorf("list the pods of Deployment %s/%s: %w", namespace, deployment, err)
		}
		return Troubles(ofSets(pods.Items, running(dep, revision, sets)), since), nil
	}
}

// running gives the Deployment's ReplicaSets that run a revision.
func running(dep *appsv1.Deployment, revision string, sets []appsv1.ReplicaSet) []types.UID {
	var uids []types.UID
	for i := range sets {
		if metav1.IsControlledBy(&sets[i], dep) && (revision == "" || Revision(sets[i].Spec.Template) == revision) {
			uids = append(uids, sets[i].UID)
		}
	}
	return uids
}

func ofSets(pods []corev1.Pod, sets []types.UID) []corev1.Pod {
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool {
		owner := metav1.GetControllerOf(&p)
		return owner == nil || !slices.Contains(sets, owner.UID)
	})
}

// Troubles sums up what has befallen pods since a moment.
//
// A pod that is older says how often its containers were started again in all, and when they ended last:
// such a container counts once.
func Troubles(pods []corev1.Pod, since signal.Instant) release.Troubles {
	var t release.Troubles
	for i := range pods {
		p := &pods[i]
		young := signal.At(p.CreationTimestamp.Time) >= since
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			where := p.Name + "/" + c.Name
			t.Ever += c.RestartCount
			befalls(&t.Restarts, restarts(c, young, since), where)
			befalls(&t.OOMKills, once(oomKilled(c.LastTerminationState, since) || oomKilled(c.State, since)), where)
			befalls(&t.CrashLoops, once(c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff"), where)
		}
	}
	return t
}

func befalls(t *release.Trouble, n int32, where string) {
	if n > 0 && t.Where == "" {
		t.Where = where
	}
	t.Count += n
}

func restarts(c corev1.ContainerStatus, young bool, since signal.Instant) int32 {
	if young {
		return c.RestartCount
	}
	ended := c.LastTerminationState.Terminated
	return once(c.RestartCount > 0 && ended != nil && signal.At(ended.FinishedAt.Time) >= since)
}

func oomKilled(s corev1.ContainerState, since signal.Instant) bool {
	return s.Terminated != nil && s.Terminated.Reason == "OOMKilled" && signal.At(s.Terminated.FinishedAt.Time) >= since
}

func once(is bool) int32 {
	if is {
		return 1
	}
	return 0
}
