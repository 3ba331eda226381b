package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// toy is a service of nothing but objects, with a policy that finds whatever has traffic bad.
type toy struct{ namespace, name string }

const toyServices = `
apiVersion: v1
kind: Service
metadata: {name: $NAME-blue, namespace: $NAMESPACE}
spec: {selector: {app: $NAME-blue}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: $NAME-green, namespace: $NAMESPACE}
spec: {selector: {app: $NAME-green}, ports: [{port: 80}]}
---
`

const toyPolicy = `
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: $NAME, namespace: $NAMESPACE}
spec:
  mode: Enforce
  traffic: {virtualService: $NAME, requests: {metric: toy_requests_total, match: 'deployment="${slot}"'}}
  slots:
  - {name: blue, deployment: $NAME-blue, destination: {host: $NAME-blue}}
  - {name: green, deployment: $NAME-green, destination: {host: $NAME-green}}
  schedule: {guardEvery: 1s, bin: 2s}
  timing: {settle: 1s, episodeClear: 1s}
  notify: [oncall]
  signals:
  - {name: badness, query: 'max(up)', rollback: {above: "0.5", for: 6s}}
---
`

func (x toy) fill(manifest string, words ...string) string {
	return strings.NewReplacer(append(words, "$NAMESPACE", x.namespace, "$NAME", x.name)...).Replace(manifest)
}

// setUp makes toys that blue serves, and waits until greenwatch knows them.
func (s *scene) setUp(toys ...toy) {
	s.t.Helper()
	var all strings.Builder
	for _, x := range toys {
		all.WriteString(x.fill(bothSlots+toyServices+route+toyPolicy, "$GREEN", "v0", "$SHARE_OF_BLUE", "100", "$SHARE_OF_GREEN", "0"))
	}
	s.must(s.Lab.Apply(s.t.Context(), all.String()))
	for _, x := range toys {
		s.eventually("greenwatch to know "+x.name, func(ctx context.Context) error {
			var p v1alpha1.WatchPolicy
			if err := s.read(ctx, x, "watchpolicies", x.name, &p); err != nil {
				return err
			}
			if len(p.Status.Conditions) == 0 || p.Status.Conditions[0].Status != "True" || len(p.Status.Accepted) != 2 {
				return fmt.Errorf("the policy's status is %+v", p.Status)
			}
			return nil
		})
	}
}

func (s *scene) read(ctx context.Context, x toy, resource, name string, into any) error {
	kind := releases
	kind.Resource = resource
	return s.getIn(ctx, x.namespace, kind, name, into)
}

// turnBad rolls a version out to the toys' green, and leads all their traffic there.
func (s *scene) turnBad(toys ...toy) {
	s.t.Helper()
	var images, shares strings.Builder
	for _, x := range toys {
		images.WriteString(x.fill(bothSlots, "$GREEN", "v2"))
		shares.WriteString(x.fill(route, "$SHARE_OF_BLUE", "0", "$SHARE_OF_GREEN", "100"))
	}
	s.must(s.Lab.Apply(s.t.Context(), images.String()))
	for _, x := range toys {
		s.toy(x, "deployed", func(r *v1alpha1.Release) bool { return r.Status.Phase == release.Deployed })
	}
	s.must(s.Lab.Apply(s.t.Context(), shares.String()))
}

// toy waits until a toy's first release is so.
func (s *scene) toy(x toy, what string, so func(*v1alpha1.Release) bool) {
	s.t.Helper()
	s.eventually(x.namespace+"/"+x.name+" to be "+what, func(ctx context.Context) error {
		r := &v1alpha1.Release{}
		if err := s.read(ctx, x, "releases", x.name+"-1", r); err != nil {
			return err
		}
		if !so(r) {
			return fmt.Errorf("it is %s: %s", r.Status.Phase, r.Status.Verdict.Reason)
		}
		return nil
	})
}

func moved(r *v1alpha1.Release) bool {
	return r.Status.Ladder != nil && r.Status.Ladder.Automatic && !r.Status.Ladder.FirstShift.IsZero()
}

// withheldKeys are the dedup keys of what is withheld for all, or for a namespace.
func (s *scene) withheldKeys() []string {
	var keys []string
	for _, i := range s.PagerDuty.Incidents() {
		if strings.HasSuffix(i.DedupKey, "/FleetWithheld") || strings.HasSuffix(i.DedupKey, "/NamespaceWithheld") {
			keys = append(keys, i.DedupKey)
		}
	}
	return keys
}

// Who may write policies in one namespace can't withhold everybody's rollbacks by toys that roll back: after
// three of them that namespace's are withheld, with a page of its own, and another's bad release goes back.
func TestOneNamespacesRollbacksWithholdNobodyElse(t *testing.T) {
	evil := cluster.ForTest(t).Namespace
	s := open(t, stage.Options{Namespaces: []string{evil}})
	toys := []toy{{evil, "toy-0"}, {evil, "toy-1"}, {evil, "toy-2"}, {evil, "toy-3"}}
	s.setUp(toys...)
	s.turnBad(toys[:3]...)
	for _, x := range toys[:3] {
		s.toy(x, "moved back", moved)
	}
	s.turnBad(toys[3])
	s.toy(toys[3], "withheld", func(r *v1alpha1.Release) bool { return r.Status.Is(release.ConditionNamespaceWithheld) })
	if said := s.paged(release.CodeNamespaceWithheld); !strings.Contains(said, "3 automatic rollbacks within 10m in namespace "+evil) {
		t.Errorf("the page says %q", said)
	}

	s.cutOver()
	s.fail("green", 0.5)
	_, at := s.rolledBack()
	s.requestsFollow(at)
	if want := []string{evil + "/NamespaceWithheld"}; !slices.Equal(s.withheldKeys(), want) {
		t.Errorf("withheld are %q, want %q", s.withheldKeys(), want)
	}
}

// The control: rollbacks in three namespaces are the platform's fault, and withhold those of all.
func TestRollbacksInThreeNamespacesWithholdAll(t *testing.T) {
	var toys []toy
	var o stage.Options
	for i := range 3 {
		x := toy{cluster.ForTest(t).Namespace, fmt.Sprintf("toy-%d", i)}
		toys, o.Namespaces = append(toys, x), append(o.Namespaces, x.namespace)
	}
	s := open(t, o)
	s.setUp(toys...)
	s.turnBad(toys...)
	for _, x := range toys {
		s.toy(x, "moved back", moved)
	}
	s.cutOver()
	s.fail("green", 0.5)
	if said := s.paged(release.CodeFleetWithheld); !strings.Contains(said, "automatic rollbacks in 3 namespaces within 10m") {
		t.Errorf("the page says %q", said)
	}
	s.steadily("nothing moves", 5*time.Second, s.weigh(0, 100))
	if want := []string{"fleet/FleetWithheld"}; !slices.Equal(s.withheldKeys(), want) {
		t.Errorf("withheld are %q, want %q", s.withheldKeys(), want)
	}
}
