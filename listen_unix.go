//go:build unix

package geist

import (
	"errors"
	"os"
	"syscall"
)

func addrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// unixControl sets the mode before the file of a unix socket exists, where the system
// takes over that of the descriptor, as Linux does: nobody slips in before chmod.
func unixControl(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), unixMode) })
}

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

// dupFile returns a file on a copy of a descriptor.
func dupFile(fd int) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	dup, err := syscall.Dup(fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(dup)
	return os.NewFile(uintptr(dup), "inherited"), nil
}
