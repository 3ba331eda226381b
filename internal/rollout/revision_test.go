package rollout

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func template() corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:  "app",
			Image: "registry.example:5000/team/app:1.4.2",
			Env:   []corev1.EnvVar{{Name: "LEVEL", Value: "info"}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("64Mi"),
			}},
		}},
	}}
	t.Labels = map[string]string{"app": "shop", "slot": "green"}
	return t
}

func TestRevisionIgnoresMetadataAndNothingElse(t *testing.T) {
	before := Revision(template())
	if len(before) != revisionLength {
		t.Fatalf("revision %q has %d characters, want %d", before, len(before), revisionLength)
	}
	tests := map[string]struct {
		edit func(*corev1.PodTemplateSpec)
		same bool
	}{
		"nothing": {func(*corev1.PodTemplateSpec) {}, true},
		"a restart": {func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
		}, true},
		"an injector's annotation": {func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{"sidecar.istio.io/inject": "true"}
		}, true},
		"a label":       {func(t *corev1.PodTemplateSpec) { t.Labels["team"] = "shop" }, true},
		"an empty list": {func(t *corev1.PodTemplateSpec) { t.Spec.Tolerations = []corev1.Toleration{} }, true},
		"a quantity's wording": {func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = read(`"1000m"`)
		}, true},
		"a reloader's mark":          {env(0, "STAKATER_KB_DB_SECRET", "5f0c2a7d9be1c0a1f5b40a7bd9a5d1b5a1c9e3f2"), true},
		"a chart's mark":             {env(0, "CONFIG_CHECKSUM", "0123456789abcdef0123456789abcdef"), true},
		"a mark that is no digest":   {env(0, "STAKATER_KB_DB_SECRET", "password"), false},
		"a digest of what is served": {env(0, "MODEL_SHA256", "0123456789abcdef0123456789abcdef"), false},
		"a mark beside another change": {func(t *corev1.PodTemplateSpec) {
			env(0, "CONFIG_HASH", "0123456789abcdef")(t)
			t.Spec.Containers[0].Image = "app:2"
		}, false},
		"a mark that comes from a Secret": {func(t *corev1.PodTemplateSpec) {
			env(0, "CONFIG_HASH", "")(t)
			t.Spec.Containers[0].Env[1].ValueFrom = &corev1.EnvVarSource{}
		}, false},
		"an image":   {func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Image = "app:1.4.3" }, false},
		"a variable": {func(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Env[0].Value = "debug" }, false},
		"a sidecar": {func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers = append(t.Spec.Containers, corev1.Container{Name: "b"})
		}, false},
		"a quantity": {func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = read(`"2"`)
		}, false},
		"a grace time": {func(t *corev1.PodTemplateSpec) { t.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			edited := template()
			test.edit(&edited)
			if same := Revision(edited) == before; same != test.same {
				t.Errorf("same revision: %v, want %v", same, test.same)
			}
		})
	}
}

// env adds an environment variable to a container.
func env(container int, name, value string) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) {
		c := &t.Spec.Containers[container]
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

func TestRevisionLeavesTheTemplateAsItIs(t *testing.T) {
	marked := template()
	env(0, "CONFIG_HASH", "0123456789abcdef")(&marked)
	if Revision(marked); len(marked.Spec.Containers[0].Env) != 2 {
		t.Errorf("the template has %v", marked.Spec.Containers[0].Env)
	}
}

// read is a quantity as it comes from the API server.
func read(s string) (q resource.Quantity) {
	if err := json.Unmarshal([]byte(s), &q); err != nil {
		panic(err)
	}
	return q
}

func TestVersion(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	label := map[string]string{versionLabel: "2026.1"}
	tests := map[string]struct {
		image            string
		ofPods, ofItself map[string]string
		noContainers     bool
		want             string
	}{
		"a tag":                      {image: "app:1.4.2", ofPods: label, want: "1.4.2"},
		"a tag behind a port":        {image: "registry.example:5000/team/app:1.4.2", want: "1.4.2"},
		"a port is no tag":           {image: "registry.example:5000/team/app", want: ""},
		"a tag and a digest":         {image: "team/app:1.4.2@" + digest, want: "1.4.2"},
		"a digest":                   {image: "registry.example:5000/app@" + digest, ofPods: label, want: "0123456789ab"},
		"the pods' label":            {image: "app", ofPods: label, ofItself: map[string]string{versionLabel: "x"}, want: "2026.1"},
		"the Deployment's own label": {image: "app", ofItself: label, want: "2026.1"},
		"no containers":              {noContainers: true, ofItself: label, want: "2026.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dep := &appsv1.Deployment{}
			dep.Labels, dep.Spec.Template.Labels = test.ofItself, test.ofPods
			if !test.noContainers {
				dep.Spec.Template.Spec.Containers = []corev1.Container{{Image: test.image}, {Image: "sidecar:9"}}
			}
			if got := Version(dep); got != test.want {
				t.Errorf("version %q, want %q", got, test.want)
			}
		})
	}
}
