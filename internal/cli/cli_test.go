package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fake does what it is told and remembers what it was asked.
type fake struct {
	ran     *RunOptions
	checked *CheckOptions
	listed  *ListOptions
	said    *Word
	tested  *BacktestOptions
	seen    *ReportOptions

	explained *WhyOptions

	verdict  judge.Verdict
	plan     *release.Plan
	releases []report.Release
	release  report.Release
	past     backtest.Result
	err      error
}

func (f *fake) deps() Deps {
	return Deps{
		Version: "v1.2.3",
		Run:     func(_ context.Context, o RunOptions) error { f.ran = &o; return f.err },
		Check: func(_ context.Context, o CheckOptions) (judge.Verdict, *release.Plan, error) {
			f.checked = &o
			return f.verdict, f.plan, f.err
		},
		List: func(_ context.Context, o ListOptions) ([]report.Release, error) {
			f.listed = &o
			return f.releases, f.err
		},
		Backtest: func(_ context.Context, o BacktestOptions) (backtest.Result, error) {
			f.tested = &o
			return f.past, f.err
		},
		Release: func(_ context.Context, o WhyOptions) (report.Release, error) {
			f.explained = &o
			return f.release, f.err
		},
		Report: func(_ context.Context, o ReportOptions) (release.Report, error) {
			f.seen = &o
			return release.Report{ID: "security-1", Kind: o.Kind, By: "alice", Text: o.Text, Retracted: o.Retract != ""}, f.err
		},
		Say: func(_ context.Context, w Word) (string, error) {
			f.said = &w
			return "alice", f.err
		},
	}
}

// call runs a command line and gives all that comes of it.
func call(t *testing.T, f *fake, line string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), strings.Fields(line), &out, &errs, f.deps())
	return code, out.String(), errs.String()
}

func watched() []report.Release {
	spec := release.Spec{Policy: "knowledgebeast", Number: 7, Candidate: release.Side{Slot: "green", Revision: "9f8e", Version: "v2"}}
	return []report.Release{report.Of("production", spec, release.State{Phase: release.Watching, FirstTraffic: 100, Share: 100,
		Verdict: release.Standing{Tier: judge.Proceed, Since: 100, Reason: "so it is"}})}
}

func TestCheckTellsTheVerdictByItsExitCode(t *testing.T) {
	for tier, want := range map[judge.Tier]int{
		judge.Proceed: 0, judge.Investigate: 10, judge.Consider: 20, judge.Rollback: 30, judge.Blind: 40, "Nonsense": 1,
	} {
		code, stdout, stderr := call(t, &fake{verdict: judge.Verdict{Tier: tier, At: 100}}, "greenwatch check knowledgebeast")
		if code != want || stderr != "" || !strings.HasPrefix(stdout, string(tier)+" at ") {
			t.Errorf("%s: exit %d, want %d; stdout %q, stderr %q", tier, code, want, stdout, stderr)
		}
	}
}

