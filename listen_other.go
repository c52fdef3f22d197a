//go:build !unix

package geist

import (
	"errors"
	"os"
	"syscall"
)

// wsaAddrInUse is what Windows says for syscall.EADDRINUSE.
const wsaAddrInUse syscall.Errno = 10048

func addrInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

func unixControl(string, string, syscall.RawConn) error { return nil }

func closeOnExec(int) {}

func dupFile(int) (*os.File, error) { return nil, errors.ErrUnsupported }
