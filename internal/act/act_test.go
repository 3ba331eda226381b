package act

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// disturbance is something that comes between a decision and its act.
type disturbance struct {
	name   string
	cause  func(*scene)
	want   release.Result
	detail string
}

// midway is a mid-rollout Deployment whose status tells its ready pods from its updated ones.
func midway(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration == d.Generation && d.Status.ReadyReplicas == 2 && d.Status.UpdatedReplicas == 1
}

const split = `
  http:
  - name: main
    route:
    - {destination: {host: echo, subset: blue}, weight: 10}
    - {destination: {host: echo, subset: green}, weight: 90}
`

func TestSharesAreSetOnlyIfTheyMayBe(t *testing.T) {
	const before, after = "10 90 ", "100 0 "
	s := setup(t, split)
	revision := func(name string) func(*scene) {
		return func(s *scene) { s.deploy(name, pods{version: "v3", replicas: 2}) }
	}
	for _, d := range []disturbance{
		{"stable's slot holds another revision", revision("echo-blue"), release.Refused, "holds revision"},
		{"candidate's slot holds another revision", revision("echo-green"), release.Refused, "holds revision"},
		{"stable is gone", func(s *scene) { s.delete("echo-blue") }, release.Refused, "is gone"},
		{"stable has no ready replica", func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 0})
			s.settle("echo-blue", 0)
		}, release.Refused, "no ready replica"},
		{"stable has too few ready replicas", func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 1})
			s.settle("echo-blue", 1)
		}, release.Refused, "has 1 ready replicas, needs 2"},
		{"the ready pods of stable run another revision", func(s *scene) {
			s.deploy("echo-blue", pods{version: "v0", replicas: 2})
			s.settle("echo-blue", 2)
			s.deploy("echo-blue", pods{version: "v1", replicas: 2, never: true})
			s.until("echo-blue", midway)
		}, release.Refused, "no ready replica of revision"},
		{"the VirtualService is gone", func(s *scene) { must(s.T, s.deleteVirtualService()) }, release.Refused, "is gone"},
		{"the VirtualService goes meanwhile", func(s *scene) { s.before = s.deleteVirtualService }, release.Refused, "is gone"},
		{"the routes are gone", func(s *scene) { s.route(strings.Replace(split, "main", "renamed", 1)) }, release.Refused, "none of the watched routes"},
		{"the lease is lost", (*scene).loseLease, release.Failed, errLeaseLost.Error()},
		{"somebody sets weights meanwhile, again and again", func(s *scene) { s.before = s.swayVirtualService }, release.Conflict, "changed in between"},
	} {
		t.Run(d.name, func(t *testing.T) {
			s.reset(t)
			d.cause(s)
			s.expect(release.SetShares, d.want, d.detail)
			if vs, err := s.virtualServices().Get(t.Context(), "echo", metav1.GetOptions{}); err == nil && vs.GetDeletionTimestamp() == nil && s.swayed == 0 {
				s.expectShares(before)
			}
			s.reset(t)
			s.expect(release.SetShares, release.Performed, "moved the traffic of slot green to slot blue")
			s.expectShares(after)
		})
	}
}

func TestSharesAreSetAllTheSame(t *testing.T) {
	const after = "100 0 "
	s := setup(t, split)
	for _, d := range []disturbance{
		{name: "too few of stable are ready, but nothing of the candidate", cause: func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 1})
			s.deploy("echo-green", pods{version: "v2", replicas: 0})
			s.settle("echo-blue", 1)
			s.settle("echo-green", 0)
		}},
		{name: "somebody writes something else meanwhile, again and again", cause: func(s *scene) { s.before = s.touchVirtualService }},
		{name: "the candidate is gone", cause: func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 1})
			s.settle("echo-blue", 1)
			s.delete("echo-green")
		}},
		{name: "a restart of stable is stuck", cause: func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 2, restart: "now", never: true})
			s.until("echo-blue", midway)
		}},
		{name: "stable was relabelled and restarted", cause: func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 2, restart: "again"})
			s.settle("echo-blue", 2)
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			s.reset(t)
			d.cause(s)
			s.expect(release.SetShares, release.Performed, "moved")
			s.expectShares(after)
		})
	}
}