func TestErrorsHaveTheirOwnExitCodes(t *testing.T) {
	broken := &fake{err: errors.New("no API server"), verdict: judge.Verdict{Tier: judge.Rollback}}
	for _, c := range []struct {
		line, stderr string
		fake         *fake
		code         int
	}{
		{"greenwatch check knowledgebeast", "Error: check knowledgebeast: no API server\n", broken, 1},
		{"greenwatch status", "Error: list the releases: no API server\n", broken, 1},
		{"greenwatch run", "Error: no API server\n", broken, 1},
		{"greenwatch check", "Error: name the POLICY\nRun 'greenwatch check --help' for usage.\n", &fake{}, 2},
		{"greenwatch check a b", "Error: want one POLICY, got 2\nRun 'greenwatch check --help' for usage.\n", &fake{}, 2},
		{"greenwatch status a b", "Error: want at most one POLICY, got 2\nRun 'greenwatch status --help' for usage.\n", &fake{}, 2},
		{"greenwatch check a --loud", "Error: unknown flag: --loud\nRun 'greenwatch check --help' for usage.\n", &fake{}, 2},
		{"greenwatch status -o xml", "Error: --output \"xml\": want json, yaml or wide\nRun 'greenwatch status --help' for usage.\n", &fake{}, 2},
		{"greenwatch check a -o xml", "Error: --output \"xml\": want json, yaml or wide\nRun 'greenwatch check --help' for usage.\n", &fake{}, 2},
		{"greenwatch chek", "Error: unknown command \"chek\"; did you mean check?\nRun 'greenwatch --help' for usage.\n", &fake{}, 2},
		{"greenwatch run now", "Error: unknown command \"now\" for \"greenwatch run\"\nRun 'greenwatch run --help' for usage.\n", &fake{}, 2},
		{"/usr/bin/kubectl-greenwatch check", "Error: name the POLICY\nRun 'kubectl greenwatch check --help' for usage.\n", &fake{}, 2},
	} {
		t.Run(c.line, func(t *testing.T) {
			code, stdout, stderr := call(t, c.fake, c.line)
			if code != c.code || stderr != c.stderr || stdout != "" {
				t.Errorf("exit %d, want %d; stdout %q; stderr\n%s want\n%s", code, c.code, stdout, stderr, c.stderr)
			}
		})
	}
}

func TestNothingIsAskedWhereTheCommandLineIsWrong(t *testing.T) {
	f := &fake{}
	for _, line := range []string{"greenwatch check a -o xml", "greenwatch status -o xml", "greenwatch check", "greenwatch run --loud",
		"greenwatch rollback", "greenwatch hold kb-1 --for -4h", "greenwatch hold kb-1 --for soon", "greenwatch accept kb-1 kb-2", "greenwatch why", "greenwatch why kb-1 kb-2", "greenwatch why kb-1 --check 0"} {
		call(t, f, line)
	}
	if f.checked != nil || f.listed != nil || f.ran != nil || f.said != nil || f.explained != nil {
		t.Errorf("asked all the same: %+v", f)
	}
}

func TestFlagsReachTheWork(t *testing.T) {
	f := &fake{}
	call(t, f, "greenwatch check kb -n production --context east --kubeconfig k --config c --prometheus http://p")
	if want := (&CheckOptions{Cluster: Cluster{"k", "east", "production"}, Policy: "kb", Config: "c", Prometheus: "http://p"}); cmp.Diff(want, f.checked) != "" {
		t.Error(cmp.Diff(want, f.checked))
	}
	call(t, f, "greenwatch status -A")
	if want := (&ListOptions{AllNamespaces: true}); cmp.Diff(want, f.listed) != "" {
		t.Error(cmp.Diff(want, f.listed))
	}
	call(t, f, "greenwatch status kb --namespace production")
	if want := (&ListOptions{Cluster: Cluster{Namespace: "production"}, Policy: "kb"}); cmp.Diff(want, f.listed) != "" {
		t.Error(cmp.Diff(want, f.listed))
	}
	call(t, f, "greenwatch run")
	if want := (&RunOptions{Config: "/etc/greenwatch/config.yaml"}); cmp.Diff(want, f.ran) != "" {
		t.Error(cmp.Diff(want, f.ran))
	}
}

