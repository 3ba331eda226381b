package v1alpha1_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Who tries something in the tests of deploy/admission.yaml, besides the lab's own: greenwatch, alice, who is an
// operator, and the admin.
const (
	olga    = "olga"    // another operator
	ed      = "ed"      // an operator and an author, as "edit" makes one, without any right on VirtualServices and Deployments
	otto    = "otto"    // an operator who may patch VirtualService shop and scale Deployments shop-blue and shop-green
	vera    = "vera"    // an operator who may patch VirtualServices, and scale nothing
	ann     = "ann"     // an author, without any right on VirtualServices and Deployments
	sam     = "sam"     // an author who may patch VirtualService shop and scale Deployments shop-blue and shop-green
	half    = "half"    // an author who may patch VirtualService shop, and scale Deployment shop-blue
	tenant  = "tenant"  // may do everything in the test's namespace
	backup  = "backup"  // a backup tool: may create and update releases and policies, and restore them
	garbage = "garbage" // the garbage collector
)

var cast = []lab.User{
	lab.ServiceAccount(visitor, "default", visitor),
	{Key: olga, Name: olga, Groups: []string{"oncall"}}, {Key: ed, Name: ed}, {Key: otto, Name: otto}, {Key: vera, Name: vera},
	{Key: ann, Name: ann}, {Key: sam, Name: sam}, {Key: half, Name: half}, {Key: tenant, Name: tenant},
	lab.ServiceAccount(backup, "velero", backup),
	lab.ServiceAccount(garbage, "kube-system", "generic-garbage-collector"),
}

