package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var bindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"}

// unguarded takes the admission policies out of force: what is shown here is the daemon's own doing. The next
// test's stage puts them in force again.
func (s *scene) unguarded() {
	s.t.Helper()
	for _, name := range []string{"greenwatch-weights-only", "greenwatch-authors", "greenwatch-people"} {
		err := s.objects.Resource(bindings).Delete(s.t.Context(), name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			s.t.Fatal(err)
		}
	}
}

// letBob lets bob write objects of greenwatch's in a namespace, and nothing else anywhere.
func (s *scene) letBob(namespace string) {
	s.t.Helper()
	s.must(s.Lab.Apply(s.t.Context(), strings.ReplaceAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: bobs, namespace: $NS}
rules: [{apiGroups: [greenwatch.dev], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bobs, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: bobs}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}]`, "$NS", namespace)))
}

// bobPatches merges a patch in bob's name; the admission policies may take a moment to be out of force.
func (s *scene) bobPatches(kind schema.GroupVersionResource, name, patch string) {
	s.t.Helper()
	s.eventually("bob's patch to be taken", func(context.Context) error { return s.patch(lab.Bob, kind, name, patch) })
}

// trapped is an error if the VirtualService leads to anything but the service itself.
func (s *scene) trapped(context.Context) error {
	text, err := json.Marshal(s.virtualService().Object["spec"])
	if err == nil && strings.Contains(string(text), "mallory") {
		err = fmt.Errorf("the traffic is led to a trap: %s", text)
	}
	return err
}

// slotsLeadingTo are a policy's slots with blue's destination elsewhere.
func slotsLeadingTo(name, host string) string {
	return fmt.Sprintf(`{"spec":{"traffic":{"httpRoutes":["primary"]},"slots":[{"name":"blue","deployment":"%[1]s-blue","destination":{"host":%[2]q}},`+
		`{"name":"green","deployment":"%[1]s-green","destination":{"host":%[1]q,"subset":"green"}}]}}`, name, host)
}

// The promise no-deputy: who may write policies, and no VirtualService, leads nobody's traffic anywhere. Edited in
// mid-release the policy changes nothing of it, and the rollback, its own control, goes where it always would; edited
// before, no route is led to what it never led to, and a person is paged. TestACutoverThatDropsBlueIsRolledBack shows
// the honest one, whose destination is added back.
func TestAPolicysEditLeadsNoTrafficToATrap(t *testing.T) {
	t.Run("in mid-release", func(t *testing.T) {
		s := open(t, stage.Options{})
		s.unguarded()
		s.letBob(s.Namespace)
		s.cutOver()
		s.bobPatches(watchPolicies, s.Name, slotsLeadingTo(s.Name, "mallory"))
		s.eventually("the edit to be said", func(ctx context.Context) error {
			p, err := s.policy(ctx)
			if err == nil && !strings.Contains(fmt.Sprint(p.Status.Conditions), "EditPending") {
				err = fmt.Errorf("the conditions are %+v", p.Status.Conditions)
			}
			return err
		})
		s.fail("green", 0.5)
		s.rolledBack()
		s.must(s.trapped(t.Context()))
	})
	t.Run("before the release", func(t *testing.T) {
		s := open(t, stage.Options{})
		s.unguarded()
		s.letBob(s.Namespace)
		s.bobPatches(watchPolicies, s.Name, slotsLeadingTo(s.Name, "mallory"))
		s.eventually("the edit to be known", func(ctx context.Context) error {
			p, err := s.policy(ctx)
			if err == nil && !strings.Contains(fmt.Sprint(p.Status.Slots), "mallory") {
				err = fmt.Errorf("the status is %+v", p.Status)
			}
			return err
		})
		s.cutOver()
		s.fail("green", 0.5)
		s.incident(release.CodeRollbackStuck)
		s.must(s.trapped(t.Context()))
		if n := len(s.writes("virtualservices")); n != 0 {
			t.Errorf("greenwatch wrote the VirtualService %d times", n)
		}
	})
}

// In mode Enforce a policy names no host outside of its namespace. The control is that it is watched before.
func TestAForeignDestinationMakesThePolicyNotReady(t *testing.T) {
	s := open(t, stage.Options{})
	s.unguarded()
	s.letBob(s.Namespace)
	s.bobPatches(watchPolicies, s.Name, slotsLeadingTo(s.Name, "mallory.elsewhere.svc.cluster.local"))
	s.eventually("the policy not to be ready", func(ctx context.Context) error {
		p, err := s.policy(ctx)
		if err == nil && !strings.Contains(fmt.Sprint(p.Status.Conditions), "ForeignDestination") {
			err = fmt.Errorf("the conditions are %+v", p.Status.Conditions)
		}
		return err
	})
}

// forged is a status that asks for the weights to be set, by a plan that was frozen as greenwatch freezes it.
func forged(r *v1alpha1.Release, namespace string) release.State {
	at := signal.At(time.Now())
	s := *r.Status.DeepCopy()
	verdict := judge.Verdict{At: at, Tier: judge.Rollback}
	s.Phase = release.RollingBack
	s.Ladder = &release.Ladder{Step: release.Shift, By: "bob", Decided: at, Verdict: verdict, Tried: true, Needed: 1, Routes: []string{"primary"}, Ports: []int64{0},
		Plan: release.Plan{Namespace: namespace, Policy: r.Spec.Policy, Mode: release.Enforce, VirtualService: r.Spec.Service.VirtualService, Slots: r.Spec.Service.Slots,
			HTTPRoutes: r.Spec.Service.HTTPRoutes, Prometheus: "main", GuardEvery: signal.Duration(time.Second), Questions: []release.Question{},
			Matrix: judge.Matrix{Bin: signal.Duration(2 * time.Second), Rows: []judge.Row{}}, Schedule: r.Status.Grid,
			Limits: release.Limits{ProofWithin: signal.Duration(30 * time.Second), Settle: signal.Duration(3 * time.Second), ReassertWithin: signal.Duration(20 * time.Second)}}}
	return s
}

// plant writes a release with its status in bob's name, over one that is there.
func (s *scene) plant(namespace string, r *v1alpha1.Release, state release.State) {
	s.t.Helper()
	_, objects, err := s.Lab.Clients(lab.Bob)
	s.must(err)
	s.eventually("bob's release", func(ctx context.Context) error {
		made, err := objects.Resource(releases).Namespace(namespace).Get(ctx, r.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			made = s.object(map[string]any{"spec": r.Spec, "metadata": map[string]any{"name": r.Name, "namespace": namespace, "labels": r.Labels}})
			made, err = objects.Resource(releases).Namespace(namespace).Create(ctx, made, metav1.CreateOptions{})
		}
		if err != nil {
			return err
		}
		made.Object["status"] = s.object(map[string]any{"status": state}).Object["status"]
		if _, err = objects.Resource(releases).Namespace(namespace).UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		// greenwatch may have ended it before it had its status, and taken it off its list.
		_, err = objects.Resource(releases).Namespace(namespace).Patch(ctx, r.Name, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"greenwatch.dev/active":"true"}}}`), metav1.PatchOptions{})
		return err
	})
}

