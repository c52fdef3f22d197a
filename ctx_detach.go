package geist

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// This file answers in place of handlers that do not return in time. A Ctx is for one
// goroutine, and middleware goes on with it when Next returns; so handlers that may be left
// behind get a Ctx of their own, with a copy of the request, on a goroutine of their own:
//
//	connection's goroutine           goroutine of the run
//	NextDetached: copies, waits ───► the rest of the chain, with the copy
//	in time: takes the answer   ◄─── returns
//
//	NextDetached: the time is over   goes on
//	returns ErrTimeout               returns: what it has answered is dropped,
//	                                 the copy ends
//
// Nothing that the left handlers can reach is written to the connection or used for another
// request. What lasts (WebSockets, streams of events) or reads from the connection
// (StreamBody) cannot be copied, and is only bounded as by NextWithin.

// NextDetached does what NextWithin does, and comes back after d although the handlers
// have not returned: then it asks abandon, and unless that is false returns ErrTimeout. The
// handlers go on with a Ctx of their own until they return; ended is called then, from
// their goroutine, or at once if they return at that very moment. What they have answered is dropped, an error or a panic is logged, and
// a stream that they open is refused. [Engine.Shutdown] waits for them. If abandon is
// false, NextDetached goes on waiting.
//
// The price is a goroutine, the context, which is made in any case, and a copy of the
// request with its body, which is read before the handlers run; answers in time are copied, too,
// unless they are streams. Handlers cannot hijack the connection or send a 103. Locals that they set are
// there for the middleware, if they return in time. Those that were there before are copied
// for them: a value of a [Key] whose type T has a method Apart(c *Ctx) T by that method, with
// their Ctx; others, such as pointers, are shared, and must be safe for that. Raw returns a
// fasthttp.RequestCtx without a server. Routes of WS, SSE, Rooms and [StreamBody], and what
// answers where there is no route, are bounded as by NextWithin.
func (c *Ctx) NextDetached(d time.Duration, abandon func() bool, ended func()) error {
	c.check()
	end := time.Now().Add(d)
	if c.ep == nil || !c.ep.eager || c.ep.live {
		return c.within(end, (*Ctx).Next)
	}
	if outer := c.cold.until; !outer.IsZero() && outer.Before(end) {
		end = outer
	}
	rest := c.index
	c.index = len(c.chain) - 1 // whoever calls Next again, nothing is left to run
	if c.bodied {
		if err := c.within(end, (*Ctx).admit); err != nil {
			return c.settle(err)
		}
	}
	x := &detachedRun{c: c.copyApart(rest), over: make(chan struct{}), ended: ended}
	x.c.cold.apart = x
	go x.run(end) // its owner is this call, then server.leavers; it ends with the handlers
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-x.over:
	case <-timer.C:
		if abandon() {
			if x.leaveBehind() {
				return c.settle(ErrTimeout)
			}
			ended()
		}
		<-x.over
	}
	return c.join(x)
}

// detachedRun is the rest of a chain that runs apart from its connection.
type detachedRun struct {
	c     *Ctx          // its own
	over  chan struct{} // closed when the handlers have returned in time
	err   error         // set before over is closed
	ended func()
	state atomic.Int32 // runTogether until one of the two sides has had enough
	seat  seat
}

const (
	runTogether int32 = iota
	runOver           // the handlers have returned: the Ctx is the waiting side's
	runLeft           // nobody waits: the Ctx is the handlers'
)

// left reports whether nobody waits for the handlers any more. x may be nil.
func (x *detachedRun) left() bool { return x != nil && x.state.Load() == runLeft }

// leaveBehind leaves the handlers to themselves, unless they have returned.
func (x *detachedRun) leaveBehind() bool {
	live := &x.c.server.live
	_ = live.leavers.add(x, &live.closing) // who drains waits, there is nothing to ask for
	if x.state.CompareAndSwap(runTogether, runLeft) {
		return true
	}
	live.leavers.remove(x)
	return false
}

// run is the goroutine of the handlers.
func (x *detachedRun) run(end time.Time) {
	returned := false
	defer func() {
		if !returned {
			x.fell(recover())
		}
		x.conclude()
	}()
	x.err = x.c.within(end, (*Ctx).Next)
	returned = true
}

// fell answers a panic of middleware, or the end of the goroutine.
func (x *detachedRun) fell(v any) {
	if v != nil {
		x.c.recovered(v)
		x.err = x.c.failure
		return
	}
	x.err, x.c.failure = errGoexit, errGoexit
	x.c.logFailure(fasthttp.StatusInternalServerError, errGoexit)
	DefaultErrorHandler(x.c, errGoexit)
}

// conclude gives the Ctx to who waits for it, or ends it.
func (x *detachedRun) conclude() {
	if x.state.CompareAndSwap(runTogether, runOver) {
		close(x.over)
		return
	}
	server := &x.c.server.live
	_ = x.c.rc.Response.CloseBodyStream() // a stream's function has not run
	x.c.end()
	x.ended()
	server.leavers.remove(x)
}

// leave and cut have nothing to do: the context has ended with the time.
func (x *detachedRun) leave()     {}
func (x *detachedRun) cut()       {}
func (x *detachedRun) ours() bool { return false }

// place is where x sits among those that a drain waits for.
func (x *detachedRun) place() *seat { return &x.seat }

var _ leaver = (*detachedRun)(nil)

