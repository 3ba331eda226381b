//go:build !linux

package lab

import "syscall"

// ownGroup puts a process into a group of its own. Only Linux can also tie it to its parent.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// halted cannot be told here.
func halted(int) error { return nil }
