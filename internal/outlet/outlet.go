// Package outlet is the sending side of one long-lived connection. What application
// handlers, timers and hubs have to say leaves through it: whole units (a WebSocket
// frame, an event), one at a time, none torn apart by another.
//
// There is no queue of what a hub delivers, and no goroutine while all goes well.
// Whoever has something to send takes the turn, writes without waiting, and gives the
// turn back. Only when the socket takes no more does a goroutine come to life, which
// writes on with patience until everything has been said, and ends:
//
//	free ──Send, Post, Wake──▶ busy ──nothing left──▶ free
//	                            │ the socket would block
//	                            ▼
//	                    busy, with a goroutine ──nothing left──▶ free
//	                            │ the socket failed, or the last unit is out
//	                            ▼
//	                          ended
//
// Order of locks: an Outlet's lock is held for a few instructions, and never while a
// method of its Socket or its Source runs; so these may hold what locks they like.
package outlet

import (
	"errors"
	"sync"
)

// ErrClosed is what Send returns once the last unit has been announced or the
// connection has ended.
var ErrClosed = errors.New("outlet: closed")

// maxPosts bounds the units that wait to be posted: more are only asked for by a peer
// that floods us and does not read.
const maxPosts = 16

// Socket is the connection that an Outlet writes to. The Outlet makes one call of
// TryWrite or Write at a time, beside which Cut may be called.
type Socket interface {
	// TryWrite writes the beginning of p that the socket takes without waiting, maybe
	// nothing, and returns its length. That a socket would block is no error; one that
	// cannot tell returns 0, nil.
	TryWrite(p []byte) (n int, err error)
	// Write writes all of p. It waits for as long as the client keeps taking some.
	Write(p []byte) error
	// Cut ends the connection at once, and a Write in progress with it. It may be
	// called by any goroutine, and more than once.
	Cut()
	// Ended is called once, when nothing will be written any more: with nil when the
	// last unit is out (the connection is still open then), else with the reason (and
	// Cut has been called). It must not call Wait.
	Ended(err error)
}

// Source holds more units than an Outlet should queue: a hub's cursors in the logs of
// rooms.
type Source interface {
	// Next returns one or more whole units that come next, and moves on behind them;
	// nil if nothing waits. The bytes must not change until Next is called again. One
	// call is made at a time; none after the Outlet has ended.
	Next() []byte
}

// Outlet sends units over a Socket. Its methods may be called by any goroutine.
type Outlet struct {
	sock Socket

	mu      sync.Mutex
	src     Source   // guarded by mu; nil if there is none
	err     error    // guarded by mu; why nothing is sent any more
	backlog *backlog // guarded by mu; nil while nothing waits, and nobody has
	busy    bool     // guarded by mu; somebody has the turn
	waits   bool     // guarded by mu; who has the turn may be waiting for the socket
	dirty   bool     // guarded by mu; there may be something to pump once the turn is free
	closing bool     // guarded by mu; backlog.last is set
	out     bool     // guarded by mu; the last unit has been written
	ended   bool     // guarded by mu; Ended has been called, or is about to be
}

// backlog is what waits for the turn. Most connections have none, most of the time.
type backlog struct {
	posts   [][]byte   // units that go first
	last    []byte     // the unit behind which nothing follows
	free    *sync.Cond // the turn is free, or sending is over; nil if nobody has waited
	waiting int        // calls of Send that wait for the turn
}

// New returns an Outlet that writes to s.
func New(s Socket) *Outlet {
	o := new(Outlet)
	o.Init(s)
	return o
}

// Init makes a zero Outlet, such as one that is embedded in its connection, write to s. It
// is called once, before anything else.
func (o *Outlet) Init(s Socket) { o.sock = s }

// SetSource gives the Outlet a Source, once; later calls of Wake ask it.
func (o *Outlet) SetSource(s Source) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.src = s
}