// copyApart returns a Ctx for the chain from an index on that shares nothing with c that
// changes.
func (c *Ctx) copyApart(index int) *Ctx {
	d := c.server.pool.Get().(*Ctx)
	d.engine, d.ep, d.chain, d.index = c.engine, c.ep, c.chain, index
	d.rs, d.failure, d.clean, d.dots, d.absolute, d.hiddenDots = c.rs, c.failure, c.clean, c.dots, c.absolute, c.hiddenDots
	d.bodied, d.repeats = c.bodied, c.repeats
	d.raw = strings.Clone(c.raw)
	d.path = cloneUnless(c.path, d.raw)
	d.orig = cloneUnless(c.orig, d.path)
	d.decoded = append(d.decoded[:0], c.decoded...)
	spill := append(d.caps.spill[:0], c.caps.spill...)
	d.caps = c.caps
	d.caps.spill = spill
	d.hostParam, d.hostValue, d.hostTable = c.hostParam, strings.Clone(c.hostValue), c.hostTable
	d.passed, d.before, d.passedErr = c.passed, c.before, c.passedErr
	d.locals = d.locals[:0]
	for _, l := range c.locals {
		d.locals = append(d.locals, local{l.id, l.box.apart(d)})
	}
	ctx := c.Context()
	if ctx == c.cold.timed {
		ctx = c.cold.own // the copy has the time of its own, which ends sooner
	}
	own, cancel := context.WithCancelCause(ctx)
	d.cold = cold{
		used: true, located: c.cold.located, ctx: own, own: own, cancel: cancel, closers: d.cold.closers,
		kv: maps.Clone(c.cold.kv), logger: c.cold.logger, limited: c.cold.limited, limit: c.cold.limit,
	}
	d.rc = new(fasthttp.RequestCtx) // not pooled: handlers may have lent it to others
	d.rc.Init2(addressesOf(c.rc), serverLog{&c.server.set}, false)
	c.rc.Request.CopyTo(&d.rc.Request)
	c.rc.Response.CopyTo(&d.rc.Response)
	c.rc.VisitUserValuesAll(func(key, value any) { d.rc.SetUserValue(key, value) })
	return d
}

// cloneUnless returns a copy of s: other, if that is alike.
func cloneUnless(s, other string) string {
	if s == other {
		return other
	}
	return strings.Clone(s)
}

// cloneLocals appends copies of locals to dst.
func cloneLocals(dst, locals []local) []local {
	for _, l := range locals {
		dst = append(dst, local{l.id, l.box.clone()})
	}
	return dst
}

// join takes over what the handlers have made, in time. Their Ctx, which a stream may
// use, ends with c.
func (c *Ctx) join(x *detachedRun) error {
	d := x.c
	c.ep, c.engine = d.ep, d.engine
	c.locals = cloneLocals(c.locals[:0], d.locals)
	c.cold.kv = maps.Clone(d.cold.kv)
	c.cold.logger, c.cold.located = d.cold.logger, d.cold.located
	c.replied, c.repeats = d.replied, d.repeats
	c.OnClose(d.end)
	d.rc.Response.CopyTo(&c.rc.Response)
	if d.rc.Response.IsBodyStream() {
		c.takeStream(d)
	}
	if x.err != nil && isAbort(x.err) {
		return x.err // which is for c to do
	}
	c.failure = d.failure
	return x.err
}

// takeStream makes the stream that is the body of d's answer that of c's.
func (c *Ctx) takeStream(d *Ctx) {
	from := &d.rc.Response
	switch s := from.BodyStream().(type) {
	case *bodyStream:
		d.cold.stream = nil
		s.w.c = c
		c.setStream(s)
	case *fileBody:
		s.conn = c.rc.Conn()
		c.rc.Response.SetBodyStream(s, from.Header.ContentLength())
	default:
		c.rc.Response.SetBodyStream(s, from.Header.ContentLength())
	}
	c.rc.Response.ImmediateHeaderFlush = from.ImmediateHeaderFlush
}

// addressConn stands for a connection of which handlers may know the addresses only.
type addressConn struct{ local, remote net.Addr }

// addressTLSConn is an addressConn with TLS, as fasthttp finds out.
type addressTLSConn struct {
	addressConn
	tls *tls.ConnectionState
}

var (
	_ net.Conn = addressConn{}
	_ net.Conn = addressTLSConn{}
)

func addressesOf(rc *fasthttp.RequestCtx) net.Conn {
	a := addressConn{rc.LocalAddr(), rc.RemoteAddr()}
	if state := rc.TLSConnectionState(); state != nil {
		return addressTLSConn{a, state}
	}
	return a
}

// errApart is what using the connection gives.
var errApart = errors.New("geist: the connection is not the handler's, which runs apart from it")

func (addressConn) Read([]byte) (int, error)         { return 0, errApart }
func (addressConn) Write([]byte) (int, error)        { return 0, errApart }
func (addressConn) Close() error                     { return errApart }
func (addressConn) SetDeadline(time.Time) error      { return errApart }
func (addressConn) SetReadDeadline(time.Time) error  { return errApart }
func (addressConn) SetWriteDeadline(time.Time) error { return errApart }
func (a addressConn) LocalAddr() net.Addr            { return a.local }
func (a addressConn) RemoteAddr() net.Addr           { return a.remote }

// Handshake has been done.
func (addressTLSConn) Handshake() error { return nil }

// ConnectionState returns the state of the connection's TLS.
func (a addressTLSConn) ConnectionState() tls.ConnectionState { return *a.tls }
