package geist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/outlet"
	"github.com/gogeist/geist/internal/wsproto"
)

// Status codes of close frames (RFC 6455 §7.4); 4000 to 4999 are an application's own.
const (
	CloseNormal      = wsproto.CodeNormal      // 1000: the purpose is fulfilled
	CloseGoingAway   = wsproto.CodeGoingAway   // 1001: a server shuts down, a page is left
	CloseProtocol    = wsproto.CodeProtocol    // 1002: a violation of the protocol
	CloseUnsupported = wsproto.CodeUnsupported // 1003: a type of message that is not understood
	CloseNoStatus    = wsproto.CodeNoStatus    // 1005: the close frame named no code
	CloseAbnormal    = wsproto.CodeAbnormal    // 1006: there was no close frame
	CloseInvalid     = wsproto.CodeInvalid     // 1007: text that is not UTF-8, say
	ClosePolicy      = wsproto.CodePolicy      // 1008: not allowed
	CloseTooBig      = wsproto.CodeTooBig      // 1009: a message over the limit
	CloseInternal    = wsproto.CodeInternal    // 1011: the server has failed
	CloseTryLater    = wsproto.CodeTryLater    // 1013: the server is overloaded
)

// CloseError is why a WebSocket has ended, or is closing: a close frame of the client or
// of ours, a violation of the protocol, or that the client has gone without a word
// (CloseAbnormal). Returned by a handler, CloseNormal and CloseGoingAway are no error, and
// one that the handler has made itself closes the connection with its code and reason.
type CloseError struct {
	// Code is the status code.
	Code int
	// Reason is the text beside it, at most 123 bytes; usually empty.
	Reason string

	err  error  // what is behind it
	last []byte // what goes before the close frame, of a client that speaks geist.v1
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	s := "geist: the WebSocket has ended: " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		s += " " + strconv.Quote(e.Reason)
	}
	if e.err != nil && e.Code == CloseAbnormal {
		s += ": " + e.err.Error()
	}
	return s
}

// Unwrap returns what is behind it: an error that is [ErrClientGone] if the client has
// closed the connection, or [ErrServerClosed] if a drain has; else nil or the violation.
func (e *CloseError) Unwrap() error { return e.err }

// errSilent ends a connection whose client has not answered a ping in time.
var errSilent = errors.New("geist: the client did not answer a ping in time")

// Close begins to close the connection with a status code and a reason, which is cut to
// 123 bytes. It does not wait. Reads and writes fail from now on; when the handler has
// returned, the engine waits up to WebSocketConfig.CloseTimeout for the client's answer.
// Only the first call has an effect. It fails only for a code that must not be sent.
func (w *Conn) Close(code int, reason string) error {
	if code != CloseNoStatus && (code < 0 || code > 4999 || !wsproto.ValidCode(uint16(code))) {
		return fmt.Errorf("geist: %d is no status code for a close frame: use 1000 to 1014 but for 1004 and 1006, or 3000 to 4999", code)
	}
	if err := w.use(); err != nil {
		return err
	}
	w.close(&CloseError{Code: code, Reason: reason})
	return nil
}

// close begins to close the connection for our own reason.
func (w *Conn) close(e *CloseError) { w.closeWith(e, uint16(e.Code), e.Reason) }

// closeWith notes why the connection ends and sends a close frame, if it is the first to
// do so.
func (w *Conn) closeWith(e *CloseError, code uint16, reason string) {
	if w.end(e) {
		w.out.Finish(wsproto.AppendFrame(w.goodbye(e), wsproto.Close, true, false, wsproto.AppendClose(nil, code, reason)))
	}
}

// end notes why the connection ends, unless that is known, wakes a Read and ends the
// Ctx's context. It reports whether it was the first.
func (w *Conn) end(e *CloseError) bool {
	w.mu.Lock()
	if w.ending != nil {
		w.mu.Unlock()
		return false
	}
	w.ending = e
	cancel := w.cancel
	w.wakeLocked()
	w.mu.Unlock()
	if cancel != nil {
		cancel(e)
	}
	return true
}

// ended returns why the connection ends, or nil.
func (w *Conn) ended() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending == nil {
		return nil
	}
	return w.ending
}

