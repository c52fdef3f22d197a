package geist

// Closing reports whether Shutdown has come so far that answers end their connections.
func Closing(e *Engine) bool { return e.live.closing.Load() }

// OpenConns returns the number of connections that Serve has accepted and that are open.
func OpenConns(e *Engine) int { return len(e.live.conns.all()) }

// DebugCtx tells the tests of package geist_test whether use after release is found.
const DebugCtx = debugCtx