func TestTwiceIsTheSameAsOnce(t *testing.T) {
	s := setup(t, split)
	s.expect(release.SetShares, release.Performed, "moved")
	once := s.virtualService()
	s.loseLease() // a write would fail
	s.expect(release.SetShares, release.Performed, "no traffic any more")
	if diff := cmp.Diff(once, s.virtualService()); diff != "" {
		t.Error(diff)
	}
	s.before = nil
	s.expect(release.ScaleUp, release.Performed, "from 2 to 3")
	s.settle("echo-blue", 3)
	s.loseLease()
	s.expect(release.ScaleUp, release.Performed, "at 3 replicas already")
	s.before = nil
	s.expect(release.ScaleAway, release.Performed, "from 2 to 0")
	s.settle("echo-green", 0)
	s.loseLease()
	s.expect(release.ScaleAway, release.Performed, "at 0 replicas already")
}

func TestOneRouteOfTwoIsGone(t *testing.T) {
	s := setup(t, split)
	s.action.Ladder.Routes = []string{"api", "main"}
	s.expect(release.SetShares, release.Performed, "it has no route api any more")
	s.expectShares("100 0 ")
}

func TestStableIsScaledUpOnlyIfItMayBe(t *testing.T) {
	s := setup(t, split)
	for _, d := range []disturbance{
		{"it holds another revision", func(s *scene) { s.deploy("echo-blue", pods{version: "v3", replicas: 2}) }, release.Refused, "holds revision"},
		{"it is gone", func(s *scene) { s.delete("echo-blue") }, release.Refused, "is gone"},
		{"it goes meanwhile", func(s *scene) {
			s.before = func() error { s.delete("echo-blue"); return nil }
		}, release.Refused, "it is gone"},
		{"the lease is lost", (*scene).loseLease, release.Failed, errLeaseLost.Error()},
		{"somebody writes meanwhile", func(s *scene) { s.before = s.touchDeployment("echo-blue") }, release.Conflict, "modified"},
	} {
		t.Run(d.name, func(t *testing.T) {
			s.reset(t)
			d.cause(s)
			s.expect(release.ScaleUp, d.want, d.detail)
			s.expectReplicas("echo-blue", 2)
			s.reset(t)
			s.expect(release.ScaleUp, release.Performed, "from 2 to 3")
			s.expectReplicas("echo-blue", 3)
		})
	}
}

func TestStableIsNeverScaledDown(t *testing.T) {
	s := setup(t, split)
	s.action.Replicas = 1
	s.expect(release.ScaleUp, release.Performed, "already")
	s.expectReplicas("echo-blue", 2)
}

func TestScalingGoesThroughTheSubresource(t *testing.T) {
	s := setup(t, split)
	s.expect(release.ScaleUp, release.Performed, "from 2 to 3")
	for _, f := range s.deployment("echo-blue").ManagedFields {
		if f.Manager == FieldManager && f.Subresource == "scale" {
			return
		}
	}
	t.Errorf("%s has written no replicas through the subresource scale", FieldManager)
}

const moved = `
  http:
  - name: main
    route:
    - {destination: {host: echo, subset: blue}, weight: 100}
    - {destination: {host: echo, subset: green}, weight: 0}
`

func TestTheCandidateIsScaledAwayOnlyIfItMayBe(t *testing.T) {
	s := setup(t, moved)
	routes := func(more string) func(*scene) { return func(s *scene) { s.route(moved + more) } }
	for _, d := range []disturbance{
		{"it has traffic", func(s *scene) { s.route(split) }, release.Refused, "still leads traffic"},
		{"a route that nobody watches leads to it", routes(`
  - match: [{headers: {preview: {exact: "yes"}}}]
    route: [{destination: {host: echo, subset: green}}]
`), release.Refused, "spec.http[1]"},
		{"a TCP route leads to it", routes(`
  tcp:
  - route: [{destination: {host: echo, subset: green}}]
`), release.Refused, "spec.tcp[0]"},
		{"the weights define nothing", func(s *scene) { s.route(strings.Replace(moved, "100", "0", 1)) }, release.Refused, "still leads traffic"},
		{"the VirtualService is gone", func(s *scene) { must(s.T, s.deleteVirtualService()) }, release.Refused, "is gone"},
		{"its slot holds another revision", func(s *scene) { s.deploy("echo-green", pods{version: "v3", replicas: 2}) }, release.Refused, "holds revision"},
		{"stable's slot holds another revision", func(s *scene) { s.deploy("echo-blue", pods{version: "v3", replicas: 2}) }, release.Refused, "holds revision"},
		{"stable has no ready replica", func(s *scene) {
			s.deploy("echo-blue", pods{version: "v1", replicas: 0})
			s.settle("echo-blue", 0)
		}, release.Refused, "no ready replica"},
		{"stable is gone", func(s *scene) { s.delete("echo-blue") }, release.Refused, "is gone"},
		{"the lease is lost", (*scene).loseLease, release.Failed, errLeaseLost.Error()},
		{"somebody writes meanwhile", func(s *scene) { s.before = s.touchDeployment("echo-green") }, release.Conflict, "modified"},
	} {
		t.Run(d.name, func(t *testing.T) {
			s.reset(t)
			d.cause(s)
			s.expect(release.ScaleAway, d.want, d.detail)
			s.expectReplicas("echo-green", 2)
			s.reset(t)
			s.expect(release.ScaleAway, release.Performed, "from 2 to 0")
			s.expectReplicas("echo-green", 0)
		})
	}
}

func TestAMissingRightIsNamed(t *testing.T) {
	s := setup(t, split)
	s.apply(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: %[1]s}
rules:
- {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list]}
- {apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}]
`, s.lab.Namespace))
	for deed, right := range map[release.Deed]string{
		release.SetShares: "the right to patch virtualservices.networking.istio.io in namespace " + s.lab.Namespace + " is missing",
		release.ScaleUp:   "the right to update deployments/scale in namespace " + s.lab.Namespace + " is missing",
	} {
		s.eventually(func(context.Context) error { // the API server learns of rights by and by
			result, detail := s.performAs(lab.Bob, deed)
			if result != release.Failed || !strings.Contains(detail, right) {
				return fmt.Errorf("%s: %s: %s; want %s: %s", deed, result, detail, release.Failed, right)
			}
			return nil
		})
	}
	s.expectShares("10 90 ")
	s.expectReplicas("echo-blue", 2)
}

func TestWhatAnAdmissionPolicyForbidsIsRefusedInItsWords(t *testing.T) {
	s := setup(t, split)
	s.apply(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], operations: [UPDATE], resources: [virtualservices]}]
  validations: [{expression: "false", message: "the weights are frozen over Christmas"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`, s.lab.Namespace))
	t.Cleanup(func() { s.removePolicy(s.lab.Namespace) })
	s.eventually(func(context.Context) error {
		if s.touchVirtualService() == nil {
			return fmt.Errorf("the policy is not in force")
		}
		return nil
	})
	s.expect(release.SetShares, release.Refused, "the weights are frozen over Christmas")
	s.expectShares("10 90 ")
}

func (s *scene) removePolicy(name string) {
	ctx := context.WithoutCancel(s.Context())
	admission := s.client.AdmissionregistrationV1()
	must(s.T, admission.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}))
	must(s.T, admission.ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{}))
}

func TestAnAPIServerThatIsAwayHasFailed(t *testing.T) {
	away, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"})
	must(t, err)
	actor := New(Config{Apps: away.AppsV1(), Held: func() error { return nil }})
	for _, deed := range []release.Deed{release.ScaleUp, release.SetShares, release.ScaleAway} {
		result, detail := actor.Perform(t.Context(), "shop", release.Action{
			Deed: deed,
			Ladder: &release.Ladder{Plan: release.Plan{Namespace: "shop", Slots: []release.Slot{
				{Name: "blue", Deployment: "echo-blue"}, {Name: "green", Deployment: "echo-green"},
			}}},
			Stable:    release.Side{Slot: "blue", Revision: "b"},
			Candidate: release.Side{Slot: "green", Revision: "g"},
		})
		if result != release.Failed || !strings.Contains(detail, "refused") {
			t.Errorf("%s: %s: %s; want %s", deed, result, detail, release.Failed)
		}
	}
}

// expect tries again after a conflict that was not asked for, as the daemon does: the controllers may
// still be writing their statuses.
func (s *scene) expect(deed release.Deed, want release.Result, detail string) {
	s.Helper()
	var result release.Result
	var got string
	s.eventually(func(context.Context) error {
		if result, got = s.perform(deed); result == release.Conflict && want != release.Conflict {
			return errors.New(got)
		}
		return nil
	})
	if result != want || !strings.Contains(got, detail) {
		s.Errorf("%s: %s: %s; want %s: …%s…", deed, result, got, want, detail)
	}
}

func (s *scene) expectShares(want string) {
	s.Helper()
	if got := s.shares(); got != want {
		s.Errorf("weights %s, want %s", got, want)
	}
}

// expectReplicas does not mind if the Deployment is gone.
func (s *scene) expectReplicas(name string, want int32) {
	s.Helper()
	d, err := s.client.AppsV1().Deployments(s.lab.Namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err == nil && *d.Spec.Replicas != want {
		s.Errorf("%s: %d replicas, want %d", name, *d.Spec.Replicas, want)
	}
}
