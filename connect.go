package geist

import (
	"context"
	"log/slog"

	"github.com/gogeist/geist/hub"
)

// OnConnect adds a hook that runs when a request is about to become a connection that
// outlives it, behind the middleware and before anything is sent: when a stream of events
// is given to Run or Follow, and when the handler of a WebSocket uses it for the first
// time. An error refuses it, and is answered; the WebSocket's handler gets
// [ErrNotWebSocket]. Hooks run in the order of registration. The Ctx is the request's.
func (e *Engine) OnConnect(f func(c *Ctx) error) {
	if !e.mustHook("OnConnect", f == nil) {
		return
	}
	e.hooks.connect = append(e.hooks.connect, f)
}

// OnDisconnect adds a hook that runs once for each connection that every OnConnect hook
// has let in, when it has ended, with its [Stream.ID] or [Conn.ID]. err is nil if it has
// come to its end by itself (a WebSocket: closed with 1000, 1001 or no code by the client,
// or with 1000 because its handler has returned), else the cause: [ErrClientGone],
// [ErrServerClosed], what its function returned, or a [*CloseError]. Hooks run in the order of registration, on a goroutine of the connection, which
// may wait; a drain waits for them.
func (e *Engine) OnDisconnect(f func(id hub.ConnID, err error)) {
	if !e.mustHook("OnDisconnect", f == nil) {
		return
	}
	e.hooks.disconnect = append(e.hooks.disconnect, f)
}

// connect runs the OnConnect hooks.
func (e *Engine) connect(c *Ctx) error {
	for _, f := range e.hooks.connect {
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}

// disconnected runs the OnDisconnect hooks.
func (e *Engine) disconnected(id hub.ConnID, pattern string, cause error) {
	for _, f := range e.hooks.disconnect {
		e.guard(pattern, func() error { f(id, cause); return nil })
	}
}

// guard runs what belongs to the application after a connection has ended. Its error, or
// panic, is logged.
func (e *Engine) guard(pattern string, f func() error) {
	err := func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = newPanicError(v)
			}
		}()
		return soundError(f())
	}()
	if err != nil {
		e.set.logger().LogAttrs(context.Background(), slog.LevelError, "a function at the end of a connection failed",
			slog.String("route", pattern), slog.String("error", err.Error()))
	}
}
