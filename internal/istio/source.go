package istio

import (
	"regexp"
	"strings"
)

// source says what keeps an object as it is written elsewhere, in Git or a chart, by the marks that its tool leaves:
// "Argo CD application shop". Empty where nothing tells. Anybody may write such marks: this is for telling people, never
// for deciding.
func source(labels, annotations map[string]string) string {
	const (
		flux = "kustomize.toolkit.fluxcd.io/"
		helm = "helm.toolkit.fluxcd.io/"
		meta = "meta.helm.sh/release-"
	)
	tracked, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":") // APPLICATION:GROUP/KIND:NAMESPACE/NAME
	for _, of := range []struct{ kind, namespace, name string }{
		{"Argo CD application", "", tracked},
		{"Argo CD application", "", labels["argocd.argoproj.io/instance"]},
		{"Flux Kustomization", labels[flux+"namespace"], labels[flux+"name"]},
		{"Flux HelmRelease", labels[helm+"namespace"], labels[helm+"name"]},
		{"Helm release", annotations[meta+"namespace"], annotations[meta+"name"]},
	} {
		if name := strings.TrimPrefix(of.namespace+"/"+of.name, "/"); of.name != "" && tagged.MatchString(name) {
			return of.kind + " " + name
		}
	}
	return ""
}

// tagged is what the tools call things, with their namespace or without it.
var tagged = regexp.MustCompile(`^[A-Za-z0-9][-_./A-Za-z0-9]{0,126}$`)
