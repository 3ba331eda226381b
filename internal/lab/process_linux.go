package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ownGroup puts a process into a group of its own and has the kernel end it with the thread
// that started it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// halted is an error as long as a thread of the process still runs.
func halted(pid int) error {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			return err
		}
		_, state, _ := strings.Cut(string(stat), ") ") // the state follows the name in brackets
		if !strings.HasPrefix(state, "T") {
			return fmt.Errorf("thread %s is in state %.1s", thread, state)
		}
	}
	return nil
}
