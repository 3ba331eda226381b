package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

func indented(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func TestTextOfEachSituation(t *testing.T) {
	for name, state := range cases() {
		t.Run(name, func(t *testing.T) { golden(t, name+".txt", Text(Of("production", spec(), state))) })
	}
}

func TestSlackOfEachSituation(t *testing.T) {
	for name, state := range cases() {
		t.Run(name, func(t *testing.T) {
			text, blocks := Slack(Of("production", spec(), state))
			golden(t, name+".slack.json", indented(t, blocks)+text+"\n")
		})
	}
}

func TestMatrix(t *testing.T) {
	golden(t, "matrix-good.txt", Matrix(good()))
	golden(t, "matrix-bad.txt", Matrix(bad()))
	golden(t, "queries.txt", Queries(good()))
}

func TestStatus(t *testing.T) {
	other := spec()
	other.Policy, other.Number, other.Candidate.Version = "atlas", 12, ""
	list := []Release{
		Of("production", spec(), considered()),
		Of("production", other, deployed()),
		Of("staging", spec(), rolledBack("WatchStable", same)),
	}
	golden(t, "status.txt", Status(list, Normal))
	golden(t, "status-wide.txt", Status(list, Wide))
}

func TestInForce(t *testing.T) {
	golden(t, "in-force.txt", InForce(plan()))
}
