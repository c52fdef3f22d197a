package geist

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// This file wraps the connections of listeners that the engine serves itself, so
// that timeouts cost next to nothing and a drain knows exactly what each connection
// is doing:
//
//   - A connection is at a boundary when no byte has been read of a request that is
//     not being handled yet. Only there may a drain end it, and only there does
//     Config.IdleTimeout apply; elsewhere it is Config.ReadTimeout.
//   - Shutdown wakes all blocked reads with an expired deadline. Each connection's
//     own goroutine then decides: within a request it goes on reading under its own
//     deadline; at a boundary it waits for one more request until Config.DrainIdle
//     has passed, and then reads EOF.
//
// What tells a boundary is the size of the buffer that fasthttp reads into: between
// a request that has been handled and the next, its reader offers the whole of it
// exactly when it holds nothing, or nothing but a header that it has parsed already.
// Arithmetic tells these apart: bytes read less the sizes of the requests handled.
//
//	"GET /a …" "GET /b …" "GET /"     one read: two requests and a part of the third
//	 handled    handled    kept       the next read is offered less than the buffer
//
// Whether an answer is the last one must be known earlier, when it is written. That
// is arithmetic alone. Where a size is not known (chunked bodies), nothing is claimed.
//
// fasthttp would look at the clock and set a deadline three times a request; its
// own timeouts are off for these connections. Here a deadline is set only before
// an actual read or write, and while the clock shows the same tick not again
// (docs/design/005-timeouts.md).
//
// The fields that a connection's goroutine alone touches need no lock.

// connState is what a wrapped connection knows of its requests.
type connState struct {
	live *server
	addr *addrConns // nil where connections are not counted by address; frozen by connRegistry.add
	seat seat       // among those of live

	linger atomic.Bool // the client may be sending still: see close

	// Owned by the connection's goroutine.
	unsure   bool          // pending is not known: a chunked body was among it
	between  bool          // no byte has been read since a request was handled
	seen     bool          // a request has been handled
	drained  bool          // behind the last request that was handled, nothing more had been read
	flushed  bool          // every answer before the one in the making has been sent
	hijacked bool          // somebody else's connection now
	detached bool          // fasthttp has nothing to do with it any more
	written  bool          // something was written since the last read
	ended    bool          // a read has failed: nothing more comes
	inBody   bool          // the body of the request that is handled has not been read to its end
	pending  int           // bytes read of requests that are not being handled yet
	lost     func()        // called if the connection is closed before it could be given away
	deadline int64         // of reading, as it is set, in nanoseconds since 1970; 0 for none
	armed    int64         // the clock when it was set to wait for a request; inRequest, or 0 for neither
	armedOut int64         // the clock when the deadline of writing was set
	bodyTime time.Duration // what is left of ReadTimeout for the body; 0 if it is not bounded
	lent     *lent         // nil until a body was large
	facts    *connFacts    // nil until a handler of net/http has asked
}

// lent is what waits for the answer to be written, see giveBack.
type lent struct {
	answered []byte // the buffer of the last answer, see lendBody
	asked    []byte // the buffer of the last request's body, see returnBody
}

// connFacts is what handlers of net/http ask of each connection.
type connFacts struct {
	remote string // the client's address
	tls    *tls.ConnectionState
}

// inRequest is connState.armed while the deadline is that of a request.
const inRequest = -1

// netConn is a wrapped connection.
type netConn interface {
	net.Conn
	seater
	state() *connState
	inner() net.Conn
	// end closes the connection, detached or not.
	end() error
	// wake makes a blocked read look at connState.live.closing, which is set.
	wake()
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
		shaken atomic.Bool // the handshake is over
	}
	anyConn struct {
		net.Conn
		connState
		in   net.Conn    // reads from Conn and sets deadlines under mu
		idle atomic.Bool // a read waits at a boundary
		mu   sync.Mutex  // one deadline at a time: unlike the kernel's, other connections may need it
	}
)

func (c *tcpConn) state() *connState { return &c.connState }
func (c *tlsConn) state() *connState { return &c.connState }
func (c *anyConn) state() *connState { return &c.connState }

// place is where a connection sits among those of its server.
func (s *connState) place() *seat { return &s.seat }

