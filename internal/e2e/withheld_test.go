package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// What forbids a rollback is said, nothing is touched, and once it is lifted the rollback comes by
// itself: the control.
func TestARollbackIsWithheldAndSaysWhy(t *testing.T) {
	health := newHealth(t)
	for _, c := range []struct {
		name    string
		options stage.Options
		forbid  func(*scene) error
		why     string
		lift    func(*scene) error
	}{
		{
			name: "the policy observes", options: stage.Options{Policy: stage.Policy(stage.Terms{Mode: "Observe"})}, why: "Observe",
			lift: func(s *scene) error { return s.patch(lab.Admin, watchPolicies, s.Name, `{"spec":{"mode":"Enforce"}}`) },
		},
		{
			name: "the daemon observes", options: stage.Options{DaemonMode: "Observe"}, why: "Observe",
			lift: func(s *scene) error { s.DaemonMode = "Enforce"; return s.WriteFiles() },
		},
		{
			name: "a person holds", why: "alice holds it",
			forbid: func(s *scene) error {
				until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
				return s.says(lab.Alice, fmt.Sprintf(`{"hold":{"by":"alice","reason":"a planned load test","until":%q}}`, until))
			},
			lift: func(s *scene) error { return s.says(lab.Alice, `{"hold":null}`) },
		},
		{
			name:    "blue is not well",
			options: stage.Options{Policy: stage.Policy(stage.Terms{Health: health.url("${slot}")}), ProbeHosts: []string{"127.0.0.1"}},
			why:     `stable says itself that it is not well: health: database is "down"`,
			forbid:  func(*scene) error { health.set("blue", "down"); return nil },
			lift:    func(*scene) error { health.set("blue", "up"); return nil },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.options)
			s.letAliceOperate()
			s.cutOver()
			if c.forbid != nil {
				s.must(c.forbid(s))
			}
			s.fail("green", 0.5)
			if said := s.paged(release.CodeRollbackWithheld); !strings.Contains(said, c.why) {
				t.Errorf("the page says %q, want why: %q", said, c.why)
			}
			s.steadily("nothing moves", 5*time.Second, s.weigh(0, 100))
			if r := s.awaitPhase(release.Watching); r.Status.Ladder != nil || !r.Status.Is(release.ConditionWithheld) {
				t.Errorf("withheld is %v, and the ladder %+v", r.Status.Condition(release.ConditionWithheld), r.Status.Ladder)
			}

			lifted := time.Now()
			s.must(c.lift(s))
			_, moved := s.rolledBack()
			if took := moved.Sub(lifted); took < 0 || took > 10*time.Second {
				t.Errorf("the traffic moved %s after it was allowed", took)
			}
			s.requestsFollow(moved)
			s.told("v2")
		})
	}
}

// The promise people-win: a person's word moves the traffic of a green that the matrix finds good, and beats the mode.
// The promise no-deputy: where the policy observes it takes who may move that traffic himself. Who may not, or may not
// speak, is refused by the API server.
func TestAPersonRollsBack(t *testing.T) {
	s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{Mode: "Observe"})})
	s.letAliceOperate()
	s.cutOver()
	const decision = `{"decision":{"choice":"Rollback","by":"%s","reason":"the answers are wrong"}}`
	if err := s.says(lab.Bob, fmt.Sprintf(decision, "bob")); !apierrors.IsForbidden(err) {
		t.Errorf("bob, who may not, decided: %v", err)
	}
	const refused = "which you may not patch yourself, and the release is not in mode Enforce (status.mode): ask somebody who may to say it"
	if err := s.rollBackAs(lab.Alice, "the answers are wrong"); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("alice, who may speak and no more, decided: %v", err)
	}
	s.steadily("nothing moves", 3*time.Second, s.weigh(0, 100))
	s.letAliceActHerself()
	var decided time.Time
	s.eventually("alice's word to be taken", func(context.Context) error {
		decided = time.Now()
		return s.says(lab.Alice, fmt.Sprintf(decision, "alice"))
	})
	r, moved := s.rolledBack()
	if took := moved.Sub(decided); took > atOnce {
		t.Errorf("the traffic moved %s after alice had decided", took)
	}
	if l := r.Status.Ladder; l.Automatic || l.By != "alice" {
		t.Errorf("the rollback is by %q, automatic %v", l.By, l.Automatic)
	}
	s.requestsFollow(moved)
	if said := s.paged(release.CodeRollback); !strings.Contains(said, "alice") {
		t.Errorf("the page says %q, want by whom", said)
	}
	s.told("alice", "the answers are wrong")
}

// letAliceOperate gives alice the right to speak about the namespace's releases.
func (s *scene) letAliceOperate() {
	s.t.Helper()
	s.must(s.Lab.Apply(s.t.Context(), fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice-operates, namespace: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}]`, s.Namespace)))
}

// letAliceActHerself gives alice the rights that greenwatch needs to act on the namespace's services.
func (s *scene) letAliceActHerself() {
	s.t.Helper()
	s.must(s.Lab.Apply(s.t.Context(), strings.ReplaceAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: actor, namespace: $NS}
rules:
- {apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [patch]}
- {apiGroups: [apps], resources: [deployments/scale], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice-acts, namespace: $NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: actor}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}]`, "$NS", s.Namespace)))
}

// rollBackAs says rollback of the first release by the command.
func (s *scene) rollBackAs(user, reason string) error {
	kubeconfig, err := s.Lab.Kubeconfig(user)
	s.must(err)
	code, out, complaint := greenwatch(s.t, s.Lab, "rollback", s.Name+"-1", "-n", s.Namespace, "--kubeconfig", kubeconfig, "--reason", reason)
	if code != 0 {
		return fmt.Errorf("exit %d: %s%s", code, out, complaint)
	}
	return nil
}

// says puts a person's word into the first release.
func (s *scene) says(user, people string) error {
	return s.patch(user, releases, s.Name+"-1", `{"spec":{"people":`+people+`}}`)
}

// Another writer sets its weights again and again. greenwatch does not fight it for long: after three
// times its weights stand, and a person is told whose they are.
func TestAForeignWriterWinsAndIsNamed(t *testing.T) {
	s := open(t, stage.Options{})
	s.cutOver()
	s.fail("green", 0.5)
	s.eventually("the foreign weights to stand", func(ctx context.Context) error {
		if s.wantWeights(ctx, 100, 0) == nil {
			if err := s.Service.SetWeights(ctx, "argocd-controller", 0, 100); err != nil {
				return err
			}
		}
		r, err := s.releaseNo(ctx, 1)
		if err == nil && !r.Status.Is(release.ConditionRollbackLost) {
			err = fmt.Errorf("the release is %s after %d writes", r.Status.Phase, len(s.writes("virtualservices")))
		}
		return err
	})
	s.must(s.wantWeights(t.Context(), 0, 100))
	if said := s.paged(release.CodeRollbackLost); !strings.Contains(said, "argocd-controller") {
		t.Errorf("the page says %q, want the writer's name", said)
	}
	s.paged(release.CodeRollback)

	s.steadily("nothing more is done", 10*time.Second, s.weigh(0, 100))
	if n := len(s.writes("virtualservices")); n != 4 {
		t.Errorf("greenwatch set the weights %d times, want once and three times more", n)
	}
	r := s.await("phase Watching", func(r *v1alpha1.Release) bool { return r.Status.Phase == release.Watching })
	if l := r.Status.Ladder; l.Reasserts != 3 || l.Lost != "argocd-controller" {
		t.Errorf("%d reasserts, lost to %q", l.Reasserts, l.Lost)
	}
	s.told("argocd-controller")
}
