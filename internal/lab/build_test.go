package lab

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// newWorkshop is a repository with one module, whose program takes no time to compile.
func newWorkshop(t *testing.T) (workshop, program) {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	write("tool/go.mod", "module tool.example\n\ngo 1.26.0\n")
	write("tool/go.sum", "")
	write("tool/main.go", "package main\n\nfunc main() {}\n")
	w := workshop{root: root, bin: filepath.Join(root, "bin"), progress: &bytes.Buffer{}}
	must(t, os.MkdirAll(w.bin, 0o755))
	return w, program{name: "tool", module: "tool", path: ".", pinned: true}
}

func staleNames(t *testing.T, w workshop, p program) []string {
	t.Helper()
	stale, err := w.stale([]program{p})
	must(t, err)
	var names []string
	for _, s := range stale {
		names = append(names, s.name)
	}
	return names
}

func TestBuildMakesWhatIsMissingOnce(t *testing.T) {
	w, p := newWorkshop(t)
	var builds sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		builds.Go(func() { errs[i] = w.build(t.Context(), []program{p}) })
	}
	builds.Wait()
	must(t, errs[0])
	must(t, errs[1])
	if got, want := w.progress.(*bytes.Buffer).String(), "[1/1] compiling tool ... 0 s\n"; strings.Count(got, want) != 1 {
		t.Errorf("progress is %q, want %q once", got, want)
	}
	if got := staleNames(t, w, p); len(got) > 0 {
		t.Errorf("%q are stale after the build", got)
	}
}

func TestProgramsGoStale(t *testing.T) {
	for name, spoil := range map[string]func(w workshop) error{
		"the module's go.mod changes":       func(w workshop) error { return touch(w.root, "tool/go.mod") },
		"the module's go.sum changes":       func(w workshop) error { return touch(w.root, "tool/go.sum") },
		"the binary is gone":                func(w workshop) error { return os.Remove(w.binary("tool")) },
		"the build was interrupted":         func(w workshop) error { return os.Remove(w.stamp("tool")) },
		"the stamp is of another made-from": func(w workshop) error { return os.WriteFile(w.stamp("tool"), []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorkshop(t)
			must(t, w.build(t.Context(), []program{p}))
			must(t, spoil(w))
			if got := staleNames(t, w, p); !slices.Equal(got, []string{"tool"}) {
				t.Errorf("%q are stale, want the tool", got)
			}
		})
	}
}

func touch(root, name string) error {
	file, err := os.OpenFile(filepath.Join(root, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString("// changed\n")
	return err
}

func TestAnInterruptedBuildLeavesNoProgram(t *testing.T) {
	w, p := newWorkshop(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.compile(ctx, p, "[1/1]"); err == nil {
		t.Fatal("a cancelled build succeeded")
	}
	if _, err := os.Stat(w.binary("tool")); !os.IsNotExist(err) {
		t.Errorf("a cancelled build left a binary: %v", err)
	}
}

func TestAFailedBuildSaysWhy(t *testing.T) {
	w, p := newWorkshop(t)
	must(t, os.WriteFile(filepath.Join(w.root, "tool", "main.go"), []byte("package main\n\nfunc main() { nonsense() }\n"), 0o644))
	if err := w.build(t.Context(), []program{p}); err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Errorf("the error is %v", err)
	}
}

func TestAssetsAreTakenWhereTheyExist(t *testing.T) {
	w, _ := newWorkshop(t)
	w.assets = t.TempDir()
	must(t, os.WriteFile(filepath.Join(w.assets, "etcd"), nil, 0o755))
	must(t, os.WriteFile(filepath.Join(w.assets, "kwok"), nil, 0o755))
	for name, want := range map[string]string{"etcd": w.assets, "kube-apiserver": w.bin, "kwok": w.bin} {
		if got := filepath.Dir(w.binary(name)); got != want {
			t.Errorf("%s is taken from %s, want %s", name, got, want)
		}
	}
}

func TestUnknownProgramsAreRefused(t *testing.T) {
	if _, err := Build(t.Context(), BuildOptions{Only: []string{"envoy"}}); err == nil {
		t.Error("an unknown program was built")
	}
}

func TestKubernetesReportsTheVersionItIsBuiltFrom(t *testing.T) {
	text, err := os.ReadFile("tools/kubernetes/go.mod")
	must(t, err)
	if want := "k8s.io/kubernetes " + kubernetesVersion; !strings.Contains(string(text), want) {
		t.Errorf("tools/kubernetes/go.mod does not require %s", want)
	}
}
