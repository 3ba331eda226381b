package rollout

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

func service(name string, edit func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "echo"}}}
	edit(&s.Spec)
	return s
}

func selecting(selector map[string]string) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.Selector = selector }
}

// TestWhereADestinationLeads has a Deployment echo-blue with pods of app: echo, slot: blue; and a pod of app: trap.
func TestWhereADestinationLeads(t *testing.T) {
	dep := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "echo-blue"}}
	dep.Spec.Template.Labels = map[string]string{"app": "echo", "slot": "blue", "extra": "x"}
	trap := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "trap-0", Labels: map[string]string{"app": "trap", "slot": "blue"}}}
	green := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "green-0", Labels: map[string]string{"app": "echo", "slot": "green"}}}
	rule := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"name": "echo", "namespace": "shop"},
		"spec": map[string]any{"host": "echo.shop.svc.cluster.local", "subsets": []any{
			map[string]any{"name": "blue", "labels": map[string]any{"slot": "blue"}},
			map[string]any{"name": "green", "labels": map[string]any{"slot": "green"}},
			map[string]any{"name": "all"},
		}}}}
	client := fake.NewClientset(dep, trap, green,
		service("echo", selecting(map[string]string{"app": "echo"})), service("echo-blue", selecting(map[string]string{"app": "echo", "slot": "blue"})),
		service("trap", selecting(map[string]string{"app": "trap"})), service("entries", selecting(map[string]string{"workload": "entry"})),
		service("away", func(s *corev1.ServiceSpec) { s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "evil.example" }),
		service("any", selecting(nil)))
	kinds := map[schema.GroupVersionResource]string{destinationRules(): "DestinationRuleList"}
	objects := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, rule)
	see := LiveLeads(client, objects)
	for destination, want := range map[string]string{
		"echo":                             "",
		"echo-blue":                        "",
		"echo-blue.shop":                   "",
		"echo.shop.svc.cluster.local/blue": "",
		"echo/all":                         "",
		"entries":                          "", // nobody can say
		"echo/green":                       "leads to other pods, such as green-0",
		"trap":                             "leads to other pods, such as trap-0",
		"echo/red":                         "has subset red",
		"echo-blue/blue":                   "has subset blue",
		"gone":                             "there is no Service gone",
		"away":                             "ExternalName",
		"any":                              "no selector",
		"echo.evil":                        "no Service of namespace shop",
		"echo.evil.svc.cluster.local/blue": "no Service of namespace shop",
		"evil.example":                     "no Service of namespace shop",
		"*.shop.svc.cluster.local":         "no Service of namespace shop",
	} {
		host, subset, _ := strings.Cut(destination, "/")
		wrong, err := see(t.Context(), "shop", release.Slot{Name: "blue", Deployment: "echo-blue", Host: host, Subset: subset})
		if err != nil || !strings.Contains(wrong, want) || (want == "") != (wrong == "") {
			t.Errorf("%s: %q, %v; want %q", destination, wrong, err, want)
		}
	}
	objects.PrependReactor("list", "destinationrules", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("forbidden") })
	if wrong, err := see(t.Context(), "shop", release.Slot{Name: "blue", Deployment: "echo-blue", Host: "echo", Subset: "red"}); err == nil || wrong != "" {
		t.Errorf("what can't be asked is unknown, not wrong: %q, %v", wrong, err)
	}
}

// However many rules a namespace has, few of them are held at once, and no more are read than until the subset is found.
func TestRulesAreReadPageByPage(t *testing.T) {
	client := fake.NewClientset(service("echo", selecting(map[string]string{"app": "echo"})))
	objects := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{destinationRules(): "DestinationRuleList"})
	rules, asked := 0, 0
	objects.PrependReactor("list", "destinationrules", func(a clienttesting.Action) (bool, runtime.Object, error) {
		options := a.(clienttesting.ListActionImpl).ListOptions
		from, _ := strconv.Atoi(options.Continue)
		page := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRuleList"}}
		for i := from; i < min(rules, from+int(options.Limit)); i++ {
			page.Items = append(page.Items, unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
				"host": "echo", "subsets": []any{map[string]any{"name": fmt.Sprint("s", i)}}}}})
		}
		if next := from + int(options.Limit); next < rules {
			page.SetContinue(strconv.Itoa(next))
		}
		asked++
		if options.Limit < 1 || options.Limit > 8 {
			t.Errorf("%d rules are asked for at once", options.Limit)
		}
		return true, page, nil
	})
	see := LiveLeads(client, objects)
	for _, c := range []struct {
		rules  int
		subset string
		asked  int
		wrong  bool
		fails  bool
	}{{3, "s2", 1, false, false}, {30, "s9", 3, false, false}, {30, "none", 8, true, false}, {100_000, "s9", 3, false, false}, {100_000, "none", mostPages, false, true}} {
		rules, asked = c.rules, 0
		wrong, err := see(t.Context(), "shop", release.Slot{Name: "blue", Deployment: "echo-blue", Host: "echo", Subset: c.subset})
		if (wrong != "") != c.wrong || (err != nil) != c.fails || asked != c.asked {
			t.Errorf("%s of %d rules: %q, %v, asked %d times; want %d", c.subset, c.rules, wrong, err, asked, c.asked)
		}
	}
}