func TestAPersonsWordReachesTheRelease(t *testing.T) {
	for line, want := range map[string]struct {
		word Word
		says string
	}{
		"greenwatch rollback kb-1 -n production --reason bad": {Word{Cluster: Cluster{Namespace: "production"}, Release: "kb-1", Decision: release.ChooseRollback, Reason: "bad"},
			"release kb-1 is to be rolled back, by the word of alice\n"},
		"greenwatch accept kb-1":        {Word{Release: "kb-1", Decision: release.ChooseAccept}, "release kb-1 is accepted, by the word of alice\n"},
		"greenwatch hold kb-1":          {Word{Release: "kb-1", Hold: 4 * time.Hour}, "release kb-1 is held for 4h0m0s, by the word of alice\n"},
		"greenwatch hold kb-1 --for 5m": {Word{Release: "kb-1", Hold: 5 * time.Minute}, "release kb-1 is held for 5m0s, by the word of alice\n"},
		"greenwatch resume kb-1":        {Word{Release: "kb-1", Resume: true}, "release kb-1 is not held any more, by the word of alice\n"},
		"greenwatch accept kb-1 --by a": {Word{Release: "kb-1", Decision: release.ChooseAccept, By: "a"}, "release kb-1 is accepted, by the word of alice\n"},
	} {
		f := &fake{}
		code, stdout, stderr := call(t, f, line)
		if code != 0 || stderr != "" || stdout != want.says {
			t.Errorf("%s: exit %d, %q, %q", line, code, stdout, stderr)
		}
		if diff := cmp.Diff(&want.word, f.said); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestCheckSaysWhatIsInForceAndWideTheQueries(t *testing.T) {
	f := &fake{verdict: judge.Verdict{Tier: judge.Proceed, Evidence: []judge.Evidence{{Signal: "error-rate", Queries: []string{"sum(x)"}}}},
		plan: &release.Plan{Mode: release.Observe, Generation: 3, Prometheus: "main"}}
	_, stdout, _ := call(t, f, "greenwatch check kb")
	if !strings.Contains(stdout, "In force, generation 3") || strings.Contains(stdout, "sum(x)") {
		t.Errorf("not the matrix and what is in force: %s", stdout)
	}
	_, stdout, _ = call(t, f, "greenwatch check kb -o wide")
	for _, want := range []string{"In force, generation 3", "Observe", "error-rate: sum(x)"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %s", want, stdout)
		}
	}
}

func TestCheckForPrograms(t *testing.T) {
	f := &fake{verdict: judge.Verdict{Tier: judge.Consider, At: 100, Reason: "so it is"}, plan: &release.Plan{Generation: 3}}
	for form, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(b []byte, v any) error { return yaml.Unmarshal(b, v) },
	} {
		code, stdout, _ := call(t, f, "greenwatch check kb -o "+form)
		var got checked
		if err := decode([]byte(stdout), &got); err != nil {
			t.Fatalf("%s: %v\n%s", form, err, stdout)
		}
		if code != 20 || got.Verdict.Reason != "so it is" || got.Plan == nil || got.Plan.Generation != 3 {
			t.Errorf("%s: exit %d, %+v", form, code, got)
		}
	}
}

func TestStatus(t *testing.T) {
	f := &fake{releases: watched()}
	_, stdout, _ := call(t, f, "greenwatch status")
	if !strings.Contains(stdout, "v2 (green)") || strings.Contains(stdout, "REVISION") {
		t.Error(stdout)
	}
	if _, stdout, _ = call(t, f, "greenwatch status -o wide"); !strings.Contains(stdout, "REVISION") || !strings.Contains(stdout, "so it is") {
		t.Error(stdout)
	}
	_, stdout, _ = call(t, f, "greenwatch status -o json")
	var got listed
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Items) != 1 || got.Items[0].Name != "knowledgebeast-7" {
		t.Errorf("%v: %s", err, stdout)
	}
}

func TestStatusOfNothing(t *testing.T) {
	code, stdout, stderr := call(t, &fake{}, "greenwatch status")
	if code != 0 || stdout != "" || stderr == "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, stdout, _ = call(t, &fake{}, "greenwatch status -o json"); !strings.Contains(stdout, `"items": []`) {
		t.Errorf("programs want an empty list, got %s", stdout)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnAnswerThatCannotBeWrittenIsAnError(t *testing.T) {
	f := &fake{verdict: judge.Verdict{Tier: judge.Rollback}}
	var errs bytes.Buffer
	code := Main(t.Context(), []string{"greenwatch", "check", "kb"}, full{}, &errs, f.deps())
	if code != 1 || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("exit %d, stderr %s", code, &errs)
	}
}

