package geist

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bareSocket is a TCP connection that is only written to, outside of package net: what that
// and Go's poller have for each connection, some 900 bytes, is most of what a stream that
// nobody waits on would cost. A write that has to wait takes the poller for as long.
type bareSocket struct {
	fd int32 // frozen; valid while users is not 0

	mu     sync.Mutex
	users  int32     // guarded by mu; calls that use fd, and one until Close
	closed bool      // guarded by mu
	until  time.Time // guarded by mu; the deadline of writes that wait; zero for none
}

// bare returns s with a descriptor of its own for the same connection, and false if there
// can be none. The connection of s may be closed then.
func (s *socket) bare() (socket, bool) {
	if _, ok := s.conn.(*net.TCPConn); !ok || s.raw == nil {
		return socket{}, false
	}
	fd := -1
	if s.raw.Control(func(old uintptr) { fd = duplicate(int(old)) }) != nil || fd < 0 {
		return socket{}, false
	}
	b := &bareSocket{fd: int32(fd), users: 1}
	return socket{conn: b, raw: (*bareRaw)(b), patience: s.patience}, true
}

// duplicate returns a copy of a descriptor, which no child process inherits, or -1.
func duplicate(fd int) int {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// use keeps the descriptor from being closed until release, and reports whether it is open.
func (b *bareSocket) use() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.users++
	return true
}

func (b *bareSocket) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.releaseLocked()
}

// releaseLocked closes the descriptor with its last user. b.mu must be held.
func (b *bareSocket) releaseLocked() {
	if b.users--; b.users == 0 {
		_ = syscall.Close(int(b.fd))
	}
}

// Close closes the connection. A write that waits fails at once.
func (b *bareSocket) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return net.ErrClosed
	}
	b.closed = true
	if b.users > 1 {
		_ = syscall.Shutdown(int(b.fd), syscall.SHUT_RDWR)
	}
	b.releaseLocked()
	return nil
}

// SetWriteDeadline bounds writes that begin to wait from now on.
func (b *bareSocket) SetWriteDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = t
	return nil
}

// Write writes all of p.
func (b *bareSocket) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = rawWrite((*bareRaw)(b), p[n:], true)
		n += more
	}
	return n, err
}

// bareRaw is a bareSocket as those see it who use its descriptor.
type bareRaw bareSocket

var _ syscall.RawConn = (*bareRaw)(nil)

// Control calls f with the descriptor.
func (r *bareRaw) Control(f func(fd uintptr)) error {
	b := (*bareSocket)(r)
	if !b.use() {
		return net.ErrClosed
	}
	defer b.release()
	f(uintptr(b.fd))
	return nil
}

// Read fails: nobody reads.
func (r *bareRaw) Read(func(fd uintptr) bool) error { return syscall.EOPNOTSUPP }

// Write calls f until it reports true, waiting each time until the socket takes more.
func (r *bareRaw) Write(f func(fd uintptr) bool) error {
	b := (*bareSocket)(r)
	if !b.use() {
		return net.ErrClosed
	}
	defer b.release()
	if f(uintptr(b.fd)) {
		return nil
	}
	return b.await(f)
}

// await calls f whenever the socket takes more, by another copy of its descriptor, which Go's
// poller watches meanwhile.
func (b *bareSocket) await(f func(fd uintptr) bool) error {
	fd := duplicate(int(b.fd))
	if fd < 0 {
		return b.retry(f)
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer func() { _ = file.Close() }()
	b.mu.Lock()
	until := b.until
	b.mu.Unlock()
	if err := file.SetWriteDeadline(until); err != nil {
		return err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(f)
}

// retryPause is how often retry looks.
const retryPause = 20 * time.Millisecond

// retry is await without a descriptor, where there are no more: a slow client must not pay
// for that.
func (b *bareSocket) retry(f func(fd uintptr) bool) error {
	for {
		time.Sleep(retryPause)
		b.mu.Lock()
		closed, until := b.closed, b.until
		b.mu.Unlock()
		switch {
		case closed:
			return net.ErrClosed
		case f(uintptr(b.fd)):
			return nil
		case !until.IsZero() && !time.Now().Before(until):
			return os.ErrDeadlineExceeded
		}
	}
}
