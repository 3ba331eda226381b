package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

const aliceIsOnCall = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: oncall}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-operator}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: oncall}
`

// TestRights asks the API server for all that somebody may do, and leaves out what one may to whom
// nothing was granted.
func TestRights(t *testing.T) {
	s := newServer(t)
	if err := s.ApplyKustomization(t.Context(), "../../../deploy"); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), strings.Replace(aliceIsOnCall, "name: oncall}", "name: oncall, namespace: "+s.Namespace+"}", 1)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user, beyond, namespace string
		want                    []string
	}{
		"the daemon, anywhere": {lab.Greenwatch, visitor, s.Namespace, daemonsRights()},
		"the daemon, at home": {lab.Greenwatch, visitor, "greenwatch", append(daemonsRights(),
			"create leases.coordination.k8s.io", "get leases.coordination.k8s.io greenwatch", "update leases.coordination.k8s.io greenwatch")},
		"an operator, where bound": {lab.Alice, lab.Bob, s.Namespace, []string{
			"get releases.greenwatch.dev", "list releases.greenwatch.dev", "patch releases.greenwatch.dev", "watch releases.greenwatch.dev",
			"get watchpolicies.greenwatch.dev", "list watchpolicies.greenwatch.dev", "watch watchpolicies.greenwatch.dev",
		}},
		"an operator, elsewhere": {lab.Alice, lab.Bob, "greenwatch", nil},
	} {
		t.Run(name, func(t *testing.T) {
			slices.Sort(c.want)
			common := s.rights(t, c.beyond, c.namespace)
			got := slices.DeleteFunc(s.rights(t, c.user, c.namespace), func(right string) bool { return slices.Contains(common, right) })
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("rights (-want +got):\n%s", diff)
			}
		})
	}
}

func daemonsRights() []string {
	return []string{
		"create events", "patch events",
		"get deployments.apps", "list deployments.apps", "watch deployments.apps",
		"update deployments/scale.apps",
		"list replicasets.apps", "list pods", "get services",
		"get virtualservices.networking.istio.io", "list virtualservices.networking.istio.io",
		"patch virtualservices.networking.istio.io", "watch virtualservices.networking.istio.io",
		"get watchpolicies.greenwatch.dev", "list watchpolicies.greenwatch.dev", "watch watchpolicies.greenwatch.dev",
		"update watchpolicies/status.greenwatch.dev",
		"create releases.greenwatch.dev", "delete releases.greenwatch.dev", "get releases.greenwatch.dev",
		"list releases.greenwatch.dev", "patch releases.greenwatch.dev", "watch releases.greenwatch.dev",
		"update releases/status.greenwatch.dev",
	}
}

func (s server) as(t *testing.T, user string) kubernetes.Interface {
	t.Helper()
	client, _, err := s.Clients(user)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// rights gives all that a user may do in a namespace.
func (s server) rights(t *testing.T, user, namespace string) (found []string) {
	t.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	answer, err := s.as(t, user).AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status.Incomplete {
		t.Fatalf("the API server does not know all: %s", answer.Status.EvaluationError)
	}
	for _, rule := range answer.Status.ResourceRules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					what := []string{verb, strings.TrimSuffix(resource+"."+group, ".")}
					found = append(found, strings.Join(append(what, rule.ResourceNames...), " "))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestRightsAreForWhatThereIs finds a misspelt resource, which grants nothing.
func TestRightsAreForWhatThereIs(t *testing.T) {
	s := newServer(t)
	_, lists, err := s.as(t, lab.Admin).Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, list := range lists {
		group, _, ok := strings.Cut(list.GroupVersion, "/")
		if !ok {
			group = "" // the core group's is its version alone
		}
		for _, r := range list.APIResources {
			for _, verb := range r.Verbs {
				served[verb+" "+strings.TrimSuffix(r.Name+"."+group, ".")] = true
			}
		}
	}
	for _, right := range daemonsRights() {
		if !served[right] {
			t.Errorf("the API server knows no %q", right)
		}
	}
}
