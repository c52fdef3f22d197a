package peerwatch

import (
	"net"
	"sync/atomic"
	"syscall"
)

// The states of a watch. Only Stop and begin leave pending, each by compare-and-swap; every later
// change happens under Watcher.mu.
//
//	pending ─► live ─► telling ─► over
//	   └────────┴──── Stop ───────►
const (
	pending uint32 = iota // in a list of the Watcher; nothing is known to the system
	live                  // registered
	telling               // gone is running
	over                  // stopped or told
)

// A Watch is one observation of one connection, made by Watcher.Watch and ended by Stop.
type Watch struct {
	state atomic.Uint32
	fd    int32 // guarded by w.mu; the descriptor in the epoll set
	gen   int32 // guarded by w.mu; tells apart registrations of the same number
	w     *Watcher
	next  *Watch // while pending: the list's next; while live: the next watch of the same socket
	conn  net.Conn
	gone  func()

	raw    syscall.RawConn // set by begin
	side   *side           // set by begin; nil when epoll does the work
	teller uint64          // guarded by w.mu; the goroutine that runs gone
	told   chan struct{}   // guarded by w.mu; made by a Stop that waits for gone to return
}

// Watch calls gone once when the peer of conn has closed or half-closed its side, or when the
// connection has broken. It returns nil, on which Stop is a no-op, when conn cannot be watched: it,
// or what its NetConn or UnsafeConn method leads to, must be a stream socket (syscall.Conn) or have
// a method PeerGone() <-chan struct{} that is closed when the peer leaves.
//
// gone runs on a goroutine of the Watcher and delays the other watches: it must not block, nor wait
// for anybody who may be calling Stop. Several watches of one connection are independent.
//
// Every Watch must be stopped, also after gone was called, and while the connection is still owned
// by the caller: Stop may touch its read deadline.
func (w *Watcher) Watch(conn net.Conn, gone func()) *Watch {
	conn = leaf(conn)
	if conn == nil {
		return nil
	}
	t := &Watch{w: w, conn: conn, gone: gone}
	w.push(t)
	return t
}

// Stop ends the watch. When it returns, gone is not running and will never be called; a Stop that
// meets a running gone waits for it. The exception is Stop from within gone, which returns at once.
// It may be called on nil, repeatedly and from any goroutine.
func (t *Watch) Stop() {
	if t == nil {
		return
	}
	if t.state.CompareAndSwap(pending, over) {
		t.conn, t.gone = nil, nil // the list may hold t for some milliseconds more
		return
	}
	if t.state.Load() != over {
		t.stopBegun()
	}
}

// begin registers t with the system unless it has been stopped.
func (t *Watch) begin() {
	if t.state.Load() != pending {
		return // the common case, and not worth the lock
	}
	w := t.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.state.CompareAndSwap(pending, live) {
		return
	}
	if p, ok := t.conn.(peerGoner); ok {
		t.side = newSide()
		go t.follow(p.PeerGone())
		return
	}
	raw, err := t.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return // closed by our own side: there is nobody to tell
	}
	t.raw = raw
	if w.peekOnly || !w.addLocked(t) {
		t.side = newSide()
		go t.peek()
	}
}

// stopBegun is Stop for a watch that is no longer pending.
func (t *Watch) stopBegun() {
	w := t.w
	w.mu.Lock()
	switch t.state.Load() {
	case live:
		t.state.Store(over)
		if t.side == nil {
			w.removeLocked(t)
		}
		w.mu.Unlock()
		if t.side != nil {
			t.side.end(t)
		}
	case telling:
		if t.teller == goroutineID() {
			w.mu.Unlock()
			return
		}
		if t.told == nil {
			t.told = make(chan struct{})
		}
		told := t.told
		w.mu.Unlock()
		<-told
	default:
		w.mu.Unlock()
	}
}

// tellLocked moves t to telling; the caller must unlock w.mu and call tell. It reports false when
// Stop was quicker. self is the caller's goroutineID.
func (t *Watch) tellLocked(self uint64) bool {
	if t.state.Load() != live {
		return false
	}
	t.state.Store(telling)
	t.teller = self
	return true
}

// tell calls gone and lets those go on that wait for it in Stop.
func (t *Watch) tell() {
	t.gone()
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.state.Store(over)
	if t.told != nil {
		close(t.told)
	}
}
