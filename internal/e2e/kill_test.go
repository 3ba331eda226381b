package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

var (
	kills    = flag.Int("kills", 3, "how often the leader is killed in a rollback")
	killSeed = flag.Uint64("killseed", 1, "what chooses the moments")
)

// life is one rollback of the row, and the kill in it.
type life struct {
	number int
	begun  time.Time // before its deployment
	// at is when the leader was killed, from the first bad request on; where it was then says step.
	at   time.Duration
	step string
	// takeover is from the kill until the other replica leads, proof from the first bad request to the proof.
	takeover, proof time.Duration
}

// The leader is killed at moments chosen by chance, anywhere from the first bad request to the proof, in
// rollback after rollback of one service. Each bad release is rolled back once, one person is called once
// for it, and it has one message.
func TestKilledAtRandomMoments(t *testing.T) {
	s := set(t, stage.Options{Policy: stage.Policy(stage.Terms{WatchStableFor: "2s"}), Breaker: 100000})
	both := [2]*stage.Daemon{}
	for i := range both {
		d, err := s.StartDaemon(t.Context())
		s.must(err)
		both[i] = d
	}
	s.daemon = both[0]
	s.keepRunning(both[:])
	s.watch()
	chance := rand.New(rand.NewPCG(*killSeed, 9))
	undisturbed := s.live(1, func(time.Time) (l life) { return l })
	t.Logf("undisturbed, the proof is there %.1f s after the first bad request", undisturbed.proof.Seconds())
	lives := []life{undisturbed}
	for n := 2; n <= *kills+1; n++ {
		after := time.Duration(chance.Int64N(int64(undisturbed.proof)))
		lives = append(lives, s.live(n, func(bad time.Time) life { return s.killAfter(both, n, bad, after) }))
	}
	s.counted(lives)
}

// live lets one bad release live to its end, with a disturbance after its first bad request.
func (s *scene) live(n int, disturb func(bad time.Time) life) life {
	s.t.Helper()
	begun, version := time.Now(), fmt.Sprintf("v%d", n+1)
	s.must(s.Service.Deploy(s.t.Context(), "green", lab.Deployment{Version: version, Replicas: 3}))
	s.must(s.Service.WaitServing(s.t.Context(), "green", version))
	s.awaitNo(n, "to be seen", func(r *v1alpha1.Release) bool { return r.Status.Phase == release.Deployed })
	s.must(s.Service.SetWeights(s.t.Context(), operator, 0, 100))
	s.awaitNo(n, "to be watched", func(r *v1alpha1.Release) bool { return r.Status.Phase == release.Watching })
	s.served("green", 20)
	bad := time.Now()
	s.fail("green", 0.5)
	l := disturb(bad)
	l.number, l.begun = n, begun
	s.awaitNo(n, "to be rolled back", func(r *v1alpha1.Release) bool { return r.Status.Phase == release.RolledBack })
	l.proof = time.Since(bad)
	s.must(s.wantWeights(s.t.Context(), 100, 0))
	s.awaitNo(n, "to be told of", func(r *v1alpha1.Release) bool {
		l := r.Status.Ladder
		return l != nil && (l.Step == release.ScaleDown || l.Step == release.Done) &&
			slices.ContainsFunc(r.Status.Told, func(t release.Told) bool { return t.Sink == "deployments" && t.Story == r.Status.Story })
	})
	s.resolvedUnder(s.Namespace + "/" + s.Name + "-")
	return l
}

// keepRunning starts a replica anew whenever it has ended, killed or by itself, as the kubelet does: on a machine
// that stands still for seconds a leader loses its lease, and ends.
func (s *scene) keepRunning(replicas []*stage.Daemon) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var keepers sync.WaitGroup
	for _, d := range replicas {
		keepers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-d.Done():
				}
				if err := d.Start(ctx); err != nil && ctx.Err() == nil {
					s.t.Errorf("start a replica anew: %v", err)
					return
				}
			}
		})
	}
	s.t.Cleanup(func() { cancel(); keepers.Wait() })
}

