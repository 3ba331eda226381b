package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// The promise ready-first: blue gets the replicas that the load takes before it gets any of the load. The
// control, with a hot blue, is TestABadGreenIsRolledBackAfterCutover.
func TestBlueIsWarmedBeforeTrafficMoves(t *testing.T) {
	const warming = 4 * time.Second
	for _, c := range []struct {
		name     string
		replicas int
		grade    release.Readiness
	}{
		{"scaled to 0", 0, release.Warm},
		{"scaled to 1 of 3", 1, release.Partial},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, stage.Options{Blue: lab.Deployment{Version: "v1", Replicas: 3, ReadyAfter: warming}})
			s.cutOver()
			s.scaleBlue(c.replicas, c.grade)
			failing := time.Now()
			s.fail("green", 0.5)
			_, moved := s.rolledBack()
			scaled := s.writes("deployments/scale")
			if len(scaled) != 1 || scaled[0].Object.Name != s.Name+"-blue" || replicas(t, scaled[0]) != 3 {
				t.Fatalf("greenwatch scaled %+v, want blue to 3", scaled)
			}
			if took := moved.Sub(scaled[0].At); took < warming {
				t.Errorf("the traffic moved %s after blue was scaled up, which takes %s to be ready", took, warming)
			}
			s.requestsFollow(moved)
			s.noneLost(failing)
			s.paged(release.CodeRollback)
		})
	}
}

// A blue that cannot be warmed gets nothing. Somebody is paged, with the reason, and once it is back
// the rollback goes on.
func TestTrafficStaysWhereBlueIsGone(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(*scene) error
		why  string
	}{
		{"deleted", (*scene).deleteBlue, "does not exist"},
		{"another revision", (*scene).deployUntested, "holds revision"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, stage.Options{Policy: stage.Policy(stage.Terms{ProofWithin: "6s"})})
			s.cutOver()
			s.must(c.lose(s))
			s.await("grade Gone", func(r *v1alpha1.Release) bool { return r.Status.Readiness == release.Gone })
			s.fail("green", 0.5)
			s.awaitPhase(release.RollingBack)
			if said := s.paged(release.CodeRollbackStuck); !strings.Contains(said, c.why) {
				t.Errorf("the page says %q, want why: %q", said, c.why)
			}
			s.steadily("nothing moves", 10*time.Second, s.weigh(0, 100))
			if n := len(s.writes("virtualservices")) + len(s.writes("deployments/scale")); n != 0 {
				t.Errorf("greenwatch wrote %d times to what it watches", n)
			}

			s.must(s.Service.Deploy(t.Context(), "blue", s.Blue))
			s.eventually("the traffic to move", s.weigh(100, 0))
			s.served("blue", 50)
		})
	}
}

func (s *scene) deleteBlue() error {
	return s.client.AppsV1().Deployments(s.Namespace).Delete(s.t.Context(), s.Name+"-blue", metav1.DeleteOptions{})
}

// deployUntested gives blue the version after green's.
func (s *scene) deployUntested() error {
	return s.Service.Deploy(s.t.Context(), "blue", lab.Deployment{Version: "v3", Replicas: 3})
}

// Any replica of blue is better than a green that serves nothing.
func TestADeadGreenDoesNotWaitForAllOfBlue(t *testing.T) {
	const warming = 5 * time.Second
	s := open(t, stage.Options{Blue: lab.Deployment{Version: "v1", Replicas: 3, ReadyAfter: warming}})
	s.cutOver()
	s.scaleBlue(1, release.Partial)
	s.must(s.Service.SetFaults(t.Context(), "green", lab.Faults{Crash: true}))
	r, moved := s.rolledBack()
	if took := moved.Sub(r.Status.Ladder.Decided.Time()); took > atOnce {
		t.Errorf("the traffic moved %s after the decision", took)
	}
	for _, w := range s.writes("deployments/scale") {
		if took := moved.Sub(w.At); took >= warming {
			t.Errorf("the traffic moved %s after blue was scaled up: it was waited for", took)
		}
	}
	s.requestsFollow(moved)
	s.paged(release.CodeRollback)
}

// scaleBlue scales blue as somebody who saves, and waits until greenwatch has graded it.
func (s *scene) scaleBlue(replicas int, grade release.Readiness) {
	s.t.Helper()
	s.must(s.Service.Scale(s.t.Context(), "blue", replicas))
	s.await("grade "+string(grade), func(r *v1alpha1.Release) bool { return r.Status.Readiness == grade })
	s.eventually("blue to be scaled", func(context.Context) error {
		now, err := s.Service.State("blue")
		if err == nil && (now.ReadyPods != replicas || now.Serving != (replicas > 0)) {
			err = fmt.Errorf("slot blue is %+v", now)
		}
		return err
	})
}

func replicas(t *testing.T, r lab.Request) int {
	t.Helper()
	var scale struct{ Spec struct{ Replicas int } }
	if err := json.Unmarshal(r.Body, &scale); err != nil {
		t.Fatal(err)
	}
	return scale.Spec.Replicas
}
