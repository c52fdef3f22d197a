package geist

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"time"
)

// socket is the writing side of a connection that outlives its request: all of
// outlet.Socket but Ended, under names that no type which embeds it shows. It is used as
// package outlet says: one write at a time, and cutOff beside it.
type socket struct {
	conn     sender          // the innermost that takes plaintext: under our wrappers, above TLS
	raw      syscall.RawConn // of conn, where a write that does not wait is possible; else nil
	patience time.Duration   // how long a write waits for progress; 0 means for ever
}

// sender is what a socket writes to: a net.Conn, or a bareSocket.
type sender interface {
	io.WriteCloser
	SetWriteDeadline(t time.Time) error
}

// socketChunk is how much is written under one deadline where progress cannot be seen
// within a write.
const socketChunk = 16 << 10

// newSocket returns the socket of a connection. Only plain sockets can be written to
// without waiting: a wrapper around one may do with the bytes what it likes.
func newSocket(conn net.Conn, patience time.Duration) socket {
	s := socket{conn: conn, patience: max(patience, 0)}
	if !rawWrites {
		return s
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		s.raw, _ = c.SyscallConn()
	case *net.UnixConn:
		s.raw, _ = c.SyscallConn()
	}
	s.boundSilence()
	return s
}

// boundSilence has the kernel apply patience, too: see setUserTimeout.
func (s *socket) boundSilence() {
	conn := s.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && s.patience > 0 {
		if raw, err := tcp.SyscallConn(); err == nil {
			setUserTimeout(raw, s.patience)
		}
	}
}

// tryWrite writes what the connection takes without waiting.
func (s *socket) tryWrite(p []byte) (int, error) {
	if s.raw == nil {
		return 0, nil
	}
	return rawWrite(s.raw, p, false)
}

// writeAll writes all of p, and fails when nothing more is taken for the time of patience.
func (s *socket) writeAll(p []byte) error {
	if s.raw == nil {
		return s.writeChunks(p)
	}
	n, err := rawWrite(s.raw, p, false)
	if err != nil || n == len(p) {
		return err
	}
	return s.writeRest(p[n:])
}

// writeRest writes what a socket did not take at once.
func (s *socket) writeRest(p []byte) (err error) {
	for n := 0; err == nil && len(p) > 0; p = p[n:] {
		s.bound()
		n, err = rawWrite(s.raw, p, true)
	}
	_ = s.conn.SetWriteDeadline(time.Time{}) // a passed one would fail tryWrite; a closed connection fails anyway
	return err
}

// writeChunks writes p with the connection's own method.
func (s *socket) writeChunks(p []byte) error {
	for len(p) > 0 {
		s.bound()
		n, err := s.conn.Write(p[:min(len(p), socketChunk)])
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// bound sets the deadline of the next write.
func (s *socket) bound() {
	if s.patience > 0 {
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.patience)) // a closed connection fails to write
	}
}

// cutOff closes the connection at once: without TLS's goodbye, which could have to wait.
func (s *socket) cutOff() {
	conn := s.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}
