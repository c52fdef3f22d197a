//go:build unix

package geist

import (
	"io"
	"sync"
	"syscall"
)

// rawWrites says that sockets can be written to without waiting.
const rawWrites = true

// rawWrite writes what a socket takes of p, and if that is nothing and wait is set,
// waits until it takes some, or for the write deadline.
func rawWrite(raw syscall.RawConn, p []byte, wait bool) (n int, err error) {
	op := rawOps.Get().(*rawOp)
	op.p, op.wait = p, wait
	werr := raw.Write(op.run)
	n, err = op.n, op.err
	*op = rawOp{run: op.run}
	rawOps.Put(op)
	if err == nil {
		err = werr
	}
	return n, err
}

// rawOp is one write, made a function once: a closure for each would cost three
// allocations.
type rawOp struct {
	run  func(fd uintptr) bool // of this op
	p    []byte
	n    int
	err  error
	wait bool
}

var rawOps = sync.Pool{New: func() any {
	op := new(rawOp)
	op.run = func(fd uintptr) bool {
		op.n, op.err = writeFD(int(fd), op.p)
		return op.n > 0 || op.err != nil || !op.wait
	}
	return op
}}

// writeFD writes what a descriptor takes. That it takes nothing is no error.
func writeFD(fd int, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := syscall.Write(fd, p[n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return n, nil
		case err != nil:
			return n, err
		}
		n += m
	}
	return n, nil
}

// rawRead reads into p without waiting. ok is false if there is nothing to read yet.
func rawRead(fd uintptr, p []byte) (n int, ok bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, false, nil
		case err != nil:
			return 0, true, err
		case n == 0:
			return 0, true, io.EOF
		}
		return n, true, nil
	}
}
