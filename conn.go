package geist

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// This file wraps the connections of listeners that the engine serves itself, so
// that a drain knows exactly what each of them is doing:
//
//   - A connection is at a boundary when nothing of a request has been read since
//     the last answer was written. Only there may a drain end it.
//   - Shutdown wakes all blocked reads with an expired deadline. Each connection's
//     own goroutine then decides: within a request it goes on reading under its own
//     deadline; at a boundary it waits for one more request until Config.DrainIdle
//     has passed, and then reads EOF.
//
// The fields that a connection's goroutine alone touches need no lock, and an
// undisturbed server pays a plain load a read (BenchmarkServe_loopback).

// connState is what a wrapped connection knows of its requests.
type connState struct {
	live *server
	ip   netip.Addr // counted by Config.MaxConnsPerIP; zero if there is no bound

	// Owned by the connection's goroutine.
	got      int       // bytes read since the last answer was written
	used     int       // of these, bytes of requests that have been handled; known while draining
	counting bool      // used has been counted since a boundary: writing resets nothing
	deadline time.Time // what fasthttp set last
	hijacked bool      // somebody else's connection now
}

// netConn is a wrapped connection.
type netConn interface {
	net.Conn
	state() *connState
	inner() net.Conn
}

// The wrappers embed the concrete connections, so that what fasthttp and the
// kernel can do with these (TLS state, SyscallConn, ReadFrom) stays visible.
type (
	tcpConn struct {
		*net.TCPConn
		connState
	}
	tlsConn struct {
		*tls.Conn
		connState
	}
	anyConn struct {
		net.Conn
		connState
	}
)

func (c *tcpConn) state() *connState { return &c.connState }
func (c *tlsConn) state() *connState { return &c.connState }
func (c *anyConn) state() *connState { return &c.connState }

func (c *tcpConn) inner() net.Conn { return c.TCPConn }
func (c *tlsConn) inner() net.Conn { return c.Conn }
func (c *anyConn) inner() net.Conn { return c.Conn }

func (c *tcpConn) Read(p []byte) (int, error) { return c.read(c.TCPConn, p) }
func (c *tlsConn) Read(p []byte) (int, error) { return c.read(c.Conn, p) }
func (c *anyConn) Read(p []byte) (int, error) { return c.read(c.Conn, p) }

func (c *tcpConn) Write(p []byte) (int, error) { c.wrote(p); return c.TCPConn.Write(p) }
func (c *tlsConn) Write(p []byte) (int, error) { c.wrote(p); return c.Conn.Write(p) }
func (c *anyConn) Write(p []byte) (int, error) { c.wrote(p); return c.Conn.Write(p) }

func (c *tcpConn) Close() error { c.live.forget(c); return c.TCPConn.Close() }
func (c *tlsConn) Close() error { c.live.forget(c); return c.Conn.Close() }
func (c *anyConn) Close() error { c.live.forget(c); return c.Conn.Close() }

func (c *tcpConn) SetReadDeadline(t time.Time) error { return c.setDeadline(c.TCPConn, t) }
func (c *tlsConn) SetReadDeadline(t time.Time) error { return c.setDeadline(c.Conn, t) }
func (c *anyConn) SetReadDeadline(t time.Time) error { return c.setDeadline(c.Conn, t) }

func (s *connState) setDeadline(inner net.Conn, t time.Time) error {
	s.deadline = t
	return inner.SetReadDeadline(t)
}

// read reads from the wrapped connection. The order matters: fasthttp has set its
// deadline before, then closing is looked at; Shutdown sets closing, then wakes.
// So either this read sees closing, or it is woken.
func (s *connState) read(inner net.Conn, p []byte) (int, error) {
	if s.hijacked {
		return inner.Read(p)
	}
	if !s.live.closing.Load() {
		n, err := inner.Read(p)
		s.got += n
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !s.live.closing.Load() {
			return n, err
		}
	}
	return s.readDraining(inner, p)
}

// readDraining reads while the server drains.
func (s *connState) readDraining(inner net.Conn, p []byte) (int, error) {
	limit := s.deadline
	boundary := s.got == s.used
	if boundary {
		s.got, s.used, s.counting = 0, 0, true
	}
	if end := s.live.idleEnd(); boundary && (limit.IsZero() || end.Before(limit)) {
		limit = end
	}
	for {
		if err := inner.SetReadDeadline(limit); err != nil {
			return 0, err
		}
		n, err := inner.Read(p)
		s.got += n
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if !limit.IsZero() && !time.Now().Before(limit) {
			if boundary {
				return 0, io.EOF
			}
			return 0, err
		}
		// Shutdown's wake-up came between the deadline and the read: read again.
	}
}

// continueLine is what fasthttp writes within a request, which is no answer.
const continueLine = "HTTP/1.1 100 Continue\r\n\r\n"

// wrote notes that an answer is being written.
func (s *connState) wrote(p []byte) {
	if s.hijacked || s.counting || string(p) == continueLine {
		return
	}
	s.got, s.used = 0, 0
}

// lastRequest decides, while the server drains, whether this request is the last
// of its connection: it is, and its answer says so, if nothing of another one has
// been read yet. Pipelined requests that have been read are all answered.
func (s *server) lastRequest(rc *fasthttp.RequestCtx) {
	c, ok := rc.Conn().(netConn)
	if !ok {
		rc.SetConnectionClose() // a foreign server's connection: we cannot know
		return
	}
	st := c.state()
	size := requestSize(&rc.Request)
	if size == 0 {
		st.counting = false
		return
	}
	if st.used += size; st.used == st.got {
		rc.SetConnectionClose()
	}
}

// requestSize returns the bytes that a request took on the wire, or 0 if its form
// does not tell: a chunked body.
func requestSize(req *fasthttp.Request) int {
	h := &req.Header
	if h.ContentLength() == -1 || req.IsBodyStream() {
		return 0
	}
	line := len(h.Method()) + 1 + len(h.RequestURI()) + 1 + len(h.Protocol()) + len("\r\n")
	return line + len(h.RawHeaders()) + len(req.Body())
}

// connRegistry is the set of open connections.
type connRegistry struct {
	mu    sync.Mutex
	conns map[netConn]struct{} // guarded by mu
	empty chan struct{}        // guarded by mu; closed when the last connection goes, if somebody waits
}

func (r *connRegistry) add(c netConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = map[netConn]struct{}{}
	}
	r.conns[c] = struct{}{}
}

// forget ends what is known of a connection. It may be called again.
func (s *server) forget(c netConn) {
	if s.conns.remove(c) {
		s.perIP.remove(c.state().ip)
	}
}

// remove takes a connection out and reports whether it was in.
func (r *connRegistry) remove(c netConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.conns[c]; !known {
		return false
	}
	delete(r.conns, c)
	if len(r.conns) == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
	return true
}

// wait returns a channel that is closed once there is no connection.
func (r *connRegistry) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	if len(r.conns) == 0 {
		close(done)
		return done
	}
	if r.empty == nil {
		r.empty = done
	}
	return r.empty
}

// all returns the open connections.
func (r *connRegistry) all() []netConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]netConn, 0, len(r.conns))
	for c := range r.conns {
		all = append(all, c)
	}
	return all
}
