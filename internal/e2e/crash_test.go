package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/hold"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// What the leader asks for on the way of a rollback.
var (
	weightsPatch = hold.All(hold.MethodIs(http.MethodPatch), hold.PathContains("/virtualservices/"))
	rollbackPage = hold.All(hold.BodyContains(`"trigger"`), hold.BodyContains("/"+string(release.CodeRollback)+`"`))
	pageIsSaved  = saves(`"key":"1/` + string(release.CodeRollback) + `"`)
	shiftIsSaved = saves(`"step":"` + string(release.Prove) + `"`)
	storyPosted  = hold.PathContains("chat.postMessage")
)

// saves chooses the writes of a release's status that say something.
func saves(part string) hold.Match {
	return hold.All(hold.MethodIs(http.MethodPut), hold.PathContains("/releases/"), hold.BodyContains(part))
}

// pair is two processes of greenwatch that want one lease.
type pair struct {
	*scene
	both [2]*stage.Daemon
}

// openTwice is open with two replicas, and with proxies that can hold what they ask for.
func openTwice(t *testing.T, o stage.Options) *pair {
	t.Helper()
	o.Held = true
	s := &pair{scene: set(t, o)}
	for i := range s.both {
		d, err := s.StartDaemon(t.Context())
		s.must(err)
		s.both[i] = d
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.both[0].Tail(40), "\n", s.both[1].Tail(40))
		}
	})
	s.watch()
	return s
}

// holder is the number of the replica that holds the lease, -1 if none does.
func (s *scene) holder(ctx context.Context) (int, error) {
	lease, err := s.client.CoordinationV1().Leases("greenwatch").Get(ctx, "greenwatch", metav1.GetOptions{})
	if err != nil {
		return -1, err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return -1, nil
	}
	var n int
	_, err = fmt.Sscanf(*lease.Spec.HolderIdentity, "greenwatch-%d_", &n)
	return n, err
}

// leader waits until one of the replicas leads, and gives its number.
func (s *scene) leader() (n int) {
	s.t.Helper()
	s.eventually("a leader", func(ctx context.Context) (err error) {
		if n, err = s.holder(ctx); err == nil && n < 0 {
			err = errors.New("nobody holds the lease")
		}
		return err
	})
	return n
}

// leads waits until the replica holds the lease.
func (s *scene) leads(n int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("replica %d to lead", n), func(ctx context.Context) error {
		now, err := s.holder(ctx)
		if err == nil && now != n {
			err = fmt.Errorf("replica %d holds the lease", now)
		}
		return err
	})
}

// killAt waits for the request that the hold stops, ends the leader as kill -9 does, and cuts the
// request off. It gives the moment.
func (s *pair) killAt(h *hold.Hold, then func()) time.Time {
	s.t.Helper()
	s.reached(h)
	then()
	n := s.leader()
	s.must(s.both[n].Kill())
	killed := time.Now()
	h.Drop()
	s.leads(1 - n)
	s.t.Logf("the other replica leads %.1f s after the kill", time.Since(killed).Seconds())
	return killed
}

func (s *pair) reached(h *hold.Hold) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	s.must(h.Reached(ctx))
}

// generation counts the changes of the VirtualService's spec.
func (s *scene) generation() int64 {
	s.t.Helper()
	return s.virtualService().GetGeneration()
}

// arrived counts the requests that came to a proxy.
func arrived(p *hold.Proxy, match hold.Match) (n int) {
	for _, e := range p.Log() {
		r, err := http.NewRequest(e.Method, "http://proxy"+e.Path, strings.NewReader(string(e.Body)))
		if err == nil && match(r) {
			n++
		}
	}
	return n
}

// Wherever the leader dies on the way of a rollback, the other one finishes it, and nobody can tell
// from the outcome: the weights were changed once, one person was called once, there is one message.
func TestKilledInARollback(t *testing.T) {
	for _, c := range []struct {
		name string
		hold func(*pair) *hold.Hold
		// patched waits until the weights are set before the kill.
		patched bool
	}{
		{"between decision and patch", func(s *pair) *hold.Hold { return s.API.HoldBefore(weightsPatch) }, false},
		{"between patch and its answer", func(s *pair) *hold.Hold { return s.API.HoldAfter(weightsPatch) }, true},
		{"right after the shift is saved", func(s *pair) *hold.Hold { return s.API.HoldAfter(shiftIsSaved) }, true},
		{"between patch and page", func(s *pair) *hold.Hold { return s.Pages.HoldBefore(rollbackPage) }, true},
		{"between page and the save of that", func(s *pair) *hold.Hold { return s.API.HoldBefore(pageIsSaved) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTwice(t, stage.Options{Policy: stage.Policy(stage.Terms{WatchStableFor: "2s"})})
			s.cutOver()
			before := s.generation()
			h := c.hold(s)
			s.fail("green", 0.5)
			killed := s.killAt(h, func() {
				if c.patched {
					s.eventually("the patch", func(ctx context.Context) error { return s.wantWeights(ctx, 100, 0) })
				}
			})
			s.rolledBack()
			t.Logf("rolled back, proof and all, %.1f s after the kill", time.Since(killed).Seconds())
			s.finished()
			if n := s.generation() - before; n != 1 {
				t.Errorf("the VirtualService was changed %d times, want once", n)
			}
			s.once(c.name)
		})
	}
}

