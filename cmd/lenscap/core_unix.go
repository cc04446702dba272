//go:build unix

package main

import "syscall"

// noCore keeps the process's memory, which may hold what lies on a disk, out of
// core dumps. Where that is refused, nothing can be done about it.
func noCore() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
