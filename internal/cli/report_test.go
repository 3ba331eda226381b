package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAReportReachesTheRelease(t *testing.T) {
	for line, want := range map[string]struct {
		options ReportOptions
		says    string
	}{
		"greenwatch report kb-1 -n production --kind security --text leaks": {
			ReportOptions{Cluster: Cluster{Namespace: "production"}, Release: "kb-1", Kind: "security", Text: "leaks"}, "release kb-1: report security-1 is made by alice\n"},
		"greenwatch report kb-1 --kind complaint":     {ReportOptions{Release: "kb-1", Kind: "complaint"}, "release kb-1: report security-1 is made by alice\n"},
		"greenwatch report kb-1 --retract security-1": {ReportOptions{Release: "kb-1", Retract: "security-1"}, "release kb-1: report security-1 is retracted\n"},
	} {
		f := &fake{}
		code, stdout, stderr := call(t, f, line)
		if code != 0 || stderr != "" || stdout != want.says {
			t.Errorf("%s: exit %d, %q, %q", line, code, stdout, stderr)
		}
		if diff := cmp.Diff(&want.options, f.seen); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestReportsThatSayNothing(t *testing.T) {
	for line, want := range map[string]string{
		"greenwatch report kb-1":                                "want --kind for a new report, or --retract for one that was made",
		"greenwatch report kb-1 --text hm":                      "want --kind for a new report",
		"greenwatch report kb-1 --kind a --retract a-1":         "want --kind or --retract, not both",
		"greenwatch report kb-1 --retract security-1 --text hm": "--text is for a new report",
		"greenwatch report --kind security":                     "name the RELEASE",
	} {
		f := &fake{}
		if code, _, stderr := call(t, f, line); code != 2 || !strings.Contains(stderr, want) || f.seen != nil {
			t.Errorf("%s: exit %d, %q, wrote %v; want %q", line, code, stderr, f.seen, want)
		}
	}
	if code, _, stderr := call(t, &fake{err: errors.New("no API server")}, "greenwatch report kb-1 --kind a"); code != 1 || stderr != "Error: report kb-1: no API server\n" {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