func (c *tcpConn) inner() net.Conn { return c.TCPConn }
func (c *tlsConn) inner() net.Conn { return c.Conn }
func (c *anyConn) inner() net.Conn { return c }

// NetConn returns the connection that a listener accepted: internal/peerwatch looks
// there for what it can watch.
func (c *anyConn) NetConn() net.Conn { return c.Conn }

func (c *tcpConn) Read(p []byte) (int, error) { return c.read(c.TCPConn, p, c.boundary(p)) }
func (c *tlsConn) Read(p []byte) (int, error) { return c.read(c.Conn, p, c.boundary(p)) }

func (c *anyConn) Read(p []byte) (int, error) {
	if c.hijacked || !c.boundary(p) {
		return c.read(c.in, p, false)
	}
	c.idle.Store(true)
	n, err := c.read(c.in, p, true)
	c.idle.Store(false)
	return n, err
}

func newAnyConn(raw net.Conn) *anyConn {
	c := &anyConn{Conn: raw}
	c.in = anyReader{raw, c}
	return c
}

// anyReader reads from the accepted connection and sets deadlines under the lock.
type anyReader struct {
	net.Conn
	c *anyConn
}

func (r anyReader) SetReadDeadline(t time.Time) error { return r.c.lockedDeadline(t) }

func (c *tcpConn) Write(p []byte) (int, error) { c.armWrite(c.TCPConn); return c.TCPConn.Write(p) }
func (c *tlsConn) Write(p []byte) (int, error) { c.armWrite(c.Conn); return c.Conn.Write(p) }
func (c *anyConn) Write(p []byte) (int, error) { c.armWrite(c.Conn); return c.Conn.Write(p) }

// Close is for fasthttp, which closes what it has given away too.
func (c *tcpConn) Close() error { return c.closeUnlessDetached(c) }
func (c *tlsConn) Close() error { return c.closeUnlessDetached(c) }
func (c *anyConn) Close() error { return c.closeUnlessDetached(c) }

func (c *tcpConn) end() error { return c.close(c, c.TCPConn) }
func (c *tlsConn) end() error { return c.close(c, c.Conn) }
func (c *anyConn) end() error { return c.close(c, c.Conn) }

// closeUnlessDetached closes c, unless fasthttp only believes to close it.
func (s *connState) closeUnlessDetached(c netConn) error {
	if s.detached {
		return nil
	}
	if lost := s.lost; lost != nil {
		s.lost = nil
		lost()
	}
	return c.end()
}

// lingerTime bounds the pause of close.
const lingerTime = 500 * time.Millisecond

// close ends a connection. If the client may be sending still, the kernel would
// answer that with a reset, which takes from the client the answer that it has not
// read yet: so only our side is closed first, and the rest read for a while.
func (s *connState) close(c netConn, inner net.Conn) error {
	if half, ok := inner.(interface{ CloseWrite() error }); ok && s.linger.Swap(false) {
		if half.CloseWrite() == nil && inner.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, struct{ io.Reader }{inner})
		}
	}
	s.live.conns.remove(c)
	return inner.Close()
}

// SetDeadline is what fasthttp calls before it gives a connection away, which it would
// not do if that failed.
func (c *tcpConn) SetDeadline(t time.Time) error { return c.unlessLost(c.TCPConn.SetDeadline(t)) }
func (c *tlsConn) SetDeadline(t time.Time) error { return c.unlessLost(c.Conn.SetDeadline(t)) }

func (c *anyConn) SetDeadline(t time.Time) error {
	return c.unlessLost(errors.Join(c.lockedDeadline(t), c.Conn.SetWriteDeadline(t)))
}

func (s *connState) unlessLost(err error) error {
	if s.lost != nil {
		return nil
	}
	return err
}

func (c *tcpConn) SetReadDeadline(t time.Time) error {
	c.noteDeadline(t)
	return c.TCPConn.SetReadDeadline(t)
}

func (c *tlsConn) SetReadDeadline(t time.Time) error {
	c.noteDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *anyConn) SetReadDeadline(t time.Time) error {
	c.noteDeadline(t)
	return c.lockedDeadline(t)
}

func (c *anyConn) lockedDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

// noteDeadline notes a deadline that was set for the rest of a request.
func (s *connState) noteDeadline(t time.Time) {
	s.setDeadline(t)
	s.armed = inRequest
}

