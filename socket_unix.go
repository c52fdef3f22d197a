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
func rawWrite(raw syscall.RawConn, p []byte, wait bool) (int, error) {
	w := rawWriters.Get().(*rawWriter)
	w.p, w.wait = p, wait
	err := raw.Write(w.put)
	if err == nil {
		err = w.err
	}
	n := w.n
	w.p, w.n, w.err = nil, 0, nil
	rawWriters.Put(w)
	return n, err
}

// rawWriter is one call of rawWrite: pooled, since what is given to RawConn.Write escapes.
type rawWriter struct {
	put  func(fd uintptr) bool // write, made once
	p    []byte
	wait bool
	n    int
	err  error
}

var rawWriters = sync.Pool{New: func() any {
	w := &rawWriter{}
	w.put = w.write
	return w
}}

// write writes what a descriptor takes, and reports whether that was enough. That it
// takes nothing is no error.
func (w *rawWriter) write(fd uintptr) bool {
	for w.n < len(w.p) {
		n, err := syscall.Write(int(fd), w.p[w.n:])
		if n > 0 {
			w.n += n
			continue
		}
		if err == syscall.EINTR {
			continue
		}
		if err != syscall.EAGAIN {
			w.err = err
			return true
		}
		return w.n > 0 || !w.wait
	}
	return true
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