func (s *scene) object(parts map[string]any) *unstructured.Unstructured {
	s.t.Helper()
	parts["apiVersion"], parts["kind"] = "greenwatch.dev/v1alpha1", "Release"
	text, err := json.Marshal(parts)
	s.must(err)
	u := &unstructured.Unstructured{}
	s.must(u.UnmarshalJSON(text))
	return u
}

// Who writes releases in a namespace of their own moves nothing in another's, nor by one that greenwatch did not make.
// The control is the very same status in greenwatch's own release, with its own namespace.
func TestAHandWrittenReleaseMovesNothing(t *testing.T) {
	const evil = "deputy-evil"
	s := set(t, stage.Options{Namespaces: []string{evil}})
	s.must(s.Lab.Apply(t.Context(), "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+evil+"}"))
	s.startDaemon()
	s.watch()
	s.unguarded()
	s.letBob(evil)
	s.letBob(s.Namespace)
	s.cutOver()
	r, err := s.releaseNo(t.Context(), 1)
	s.must(err)

	s.plant(evil, r, forged(r, s.Namespace))
	other := r.DeepCopy()
	other.Name, other.Spec.Number = s.Name+"-9", 9
	s.plant(s.Namespace, other, forged(r, s.Namespace))
	s.eventually("the releases to be ended", func(ctx context.Context) error {
		for namespace, name := range map[string]string{evil: r.Name, s.Namespace: other.Name} {
			u, err := s.objects.Resource(releases).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if phase, _, _ := unstructured.NestedString(u.Object, "status", "phase"); phase != string(release.Orphaned) {
				return fmt.Errorf("%s/%s is %s", namespace, name, phase)
			}
		}
		return nil
	})
	s.must(s.wantWeights(t.Context(), 0, 100))
	if n := len(s.writes("virtualservices")) + len(s.writes("deployments/scale")); n != 0 {
		t.Errorf("greenwatch wrote %d times", n)
	}

	s.plant(s.Namespace, r, forged(r, evil)) // its own release, with a plan of another namespace
	if said := s.paged(release.CodeHalted); !strings.Contains(said, string(release.OwnNamespace)) {
		t.Errorf("the page says %q", said)
	}
	s.must(s.wantWeights(t.Context(), 0, 100))

	s.plant(s.Namespace, r, forged(r, s.Namespace)) // the control
	s.eventually("the weights to be set", s.weigh(100, 0))
}

// Who may patch releases ends no watch by taking labels or writing a cutover: the release is rolled back all the same.
// Without either that is TestABadGreenIsRolledBackAfterCutover.
func TestAReleaseWhoseLabelsAreTakenIsRolledBack(t *testing.T) {
	s := open(t, stage.Options{})
	s.unguarded()
	s.letBob(s.Namespace)
	s.deployGreen("v2")
	for _, year := range []string{"0001", "1971", "9999"} {
		if err := s.patch(lab.Bob, releases, s.Name+"-1", `{"spec":{"cutover":"`+year+`-01-01T00:00:00Z"}}`); !apierrors.IsInvalid(err) {
			t.Errorf("a cutover of the year %s: %v", year, err)
		}
	}
	s.bobPatches(releases, s.Name+"-1", `{"spec":{"cutover":"2099-01-01T00:00:00Z"}}`)
	s.setGreen(100)
	s.served("green", 20)
	s.incident(release.CodeCutoverRefused)
	s.bobPatches(releases, s.Name+"-1", `{"metadata":{"labels":{"greenwatch.dev/active":null,"greenwatch.dev/policy":null}}}`)
	s.eventually("the labels", func(ctx context.Context) error {
		r, err := s.releaseNo(ctx, 1)
		if err == nil && (r.Labels["greenwatch.dev/active"] != "true" || r.Labels["greenwatch.dev/policy"] != s.Name) {
			err = fmt.Errorf("they are %v", r.Labels)
		}
		return err
	})
	s.fail("green", 0.5)
	if r, _ := s.rolledBack(); r.Status.Cutover.Time().After(time.Now()) || r.Status.Cutover < r.Spec.FirstSeen {
		t.Errorf("the cutover is %s", r.Status.Cutover)
	}
}

// A policy that is deleted and made again watches its next release.
func TestAPolicyThatIsMadeAgainIsObeyed(t *testing.T) {
	s := open(t, stage.Options{})
	s.cutOver()
	s.must(s.objects.Resource(watchPolicies).Namespace(s.Namespace).Delete(t.Context(), s.Name, metav1.DeleteOptions{}))
	s.watch()
	s.awaitPhase(release.Orphaned)
	s.must(s.Service.Deploy(t.Context(), "blue", lab.Deployment{Version: "v3", Replicas: 3}))
	s.must(s.Service.WaitServing(t.Context(), "blue", "v3"))
	s.fail("blue", 0.5)
	s.must(s.Service.SetWeights(t.Context(), operator, 100, 0))
	s.eventually("release 2 to be rolled back", func(ctx context.Context) error {
		r, err := s.releaseNo(ctx, 2)
		if err == nil && r.Status.Phase != release.RolledBack {
			err = fmt.Errorf("it is %s: %s", r.Status.Phase, r.Status.Verdict.Reason)
		}
		return err
	})
	s.must(s.wantWeights(t.Context(), 0, 100))
}
