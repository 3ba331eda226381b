// Package internal_test holds the rules of the house, as tests.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/knowledgebeast/greenwatch/"

// mayImport is the import table: which packages of ours a package may import, tests aside. Packages
// under a trailing slash follow the rule of their parent.
var mayImport = map[string][]string{
	"internal/signal":       {},
	"internal/caught":       {},
	"internal/schedule":     {"signal"},
	"internal/judge":        {"signal"},
	"internal/trend":        {"signal"},
	"internal/milestone":    {"judge", "signal", "trend"},
	"internal/release":      {"judge", "milestone", "schedule", "signal"},
	"internal/finding":      {"judge", "milestone", "release", "signal"},
	"internal/report":       {"finding", "judge", "milestone", "release", "signal"},
	"internal/api/v1alpha1": {"release", "signal"},
	"internal/probe":        {},
	"internal/promql":       {},
	"internal/fair":         {},
	"internal/policy":       {"api/v1alpha1", "judge", "probe", "promql", "release", "schedule", "signal"},
	"internal/config":       {"api/v1alpha1", "notify", "policy", "probe", "release", "signal"},
	"internal/store":        {"api/v1alpha1", "release", "signal"},
	"internal/istio":        {},
	"internal/rollout":      {"istio", "release", "signal"},
	"internal/act":          {"caught", "istio", "release", "rollout"},
	"internal/measure":      {"caught", "fair", "signal", "trend"},
	"internal/notify":       {},
	"internal/notify/":      {"notify"},
	"internal/meter":        {"judge", "release", "signal"},
	"internal/access":       {},
	"internal/web":          {"finding", "release", "report"},
	"internal/watchdog":     {"caught", "judge", "milestone", "release", "schedule", "signal"},
	"internal/watchdog/":    {"istio", "judge", "milestone", "release", "schedule", "signal", "watchdog"},
	"internal/backtest":     {"judge", "measure", "release", "signal", "watchdog"},
	"internal/cli":          {"api/v1alpha1", "backtest", "finding", "judge", "policy", "release", "report", "signal", "store"},
	"internal/scenario":     {"api/v1alpha1", "backtest", "judge", "measure", "policy", "release", "signal"},
	"internal/e2e":          {},
	"internal/lab":          {},
	"internal/lab/":         {"lab", "lab/hold", "lab/stage", "lab/standin"},
	"cmd/greenwatch":        nil, // wires everything
}

// pure are the packages of the core: functions of their arguments.
var pure = []string{"signal", "schedule", "judge", "trend", "milestone", "release", "finding", "report", "promql"}

// impure is what the core must not import, and unreachable what it must not reach through any other
// package either (fmt itself reaches os).
var (
	impure = []string{"os", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "sync/atomic", "testing"}

	unreachable = []string{"net", "os/exec", "os/signal", "go.uber.org/zap", "k8s.io", "sigs.k8s.io", "github.com/prometheus"}
)

// heavy stays out of the product's own module.
var heavy = []string{"google.golang.org/grpc", "istio.io/", "github.com/prometheus/prometheus", "k8s.io/kubernetes", "sigs.k8s.io/controller-runtime",
	"sigs.k8s.io/controller-tools", "go.etcd.io/etcd"}

type pkg struct {
	ImportPath, Name, Doc, Dir string
	Imports, Deps, GoFiles     []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Dir,Imports,Deps,GoFiles", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

// rule finds a package's line in the table.
func rule(path string) ([]string, bool) {
	if allowed, ok := mayImport[path]; ok {
		return allowed, true
	}
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if allowed, ok := mayImport[dir+"/"]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func TestPackagesImportOnlyWhatTheTableSays(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if len(p.GoFiles) == 0 {
			continue
		}
		allowed, ok := rule(path)
		if !ok {
			t.Errorf("%s has no line in the import table", path)
			continue
		}
		if path == "cmd/greenwatch" {
			continue
		}
		for _, i := range p.Imports {
			ours, is := strings.CutPrefix(i, module+"internal/")
			if is && !slices.Contains(allowed, ours) && "internal/"+ours != path {
				t.Errorf("%s imports internal/%s; the table allows %v", path, ours, allowed)
			}
		}
	}
}

func TestTheCoreIsPure(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"internal/")
		if !slices.Contains(pure, name) {
			continue
		}
		for _, i := range p.Imports {
			if slices.Contains(impure, i) {
				t.Errorf("internal/%s imports %s", name, i)
			}
		}
		for _, d := range p.Deps {
			for _, bad := range unreachable {
				if d == bad || strings.HasPrefix(d, bad+"/") {
					t.Errorf("internal/%s reaches %s", name, d)
				}
			}
		}
		for _, f := range p.GoFiles {
			if strings.HasPrefix(f, "zz_generated") {
				continue
			}
			src, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"time.Now(", "time.Since(", "time.Sleep(", "time.After(", "\tgo func", "\tgo "} {
				if bytes.Contains(src, []byte(bad)) {
					t.Errorf("internal/%s/%s uses %q", name, f, bad)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && len(p.Doc) < 20 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestHeavyToolsStayOutOfTheProductsModule(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range heavy {
		if bytes.Contains(mod, []byte(bad)) {
			t.Errorf("go.mod names %s", bad)
		}
	}
}

func TestTopLevelIsAsAgreed(t *testing.T) {
	agreed := []string{"cmd", "internal", "deploy", "configs", "go.mod", "go.sum", "Dockerfile", "Makefile", "README.md", "LICENSE"}
	out, err := exec.Command("git", "-C", "..", "ls-files", "--full-name").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for _, f := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(f, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(agreed, top) {
			t.Errorf("%s stands at the top level", top)
		}
	}
}