// setDeadline notes the deadline of reading.
func (s *connState) setDeadline(t time.Time) {
	s.deadline = 0
	if !t.IsZero() {
		s.deadline = t.UnixNano()
	}
}

func (c *tcpConn) SetWriteDeadline(t time.Time) error {
	c.written = true
	return c.TCPConn.SetWriteDeadline(t)
}

func (c *tlsConn) SetWriteDeadline(t time.Time) error {
	c.written = true
	return c.Conn.SetWriteDeadline(t)
}

func (c *anyConn) SetWriteDeadline(t time.Time) error {
	c.written = true
	return c.Conn.SetWriteDeadline(t)
}

// armWrite bounds writing an answer, from its first byte on. What is written later
// without a read between is part of it, or has a deadline of its own.
func (s *connState) armWrite(inner net.Conn) {
	if s.hijacked || s.written {
		return
	}
	s.written = true
	if now := s.live.clock.nanos(); now != s.armedOut {
		s.armedOut = now
		_ = inner.SetWriteDeadline(deadline(now, s.live.writeTimeout)) // a closed connection fails to write
	}
}

// renewWrite gives a long answer that goes on another WriteTimeout.
func (s *connState) renewWrite(inner net.Conn) {
	s.written = false
	s.armWrite(inner)
}

// armRead bounds the wait for a request, or for the rest of one.
func (s *connState) armRead(inner net.Conn, boundary bool) error {
	if !boundary {
		if s.armed == inRequest {
			return nil
		}
		timeout := s.live.readTimeout
		if s.inBody {
			timeout = s.bodyTime
		}
		s.armed = inRequest
		until := deadline(time.Now().UnixNano(), timeout)
		s.setDeadline(until)
		return inner.SetReadDeadline(until)
	}
	now := s.live.clock.nanos()
	if now == s.armed {
		return nil
	}
	timeout := s.live.idleTimeout
	if !s.seen {
		timeout = s.live.readTimeout
	}
	s.armed = now
	until := deadline(now, timeout)
	s.setDeadline(until)
	return inner.SetReadDeadline(until)
}

// expired is a deadline in the past.
var expired = time.Unix(1, 0)

func (c *tcpConn) wake() { _ = c.TCPConn.SetReadDeadline(expired) }
func (c *anyConn) wake() { _ = c.lockedDeadline(expired) }

// wake must not break a handshake, from which tls.Conn would not recover: it only
// bounds it, as the wait for a request. If the handshake ends meanwhile, the read
// that follows sees closing by itself.
func (c *tlsConn) wake() {
	t := expired
	if !c.shaken.Load() {
		t = c.live.idleEnd().Add(lastLook)
	}
	_ = c.Conn.SetReadDeadline(t)
}

// Handshake is called by fasthttp before the first read. It counts as a part of
// the first request.
func (c *tlsConn) Handshake() error {
	if err := c.Conn.SetDeadline(deadline(time.Now().UnixNano(), c.live.readTimeout)); err != nil {
		return err
	}
	if c.live.closing.Load() {
		c.wake()
	}
	err := c.Conn.Handshake()
	c.shaken.Store(true)
	if err != nil {
		answerPlain(err)
	}
	return err
}

// lastLook is how long a read at a boundary lasts at least while the server
// drains: an expired deadline would drop what has arrived already.
const lastLook = 20 * time.Millisecond

// read reads from the wrapped connection, at a boundary or not. The order matters: the deadline is set
// first, then closing is looked at; Shutdown sets closing, then wakes.
// So either this read sees closing, or it is woken.
func (s *connState) read(inner net.Conn, p []byte, boundary bool) (int, error) {
	if s.hijacked {
		return inner.Read(p)
	}
	if boundary {
		s.pending, s.unsure = 0, false
		s.giveBack()
	}
	if err := s.armRead(inner, boundary); err != nil {
		return 0, err
	}
	if !s.live.closing.Load() {
		n, err := inner.Read(p)
		if n > 0 {
			s.took(n)
			return n, err
		}
		s.ended, s.written = true, false // what is written now is an answer to that
		if !isTimeout(err) || !s.live.closing.Load() {
			return n, err
		}
	}
	return s.readDraining(inner, p, boundary)
}

