//go:build unix

package geist

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// preforkSockets opens listening sockets on an address: n of them, among which the
// system spreads connections, or one where it does not do so.
func preforkSockets(addr string, n int) (sockets []*os.File, bound net.Addr, err error) {
	// Without SO_REUSEPORT first: with it, another server on the address would go
	// unnoticed, and get its share.
	first, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, listenError(addr, err)
	}
	bound = first.Addr()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, listenError(addr, err)
	}
	if soReusePort == 0 {
		f, err := socketOf(first)
		return []*os.File{f}, bound, err
	}
	_ = first.Close()
	lc := net.ListenConfig{Control: reusePort}
	exact := net.JoinHostPort(host, strconv.Itoa(bound.(*net.TCPAddr).Port))
	for range n {
		var f *os.File
		ln, err := lc.Listen(context.Background(), "tcp", exact)
		if err == nil {
			f, err = socketOf(ln)
		}
		if err != nil {
			for _, f := range sockets {
				_ = f.Close()
			}
			return nil, nil, listenError(addr, err)
		}
		sockets = append(sockets, f)
	}
	return sockets, bound, nil
}

// socketOf closes a listener and returns its socket. That of File itself would make the
// socket blocking each time that it is handed on, also for children that have it.
func socketOf(ln net.Listener) (*os.File, error) {
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dupFile(int(f.Fd()))
}

func reusePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1)
	})
	if err == nil && failed != nil {
		err = fmt.Errorf("SO_REUSEPORT: %w", failed)
	}
	return err
}

// pollFile returns a file whose reads end when it is closed.
func pollFile(fd int, name string) *os.File {
	syscall.CloseOnExec(fd)
	_ = syscall.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), name)
}
