package v1alpha1_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

// TestRights asks the API server for all that somebody may do, and leaves out what one may to whom
// nothing was granted.
func TestRights(t *testing.T) {
	s := guarded(t)
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
		"an author, where bound": {ann, lab.Bob, s.Namespace, []string{
			"create watchpolicies.greenwatch.dev", "delete watchpolicies.greenwatch.dev", "get watchpolicies.greenwatch.dev", "list watchpolicies.greenwatch.dev",
			"patch watchpolicies.greenwatch.dev", "update watchpolicies.greenwatch.dev", "watch watchpolicies.greenwatch.dev",
		}},
		"an author, elsewhere": {ann, lab.Bob, "greenwatch", nil},
	} {
		t.Run(name, func(t *testing.T) {
			slices.Sort(c.want)
			common := s.rights(t, c.beyond, c.namespace)
			got := slices.DeleteFunc(s.rights(t, c.user, c.namespace), func(right string) bool { return slices.Contains(common, right) })
			if diff := gocmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
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
		"list replicasets.apps", "list pods", "get services", "list destinationrules.networking.istio.io",
		"get virtualservices.networking.istio.io", "list virtualservices.networking.istio.io",
		"patch virtualservices.networking.istio.io", "watch virtualservices.networking.istio.io",
		"get watchpolicies.greenwatch.dev", "list watchpolicies.greenwatch.dev", "watch watchpolicies.greenwatch.dev",
		"patch watchpolicies/status.greenwatch.dev", "update watchpolicies/status.greenwatch.dev",
		"create releases.greenwatch.dev", "delete releases.greenwatch.dev", "get releases.greenwatch.dev",
		"list releases.greenwatch.dev", "patch releases.greenwatch.dev", "watch releases.greenwatch.dev",
		"patch releases/status.greenwatch.dev", "update releases/status.greenwatch.dev",
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

// TestCanI asks with each one's token what kubectl auth can-i asks, and prints the answers as a table. What
// admission bounds besides is not among the rights: a patch of a VirtualService, say, may be one of weights alone.
func TestCanI(t *testing.T) {
	s := guarded(t)
	where := map[string]string{"": "", "*": ", in all namespaces", "default": ", in another namespace", "greenwatch": ", in greenwatch's own"}
	who := []string{lab.Greenwatch, ann, lab.Alice, sam, tenant, lab.Bob}
	t.Logf("| | %s |", strings.Join(who, " | "))
	for _, q := range []struct{ right, elsewhere, want string }{ // want: y or n for each of who
		{"get watchpolicies.greenwatch.dev", "", "yyyyyn"},
		{"create watchpolicies.greenwatch.dev", "", "nynyyn"},
		{"create watchpolicies.greenwatch.dev", "default", "nnnnnn"},
		{"patch watchpolicies.greenwatch.dev", "", "nynyyn"},
		{"delete watchpolicies.greenwatch.dev", "", "nynyyn"},
		{"update watchpolicies/status.greenwatch.dev", "", "ynnnyn"},
		{"patch watchpolicies/status.greenwatch.dev", "", "ynnnyn"},
		{"get releases.greenwatch.dev", "", "ynynyn"},
		{"create releases.greenwatch.dev", "", "ynnnyn"},
		{"patch releases.greenwatch.dev", "", "ynynyn"},
		{"patch releases.greenwatch.dev", "default", "ynnnnn"},
		{"update releases.greenwatch.dev", "", "nnnnyn"},
		{"delete releases.greenwatch.dev", "", "ynnnyn"},
		{"update releases/status.greenwatch.dev", "", "ynnnyn"},
		{"patch releases/status.greenwatch.dev", "", "ynnnyn"},
		{"restore releases.greenwatch.dev", "*", "nnnnnn"},
		{"get virtualservices.networking.istio.io", "", "ynnnyn"},
		{"create virtualservices.networking.istio.io", "", "nnnnyn"},
		{"patch virtualservices.networking.istio.io shop", "", "ynnyyn"},
		{"patch virtualservices.networking.istio.io bank", "", "ynnnyn"},
		{"update virtualservices.networking.istio.io", "", "nnnnyn"},
		{"delete virtualservices.networking.istio.io", "", "nnnnyn"},
		{"patch virtualservices/status.networking.istio.io", "", "nnnnyn"},
		{"get deployments.apps", "", "ynnnyn"},
		{"patch deployments.apps", "", "nnnnyn"},
		{"delete deployments.apps", "", "nnnnyn"},
		{"update deployments/scale.apps shop-blue", "", "ynnyyn"},
		{"update deployments/scale.apps shop-blue", "default", "ynnnnn"},
		{"list pods", "", "ynnnyn"},
		{"get pods/log", "", "nnnnyn"},
		{"create pods/exec", "", "nnnnyn"},
		{"get secrets", "", "nnnnyn"},
		{"get secrets", "greenwatch", "nnnnnn"},
		{"create jobs.batch", "", "nnnnyn"},
		{"impersonate users", "*", "nnnnnn"},
		{"patch validatingadmissionpolicies.admissionregistration.k8s.io", "*", "nnnnnn"},
		{"update leases.coordination.k8s.io greenwatch", "greenwatch", "ynnnnn"},
	} {
		namespace := cmp.Or(strings.TrimSuffix(q.elsewhere, "*"), s.Namespace)
		if q.elsewhere == "*" {
			namespace = ""
		}
		var got strings.Builder
		for _, user := range who {
			got.WriteString(s.can(t, user, namespace, q.right))
		}
		t.Logf("| %s%s | %s |", q.right, where[q.elsewhere], strings.Join(strings.Split(got.String(), ""), " | "))
		if got.String() != q.want {
			t.Errorf("%s in %q: %s, want %s", q.right, namespace, &got, q.want)
		}
	}
}

// eventually waits until a user has a right.
func (s server) eventually(t *testing.T, user, right string) {
	t.Helper()
	err := lab.Until(t.Context(), func(context.Context) error {
		if s.can(t, user, s.Namespace, right) == "n" {
			return fmt.Errorf("%s may not %s", user, right)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// can says whether a user has a right, such as "patch deployments/scale.apps NAME", in a namespace: y or n.
func (s server) can(t *testing.T, user, namespace, right string) string {
	t.Helper()
	words := append(strings.Fields(right), "")
	resource, group, _ := strings.Cut(words[1], ".")
	resource, sub, _ := strings.Cut(resource, "/")
	answer, err := s.as(t, user).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: words[0], Group: group, Resource: resource, Subresource: sub, Name: words[2],
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return map[bool]string{true: "y", false: "n"}[answer.Status.Allowed]
}