// took notes that bytes of a request have been read.
func (s *connState) took(n int) {
	s.pending += n
	s.between, s.written = false, false
}

// boundary reports whether nothing has been read of a request to come, given the
// buffer that is to be read into: the whole of fasthttp's if that is empty, or, if
// it saves memory, a single byte. It is empty also when the header of the next
// request came together with this one and its body is awaited: then, a header's
// size is pending. (Behind a chunked body that case is not told apart.)
func (s *connState) boundary(p []byte) bool {
	return s.between && !s.inBody && (len(p) == s.live.bufferSize || len(p) == 1) && (s.unsure || s.pending < leastRequest)
}

// leastRequest is the size of the shortest request. Less than that is no request but
// bytes that requestSize does not count, such as empty lines before a request.
const leastRequest = len("GET / HTTP/1.0\r\n\r\n")

// readDraining reads while the server drains.
func (s *connState) readDraining(inner net.Conn, p []byte, boundary bool) (int, error) {
	var limit time.Time
	if s.deadline != 0 {
		limit = time.Unix(0, s.deadline)
	}
	if end := s.live.idleEnd(); boundary && (limit.IsZero() || end.Before(limit)) {
		limit = end
		if soon := time.Now().Add(lastLook); limit.Before(soon) {
			limit = soon
		}
	}
	for {
		if err := inner.SetReadDeadline(limit); err != nil {
			return 0, err
		}
		n, err := inner.Read(p)
		if n > 0 {
			s.took(n)
			s.ended = false
			s.armed = 0 // the deadline was that of the drain
			return n, err
		}
		if !isTimeout(err) {
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

// isTimeout reports whether a read ended by its deadline. Not every connection
// says so with os.ErrDeadlineExceeded.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// stateOf returns the state of a connection that the engine has accepted, else nil.
func stateOf(conn net.Conn) *connState {
	switch c := conn.(type) {
	case *tcpConn:
		return &c.connState
	case *tlsConn:
		return &c.connState
	case *anyConn:
		return &c.connState
	}
	return nil
}

// handle notes that a request begins to be handled, which a handler may change.
func (s *connState) handle(req *fasthttp.Request, length int) {
	// fasthttp keeps an answer while it has bytes of another request, and sends it
	// before it reads more of that one's header.
	s.giveBack()
	s.flushed = !s.seen || s.drained && !s.between
	s.between, s.seen = true, true
	s.inBody = false
	if req.IsBodyStream() && !s.live.prefetched(req) {
		s.awaitBody()
	}
	if s.armed == inRequest {
		s.armed = 0
	}
	if size := requestSize(req, length); size == 0 {
		s.unsure = true
	} else if !s.unsure {
		s.pending -= size
	}
	s.drained = s.pending == 0 && !s.unsure
}

// awaitBody notes that a body is to be read, in what is left of the request's time.
func (s *connState) awaitBody() {
	s.inBody = true
	s.bodyTime = s.live.readTimeout
	if s.armed == inRequest && s.deadline != 0 {
		s.bodyTime = max(time.Until(time.Unix(0, s.deadline)), time.Nanosecond)
	}
}

// bodyRead notes that the body of the request that is handled has been read to its end.
func (s *connState) bodyRead() {
	s.inBody = false
	s.between = true
	if s.armed == inRequest {
		s.armed = 0
	}
	s.drained = s.pending == 0 && !s.unsure
}

// requestSize returns the bytes that a request takes on the wire, those of its body
// that are still to come included, or 0 if its form does not tell: a chunked body.
func requestSize(req *fasthttp.Request, body int) int {
	h := &req.Header
	if body == -1 {
		return 0
	}
	line := len(h.Method()) + 1 + len(h.RequestURI()) + 1 + len("HTTP/1.1") + len("\r\n")
	return line + len(h.RawHeaders()) + max(body, 0)
}

// lastRequest decides, while the server drains, whether this request is the last
// of its connection: it is, and its answer says so, if nothing of another one has
// been read yet. Pipelined requests that have been read are all answered. Of a
// foreign server's connection nothing is known.
func (s *server) lastRequest(rc *fasthttp.RequestCtx) {
	if st := stateOf(rc.Conn()); st == nil || st.pending <= 0 && !st.unsure {
		rc.SetConnectionClose()
	}
}
