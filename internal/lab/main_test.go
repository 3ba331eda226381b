package lab

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// orphanMode makes the test binary a parent that starts a process and waits to be killed.
const orphanMode = "GREENWATCH_LAB_TEST_ORPHAN"

var cluster Shared

func TestMain(m *testing.M) {
	if os.Getenv(orphanMode) != "" {
		os.Exit(startOrphan())
	}
	os.Exit(cluster.Main(m))
}

func startOrphan() int {
	dir := os.TempDir()
	p := newProcess(newSpawner(), command{name: "orphan", path: "sleep", args: []string{"300"}, dir: dir, log: os.DevNull})
	if err := p.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(p.cmd.Process.Pid)
	<-time.After(time.Minute)
	return 0
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually fails the test if try has not returned nil within 20 s.
func eventually(t *testing.T, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, Until(ctx, try))
}