// lost notes that the connection has failed, and returns why it ends. A client that has
// left is one whether Read noticed it first or a write.
func (w *Conn) lost(err error) error {
	if e := w.ended(); e != nil {
		return e
	}
	left := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
	if left && !errors.Is(err, ErrClientGone) {
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	w.end(&CloseError{Code: CloseAbnormal, err: err})
	return w.ended()
}

// wire is the Conn as its Outlet and its timer see it: users do not.
type wire Conn

var _ outlet.Socket = (*wire)(nil)

func (x *wire) TryWrite(p []byte) (int, error) { return x.socket.tryWrite(p) }
func (x *wire) Write(p []byte) error           { return x.socket.writeAll(p) }
func (x *wire) Cut()                           { x.socket.cutOff() }

// Ended is called when nothing will be written any more.
func (x *wire) Ended(err error) {
	w := (*Conn)(x)
	if err != nil {
		_ = w.lost(err)
	}
	w.forgetHub()
}

// pingFrame is every ping: an empty one.
const pingFrame = "\x89\x00"

// Expire is called by the wheel: to send a ping, to look for its answer, or because
// closing takes too long. A client is silent if the Read that waited when the ping went
// out still does: waits is odd, and the same.
func (x *wire) Expire() {
	w := (*Conn)(x)
	set, wheel := w.limits(), &w.live.wheel
	switch waits := w.waits.Load(); {
	case w.closes.Load():
		w.out.Cut(errSilent)
		return
	case !w.asked:
		w.asked, w.pinged = true, waits
		w.out.Post([]byte(pingFrame))
		wheel.Set(&w.timer, set.PongTimeout, x)
	case waits&1 == 1 && w.pinged == waits:
		_ = w.lost(errSilent)
		w.out.Cut(errSilent)
		return
	default:
		w.asked = false
		wheel.Set(&w.timer, max(set.PingInterval-set.PongTimeout, 0), x)
	}
	if w.closes.Load() { // meanwhile: the timer must be that of closing
		wheel.Set(&w.timer, set.CloseTimeout, x)
	}
}

// closeCode returns the close frame for what a handler has returned:
//
//	nil                              1000
//	a *CloseError of its own         its code and reason
//	an error of status 413           1009 and its detail, if it has one
//	               503               1013 and its detail
//	               another 4xx       1008 and its detail
//	anything else                    1011
//
// It is of no use if closing has begun before.
func closeCode(err error) (code int, reason string) {
	if err == nil {
		return CloseNormal, ""
	}
	if e, ok := errors.AsType[*CloseError](err); ok {
		if e.Code == CloseNoStatus || e.Code >= 0 && e.Code <= 4999 && wsproto.ValidCode(uint16(e.Code)) {
			return e.Code, e.Reason
		}
		return CloseInternal, ""
	}
	if e := asError(err); e != nil {
		reason = e.detail
	}
	switch status := StatusCode(err); {
	case status == fasthttp.StatusRequestEntityTooLarge:
		return CloseTooBig, reason
	case status == fasthttp.StatusServiceUnavailable:
		return CloseTryLater, reason
	case status < 500:
		return ClosePolicy, reason
	}
	return CloseInternal, ""
}

// failed reports whether an error that a handler has returned is the server's, and worth
// a line in the log.
func (w *Conn) failed(err error) bool {
	if err == nil || isAbort(err) {
		return false
	}
	if _, ok := errors.AsType[*CloseError](err); ok {
		return false
	}
	if errors.Is(err, context.Canceled) && (w.ended() != nil || w.c.endedEarly()) { // that of c.Context()
		return false
	}
	return StatusCode(err) >= 500
}

// finish closes the connection when the handler has returned, waits for the client's
// close frame, and ends the request. It runs on the goroutine of the connection, or on
// that which its end has called for.
func (w *Conn) finish(err error) {
	if w.failed(err) {
		w.c.logFailure(fasthttp.StatusSwitchingProtocols, err)
	}
	live := w.live
	live.ready.Stop(&w.arrivals)
	if isAbort(err) {
		_ = w.lost(err)
		w.out.Cut(err)
	}
	w.closes.Store(true)
	live.wheel.Set(&w.timer, w.limits().CloseTimeout, (*wire)(w))
	code, reason := closeCode(err)
	w.close(&CloseError{Code: code, Reason: reason})
	w.linger()
	w.out.Wait()
	live.wheel.Stop(&w.timer)
	w.hangUp() // at once, whatever else takes long
	w.farewell(err)
	if w.c != nil {
		w.c.end()
	}
	live.leavers.remove(w) // a drain has waited for it
	if w.over != nil {
		close(w.over)
	}
}

// linger reads until the client's close frame. The timer bounds it.
func (w *Conn) linger() {
	w.readMu.Lock()
	defer w.readMu.Unlock()
	if !w.said && !w.broken {
		w.mu.Lock() // as always: see anyConn
		_ = w.net().SetReadDeadline(time.Time{})
		w.mu.Unlock()
		for !w.said && !w.broken {
			w.skip()
		}
	}
	w.recycle()
}

// skip passes over what the client says, up to its close frame.
func (w *Conn) skip() {
	if len(w.rest) == 0 && w.fill() != nil {
		w.broken = true
		return
	}
	u, err := w.next()
	w.said, w.broken = u.Op == wsproto.Close, err != nil
}

// hangUp closes the connection. A client that is sending still, be it behind its close
// frame, is given a moment to read ours first, see connState.close and RFC 6455 §7.1.1.
func (w *Conn) hangUp() {
	if w.owner == nil {
		_ = w.conn.Close()
		return
	}
	w.owner.state().linger.Store(true)
	_ = w.owner.end()
}

// takenConn takes a connection out of fasthttp's hands. owner is nil if it is a foreign
// server's, which then must not get it back before it is done with.
func takenConn(conn net.Conn) (inner net.Conn, owner netConn, rest []byte) {
	outer := unhijacked(conn)
	owner, _ = outer.(netConn)
	if owner == nil {
		return outer, nil, readAhead(conn, outer)
	}
	st := owner.state()
	st.hijacked = true
	rest = readAhead(conn, outer)
	st.detached = true
	if c, ok := owner.(*anyConn); ok {
		if unix, ok := c.Conn.(*net.UnixConn); ok {
			return unix, owner, rest
		}
		return c.in, owner, rest
	}
	return owner.inner(), owner, rest
}
