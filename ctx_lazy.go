package geist

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// lazyContext is the context of a request that was passed on to net/http, where each
// request has one and few handlers look at it: values cost nothing, and the real
// context, with its watch of the client, is made when Done or Err is first called.
// It takes the place of what Ctx.Context would make, and like that may outlive the Ctx.
type lazyContext struct {
	live   *server
	conn   net.Conn
	local  net.Addr
	values context.Context // where values are looked up until real is made

	mu    sync.Mutex
	real  context.Context         // guarded by mu; nil until asked for
	end   context.CancelCauseFunc // guarded by mu; of real
	tie   tie                     // guarded by mu; of real
	cause error                   // guarded by mu; why it ended before real was made
}

// lazyContextOf gives c a lazyContext, unless it has a context already, and returns
// what Context would.
func (c *Ctx) lazyContext() context.Context {
	if c.cold.ctx == nil {
		x := &lazyContext{live: &c.server.live, conn: c.rc.Conn(), local: c.rc.LocalAddr()}
		if r := bridgedRequest(x.conn); r != nil {
			x.values = context.WithoutCancel(r.Context())
		} else {
			x.values = context.Background()
		}
		c.cold.used = true
		c.cold.ctx, c.cold.own, c.cold.cancel = x, x, x.cancel
		if !c.cold.until.IsZero() {
			c.limitContext()
		}
	}
	return c.cold.ctx
}

// get returns the real context.
func (x *lazyContext) get() context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.real == nil {
		if x.cause != nil {
			x.conn = nil
		}
		x.real, x.end, x.tie = x.live.newContext(x.conn)
		if x.cause != nil {
			x.end(x.cause)
		}
	}
	return x.real
}

// cancel ends the context. The watch is stopped without the lock, for that may wait
// for the watch's function.
func (x *lazyContext) cancel(cause error) {
	x.mu.Lock()
	if x.cause == nil {
		x.cause = cause
	}
	tie, end := x.tie, x.end
	x.tie.watch = nil
	x.mu.Unlock()
	tie.cut()
	if end != nil {
		end(cause)
	}
}

func (x *lazyContext) Deadline() (time.Time, bool) { return x.live.base.Deadline() }
func (x *lazyContext) Done() <-chan struct{}       { return x.get().Done() }
func (x *lazyContext) Err() error                  { return x.get().Err() }

// Value returns net/http's own value for the local address. What package context
// looks up here, after Done, to find the parent of a context, is in the real one.
func (x *lazyContext) Value(key any) any {
	if key == http.LocalAddrContextKey {
		return x.local
	}
	x.mu.Lock()
	ctx, over := x.real, x.cause != nil
	x.mu.Unlock()
	switch {
	case ctx == nil && over: // context.Cause asks
		ctx = x.get()
	case ctx == nil:
		ctx = x.values
	}
	return ctx.Value(key)
}

var _ context.Context = (*lazyContext)(nil)
