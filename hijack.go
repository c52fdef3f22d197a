package geist

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// This file takes connections out of fasthttp's hands, for handlers of net/http and for
// WebSockets. fasthttp gives one away when its request is over, on a goroutine of its own,
// and wants it back when that function returns:
//
//   - One of our own listeners can be detached: it then ignores that fasthttp closes it,
//     and fasthttp has its buffers back at once (netConn.detach).
//   - A foreign server's stays in that function to its end, and with it what is pooled.

// hijacker is what a request was handed over to, if that is not a stream.
type hijacker interface {
	// giveAway is called when the chain and the hooks have returned. It reports false
	// if the request goes on to an answer after all.
	giveAway() bool
}

// hijack asks for the connection, without anything being written to it. begin is called
// once: with the connection, or with nil if it was lost before it could be given away.
func (c *Ctx) hijack(begin func(net.Conn)) {
	conn := c.rc.Conn()
	if b := bridgedOf(conn); b != nil {
		b.takeover = begin
		return
	}
	c.rc.HijackSetNoResponse(true)
	if st := stateOf(conn); st != nil {
		st.lost = func() { begin(nil) }
		c.rc.Hijack(func(conn net.Conn) {
			st.lost = nil
			begin(conn)
		})
		return
	}
	// A foreign server does not say that it has failed to send earlier answers and
	// closed the connection: the client's or our own end has to tell.
	once := &sync.Once{}
	lost := func() { once.Do(func() { begin(nil) }) }
	watch := c.server.watcher.Watch(conn, func() { go lost() }) // begin waits for the handler
	stop := context.AfterFunc(c.server.live.base, lost)
	c.rc.Hijack(func(conn net.Conn) {
		watch.Stop()
		stop()
		once.Do(func() { begin(conn) })
	})
}

// unhijacked returns the connection that fasthttp gives away, without its wrapper.
func unhijacked(conn net.Conn) net.Conn {
	if u, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
		return u.UnsafeConn()
	}
	return conn
}

// readAhead returns what has been read of a hijacked connection, but by nobody yet: with
// a deadline that has passed, only what is in the reader's buffer comes.
func readAhead(conn, outer net.Conn) []byte {
	_ = outer.SetReadDeadline(expired)
	rest, _ := io.ReadAll(conn)
	_ = outer.SetReadDeadline(time.Time{})
	return rest
}

// canHijack reports whether there is a real connection, and one that may be taken.
func canHijack(conn net.Conn) bool {
	if b := bridgedOf(conn); b != nil {
		return b.canTake()
	}
	return stateOf(conn) != nil || canDeadline(conn)
}

// Hijack gives the connection to the handler, as net/http does. It fails once the
// answer has begun to be sent. The connection is fasthttp's until Close is called.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.hijacked:
		return nil, nil, http.ErrHijacked
	case x.over:
		return nil, nil, errHandlerOver
	case x.out != nil || x.called:
		return nil, nil, errors.New("geist: Hijack after the answer has begun")
	case !canHijack(x.c.rc.Conn()):
		return nil, nil, http.ErrNotSupported
	}
	x.hijacked = true
	x.resume = make(chan struct{})
	x.turn <- turnHijack
	<-x.resume
	if x.taken == nil {
		return nil, nil, ErrServerClosed
	}
	return x.taken, bufio.NewReadWriter(bufio.NewReader(x.taken), bufio.NewWriter(x.taken)), nil
}

// giveAway asks for the connection, which comes when this request is over.
func (x *exchange) giveAway() bool {
	x.c.hijack(x.finishHijack)
	return true
}

// finishHijack lets the handler go on with the connection, ends the request with it,
// and waits for the connection's end: then fasthttp may have it back.
func (x *exchange) finishHijack(conn net.Conn) {
	if conn != nil {
		x.taken = takeConn(conn)
	}
	close(x.resume)
	<-x.turn
	if x.err != nil {
		if !isAbort(x.err) {
			x.c.logFailure(http.StatusSwitchingProtocols, x.err)
		}
		if x.taken != nil {
			_ = x.taken.Close()
		}
	}
	taken := x.taken
	x.c.end()
	if taken != nil {
		<-taken.closed
	}
}

// hijackedConn is a connection that a handler took. Nothing of it is pooled, so that
// goroutines may use it for as long as they like.
type hijackedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}

	mu    sync.Mutex
	rest  []byte    // guarded by mu; what had been read of it before
	until time.Time // guarded by mu; the user's read deadline
}

// takeConn takes the connection, and what was read ahead of it, out of fasthttp's hands.
func takeConn(conn net.Conn) *hijackedConn {
	outer := unhijacked(conn)
	if st := stateOf(outer); st != nil {
		st.hijacked = true
	}
	return &hijackedConn{Conn: outer, closed: make(chan struct{}), rest: readAhead(conn, outer)}
}

// Read reads what was read ahead first. A drain wakes all reads by a deadline that has
// passed: one that is not the user's own means nothing here.
func (h *hijackedConn) Read(p []byte) (int, error) {
	h.mu.Lock()
	if len(h.rest) > 0 {
		defer h.mu.Unlock()
		n := copy(p, h.rest)
		h.rest = h.rest[n:]
		return n, nil
	}
	h.mu.Unlock()
	for {
		n, err := h.Conn.Read(p)
		if n > 0 || !isTimeout(err) || !h.again() {
			return n, err
		}
	}
}

// again sets the user's read deadline once more, unless it has passed.
func (h *hijackedConn) again() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.until.IsZero() && !time.Now().Before(h.until) {
		return false
	}
	return h.Conn.SetReadDeadline(h.until) == nil
}

// SetReadDeadline bounds reads, as the connection's own does.
func (h *hijackedConn) SetReadDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = t
	return h.Conn.SetReadDeadline(t)
}

// SetDeadline bounds reads and writes.
func (h *hijackedConn) SetDeadline(t time.Time) error {
	return errors.Join(h.SetReadDeadline(t), h.Conn.SetWriteDeadline(t))
}

// Close closes the connection and lets fasthttp forget it.
func (h *hijackedConn) Close() error {
	err := h.Conn.Close()
	h.once.Do(func() { close(h.closed) })
	return err
}
