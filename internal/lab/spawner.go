package lab

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
)

// spawner starts processes from one thread that lives as long as the lab. The kernel ends a
// child when the thread that started it ends, and Go retires threads at will, so an ordinary
// goroutine must not start them.
type spawner struct {
	requests chan func()
	quit     chan struct{}
	once     sync.Once
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func()), quit: make(chan struct{})}
	go s.run()
	return s
}

// run never unlocks its thread: when run returns, the thread ends, and with it whatever child
// is left.
func (s *spawner) run() {
	runtime.LockOSThread()
	for {
		select {
		case start := <-s.requests:
			start()
		case <-s.quit:
			return
		}
	}
}

func (s *spawner) start(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	select {
	case s.requests <- func() { started <- cmd.Start() }:
		return <-started
	case <-s.quit:
		return errors.New("the lab is closed")
	}
}

func (s *spawner) close() {
	s.once.Do(func() { close(s.quit) })
}
