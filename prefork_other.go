//go:build !unix

package geist

import (
	"errors"
	"net"
	"os"
	"runtime"
)

func preforkSockets(string, int) ([]*os.File, net.Addr, error) {
	return nil, nil, errors.New("geist: prefork: " + runtime.GOOS + " cannot hand a socket to child processes: use Run")
}

func pollFile(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }
