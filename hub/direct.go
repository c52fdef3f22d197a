package hub

import (
	"bytes"
	"context"

	"github.com/gogeist/geist/internal/hubwire"
)

// Broadcast sends a message to every attached connection. It has no position, and who
// is away at the time does not get it. Of the options Except has an effect. The errors are
// those of Publish.
func (h *Hub) Broadcast(ctx context.Context, msg Message, opts ...PublishOption) error {
	p := post{msg: msg}
	for _, o := range opts {
		if !o.except.IsZero() {
			p.except = o.except
		}
	}
	return h.sendFar(ctx, &Packet{To: ToAll, Message: msg, Except: p.except}, func() error {
		h.all.publish(&p)
		return nil
	})
}

// Send sends a message to one connection, outside of any room. It has no position; its
// order among messages of rooms is not defined, that of several Sends is. A connection
// that is so far behind that the default lag limits are exceeded is closed.
//
// It returns ErrNoConn if there is none, else what Publish returns.
func (h *Hub) Send(ctx context.Context, to ConnID, msg Message) error {
	return h.sendFar(ctx, &Packet{To: ToConn, Conn: to, Message: msg}, func() error {
		return h.sendNear(h.conn(to), &msg)
	})
}

// SendUser sends a message to all connections of a user, as Send does. It returns
// ErrNoConn if there is none.
func (h *Hub) SendUser(ctx context.Context, userID string, msg Message) error {
	return h.sendFar(ctx, &Packet{To: ToUser, Name: userID, Message: msg}, func() error {
		return h.sendUserNear(userID, &msg)
	})
}

// sendFar tells the other nodes, if there are any, and then this one.
func (h *Hub) sendFar(ctx context.Context, p *Packet, near func() error) error {
	if err := h.check(ctx); err != nil {
		return err
	}
	if err := h.checkMessage(&p.Message); err != nil {
		return err
	}
	if h.conf.Backplane == nil || h.conf.Journal != nil {
		return near()
	}
	if _, err := h.transmit(ctx, p); err != nil {
		return err
	}
	_ = near() // ErrNoConn: it may be on another node
	return nil
}

func (h *Hub) sendUserNear(user string, m *Message) error {
	err := ErrNoConn
	for _, c := range h.connsOf(user) {
		if e := h.sendNear(c, m); e == nil {
			err = nil
		}
	}
	return err
}

// sendNear queues a unit for one connection.
func (h *Hub) sendNear(c *Conn, m *Message) error {
	if c == nil {
		return ErrNoConn
	}
	e := entryPool.Get().(*hubwire.Entry)
	e.Event, e.Data, e.Binary, e.ID = m.Event, m.Data, m.Binary, m.ID
	unit := c.enc.AppendEntry(make([]byte, 0, m.size()+64), e)
	putEntry(e)
	c.mu.Lock()
	if c.state != connOpen {
		c.mu.Unlock()
		return ErrNoConn
	}
	over := c.queueLocked(unit)
	c.mu.Unlock()
	c.wake(over)
	return nil
}

// SendUnit is for transports: it queues a whole unit for this connection alone, behind
// what Send and SendUnit have queued before, and before what rooms have that is not handed
// out yet. Lag limits act as with Send. The unit must not be changed afterwards.
//
// It returns ErrNoConn if the connection is not attached to a hub, and ErrConnClosed if it
// has ended or is about to.
func (c *Conn) SendUnit(_ hubwire.Key, unit []byte) error {
	c.mu.Lock()
	err := c.reachableLocked()
	over := err == nil && c.queueLocked(unit)
	c.mu.Unlock()
	if err == nil {
		c.wake(over)
	}
	return err
}

// reachableLocked returns why nothing can be queued, or nil.
func (c *Conn) reachableLocked() error {
	switch {
	case c.state != connOpen:
		return ErrConnClosed
	case c.hub == nil:
		return ErrNoConn
	}
	return nil
}

// TakeUnits is for transports that are about to end the connection: it returns what is
// queued for it alone and not handed out yet, as units that the transport sends itself.
func (c *Conn) TakeUnits(hubwire.Key) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.direct == nil {
		return nil
	}
	units := bytes.Join(c.direct.units, nil)
	c.direct = nil
	return units
}

// queueLocked adds a unit for this connection alone, and reports whether there are too
// many. c.mu must be held, and c be attached; wake must follow.
func (c *Conn) queueLocked(unit []byte) (over bool) {
	if c.direct == nil {
		c.direct = new(directUnits)
	}
	c.direct.units = append(c.direct.units, unit)
	c.direct.bytes += len(unit)
	return c.directOverLocked()
}

func (c *Conn) directOverLocked() bool {
	limit, d := &c.hub.all.conf, c.direct
	return d != nil && (len(d.units) > limit.MaxLagMessages || d.bytes > limit.MaxLagBytes)
}

// wake has the connection receive what was queued. If that was too much, and its socket
// does not take it, it is closed.
func (c *Conn) wake(over bool) {
	c.out.Wake()
	if !over || !c.inner && !c.out.Waits() {
		return
	}
	c.mu.Lock()
	over = c.directOverLocked()
	c.mu.Unlock()
	if over {
		c.fail(hubwire.Lagging)
	}
}
