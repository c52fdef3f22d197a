package hub

import (
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

// Subscriber is a connection that a Hub can deliver to. *geist.Conn and *geist.Stream
// are the ones there are; transports cannot be added from outside.
type Subscriber interface {
	// HubConn returns the hub's side of the connection, always the same.
	HubConn() *Conn
}

// Conn is the hub's side of a connection. Applications pass it around and ask for its
// ID; the rest is between the hub and the transport.
type Conn struct {
	id    ConnID
	out   *outlet.Outlet
	enc   hubwire.Encoding
	can   hubwire.Traits
	close func(hubwire.CloseReason)
}

// NewConn is for transports of this module. The Conn becomes the Source of o. When the
// hub wants the connection to end it calls close, once at most, from any goroutine and
// without a lock; close must not wait, and lead to Ended.
func NewConn(id ConnID, o *outlet.Outlet, enc hubwire.Encoding, close func(hubwire.CloseReason)) *Conn {
	c := &Conn{id: id, out: o, enc: enc, can: enc.Traits(), close: close}
	o.SetSource((*source)(c))
	return c
}

// ID returns the id that the connection got when it was made.
func (c *Conn) ID() ConnID { return c.id }

// HubConn makes a Conn a Subscriber itself.
func (c *Conn) HubConn() *Conn { return c }

// Ended is for transports, which call it when the connection has ended, from the Ended
// of its outlet.Socket or later: the Conn leaves its rooms and can join none any more.
// It may be called more than once.
func (c *Conn) Ended(hubwire.Key) {}

// source is the Conn as its Outlet sees it: users do not.
type source Conn

// Next hands out what the connection has not received yet.
func (s *source) Next() []byte { return nil }
