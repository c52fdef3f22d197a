package geist

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gogeist/geist/internal/peerwatch"
)

// lazyContext is the context of a request that was passed on to net/http, where each
// request has one and few handlers look at it: values cost nothing, and the real
// context, with its watch of the client, is made when Done or Err is first called.
// It takes the place of what Ctx.Context would make, and like that may outlive the Ctx.
type lazyContext struct {
	live  *server
	conn  net.Conn
	local net.Addr

	mu    sync.Mutex
	real  context.Context         // guarded by mu; nil until asked for
	end   context.CancelCauseFunc // guarded by mu; of real
	watch *peerwatch.Watch        // guarded by mu
	cause error                   // guarded by mu; why it ended before real was made
}

// lazyContextOf gives c a lazyContext, unless it has a context already, and returns
// what Context would.
func (c *Ctx) lazyContext() context.Context {
	if c.cold.ctx == nil {
		x := &lazyContext{live: &c.server.live, conn: c.rc.Conn(), local: c.rc.LocalAddr()}
		c.cold.used = true
		c.cold.ctx, c.cold.own, c.cold.cancel = x, x, x.cancel
	}
	return c.cold.ctx
}

// get returns the real context.
func (x *lazyContext) get() context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.real == nil {
		ctx, cancel := context.WithCancelCause(x.live.base)
		x.real, x.end = ctx, cancel
		if x.cause != nil {
			cancel(x.cause)
		} else if x.conn != nil {
			x.watch = x.live.engine.watcher.Watch(x.conn, func() { cancel(ErrClientGone) })
		}
	}
	return x.real
}

// cancel ends the context. The watch is stopped without the lock, for Stop may wait
// for the watch's function.
func (x *lazyContext) cancel(cause error) {
	x.mu.Lock()
	if x.cause == nil {
		x.cause = cause
	}
	watch, end := x.watch, x.end
	x.watch, x.conn = nil, nil
	x.mu.Unlock()
	watch.Stop()
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
	ctx := x.real
	if ctx == nil {
		ctx = x.live.base
		if x.cause != nil {
			ctx = context.Background()
		}
	}
	x.mu.Unlock()
	return ctx.Value(key)
}

var _ context.Context = (*lazyContext)(nil)
