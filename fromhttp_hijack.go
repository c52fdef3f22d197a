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

// canHijack reports whether there is a real connection.
func canHijack(conn net.Conn) bool { return bridgedRequest(conn) == nil && canDeadline(conn) }

// giveAway asks fasthttp for the connection, which comes when this request is over.
// Where the server cuts the connection before, it never comes.
func (x *exchange) giveAway() {
	stop := context.AfterFunc(x.c.server.live.base, func() {
		if x.claimed.CompareAndSwap(false, true) {
			x.finishHijack(nil)
		}
	})
	x.c.rc.HijackSetNoResponse(true)
	x.c.rc.Hijack(func(conn net.Conn) {
		stop()
		if x.claimed.CompareAndSwap(false, true) {
			x.finishHijack(conn)
		}
	})
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
	h := &hijackedConn{Conn: conn, closed: make(chan struct{})}
	if u, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
		h.Conn = u.UnsafeConn()
	}
	if st := stateOf(h.Conn); st != nil {
		st.hijacked = true
	}
	// With a deadline that has passed, only what is in the reader's buffer comes.
	_ = h.Conn.SetReadDeadline(expired)
	h.rest, _ = io.ReadAll(conn)
	_ = h.Conn.SetReadDeadline(time.Time{})
	return h
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
