//go:build !unix

package geist

import (
	"errors"
	"syscall"
)

// rawWrites says that sockets cannot be written to without waiting: writers wait, each
// on a goroutine of its outlet.
const rawWrites = false

func rawWrite(syscall.RawConn, []byte, bool) (int, error) { return 0, errors.ErrUnsupported }

func rawRead(uintptr, []byte) (int, bool, error) { return 0, true, errors.ErrUnsupported }