// Send writes one unit. It waits for its turn, and for the socket, and returns when
// the unit has been written: p may be reused then.
func (o *Outlet) Send(p []byte) error {
	o.mu.Lock()
	for o.busy && o.openLocked() {
		b := o.backlogLocked()
		b.waiting++
		o.awaitLocked()
		b.waiting--
	}
	if !o.openLocked() {
		err := o.err
		if err == nil {
			err = ErrClosed
		}
		o.pumpLocked() // who woke us left that to us
		return err
	}
	o.busy, o.waits = true, true
	o.mu.Unlock()
	if err := o.sock.Write(p); err != nil {
		return o.fail(err)
	}
	o.pump(false)
	return nil
}

// Post leaves a unit to be sent before others, and does not wait. It reports false if
// too many wait already, or sending is over: then the unit is dropped. p must not
// change afterwards.
func (o *Outlet) Post(p []byte) bool {
	o.mu.Lock()
	if !o.openLocked() || o.backlog != nil && len(o.backlog.posts) >= maxPosts {
		o.mu.Unlock()
		return false
	}
	b := o.backlogLocked()
	b.posts = append(b.posts, p)
	o.wakeLocked()
	return true
}

// Wake says that the Source has something to send. It never waits.
func (o *Outlet) Wake() {
	o.mu.Lock()
	o.wakeLocked()
}

// Waits reports whether the socket has to be waited for. If not, whatever there was to
// send when Wake was called is sent, or about to be by somebody who does not wait.
func (o *Outlet) Waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waits
}

// Finish sends a last unit behind those that have been posted; what the Source still
// has is not sent. It does not wait, and reports whether it was the first to end the
// connection. p must not change afterwards; without any, Ended is called at once.
func (o *Outlet) Finish(p []byte) bool {
	o.mu.Lock()
	if !o.openLocked() {
		o.mu.Unlock()
		return false
	}
	o.backlogLocked().last, o.closing = p, true
	o.freeLocked()
	o.wakeLocked()
	return true
}

// Cut ends the connection at once, for the reason given: what waits is dropped.
// Send returns the reason from now on.
func (o *Outlet) Cut(err error) {
	o.mu.Lock()
	o.endLocked(err)
	mine := !o.busy // else whoever has the turn finds out
	o.busy = true
	o.mu.Unlock()
	o.sock.Cut()
	if mine {
		o.over()
	}
}

// Wait returns once sending is over and nobody uses the Socket any more.
func (o *Outlet) Wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil || o.busy {
		o.awaitLocked()
	}
}

// awaitLocked waits until the turn is free, or sending is over. o.mu must be held.
func (o *Outlet) awaitLocked() {
	b := o.backlogLocked()
	if b.free == nil {
		b.free = sync.NewCond(&o.mu)
	}
	b.free.Wait()
}

// backlogLocked returns what waits, to be added to. o.mu must be held.
func (o *Outlet) backlogLocked() *backlog {
	if o.backlog == nil {
		o.backlog = new(backlog)
	}
	return o.backlog
}

// freeLocked wakes those in awaitLocked. o.mu must be held.
func (o *Outlet) freeLocked() {
	if o.backlog != nil && o.backlog.free != nil {
		o.backlog.free.Broadcast()
	}
}

// openLocked reports whether units are still accepted. o.mu must be held.
func (o *Outlet) openLocked() bool { return o.err == nil && !o.closing }

// wakeLocked pumps, or has it done by whoever has the turn. It unlocks o.mu.
func (o *Outlet) wakeLocked() {
	o.dirty = true
	o.pumpLocked()
}

// pumpLocked pumps if somebody should. It unlocks o.mu.
func (o *Outlet) pumpLocked() {
	if o.busy || !o.dirty || o.err != nil {
		o.mu.Unlock()
		return
	}
	o.busy = true
	o.mu.Unlock()
	o.pump(false)
}

// pump sends what waits, as the owner of the turn, and gives the turn back. If it must
// not wait and the socket takes no more, a goroutine goes on.
func (o *Outlet) pump(wait bool) {
	for first := true; ; first = false {
		p, last := o.next(first)
		if p == nil {
			return
		}
		n := 0
		var err error
		if !wait {
			n, err = o.sock.TryWrite(p)
		}
		switch {
		case err == nil && n == len(p):
		case err == nil && !wait:
			o.mu.Lock()
			o.waits = true
			o.mu.Unlock()
			go o.goOn(p[n:], last)
			return
		case err == nil:
			err = o.sock.Write(p)
		}
		if err != nil {
			_ = o.fail(err)
			return
		}
		if last {
			o.finished()
			return
		}
	}
}

