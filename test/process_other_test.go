//go:build !linux

package test

import "syscall"

// leashed makes a child of its own process group, so that it can be killed with all that it started.
func leashed() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