// lease gives who holds the lease: a process, not only a replica.
func (s *scene) lease(ctx context.Context) (string, error) {
	lease, err := s.client.CoordinationV1().Leases("greenwatch").Get(ctx, "greenwatch", metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// killAfter kills the leader some time after the first bad request, and waits until another process leads.
func (s *scene) killAfter(both [2]*stage.Daemon, n int, bad time.Time, after time.Duration) (l life) {
	s.t.Helper()
	time.Sleep(time.Until(bad.Add(after))) // a moment of real life is what the test is about
	leader := s.leader()
	held, err := s.lease(s.t.Context())
	s.must(err)
	s.must(both[leader].Kill())
	killed := time.Now()
	l.at = killed.Sub(bad)
	if r, err := s.releaseNo(s.t.Context(), n); err == nil {
		l.step = string(r.Status.Phase)
		if r.Status.Ladder != nil {
			l.step += " " + string(r.Status.Ladder.Step)
		}
	}
	s.patiently("another process to lead", func(ctx context.Context) error {
		now, err := s.lease(ctx)
		if err == nil && (now == "" || now == held) {
			err = fmt.Errorf("the lease is %q's", now)
		}
		return err
	})
	l.takeover = time.Since(killed)
	return l
}

// patiently waits until try gives no error: for longer than eventually does, since each life has a takeover.
func (s *scene) patiently(what string, try func(context.Context) error) {
	s.t.Helper()
	s.within(3*soon, what, try)
}

// awaitNo waits until one of the policy's releases is so.
func (s *scene) awaitNo(n int, what string, so func(*v1alpha1.Release) bool) {
	s.t.Helper()
	s.patiently(fmt.Sprintf("release %d %s", n, what), func(ctx context.Context) error {
		r, err := s.releaseNo(ctx, n)
		if err == nil && !so(r) {
			err = fmt.Errorf("it is %s, verdict %s: %s", r.Status.Phase, r.Status.Verdict.Tier, r.Status.Verdict.Reason)
		}
		return err
	})
}

// counted asserts that each life had one change of the weights by the API server's audit log, one incident and
// one message, and prints what it took.
func (s *scene) counted(lives []life) {
	s.t.Helper()
	var errs []error
	writes := s.writes("virtualservices")
	for i, l := range lives {
		end := time.Now()
		if i+1 < len(lives) {
			end = lives[i+1].begun
		}
		own := slices.DeleteFunc(slices.Clone(writes), func(r lab.Request) bool { return r.At.Before(l.begun) || !r.At.Before(end) })
		if len(own) != 1 {
			errs = append(errs, fmt.Errorf("release %d: the VirtualService was written %d times, want once", l.number, len(own)))
		}
	}
	keys := map[string]int{}
	for _, i := range s.PagerDuty.Incidents() {
		keys[i.DedupKey]++
		if keys[i.DedupKey] > 1 || !strings.HasSuffix(i.DedupKey, "/"+string(release.CodeRollback)) {
			errs = append(errs, fmt.Errorf("incident %s, opened %d times: %s", i.DedupKey, keys[i.DedupKey], i.Events[0].Summary))
		}
	}
	messages := len(s.Slack.Messages())
	if len(keys) != len(lives) || messages != len(lives) || len(writes) != len(lives) {
		errs = append(errs, fmt.Errorf("%d rollbacks, %d incidents, %d messages; want %d of each", len(writes), len(keys), messages, len(lives)))
	}
	if err := errors.Join(errs...); err != nil {
		s.t.Error(err)
	}
	s.table(lives, len(writes), len(keys), messages)
}

func (s *scene) table(lives []life, rollbacks, incidents, messages int) {
	s.t.Helper()
	text := &strings.Builder{}
	fmt.Fprintf(text, "\n%-8s %10s %-24s %10s %10s\n", "release", "killed at", "it was", "takeover", "proof at")
	var takeovers, proofs []time.Duration
	for _, l := range lives[1:] {
		fmt.Fprintf(text, "%-8d %8.2f s %-24s %8.2f s %8.2f s\n", l.number, l.at.Seconds(), l.step, l.takeover.Seconds(), l.proof.Seconds())
		takeovers, proofs = append(takeovers, l.takeover), append(proofs, l.proof)
	}
	slices.Sort(takeovers)
	slices.Sort(proofs)
	if n := len(takeovers); n > 0 {
		fmt.Fprintf(text, "takeover: median %.2f s, worst %.2f s; from the first bad request to the proof: median %.2f s, worst %.2f s, undisturbed %.2f s\n",
			takeovers[n/2].Seconds(), takeovers[n-1].Seconds(), proofs[n/2].Seconds(), proofs[n-1].Seconds(), lives[0].proof.Seconds())
	}
	fmt.Fprintf(text, "%d kills in %d lives: %d changes of the weights, %d incidents, %d messages; sent were %d triggers and %d stories",
		len(lives)-1, len(lives), rollbacks, incidents, messages, triggers(s.PagerDuty.Incidents()), arrived(s.Chat, storyPosted))
	s.t.Log(text)
}

func triggers(incidents []standin.Incident) (n int) {
	for _, i := range incidents {
		n += i.Triggers()
	}
	return n
}
