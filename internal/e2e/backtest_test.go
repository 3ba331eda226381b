package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// What the daemon decided live, a backtest decides afterwards from Prometheus alone, at the same time and
// for the same signal. Of the time before green began to fail it finds nothing.
func TestABacktestDecidesAsTheDaemonDid(t *testing.T) {
	s := open(t, stage.Options{})
	s.cutOver()
	s.await("two checks", func(r *v1alpha1.Release) bool { return r.Status.Checks >= 2 })
	failing := signal.At(time.Now())
	s.fail("green", 0.5)
	r, _ := s.rolledBack()
	decided := r.Status.Ladder.Decided

	past := s.backtest(r.Spec.Cutover, decided.Add(signal.Duration(4*time.Second)))
	if d := past.Decision; d.Verdict != "rollback" || d.Signal != r.Status.Ladder.Verdict.Signal {
		t.Errorf("the backtest decided %+v, the daemon %+v", d, r.Status.Ladder.Verdict)
	}
	if apart := past.Decision.Time.Sub(decided).D(); apart.Abs() > 3*time.Second {
		t.Errorf("the backtest decided at %s, the daemon at %s", past.Decision.Time, decided)
	}
	t.Logf("the daemon decided at %s, the backtest at %s: %s", decided, past.Decision.Time, past.Decision.Reason)

	kubeconfig, err := s.Lab.Kubeconfig(lab.Admin)
	s.must(err)
	code, stdout, stderr := greenwatch(s.t, s.Lab, "backtest", r.Name, "-n", s.Namespace, "--kubeconfig", kubeconfig,
		"--prometheus", s.Prometheus.URL(), "-o", "json")
	var kept backtest.Result
	if err := json.Unmarshal([]byte(stdout), &kept); err != nil || code != 0 {
		t.Fatalf("exit %d: %v: %s", code, err, stderr)
	}
	if apart := kept.Decision.Time.Sub(decided).D(); kept.Decision.Verdict != "rollback" || apart.Abs() > 3*time.Second {
		t.Errorf("by its name the release is decided %+v", kept.Decision)
	}

	before := s.backtest(r.Spec.Cutover, failing)
	if before.Decision.Verdict == "rollback" {
		t.Errorf("before green began to fail the backtest decided %+v", before.Decision)
	}
	if len(before.Checks) == 0 {
		t.Error("no check before green began to fail")
	}
}

// A verdict is explained from the release alone, with Prometheus off: the same verdict, by the same table.
func TestWhyNeedsNoPrometheus(t *testing.T) {
	s := open(t, stage.Options{})
	s.cutOver()
	s.await("two checks", func(r *v1alpha1.Release) bool { return r.Status.Checks >= 2 })
	s.fail("green", 0.5)
	r, _ := s.rolledBack()
	kubeconfig, err := s.Lab.Kubeconfig(lab.Admin)
	s.must(err)
	s.must(s.Prometheus.Stop())
	why := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := greenwatch(s.t, s.Lab, append([]string{"why", r.Name, "-n", s.Namespace, "--kubeconfig", kubeconfig}, args...)...)
		if code != 0 {
			t.Fatalf("why %v: exit %d: %s%s", args, code, stdout, stderr)
		}
		return stdout
	}
	for _, args := range [][]string{nil, {"--decision"}, {"--latest"}} {
		out := why(args...)
		t.Logf("why %v\n%s", args, out)
		if !strings.Contains(out, "Judged again from this evidence alone: the same verdict.") || !strings.Contains(out, "error-rate*") {
			t.Errorf("why %v says\n%s", args, out)
		}
	}
	if out := why("--decision"); !strings.Contains(out, r.Status.Decision.Reason) {
		t.Errorf("the reason %q is not in\n%s", r.Status.Decision.Reason, out)
	}
	s.must(s.Prometheus.Start(t.Context()))
}

// backtest runs the command over a stretch of the stage's past.
func (s *scene) backtest(cutover, until signal.Instant) (r backtest.Result) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "policy.yaml")
	text := strings.NewReplacer("$NAMESPACE", s.Namespace, "$NAME", s.Name).Replace(s.Options.Policy)
	s.must(os.WriteFile(file, []byte(text), 0o600))
	code, stdout, stderr := greenwatch(s.t, s.Lab, "backtest", "--policy", file, "--prometheus", s.Prometheus.URL(), "--candidate", "green",
		"--cutover", cutover.String(), "--until", until.String(), "-o", "json")
	if code != 0 || stderr != "" {
		s.t.Fatalf("exit %d: %s", code, stderr)
	}
	s.must(json.Unmarshal([]byte(stdout), &r))
	return r
}
