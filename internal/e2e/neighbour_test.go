package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var (
	neighbours = flag.String("neighbours", "panics", "beside which bad policies a healthy neighbour is measured, as panics,probes; all: each of them, and none")
	rollbacks  = flag.Int("rollbacks", 1, "how many rollbacks of the neighbour are measured beside each")
)

// trouble is a policy that is bad for its neighbours.
type trouble struct {
	name string
	// prometheus is where greenwatch finds the metrics, from where they are; nil is there.
	prometheus func(t *testing.T, upstream string) string
	// program is greenwatch; nil is as it is.
	program func(t *testing.T) string
	// policy makes the bad policy of a good one.
	policy func(t *testing.T, good string) string
	// felt waits until the policy is bad to greenwatch.
	felt func(bad *scene)
}

func troubles() []trouble {
	same := func(_ *testing.T, good string) string { return good }
	return []trouble{
		{name: "none", policy: same, felt: func(bad *scene) { bad.awaitTier(judge.Proceed, signal.Known) }},
		{name: "answers", policy: same, felt: blind,
			prometheus: func(t *testing.T, upstream string) string { return newPoison(t, upstream, `service="bad"`).url }},
		{name: "slow", felt: func(bad *scene) { bad.awaitPhase(release.Watching) },
			policy:     func(_ *testing.T, good string) string { return withSlowQueries(good) },
			prometheus: func(t *testing.T, upstream string) string { return newSlow(t, upstream).url }},
		{name: "flapping", policy: func(_ *testing.T, good string) string { return withFlapping(good) },
			felt: func(bad *scene) { bad.awaitTier(judge.Consider, signal.Known) }},
		{name: "panics", policy: same, program: panicking, felt: resting},
		{name: "probes", felt: func(bad *scene) { bad.awaitPhase(release.Watching) },
			policy: func(t *testing.T, good string) string { return withProbes(good, newBlackHole(t)) }},
	}
}

// Whatever is bad about one policy, a neighbour's bad releases are rolled back as soon as they are beside a good one, one
// after the other, and greenwatch takes no more memory for it than its limit leaves room for.
func TestBesideABadPolicyRollbacksAreAsSoon(t *testing.T) {
	table := &strings.Builder{}
	fmt.Fprintf(table, "\n%-10s %10s %22s %10s\n", "beside", "rollbacks", "median, worst to proof", "memory")
	for _, x := range troubles() {
		if *neighbours != "all" && !slices.Contains(strings.Split(*neighbours, ","), x.name) {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			proofs, peak := x.endured(t)
			slices.Sort(proofs)
			n := len(proofs)
			fmt.Fprintf(table, "%-10s %10d %12.1f s, %5.1f s %6d MiB\n", x.name, n, proofs[n/2].Seconds(), proofs[n-1].Seconds(), peak)
			if peak > mostResident {
				t.Errorf("the daemon has taken %d MiB; want at most %d", peak, mostResident)
			}
		})
	}
	t.Log(table)
}

// endured gives how long each rollback beside the trouble took from the first bad request to the proof, and the
// most memory that the daemon had in MiB.
func (x trouble) endured(t *testing.T) (proofs []time.Duration, peak int) {
	terms := strings.NewReplacer(`match: 'namespace`, `match: 'service="$NAME",namespace`, `kb_queue_depth{namespace`, `kb_queue_depth{service="$NAME",namespace`).
		Replace(stage.Policy(stage.Terms{Active: "10m", Enhanced: "20m", WatchStableFor: "2s"}))
	s := set(t, stage.Options{RPS: 40, Policy: terms, Breaker: 100000, ProbeHosts: []string{"127.0.0.1"}})
	prometheus, program := s.Prometheus.URL(), ""
	if x.prometheus != nil {
		prometheus = x.prometheus(t, prometheus)
	}
	if x.program != nil {
		program = x.program(t)
	}
	file := s.startDaemonOf(program, prometheus)
	s.watch()
	s.Options.Policy = x.policy(t, terms)
	bad := s.beside("bad")
	s.must(bad.Service.Deploy(t.Context(), "green", lab.Deployment{Version: "v2", Replicas: 3}))
	s.must(bad.Service.WaitServing(t.Context(), "green", "v2"))
	s.must(bad.Service.SetWeights(t.Context(), operator, 0, 100))
	x.felt(bad)
	for n := range *rollbacks {
		proofs = append(proofs, s.live(n+1, func(time.Time) life { return life{} }).proof)
	}
	s.must(bad.untouched(t.Context()))
	select {
	case <-s.daemon.Done():
		t.Error("the daemon has ended")
	default:
	}
	return proofs, residentPeak(t, file)
}

func blind(bad *scene) {
	bad.await("a blind verdict", func(r *v1alpha1.Release) bool { return r.Status.Verdict.Tier == judge.Blind })
}

// resting waits until the policy says that greenwatch itself fails at it.
func resting(bad *scene) {
	bad.eventually("the policy to say that greenwatch fails at it", func(ctx context.Context) error {
		p, err := bad.policy(ctx)
		if err != nil {
			return err
		}
		if c := p.Status.Conditions[0]; c.Status != "False" || c.Reason != "Fault" {
			return fmt.Errorf("the first condition is %+v", c)
		}
		return nil
	})
}

// panicking builds greenwatch with a deliberate bug: it panics at each look at the policy "bad" from its first release on.
func panicking(t *testing.T) string {
	const sound, bug = "	d.meetPolicy(p)\n", "	if k.Name == \"bad\" && p.Ledger.LastRelease > 0 {\n		panic(\"a deliberate bug\")\n	}\n"
	dir := t.TempDir()
	source, err := filepath.Abs("../watchdog/sync.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), sound); n != 1 {
		t.Fatalf("%d places in %s for the bug, want 1", n, source)
	}
	changed, overlay, program := filepath.Join(dir, "sync.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "greenwatch")
	files, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{changed: strings.Replace(string(text), sound, bug+sound, 1), overlay: string(files)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", program, "../../cmd/greenwatch").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return program
}

// withFlapping adds signals that ask for a person every eight seconds, and don't eight seconds later.
func withFlapping(policy string) string {
	var more strings.Builder
	for i := range 20 {
		fmt.Fprintf(&more, "  - name: flapping-%d\n    query: 'vector((time() + %d) %% 16 > bool 8)'\n    consider: {above: \"0.5\", for: 6s}\n", i, i)
	}
	return strings.TrimRight(policy, "\n") + "\n" + more.String()
}

// withProbes adds probes of a URL, as many as a policy may have.
func withProbes(policy, url string) string {
	var more strings.Builder
	for i := range 4 {
		fmt.Fprintf(&more, "  - name: probe-%d\n    probe: {url: %q}\n    rollback: {failing: true, for: 6s}\n", i, url+"/${slot}")
	}
	return strings.TrimRight(policy, "\n") + "\n" + more.String()
}

// newBlackHole listens, takes connections and never answers.
func newBlackHole(t *testing.T) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}
