package hub

import (
	"slices"
	"sync"

	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

// Subscriber is a connection that a Hub can deliver to. *geist.Conn and *geist.Stream
// are the ones there are; transports cannot be added from outside.
type Subscriber interface {
	// HubConn returns the hub's side of the connection, always the same.
	HubConn() *Conn
}

// The states of a Conn, each later than those above it.
const (
	connOpen    uint8 = iota
	connClosing       // close has been called, or is about to be
	connEnded
)

// mapRooms is the number of rooms above which a Conn finds them by a map.
const mapRooms = 16

// Conn is the hub's side of a connection. Applications pass it around and ask who it
// is; the rest is between the hub and the transport.
type Conn struct {
	id    ConnID
	out   *outlet.Outlet
	enc   hubwire.Encoding
	can   hubwire.Traits
	close func(hubwire.CloseReason)
	inner bool // the application's own: no member, not reached by Broadcast; frozen by its first Join

	state uint8 // guarded by mu
	mu    sync.Mutex
	hub   *Hub           // guarded by mu; set once
	who   *identity      // guarded by mu; nil until somebody says
	all   *sub           // guarded by mu; in the room that everybody is in
	subs  []*sub         // guarded by mu; in the order of joining if the encoding needs vectors
	rooms map[*room]*sub // guarded by mu; the same, if they are many
	front *sub           // guarded by mu; the first of those that have something to receive
	back  *sub           // guarded by mu

	direct  *directUnits // guarded by mu; nil if there are none
	scratch *scratch     // guarded by mu; what Next has returned last, if it was put together
}

// identity is whose connection a Conn is, and what speaks for it.
type identity struct {
	user string
	meta any
	peer hubwire.Peer // nil unless the client speaks a protocol
}

// directUnits are units for one connection alone.
type directUnits struct {
	units [][]byte
	bytes int
}

// NewConn is for transports of this module. The Conn becomes the Source of o. When the
// hub wants the connection to end it calls end, once at most, from any goroutine and
// without a lock; end must not wait, and lead to Ended.
func NewConn(id ConnID, o *outlet.Outlet, enc hubwire.Encoding, end func(hubwire.CloseReason)) *Conn {
	c := &Conn{id: id, out: o, enc: enc, can: enc.Traits(), close: end}
	o.SetSource((*source)(c))
	return c
}

// ID returns the id that the connection got when it was made.
func (c *Conn) ID() ConnID { return c.id }

// HubConn makes a Conn a Subscriber itself.
func (c *Conn) HubConn() *Conn { return c }

// User returns what Attach was told with As, or "".
func (c *Conn) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.userLocked()
}

// userLocked returns whose connection it is, or "".
func (c *Conn) userLocked() string {
	if c.who == nil {
		return ""
	}
	return c.who.user
}

// identityLocked returns whose connection it is, to be written to.
func (c *Conn) identityLocked() *identity {
	if c.who == nil {
		c.who = new(identity)
	}
	return c.who
}

// Meta returns what Attach was told with Meta, or nil.
func (c *Conn) Meta() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.who == nil {
		return nil
	}
	return c.who.meta
}

// Rooms returns the names of the rooms that the connection is in, in no order.
func (c *Conn) Rooms() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.subs))
	for _, s := range c.subs {
		names = append(names, s.room.name)
	}
	return names
}

// Ended is for transports, which call it when the connection has ended, from the Ended
// of its outlet.Socket or later: the Conn leaves its rooms and can join none any more.
// It may be called more than once.
func (c *Conn) Ended(hubwire.Key) {
	if h, first := c.end(connEnded); first && h != nil {
		h.forget(c)
	}
}

// fail ends the connection, unless it is ending anyway, for a reason that its client is
// told if possible.
func (c *Conn) fail(reason hubwire.CloseReason) {
	h, first := c.end(connClosing)
	if !first {
		return
	}
	if reason == hubwire.Lagging {
		h.count(&h.total.disconnected, 1)
	}
	c.close(reason)
}

// end moves on to a later state and leaves every room; it reports whether it was later.
func (c *Conn) end(state uint8) (h *Hub, first bool) {
	c.mu.Lock()
	if c.state >= state {
		c.mu.Unlock()
		return nil, false
	}
	if c.state, h = state, c.hub; h != nil {
		h.dropUserLocked(c) // at once: it counts no more, though it still says whose it was
	}
	var useless []*room
	for _, s := range append(c.subs, c.all) {
		if s != nil && s.leaveLocked() {
			useless = append(useless, s.room)
		}
	}
	c.subs, c.rooms, c.all = nil, nil, nil
	c.front, c.back, c.direct = nil, nil, nil
	c.mu.Unlock()
	for _, r := range useless {
		h.reap(r)
	}
	return h, true
}

// subLocked returns the subscription to a room, or nil.
func (c *Conn) subLocked(r *room) *sub {
	if r.all {
		return c.all
	}
	if c.rooms != nil {
		return c.rooms[r]
	}
	for _, s := range c.subs {
		if s.room == r {
			return s
		}
	}
	return nil
}

func (c *Conn) addLocked(s *sub) {
	s.index = int32(len(c.subs))
	c.subs = append(c.subs, s)
	if c.rooms != nil {
		c.rooms[s.room] = s
	} else if len(c.subs) > mapRooms {
		c.rooms = make(map[*room]*sub, 2*mapRooms)
		for _, s := range c.subs {
			c.rooms[s.room] = s
		}
	}
}

func (c *Conn) removeLocked(s *sub) {
	delete(c.rooms, s.room)
	if c.can.Vector { // vectors keep the order of joining
		c.subs = slices.Delete(c.subs, int(s.index), int(s.index)+1)
		for i, s := range c.subs {
			s.index = int32(i)
		}
		return
	}
	end := len(c.subs) - 1
	c.subs[s.index] = c.subs[end]
	c.subs[s.index].index = s.index
	c.subs[end] = nil
	c.subs = c.subs[:end]
}

// readyLocked puts s behind the others that have something to receive.
func (c *Conn) readyLocked(s *sub) {
	if s.ready {
		return
	}
	s.ready = true
	if c.back == nil {
		c.front = s
	} else {
		c.back.next = s
	}
	c.back = s
}

// popLocked takes the first of those that have something to receive.
func (c *Conn) popLocked() *sub {
	s := c.front
	if c.front = s.next; c.front == nil {
		c.back = nil
	}
	s.next, s.ready = nil, false
	return s
}

// unreadyLocked takes s from wherever it stands among them.
func (c *Conn) unreadyLocked(s *sub) {
	if !s.ready {
		return
	}
	var before *sub
	for at := c.front; at != s; at = at.next {
		before = at
	}
	if before == nil {
		c.front = s.next
	} else {
		before.next = s.next
	}
	if c.back == s {
		c.back = before
	}
	s.next, s.ready = nil, false
}

// pendingLocked reports whether the connection has something to receive.
func (c *Conn) pendingLocked() bool { return c.front != nil || c.direct != nil }