// goOn writes the rest of a unit, and whatever has come to wait meanwhile. It has the
// turn, and ends when nothing is left, the socket fails or makes no progress in time.
func (o *Outlet) goOn(rest []byte, last bool) {
	switch err := o.sock.Write(rest); {
	case err != nil:
		_ = o.fail(err)
	case last:
		o.finished()
	default:
		o.pump(true)
	}
}

// next returns what to send next and whether it is the last unit, or nil if the turn
// has been given back: nothing is left, sending is over, or a call of Send waits and
// is not made to wait for more than one unit.
func (o *Outlet) next(first bool) (p []byte, last bool) {
	o.mu.Lock()
	for {
		src := o.src
		switch {
		case o.err != nil:
			o.mu.Unlock()
			o.over()
			return nil, false
		case o.waitingLocked() && !first && !o.closing:
			o.dirty = true
			o.giveBackLocked()
			return nil, false
		case o.backlog != nil && len(o.backlog.posts) > 0:
			p = o.postLocked()
			o.mu.Unlock()
			return p, false
		case o.closing && len(o.backlog.last) > 0:
			p = o.backlog.last
			o.mu.Unlock()
			return p, true
		case o.closing:
			o.mu.Unlock()
			o.finished()
			return nil, false
		case src != nil:
			o.dirty = false
			o.mu.Unlock()
			if p = src.Next(); len(p) > 0 {
				return p, false
			}
			o.mu.Lock()
			if o.dirty || o.err != nil || o.closing {
				continue
			}
		}
		o.dirty = false
		o.giveBackLocked()
		return nil, false
	}
}

// postLocked takes the first of the units that were posted, and the backlog away if it was all
// that waited. o.mu must be held.
func (o *Outlet) postLocked() []byte {
	b := o.backlog
	p := b.posts[0]
	b.posts[0] = nil
	if b.posts = b.posts[1:]; len(b.posts) > 0 {
		return p
	}
	b.posts = nil
	if b.free == nil && !o.closing {
		o.backlog = nil
	}
	return p
}

// waitingLocked reports whether calls of Send wait for the turn. o.mu must be held.
func (o *Outlet) waitingLocked() bool { return o.backlog != nil && o.backlog.waiting > 0 }

// giveBackLocked frees the turn. It unlocks o.mu.
func (o *Outlet) giveBackLocked() {
	o.busy, o.waits = false, false
	if o.waitingLocked() {
		o.freeLocked() // Signal might wake a call of Wait
	}
	o.mu.Unlock()
}

// endLocked notes why nothing is sent any more. o.mu must be held.
func (o *Outlet) endLocked(err error) {
	if o.err == nil {
		o.err = err
	}
	o.src = nil
	if b := o.backlog; b != nil {
		b.posts, b.last = nil, nil
	}
	o.freeLocked()
}

// over tells the Socket that nothing will be written any more, if it has not been told,
// and gives the turn back for ever. It is called by the owner of the turn.
func (o *Outlet) over() {
	o.mu.Lock()
	first, err := !o.ended, o.err
	if o.out {
		err = nil
	}
	o.ended = true
	o.mu.Unlock()
	if first {
		o.sock.Ended(err)
	}
	o.mu.Lock()
	o.busy = false
	o.freeLocked()
	o.mu.Unlock()
}

// finished is called by the owner of the turn when the last unit is out.
func (o *Outlet) finished() {
	o.mu.Lock()
	o.out = o.err == nil
	o.endLocked(ErrClosed)
	o.mu.Unlock()
	o.over()
}

// fail is called by the owner of the turn when the socket has failed. It returns why
// the connection has ended: if it was cut, that is the reason.
func (o *Outlet) fail(err error) error {
	o.mu.Lock()
	o.endLocked(err)
	err = o.err
	o.mu.Unlock()
	o.sock.Cut()
	o.over()
	return err
}
