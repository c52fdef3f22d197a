package geist

import "github.com/gogeist/geist/internal/hubwire"

// Closing reports whether Shutdown has come so far that answers end their connections.
func Closing(e *Engine) bool { return e.live.closing.Load() }

// OpenConns returns the number of connections that Serve has accepted and that are open.
func OpenConns(e *Engine) int { return len(e.live.conns.all()) }

// Ahead returns the bytes of buffers for bodies that have not come yet, and the most there may be.
func Ahead(e *Engine) (n, most int64) { return e.large.ahead.Load(), mostAhead }

// DebugCtx tells the tests of package geist_test whether use after release is found.
const DebugCtx = debugCtx

// Sessions returns how many sessions of geist.v1 can be found by their secrets.
func Sessions(e *Engine) int {
	x := &e.live.sessions
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.bySum)
}

// Leavers returns the number of WebSockets and streams that have not ended.
func Leavers(e *Engine) int { return e.live.leavers.len() }

// Timers returns the number of their timers that are set.
func Timers(e *Engine) int { return e.live.wheel.Len() }

// EncodingOf returns the encoding of a subprotocol, or that of bare frames.
func EncodingOf(protocol string) hubwire.Encoding {
	if x := roomEncodingOf(protocol); x != 0 {
		return x
	}
	return frameEncoding{}
}
