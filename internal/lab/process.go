package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startWithin = 60 * time.Second
	stopWithin  = 5 * time.Second
	pollEvery   = 50 * time.Millisecond
	tailLines   = 20
)

// command is what a Process runs and how one knows that it is up.
type command struct {
	name string
	path string
	args []string
	env  []string                    // added to the environment of the lab's own process
	dir  string                      // working directory
	log  string                      // file that collects what it prints
	up   func(context.Context) error // nil: up as soon as it runs
}

// Process is one program of a lab. It can be ended and started again, on the same addresses
// and the same data. Its methods are safe for concurrent use.
type Process struct {
	command
	spawn *spawner

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

func newProcess(spawn *spawner, c command) *Process {
	done := make(chan struct{})
	close(done)
	return &Process{command: c, spawn: spawn, done: done}
}

// Start runs the program and returns once it is up. It fails, with the end of the program's
// log, if the program ends before or is not up within a minute.
func (p *Process) Start(ctx context.Context) error {
	done, err := p.launch()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if p.up == nil {
		return nil
	}
	if err := p.awaitUp(ctx, done); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w\n%s", p.name, err, p.Tail(tailLines)), p.Kill())
	}
	return nil
}

func (p *Process) launch() (chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return nil, errors.New("it runs already")
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	if err := p.spawn.start(cmd); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log; that it ended is all that counts here
		close(done)
	}()
	p.cmd, p.done = cmd, done
	return done, nil
}

func (p *Process) awaitUp(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not up within %s", startWithin))
	defer cancel()
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() {
		select {
		case <-done:
			ended(errors.New("it ended before it was up"))
		case <-ctx.Done():
		}
	}()
	return Until(ctx, p.up)
}

func (p *Process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done is closed when the program, as last started, has ended.
func (p *Process) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Stop asks the program to end, and kills it if it has not within 5 s.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Done():
		return nil
	case <-time.After(stopWithin):
		return p.Kill()
	}
}

// Kill ends the program at once.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.Done()
	return nil
}

// Pause halts the program where it is: its connections stay open and nothing answers.
func (p *Process) Pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := Until(ctx, p.halted); err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	return nil
}

// halted tells whether the signal, which is not obeyed at once, has been obeyed.
func (p *Process) halted(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return nil
	}
	return halted(p.cmd.Process.Pid)
}

// Resume lets a paused program go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return nil
	}
	err := syscall.Kill(-p.cmd.Process.Pid, s)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to %s: %w", s, p.name, err)
	}
	return nil
}

// LogFile is the file that collects what the program prints.
func (p *Process) LogFile() string { return p.log }

// Tail is the last n lines of the program's log.
func (p *Process) Tail(n int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = slices.Insert(lines[max(0, len(lines)-n):], 0, filepath.Base(p.log)+" ends with:")
	return strings.Join(lines, "\n")
}

// Until calls try every 50 ms until it returns nil. When ctx ends first, the error tells why,
// and what try said last.
func Until(ctx context.Context, try func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; at last: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
