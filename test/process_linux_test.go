package test

import "syscall"

// leashed makes a child of its own process group that the kernel kills when the test process ends, in whatever way.
func leashed() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
