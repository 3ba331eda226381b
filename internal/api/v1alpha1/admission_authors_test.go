package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
)

const (
	observing = `
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: shop-%[1]d, namespace: %[2]s}
spec:
  mode: Observe
  traffic: {virtualService: shop}
  slots:
  - {name: blue, deployment: shop-blue, destination: {host: shop-blue}}
  - {name: green, deployment: shop-green, destination: {host: shop-green}}
`
	swapped   = `{"spec":{"slots":[{"name":"blue","deployment":"shop-blue","destination":{"host":"shop-green"}},{"name":"green","deployment":"shop-green","destination":{"host":"shop-blue"}}]}}`
	threshold = `{"spec":{"signals":[{"name":"errors","ratio":{"metric":"m","part":"x=\"y\""},"rollback":{"above":"0%","for":"1m"}}]}}`
)

var (
	enforcing = strings.Replace(observing, "mode: Observe", "mode: Enforce", 1)
	modeless  = strings.Replace(observing, "  mode: Observe\n", "", 1)
)

const (
	notTheWeights = "lets greenwatch set the weights of VirtualService shop, which you may not patch yourself; write mode: Observe"
	notTheScale   = "lets greenwatch scale Deployments shop-blue and shop-green, which you may not both scale yourself"
)

// Whoever makes a policy that acts may act so himself.
func TestAdmissionAsksWhoMakesAPolicyThatActs(t *testing.T) {
	s := guarded(t)
	for i, c := range []struct{ who, tries, manifest, refused string }{
		{ann, "makes a policy that enforces", enforcing, notTheWeights},
		{ann, "makes a policy without a mode", modeless, "a policy without a mode " + notTheWeights},
		{ann, "makes a policy that observes", observing, ""},
		{half, "makes a policy that enforces, and may scale one of two Deployments", enforcing, notTheScale},
		{half, "makes a policy that observes", observing, ""},
		{sam, "makes a policy that enforces", enforcing, ""},
		{sam, "makes a policy without a mode", modeless, ""},
		{sam, "makes a policy that enforces for a VirtualService that he may not patch", strings.Replace(enforcing, "virtualService: shop", "virtualService: bank", 1), "VirtualService bank"},
		{sam, "makes a policy that enforces for a Deployment that he may not scale", strings.Replace(enforcing, "deployment: shop-green", "deployment: bank", 1), "Deployments shop-blue and bank"},
		{tenant, "makes a policy that enforces, in the own namespace", enforcing, ""},
		{tenant, "makes a policy that enforces, in another's", strings.Replace(enforcing, "namespace: %[2]s", "namespace: greenwatch", 1), "forbidden"},
		{lab.Alice, "makes a policy that observes", observing, "forbidden"},
		{lab.Greenwatch, "makes a policy that observes", observing, "forbidden"},
		{backup, "restores a policy that enforces", enforcing, notTheWeights},
		{backup, "restores a policy that observes", observing, ""},
	} {
		s.judge(t, c.who, c.tries, c.refused, s.ApplyAs(t.Context(), c.who, "kubectl", fmt.Sprintf(c.manifest, i+1, s.Namespace)))
	}
}

// Whoever changes a policy that acts, or makes it act, may act so himself: nobody gets from another's policy what
// he may not do.
func TestAdmissionAsksWhoChangesAPolicyThatActs(t *testing.T) {
	s := guarded(t)
	policies := func(trials []trial) []trial {
		for i := range trials {
			trials[i].kind = v1alpha1.WatchPolicies()
		}
		return trials
	}
	t.Run("observes", func(t *testing.T) {
		s.prove(t, observing, policies([]trial{
			{who: ann, tries: "makes a policy enforce", patch: `{"spec":{"mode":"Enforce"}}`, refused: notTheWeights},
			{who: ann, tries: "takes a policy's mode away", patch: `{"spec":{"mode":null}}`, refused: notTheWeights},
			{who: ann, tries: "swaps the destinations of a policy that observes", patch: swapped},
			{who: half, tries: "makes a policy enforce", patch: `{"spec":{"mode":"Enforce"}}`, refused: notTheScale},
			{who: sam, tries: "makes a policy enforce", patch: `{"spec":{"mode":"Enforce"}}`},
			{who: ann, tries: "writes a policy's status: where the routes led", sub: "status", patch: `{"status":{"lastRelease":7}}`, refused: "cannot patch"},
			{who: tenant, tries: "writes a policy's status: where the routes led", sub: "status", patch: `{"status":{"lastRelease":7}}`, refused: "written by greenwatch alone, not by tenant"},
			{who: lab.Greenwatch, tries: "writes a policy's status", sub: "status", patch: `{"status":{"lastRelease":7}}`},
		}))
	})
	t.Run("enforces", func(t *testing.T) {
		s.prove(t, enforcing, policies([]trial{
			{who: ann, tries: "swaps the destinations of a policy that enforces", patch: swapped, refused: notTheWeights},
			{who: half, tries: "swaps the destinations of a policy that enforces", patch: swapped, refused: notTheScale},
			{who: sam, tries: "swaps the destinations of a policy that enforces", patch: swapped},
			{who: ann, tries: "changes the VirtualService of a policy that enforces", patch: `{"spec":{"traffic":{"virtualService":"bank"}}}`, refused: "VirtualService bank"},
			{who: ann, tries: "changes when a policy that enforces acts", patch: threshold, refused: notTheWeights},
			{who: sam, tries: "changes when a policy that enforces acts", patch: threshold},
			{who: ann, tries: "labels a policy that enforces", patch: `{"metadata":{"labels":{"x":"y"}}}`},
			{who: ann, tries: "makes a policy that enforces observe", patch: `{"spec":{"mode":"Observe"}}`},
		}))
	})
}