// castRights are the rights of the cast in namespace $NS.
const castRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operators, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-operator}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: oncall}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: ed}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: otto}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: vera}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: authors, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-author}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: ed}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: sam}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: half}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: sam, namespace: $NS}
rules:
- {apiGroups: [networking.istio.io], resources: [virtualservices], resourceNames: [shop], verbs: [patch]}
- {apiGroups: [apps], resources: [deployments/scale], resourceNames: [shop-blue, shop-green], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: half, namespace: $NS}
rules:
- {apiGroups: [networking.istio.io], resources: [virtualservices], resourceNames: [shop], verbs: [patch]}
- {apiGroups: [apps], resources: [deployments/scale], resourceNames: [shop-blue], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: weights, namespace: $NS}
rules: [{apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: weights, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: weights}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: vera}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant, namespace: $NS}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: sam, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: sam}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: sam}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: otto}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: half, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: half}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: half}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: tenant}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: backup}
rules: [{apiGroups: [greenwatch.dev], resources: ["*"], verbs: [create, update, patch, restore]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: backup}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: backup}
subjects: [{kind: ServiceAccount, name: backup, namespace: velero}]
`

var virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}

// trial is what somebody tries with an object that is made for it. Refused is part of the refusal; empty where it
// is allowed.
type trial struct {
	who, tries string
	kind       schema.GroupVersionResource
	sub        string // subresource
	patch      string // a merge patch, or a JSON patch
	refused    string
}

// guarded is the API server with all of deploy/ in force.
func guarded(t *testing.T) server {
	t.Helper()
	s := newServer(t)
	if err := s.ApplyKustomization(t.Context(), "../../../deploy"); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), strings.ReplaceAll(castRights, "$NS", s.Namespace)); err != nil {
		t.Fatal(err)
	}
	s.inForce(t)
	return s
}

// inForce waits until each policy refuses what it is there for: the API server takes some seconds to know it, and
// the rights.
func (s server) inForce(t *testing.T) {
	t.Helper()
	s.object(t, aVirtualService, probe)
	s.object(t, aRelease, probe)
	tries := 0
	label := func() string { // what is so already is no change, and is not refused
		tries++
		return fmt.Sprintf(`{"metadata":{"labels":{"probe":"%d"}}}`, tries)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for policy, try := range map[string]func() error{
		"greenwatch-weights-only": func() error { return s.patchAs(t, lab.Greenwatch, virtualServices, named(probe), "", label()) },
		"greenwatch-people":       func() error { return s.patchAs(t, lab.Alice, v1alpha1.Releases(), named(probe), "", label()) },
		"greenwatch-authors": func() error {
			tries++
			return s.ApplyAs(t.Context(), ann, "kubectl", fmt.Sprintf(enforcing, probe+tries, s.Namespace))
		},
	} {
		err := lab.Until(ctx, func(context.Context) error {
			if err := try(); err == nil || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+policy+"'") {
				return fmt.Errorf("%s is not in force: %w", policy, errors.Join(err, errors.New("not refused by it")))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s server) objects(t *testing.T, user string) dynamic.Interface {
	t.Helper()
	_, objects, err := s.Clients(user)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// probe is the number of the objects by which it is seen whether the policies are in force.
const probe = 1000

// named is the name of the object that a manifest gives for a number.
func named(n int) string { return fmt.Sprintf("shop-%d", n) }

// object makes the object of a manifest, which is filled with a number and the namespace, in the admin's name.
func (s server) object(t *testing.T, manifest string, n int) {
	t.Helper()
	if err := s.Apply(t.Context(), fmt.Sprintf(manifest, n, s.Namespace)); err != nil {
		t.Fatal(err)
	}
}

func (s server) patchAs(t *testing.T, user string, kind schema.GroupVersionResource, name, sub, patch string) error {
	t.Helper()
	form, subs := types.MergePatchType, []string(nil)
	if strings.HasPrefix(patch, "[") {
		form = types.JSONPatchType
	}
	if sub != "" {
		subs = []string{sub}
	}
	_, err := s.objects(t, user).Resource(kind).Namespace(s.Namespace).Patch(t.Context(), name, form, []byte(patch), metav1.PatchOptions{}, subs...)
	return err
}

// prove makes each trial on an object of its own, and prints what came of it as a line of a table.
func (s server) prove(t *testing.T, manifest string, trials []trial) {
	t.Helper()
	s.proveIn(t, "", manifest, trials)
}

// proveIn does so with releases of that mode.
func (s server) proveIn(t *testing.T, mode release.Mode, manifest string, trials []trial) {
	t.Helper()
	for i, c := range trials {
		s.object(t, manifest, i+1)
		if mode != "" {
			if err := s.patchAs(t, lab.Greenwatch, v1alpha1.Releases(), named(i+1), "status", fmt.Sprintf(aStatus, mode)); err != nil {
				t.Fatal(err)
			}
		}
		s.judge(t, c.who, c.tries, c.refused, s.patchAs(t, c.who, c.kind, named(i+1), c.sub, c.patch))
		err := s.objects(t, lab.Admin).Resource(c.kind).Namespace(s.Namespace).Delete(t.Context(), named(i+1), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
}

// judge says whether somebody's try came out as it has to.
func (s server) judge(t *testing.T, who, tries, refused string, err error) {
	t.Helper()
	outcome := "allowed |"
	if err != nil {
		outcome = "refused | " + strings.ReplaceAll(said(err), s.Namespace, "NAMESPACE")
	}
	t.Logf("| %s | %s | %s |", who, tries, outcome)
	switch {
	case refused == "" && err != nil:
		t.Errorf("%s: %s: refused, want it allowed: %v", who, tries, err)
	case refused != "" && err == nil:
		t.Errorf("%s: %s: allowed, want a refusal that says %q", who, tries, refused)
	case refused != "" && !strings.Contains(err.Error(), refused):
		t.Errorf("%s: %s: refused without saying %q: %v", who, tries, refused, err)
	}
}

// said is a refusal's own words.
func said(err error) string {
	_, words, ok := strings.Cut(err.Error(), "denied request: ")
	if !ok {
		return err.Error()
	}
	return words
}

// createAs makes a new object in a user's name.
func (s server) createAs(t *testing.T, user string, kind schema.GroupVersionResource, manifest string) error {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	_, err := s.objects(t, user).Resource(kind).Namespace(s.Namespace).Create(t.Context(), &object, metav1.CreateOptions{})
	return err
}

// freezeAs writes a release's status in a user's name, with a rollback under way by the plan of a namespace.
func (s server) freezeAs(t *testing.T, user, name, namespace string) error {
	t.Helper()
	as := server{s.TestLab, typed(t, s.RESTConfig(user))}
	var r v1alpha1.Release
	if err := s.Get().Namespace(s.Namespace).Resource("releases").Name(name).Do(t.Context()).Into(&r); err != nil {
		t.Fatal(err)
	}
	r.Status = state(namespace)
	return as.Put().Namespace(s.Namespace).Resource("releases").Name(name).SubResource("status").Body(&r).Do(t.Context()).Error()
}

// An overlay with a namespace of its own says it to the policies, too, as deploy/kustomization.yaml shows.
func TestAnOverlayNamesTheAccount(t *testing.T) {
	s := newServer(t)
	base, err := filepath.Abs("../../../deploy")
	if err != nil {
		t.Fatal(err)
	}
	comment, err := os.ReadFile(filepath.Join(base, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(comment), "#   namespace: watch\n")
	shown, _, _ = strings.Cut(shown, "\napiVersion")
	dir := t.TempDir()
	relative, err := filepath.Rel(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		overlay string
		named   int // how often the account is named in the policies by its new name
	}{
		"as shown":                 {"namespace: watch\n" + strings.ReplaceAll(shown, "#   ", ""), 2},
		"without the replacements": {"namespace: watch\n", 0},
	} {
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: ["+relative+"]\n"+c.overlay), 0o600); err != nil {
			t.Fatal(err)
		}
		rendered, err := s.Kubectl(t.Context(), lab.Admin, "kustomize", dir)
		if err != nil {
			t.Fatal(err)
		}
		const account = `"system:serviceaccount:%s:greenwatch"`
		if got, old := strings.Count(rendered, fmt.Sprintf(account, "watch")), strings.Count(rendered, fmt.Sprintf(account, "greenwatch")); got != c.named || got+old != 2 {
			t.Errorf("%s: the account is named by its new name %d times and by its old one %d times, want %d of 2", name, got, old, c.named)
		}
	}
}
