package hub

import (
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
	e.Event, e.Data, e.Binary = m.Event, m.Data, m.Binary
	unit := c.enc.AppendEntry(make([]byte, 0, len(m.Event)+len(m.Data)+64), e)
	putEntry(e)
	limit := &h.all.conf
	c.mu.Lock()
	if c.state != connOpen {
		c.mu.Unlock()
		return ErrNoConn
	}
	c.direct = append(c.direct, unit)
	c.directBytes += len(unit)
	over := len(c.direct) > limit.MaxLagMessages || c.directBytes > limit.MaxLagBytes
	c.mu.Unlock()
	c.out.Wake()
	if over && c.out.Waits() {
		h.enforceDirect(c)
	}
	return nil
}

// enforceDirect closes a connection that has not received what was sent to it alone.
func (h *Hub) enforceDirect(c *Conn) {
	limit := &h.all.conf
	c.mu.Lock()
	over := len(c.direct) > limit.MaxLagMessages || c.directBytes > limit.MaxLagBytes
	c.mu.Unlock()
	if over {
		c.fail(hubwire.Lagging)
	}
}