func TestExitCodeOfAWrappedVerdict(t *testing.T) {
	if got := ExitCode(fmt.Errorf("check: %w", verdict(judge.Blind))); got != 40 {
		t.Errorf("got %d, want 40", got)
	}
}

func TestBacktest(t *testing.T) {
	const line = "greenwatch backtest --policy kb.yaml --prometheus http://p:9090 --candidate green --cutover 2026-03-03T15:00:00Z"
	at := func(hour, minute int) signal.Instant {
		return signal.At(time.Date(2026, 3, 3, hour, minute, 0, 0, time.UTC))
	}
	f := &fake{past: backtest.Result{
		Release: backtest.Release{Policy: "kb", Candidate: "green", Stable: "blue", Deployed: at(15, 0), Cutover: at(15, 0), Until: at(16, 0)},
		Checks:  []backtest.Check{{Time: at(15, 5), Verdict: "proceed"}, {Time: at(15, 10), Verdict: "blind"}, {Time: at(15, 15), Verdict: "proceed"}},
		Transitions: []backtest.Transition{
			{Time: at(15, 0), Source: "guard", From: "proceed", To: "blind", Signal: "error-rate", Reason: "error-rate is unknown: Young"},
			{Time: at(15, 20), Source: "guard", From: "proceed", To: "rollback", Signal: "error-rate", Reason: "error-rate is 8.1 %, above 5 % for 5m"},
		},
		Decision: backtest.Decision{Verdict: "rollback", Time: at(15, 20), Signal: "error-rate", Reason: "error-rate is 8.1 %, above 5 % for 5m"}, BlindSeconds: 75,
	}}
	code, stdout, stderr := call(t, f, line)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	golden(t, "backtest.txt", stdout)
	want := BacktestOptions{Policy: "kb.yaml", Prometheus: "http://p:9090", Candidate: "green", Cutover: time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(&want, f.tested); diff != "" {
		t.Errorf("options: -want +got\n%s", diff)
	}
	_, stdout, _ = call(t, f, line+" -o json")
	var back backtest.Result
	if err := json.Unmarshal([]byte(stdout), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.past, back); diff != "" {
		t.Errorf("JSON: -want +got\n%s", diff)
	}
	for line, want := range map[string]string{
		"greenwatch backtest --policy kb.yaml":                        "Error: --prometheus is missing: the URL of the Prometheus with the history (default for a RELEASE: as --config has it)\nRun 'greenwatch backtest --help' for usage.\n",
		strings.Replace(line, "2026-03-03T15:00:00Z", "yesterday", 1): "Error: --cutover \"yesterday\": want a time such as 2026-03-03T15:00:00Z\nRun 'greenwatch backtest --help' for usage.\n",
	} {
		if code, _, stderr := call(t, &fake{}, line); code != 2 || stderr != want {
			t.Errorf("%s: exit %d, stderr %q, want 2, %q", line, code, stderr, want)
		}
	}
}

func TestVersion(t *testing.T) {
	if _, stdout, _ := call(t, &fake{}, "greenwatch version"); stdout != "greenwatch v1.2.3\n" {
		t.Error(stdout)
	}
	if got := version(Deps{}); got == "" {
		t.Error("no version without one being given")
	}
}

func TestHelp(t *testing.T) {
	for file, line := range map[string]string{
		"root":     "greenwatch",
		"run":      "greenwatch run --help",
		"check":    "greenwatch check --help",
		"why":      "greenwatch why --help",
		"status":   "greenwatch status --help",
		"hold":     "greenwatch hold --help",
		"report":   "greenwatch report --help",
		"backtest": "greenwatch backtest --help",
		"plugin":   "/opt/bin/kubectl-greenwatch status --help",
	} {
		t.Run(file, func(t *testing.T) {
			code, stdout, stderr := call(t, &fake{}, line)
			if code != 0 || stderr != "" {
				t.Errorf("exit %d, stderr %q", code, stderr)
			}
			golden(t, file+".help", stdout)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update once", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", path, diff)
	}
}
