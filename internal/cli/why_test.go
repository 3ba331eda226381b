package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// bad is a real verdict of Rollback.
func bad() judge.Verdict {
	five, at := signal.Number(0.05), signal.At(time.Date(2026, 3, 3, 15, 20, 0, 0, time.UTC))
	r := signal.Reading{Signal: "error-rate", Queries: []string{`sum(http_requests_total{deployment="green"})`}}
	for i := range 6 {
		r.Bins = append(r.Bins, signal.Bin{End: at - signal.Instant(60*(5-i)), Part: 80, Total: 1000, Value: 0.08})
	}
	m := judge.Matrix{Bin: signal.Duration(time.Minute), Rows: []judge.Row{{Signal: "error-rate", Kind: signal.Ratio, Required: true,
		Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Above: &five}, For: signal.Duration(5 * time.Minute)}}}}}
	return judge.Judge(m, judge.Input{At: at, Generation: 3, Readings: []signal.Reading{r}})
}

// rolledBack is a release that was rolled back because of a verdict.
func rolledBack(v judge.Verdict) v1alpha1.Release {
	r := v1alpha1.Release{Spec: release.Spec{Policy: "kb", Number: 7, Candidate: release.Side{Slot: "green", Version: "v2"}, Stable: release.Side{Slot: "blue", Version: "v1"}},
		Status: release.State{Phase: release.RolledBack, Decision: &v, Checks: 1,
			Lines: []release.CheckLine{{Number: 1, Window: "active", At: v.At - 900, Tier: judge.Proceed}}}}
	r.Kind, r.APIVersion, r.Namespace, r.Name = "Release", v1alpha1.GroupVersion().String(), "production", "kb-7"
	return r
}

// save writes a release to a file as kubectl get -o yaml does.
func save(t *testing.T, r any) string {
	t.Helper()
	text, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "release.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhyPrintsWhatCheckPrinted(t *testing.T) {
	v := bad()
	_, checked, _ := call(t, &fake{verdict: v}, "greenwatch check kb")
	f := &fake{release: report.Of("production", rolledBack(v).Spec, rolledBack(v).Status)}
	file := save(t, rolledBack(v))
	for _, line := range []string{"greenwatch why kb-7 -n production --context east", "greenwatch why -f " + file, "greenwatch why --decision -f " + file} {
		code, stdout, stderr := call(t, f, line)
		if code != 0 || stderr != "" || !strings.Contains(stdout, checked) || !strings.Contains(stdout, "the same verdict") {
			t.Errorf("%s: exit %d, stderr %q, stdout\n%s\nwant in it\n%s", line, code, stderr, stdout, checked)
		}
	}
	if want := (WhyOptions{Cluster: Cluster{Namespace: "production", Context: "east"}, Release: "kb-7"}); f.explained == nil || *f.explained != want {
		t.Errorf("asked for %+v, want %+v", f.explained, want)
	}
}

