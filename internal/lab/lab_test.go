package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	authv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const webDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example/web:v1"}]}
`

func TestADeploymentRollsOut(t *testing.T) {
	l := cluster.ForTest(t)
	client, _, err := l.Clients(Admin)
	must(t, err)
	must(t, l.Apply(t.Context(), fmt.Sprintf(webDeployment, l.Namespace)))
	eventually(t, func(ctx context.Context) error {
		d, err := client.AppsV1().Deployments(l.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != 3 {
			err = fmt.Errorf("%d replicas are ready", d.Status.ReadyReplicas)
		}
		return err
	})
}

func TestLabsRunSideBySide(t *testing.T) {
	first := cluster.ForTest(t)
	second, err := Start(t.Context(), Options{NoIstiod: true, Nodes: 2})
	must(t, err)
	t.Cleanup(func() { must(t, second.Close()) })
	if first.Host() == second.Host() || first.Dir() == second.Dir() {
		t.Fatalf("both labs are at %s in %s", second.Host(), second.Dir())
	}
	ours, _, err := first.Clients(Admin)
	must(t, err)
	theirs, _, err := second.Clients(Admin)
	must(t, err)
	if _, err := theirs.CoreV1().Namespaces().Get(t.Context(), first.Namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the second lab on the first one's namespace: %v", err)
	}

	server, err := second.Process("kube-apiserver")
	must(t, err)
	must(t, server.Kill())
	if _, err := countNodes(t, theirs); err == nil {
		t.Error("a killed API server answered")
	}
	if n, err := countNodes(t, ours); err != nil || n != 1 {
		t.Errorf("while the second API server was away, the first knew %d nodes, %v", n, err)
	}
	must(t, server.Start(t.Context()))
	if n, err := countNodes(t, theirs); err != nil || n != 2 {
		t.Errorf("back again, the second API server knew %d nodes, %v", n, err)
	}

	must(t, second.Close())
	if _, err := os.Stat(second.Dir()); !os.IsNotExist(err) {
		t.Errorf("a closed lab left its folder: %v", err)
	}
	if err := server.Start(t.Context()); err == nil {
		t.Error("a closed lab started a process")
	}
}

func countNodes(t *testing.T, client kubernetes.Interface) (int, error) {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	return len(nodes.Items), nil
}

func TestUsersAreWhoTheySay(t *testing.T) {
	l := cluster.ForTest(t)
	for key, want := range map[string]string{
		Admin:      "admin [system:masters system:authenticated]",
		Greenwatch: "system:serviceaccount:greenwatch:greenwatch [system:serviceaccounts system:serviceaccounts:greenwatch system:authenticated]",
		Alice:      "alice [oncall system:authenticated]",
		Bob:        "bob [system:authenticated]",
	} {
		client, _, err := l.Clients(key)
		must(t, err)
		review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authv1.SelfSubjectReview{}, metav1.CreateOptions{})
		must(t, err)
		if got := fmt.Sprint(review.Status.UserInfo.Username, " ", review.Status.UserInfo.Groups); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func TestRightsAreThoseThatManifestsGrant(t *testing.T) {
	l := cluster.ForTest(t)
	path, err := l.Kubeconfig(Greenwatch)
	must(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	list := func(ctx context.Context) error {
		_, err := client.CoreV1().Pods(l.Namespace).List(ctx, metav1.ListOptions{})
		return err
	}
	if err := list(t.Context()); !apierrors.IsForbidden(err) {
		t.Fatalf("before any right was granted: %v", err)
	}
	must(t, l.Apply(t.Context(), fmt.Sprintf(`
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: %[1]s}, rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: r, namespace: %[1]s}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r},
 subjects: [{kind: ServiceAccount, name: greenwatch, namespace: greenwatch}]}`, l.Namespace)))
	eventually(t, list)
}

func TestAuditListsWhatUsersAsked(t *testing.T) {
	l := cluster.ForTest(t)
	client, _, err := l.Clients(Bob)
	must(t, err)
	_, err = client.CoreV1().Secrets(l.Namespace).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Fatalf("bob listed secrets: %v", err)
	}
	eventually(t, func(context.Context) error {
		requests, err := l.Audit()
		if err != nil {
			return err
		}
		for _, r := range requests {
			if r.User.Username == "admin" {
				t.Fatalf("the audit log has a request of the control plane: %+v", r)
			}
			if r.User.Username == "bob" && r.Object.Resource == "secrets" && r.Object.Namespace == l.Namespace {
				if r.Verb != "list" || r.Writes() || r.Status.Code != 403 {
					t.Fatalf("bob's request is listed as %+v", r)
				}
				return nil
			}
		}
		return fmt.Errorf("bob's request is not among %d", len(requests))
	})
}

func TestApplyDefinesKindsFirst(t *testing.T) {
	l := cluster.ForTest(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [all.yaml]\nnamespace: "+l.Namespace+"\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(`
{apiVersion: lab.example/v1, kind: Probe, metadata: {name: p}, spec: {depth: 3}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: probes.lab.example},
 spec: {group: lab.example, scope: Namespaced, names: {kind: Probe, plural: probes}, versions: [{name: v1, served: true, storage: true,
  schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {depth: {type: integer}}}}}}}]}}`), 0o644))
	must(t, l.ApplyKustomization(t.Context(), dir))
	got, err := l.Kubectl(t.Context(), Admin, "get", "probe", "p", "-n", l.Namespace, "-o", "jsonpath={.spec.depth}")
	must(t, err)
	if got != "3" {
		t.Errorf("depth is %q, want 3", got)
	}
	if err := l.ApplyAs(t.Context(), Bob, "kubectl", fmt.Sprintf(webDeployment, l.Namespace)); !apierrors.IsForbidden(err) {
		t.Errorf("bob applied a deployment: %v", err)
	}
}

func TestKubeconfigViaLeadsElsewhere(t *testing.T) {
	l := cluster.ForTest(t)
	path, err := l.KubeconfigVia(Alice, "https://127.0.0.1:1", nil)
	must(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	if config.Host != "https://127.0.0.1:1" || !config.Insecure || config.BearerToken != l.RESTConfig(Alice).BearerToken {
		t.Errorf("the kubeconfig leads to %s, insecure %v", config.Host, config.Insecure)
	}
	if _, err := l.Kubeconfig("carol"); err == nil {
		t.Error("a kubeconfig was written for somebody unknown")
	}
}
