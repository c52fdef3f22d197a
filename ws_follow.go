package geist

import (
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/ready"
)

// This file leaves a connection to a hub, with nobody who waits in Read. What the hub has
// for it is written by whoever publishes, a ping by the wheel; only when the client has
// sent something, or has left, does a goroutine come to life, which reads until nothing
// is left, and ends:
//
//	handler returns ──▶ attend ──nothing left──▶ parked: no goroutine, mostly no Ctx
//	                     ▲  │                      │
//	                     │  └── it is ending ─▶ finish
//	                     └───── Ready, or end ─────┘
//
// Of TLS, a foreign server, net/http and other systems than Linux a goroutine reads.

// Follow joins the rooms and returns nil at once, to be the handler's result: the hub owns
// the connection from then on. It fails with the errors of [hub.Hub.Join], and with a
// *[CloseError] or ErrNotWebSocket if the connection has ended before.
//
// What the client sends is read and judged as by Read (pings are answered, limits hold,
// and a violation of the protocol ends the connection), but its messages are dropped:
// Follow is for clients that only listen. When the handler has returned, no goroutine
// stays behind (with TLS and on systems other than Linux, one does), and c ends, unless
// somebody would notice: functions of c.OnClose and c.Context() live as long as the
// connection. Write and Close may be used by other goroutines until then; afterwards they
// fail. If the handler returns an error, the connection is closed with it as always.
func (w *Conn) Follow(h *hub.Hub, rooms ...string) error {
	if err := w.use(); err != nil {
		return err
	}
	for _, room := range rooms {
		if _, err := h.Join(w, room); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follows = true
	return nil
}

// stay is the end of a handler that has called Follow.
func (w *Conn) stay() {
	w.release()
	if w.raw != nil && w.owner != nil && w.live.ready.Watch(&w.arrivals, w.raw, ready.Readable, (*arrivals)(w)) {
		w.attend()
		return
	}
	for {
		if _, err := w.Read(); err != nil {
			w.finish(err)
			return
		}
	}
}

// release ends the Ctx before the connection, unless that would be noticed.
func (w *Conn) release() {
	if c := w.c; len(c.cold.closers) == 0 && c.cold.cancel == nil {
		c.end()
		w.c, w.request = nil, frozenRequest{}
	}
}

// attend reads what the client has sent. It ends when nothing is left, or with the
// connection: whoever unparks it owns its goroutine.
func (w *Conn) attend() {
	w.readMu.Lock()
	for w.ended() == nil {
		if len(w.rest) > 0 {
			_, _ = w.look() // a message is dropped; what is wrong ends the connection
			continue
		}
		switch some, err := w.glance(); {
		case err != nil:
			_ = w.readFailed(err)
		case !some:
			w.lightenLocked()
			if w.park() {
				w.readMu.Unlock()
				return
			}
		}
	}
	w.readMu.Unlock()
	w.finish(nil)
}

// glance reads what is there, without waiting, and reports whether that was anything.
func (w *Conn) glance() (some bool, err error) {
	if err := w.raw.Control(func(fd uintptr) { some = w.tryRead(fd) }); err != nil {
		return false, err
	}
	if !some {
		return false, nil
	}
	if err := w.took(); err != nil {
		w.recycle()
		return false, err
	}
	return true, nil
}

// park leaves the connection alone, unless something has arrived meanwhile or it is ending.
func (w *Conn) park() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.arrived || w.ending != nil {
		w.arrived = false
		return false
	}
	w.parked = true
	w.waits.Add(1) // as a Read that waits
	return true
}

// unparkLocked has somebody attend to the connection. w.mu must be held.
func (w *Conn) unparkLocked() {
	w.parked = false
	w.waits.Add(1)
	go w.attend()
}

// arrivals is the Conn as its ready.Socket sees it.
type arrivals Conn

var _ ready.Task = (*arrivals)(nil)

// Ready is called when the client has sent something, or has left.
func (x *arrivals) Ready() {
	w := (*Conn)(x)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.parked {
		w.unparkLocked()
		return
	}
	w.arrived = true
}