// finished waits until the ladder waits for its last step alone and everybody was told.
func (s *scene) finished() {
	s.t.Helper()
	s.await("the ladder to wait for its last step", func(r *v1alpha1.Release) bool {
		return r.Status.Ladder != nil && (r.Status.Ladder.Step == release.ScaleDown || r.Status.Ladder.Step == release.Done)
	})
	s.eventually("the incident to be resolved", func(context.Context) error {
		for _, i := range s.PagerDuty.Incidents() {
			if i.Status != standin.Resolved {
				return fmt.Errorf("%s is %s", i.DedupKey, i.Status)
			}
		}
		return nil
	})
	s.await("all of the story to be told", func(r *v1alpha1.Release) bool {
		return slices.ContainsFunc(r.Status.Told, func(t release.Told) bool { return t.Sink == "deployments" && t.Story == r.Status.Story })
	})
}

// once asserts that there was one rollback for all to see, and reports what it took.
func (s *pair) once(moment string) {
	s.t.Helper()
	list, err := s.objects.Resource(releases).Namespace(s.Namespace).List(s.t.Context(), metav1.ListOptions{})
	s.must(err)
	if len(list.Items) != 1 {
		s.t.Errorf("%d releases, want 1", len(list.Items))
	}
	if codes := s.codes(); !slices.Equal(codes, []release.Code{release.CodeRollback}) {
		s.t.Errorf("incidents %s, want one, %s", codes, release.CodeRollback)
	}
	if n := len(s.Slack.Messages()); n != 1 {
		s.t.Errorf("%d Slack messages, want 1", n)
	}
	s.t.Logf("%s: weight patches sent %d, taken %d; triggers sent %d, incidents 1; stories posted %d, messages 1", moment,
		arrived(s.API, weightsPatch), len(s.writes("virtualservices")), arrived(s.Pages, rollbackPage), arrived(s.Chat, storyPosted))
}

// A message that was posted by a process that died before it could note where is found again and edited.
func TestKilledBetweenSlacksAnswerAndItsSave(t *testing.T) {
	s := openTwice(t, stage.Options{})
	h := s.Chat.HoldAfter(storyPosted)
	s.must(s.Service.Deploy(t.Context(), "green", lab.Deployment{Version: "v2", Replicas: 3}))
	s.killAt(h, func() {})
	s.must(s.Service.WaitServing(t.Context(), "green", "v2"))
	s.setGreen(10)
	s.told("v2")
	t.Logf("stories posted %d, messages %d", arrived(s.Chat, storyPosted), len(s.Slack.Messages()))
}

// A leader that is asked to end finishes, gives the lease back and ends well; the other one goes on at
// once. That it would have to wait for the lease to run out otherwise, TestKilledInARollback shows.
func TestTheLeaderIsAskedToEnd(t *testing.T) {
	s := set(t, stage.Options{})
	first := s.runReplica()
	s.leads(0)
	s.startDaemon()
	s.watch()
	s.cutOver()
	asked := time.Now()
	s.must(first.Process.Signal(syscall.SIGTERM))
	s.leads(1)
	took := time.Since(asked)
	if took > 2*time.Second {
		t.Errorf("the other replica leads after %s, want within 2 s", took)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the leader ended with %v, want 0", err)
	}
	t.Logf("the other replica leads after %.1f s, the first has ended after %.1f s", took.Seconds(), time.Since(asked).Seconds())
	s.fail("green", 0.5)
	s.rolledBack()
}

// runReplica starts a replica of greenwatch by itself, so that its exit code is seen, and waits until
// it is ready.
func (s *scene) runReplica() *exec.Cmd {
	s.t.Helper()
	o, err := s.Replica()
	s.must(err)
	path, err := s.Lab.Program(s.t.Context(), o.Program)
	s.must(err)
	log, err := os.Create(filepath.Join(s.t.TempDir(), "greenwatch.log"))
	s.must(err)
	cmd := exec.Command(path, o.Args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), o.Env...), log
	s.must(cmd.Start())
	s.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			s.must(errors.Join(cmd.Process.Kill(), cmd.Wait()))
		}
		if text, err := os.ReadFile(log.Name()); s.t.Failed() && err == nil {
			s.t.Logf("%s", text)
		}
	})
	s.eventually("greenwatch to be ready", func(ctx context.Context) error { return answersOK(ctx, o.Ready) })
	return cmd
}

func answersOK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// A leader that is frozen in the middle of a rollback, and wakes when another one has finished it, does
// no harm: what was on its way meets a conflict, it writes nothing more, and ends.
func TestALeaderThatWasFrozenWritesNothingMore(t *testing.T) {
	s := openTwice(t, stage.Options{Policy: stage.Policy(stage.Terms{WatchStableFor: "2s"})})
	s.cutOver()
	h := s.API.HoldBefore(weightsPatch)
	s.fail("green", 0.5)
	s.reached(h)
	n := s.leader()
	s.must(s.both[n].Pause())
	s.leads(1 - n)
	s.rolledBack()
	s.finished()

	h.Release()
	s.eventually("the late patch to be answered", func(context.Context) error {
		for _, e := range s.API.Log() {
			if e.Method == http.MethodPatch && strings.Contains(e.Path, "/virtualservices/") && e.Status == http.StatusConflict {
				return nil
			}
		}
		return fmt.Errorf("no patch of the weights met a conflict")
	})
	woken := len(s.API.Log())
	s.must(s.both[n].Resume())
	s.eventually("the woken leader to end", func(context.Context) error {
		select {
		case <-s.both[n].Done():
			return nil
		default:
			return errors.New("it runs")
		}
	})
	for _, e := range s.API.Log()[woken:] {
		if e.Method != http.MethodGet && !strings.Contains(e.Path, "/leases/") {
			t.Errorf("after it woke: %s %s %s", e.Method, e.Path, e.Body)
		}
	}
	if text := s.both[n].Tail(5); !strings.Contains(text, "the lease was lost to another process") {
		t.Errorf("it did not say why it ends: %s", text)
	}
	s.must(s.wantWeights(t.Context(), 100, 0))
	s.once("frozen between decision and patch")
}