func TestWhyPrintsAMilestone(t *testing.T) {
	r := rolledBack(bad())
	m := milestone.Milestone{Window: "active", Met: 1, Rows: []milestone.Row{{Signal: "error-rate", Kind: signal.Ratio, Value: 0.25, SLO: &judge.SLO{Than: judge.AtMost, Value: 0.5}, Met: judge.Yes}}}
	r.Status.Milestones = []milestone.Milestone{m}
	file := save(t, r)
	code, stdout, stderr := call(t, &fake{}, "greenwatch why --milestone active -f "+file)
	if want := report.Milestone(report.Of("production", r.Spec, r.Status), m); code != 0 || stderr != "" || stdout != want {
		t.Errorf("exit %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, stdout, want)
	}
	var got milestone.Milestone
	code, stdout, _ = call(t, &fake{}, "greenwatch why --milestone active -o json -f "+file)
	if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil || got.Window != "active" || len(got.Rows) != 1 {
		t.Errorf("exit %d, %v, stdout\n%s", code, err, stdout)
	}
}

func TestWhyFromAFileAsksNoCluster(t *testing.T) {
	f := &fake{}
	if call(t, f, "greenwatch why -f "+save(t, rolledBack(bad()))); f.explained != nil {
		t.Errorf("asked for %+v", f.explained)
	}
}

func TestWhyFromStdin(t *testing.T) {
	text, err := json.Marshal(rolledBack(bad()))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := New("greenwatch", (&fake{}).deps())
	cmd.SetArgs([]string{"why", "-f", "-"})
	cmd.SetIn(bytes.NewReader(text))
	cmd.SetOut(&out)
	if err := cmd.Execute(); err != nil || !strings.Contains(out.String(), "error-rate is 8 %, above 5 % for 5m") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestWhyOfAForgedVerdictEndsWith1(t *testing.T) {
	v := bad()
	v.Tier = judge.Proceed
	code, stdout, stderr := call(t, &fake{}, "greenwatch why -f "+save(t, rolledBack(v)))
	if code != 1 || !strings.Contains(stdout, "NOT THE SAME VERDICT") ||
		stderr != "Error: why kb-7: judged again, the evidence gives another verdict: Rollback, recorded Proceed\n" {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
}

func TestWhyForPrograms(t *testing.T) {
	file := save(t, rolledBack(bad()))
	code, stdout, _ := call(t, &fake{}, "greenwatch why -o json -f "+file)
	var got report.Explained
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, stdout)
	}
	if got.Verdict.Tier != judge.Rollback || got.Again.Reason != got.Verdict.Reason || got.Differs != nil {
		t.Errorf("%+v", got)
	}
	if _, stdout, _ = call(t, &fake{}, "greenwatch why --check 1 -f "+file); !strings.Contains(stdout, "One line is kept of this check.") {
		t.Error(stdout)
	}
}

func TestWhyComplains(t *testing.T) {
	file, other := save(t, rolledBack(bad())), save(t, v1alpha1.WatchPolicy{})
	help := "\nRun 'greenwatch why --help' for usage.\n"
	for line, want := range map[string]struct {
		code   int
		stderr string
	}{
		"":                               {2, "Error: name the RELEASE" + help},
		"kb-7 -f " + file:                {2, "Error: want a RELEASE or --filename, got both" + help},
		"kb-7 --latest --check 3":        {2, "Error: --latest and --check: want one verdict" + help},
		"kb-7 --latest --milestone a":    {2, "Error: --latest and --milestone: want one verdict" + help},
		"kb-7 --milestone a":             {1, "Error: why -0: no window \"a\", and no milestone was made yet\n"},
		"kb-7 --check 0":                 {2, "Error: --check 0: want a number from 1" + help},
		"kb-7 --transition -1":           {2, "Error: --transition -1: want a number from 1" + help},
		"-f " + other:                    {2, "Error: why " + other + `: the file holds a "" of "": want one Release of "greenwatch.dev/v1alpha1"` + "\n"},
		"-f " + file + " --transition 1": {1, "Error: why kb-7: nothing is kept of a transition 1; there are the decision, checks 1 to 1\n"},
		"-f nowhere.yaml":                {2, "Error: why nowhere.yaml: open nowhere.yaml: no such file or directory\n"},
	} {
		code, stdout, stderr := call(t, &fake{}, "greenwatch why "+line)
		if code != want.code || stderr != want.stderr || stdout != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr\n%s want\n%s", line, code, stdout, stderr, want.stderr)
		}
	}
}

func TestCheckListsBinsForPrograms(t *testing.T) {
	v := bad()
	v.Evidence[0].Attribution = &judge.Attribution{Other: judge.Other{Slot: "blue", Bins: v.Evidence[0].Bins[:2]}}
	_, stdout, _ := call(t, &fake{verdict: v}, "greenwatch check kb -o json")
	var got struct {
		Verdict struct {
			Evidence []struct {
				Bins        []signal.Bin
				Attribution struct {
					Slot string
					Bins []signal.Bin
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if e := got.Verdict.Evidence[0]; len(e.Bins) != 6 || e.Bins[5].Part != 80 || e.Attribution.Slot != "blue" || len(e.Attribution.Bins) != 2 {
		t.Errorf("%+v\n%s", e, stdout)
	}
}
