// Package memconn connects two ends of one process as TCP would: buffered both ways, with working
// deadlines, half-close and addresses, but without a port, a descriptor or a goroutine.
//
//	client Conn ── half: bytes the client wrote ──► server Conn
//	            ◄── half: bytes the server wrote ──
//
// It differs from TCP in two points that make tests exact: an end sees at once that the other one
// has closed, and a close never throws away bytes that the other end has yet to read.
package memconn

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// BufferSize is how many bytes wait in each direction before a Write blocks: 64 KiB.
const BufferSize = 64 << 10

// Conn is one end of a connection. Its methods may be called from any goroutine.
type Conn struct {
	in, out *half
	local   net.Addr
	remote  net.Addr
	gone    chan struct{} // closed when the peer closes or half-closes
	peer    *Conn

	once    sync.Once // of closing
	outOnce sync.Once // of closing the outgoing direction
	onClose func()    // called once by Close; may be nil
}

var _ net.Conn = (*Conn)(nil)

// Pipe returns the two ends of a new connection: the one whose address is a, and the one whose
// address is b.
func Pipe(a, b net.Addr) (*Conn, *Conn) {
	ab, ba := newHalf(), newHalf()
	left := &Conn{in: ba, out: ab, local: a, remote: b, gone: make(chan struct{})}
	right := &Conn{in: ab, out: ba, local: b, remote: a, gone: make(chan struct{}), peer: left}
	left.peer = right
	return left, right
}

// Read reads what the peer wrote. It gives io.EOF when the peer has closed or half-closed and all
// has been read, os.ErrDeadlineExceeded after the read deadline, even if bytes wait, and
// net.ErrClosed after Close, all but the first in a *net.OpError.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	return n, err
}

// Write writes all of p, and blocks while BufferSize bytes wait to be read. It gives
// os.ErrDeadlineExceeded after the write deadline, net.ErrClosed after Close or CloseWrite and
// syscall.EPIPE when the peer has closed, each in a *net.OpError.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.opError("write", err)
	}
	return n, err
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions: blocked calls of this end return net.ErrClosed; the peer reads what
// is left and then io.EOF, and its writes fail. A second Close fails with net.ErrClosed.
func (c *Conn) Close() error {
	err := c.opError("close", net.ErrClosed)
	c.once.Do(func() {
		err = nil
		c.closeOut()
		c.in.abandon()
		if c.onClose != nil {
			c.onClose()
		}
	})
	return err
}

// CloseWrite ends the outgoing direction: the peer reads what is left and then io.EOF, and may
// still write.
func (c *Conn) CloseWrite() error {
	c.closeOut()
	return nil
}

func (c *Conn) closeOut() {
	c.outOnce.Do(func() {
		c.out.finish()
		close(c.peer.gone)
	})
}

// PeerGone returns a channel that is closed when the peer closes or half-closes its end. It is what
// internal/peerwatch looks for.
func (c *Conn) PeerGone() <-chan struct{} { return c.gone }

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; the zero time removes them.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, the blocked one included; the zero time removes the bound. It fails
// with net.ErrClosed after Close.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.in.setDeadline(&c.in.reader, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

// SetWriteDeadline bounds writes, the blocked one included; the zero time removes the bound. It
// fails with net.ErrClosed after Close or CloseWrite.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.out.setDeadline(&c.out.writer, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

// half is one direction: a bounded buffer.
//
//	buf[off:] is what was written and not yet read; writer.closed with off == len(buf) is EOF
type half struct {
	mu     sync.Mutex
	change sync.Cond // of everything below
	buf    []byte    // guarded by mu
	off    int       // guarded by mu
	reader side      // guarded by mu
	writer side      // guarded by mu
}

// side is one user of a half.
type side struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer // wakes the waiting when the deadline passes; nil without one
}

func newHalf() *half {
	h := &half{}
	h.change.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reader.closed:
			return 0, net.ErrClosed
		case h.reader.expired():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.off < len(h.buf):
			n := copy(p, h.buf[h.off:])
			h.off += n
			if h.off == len(h.buf) {
				h.buf, h.off = h.buf[:0], 0
			}
			h.change.Broadcast()
			return n, nil
		case h.writer.closed:
			return 0, io.EOF
		}
		h.change.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for {
		switch {
		case h.writer.closed:
			return n, net.ErrClosed
		case h.writer.expired():
			return n, os.ErrDeadlineExceeded
		case h.reader.closed:
			return n, syscall.EPIPE
		}
		if room := BufferSize - (len(h.buf) - h.off); room > 0 {
			part := p[n:min(n+room, len(p))]
			h.buf = append(h.compact(len(part)), part...)
			n += len(part)
			h.change.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		h.change.Wait()
	}
}

// compact makes room for n bytes at the end of buf without growing it where it can.
func (h *half) compact(n int) []byte {
	if h.off > 0 && len(h.buf)+n > cap(h.buf) {
		h.buf, h.off = h.buf[:copy(h.buf, h.buf[h.off:])], 0
	}
	return h.buf
}

// finish ends the half on the writer's side.
func (h *half) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writer.end()
	h.change.Broadcast()
}

// abandon ends the half on the reader's side.
func (h *half) abandon() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reader.end()
	h.buf, h.off = nil, 0
	h.change.Broadcast()
}

// setDeadline reports false if the side is closed.
func (h *half) setDeadline(s *side, t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return false
	}
	s.stopTimer()
	s.deadline = t
	if d := time.Until(t); !t.IsZero() && d > 0 {
		s.timer = time.AfterFunc(d, h.wake)
	}
	h.change.Broadcast()
	return true
}

// wake lets the waiting look at their deadlines. The lock orders it after a waiter's look.
func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change.Broadcast()
}

func (s *side) expired() bool {
	return !s.deadline.IsZero() && !time.Now().Before(s.deadline)
}

func (s *side) end() {
	s.closed = true
	s.stopTimer()
}

func (s *side) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
