package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string, up func(context.Context) error) *Process {
	t.Helper()
	t.Parallel()
	spawn := newSpawner()
	t.Cleanup(spawn.close)
	dir := t.TempDir()
	p := newProcess(spawn, command{name: "sh", path: "/bin/sh", args: []string{"-c", script}, dir: dir, log: filepath.Join(dir, "sh.log"), up: up})
	t.Cleanup(func() { must(t, p.Kill()) })
	return p
}

func TestAFailedStartShowsTheLog(t *testing.T) {
	p := shell(t, "echo no such disk; exit 3", func(context.Context) error { return errors.New("not yet") })
	begin := time.Now()
	err := p.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such disk") || !strings.Contains(err.Error(), "ended before it was up") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s to see that the process had ended", took)
	}
}

func TestStopFallsBackToKill(t *testing.T) {
	p := shell(t, "trap '' TERM; echo deaf; while :; do sleep 0.05; done", nil)
	must(t, p.Start(t.Context()))
	eventually(t, func(context.Context) error {
		if !strings.Contains(p.Tail(1), "deaf") {
			return errors.New("it still listens")
		}
		return nil
	})
	must(t, p.Stop())
	select {
	case <-p.Done():
	default:
		t.Error("the process outlived Stop")
	}
	must(t, p.Stop()) // once more does no harm
}

func TestAProcessIsNotStartedTwice(t *testing.T) {
	p := shell(t, "sleep 60", nil)
	must(t, p.Start(t.Context()))
	if err := p.Start(t.Context()); err == nil {
		t.Error("a running process was started again")
	}
}

func TestTailIsTheEnd(t *testing.T) {
	p := shell(t, "for i in 1 2 3 4; do echo line $i; done", nil)
	must(t, p.Start(t.Context()))
	<-p.Done()
	if got, want := p.Tail(2), "sh.log ends with:\nline 3\nline 4"; got != want {
		t.Errorf("tail is %q, want %q", got, want)
	}
}

func TestUntilTellsTheLastError(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 120*time.Millisecond, errors.New("patience is over"))
	defer cancel()
	last := errors.New("still closed")
	tries := 0
	err := Until(ctx, func(context.Context) error { tries++; return last })
	if !errors.Is(err, last) || !strings.Contains(err.Error(), "patience is over") || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// A test binary that is killed cannot clean up; the kernel does it for it.
func TestProcessesEndWithTheirParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanMode+"=1")
	stdout, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the child does not run: %v", err)
	}
	must(t, parent.Process.Kill())
	_ = parent.Wait() // it was killed, and says so
	eventually(t, func(context.Context) error { return gone(pid) })
}

// gone counts a process that nobody has waited for yet as gone.
func gone(pid int) error {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		return fmt.Errorf("process %d still runs", pid)
	}
	return nil
}
