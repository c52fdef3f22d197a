//go:build !linux

package geist

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing: there is no such option here.
func setUserTimeout(syscall.RawConn, time.Duration) {}
