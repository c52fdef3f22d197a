package hub

import (
	"context"
	"fmt"

	"github.com/gogeist/geist/internal/hubwire"
)

// SetPeer is for transports whose clients speak a protocol: p is what the hub asks of the
// client. Nil takes it back.
func (c *Conn) SetPeer(_ hubwire.Key, p hubwire.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identityLocked().peer = p
}

func (c *Conn) asked() hubwire.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.who == nil {
		return nil
	}
	return c.who.peer
}

// CheckRoom is for transports: it returns ErrRoomName for what cannot name a room, or nil.
func (h *Hub) CheckRoom(_ hubwire.Key, name string) error { return h.checkName(name) }

// Clustered is for transports: it reports whether there may be other nodes.
func (h *Hub) Clustered(hubwire.Key) bool { return h.clustered() }

// Request asks the client of a connection and waits for its answer, which is JSON, for as
// long as ctx allows. The message is JSON or text, not Binary. It must not be called by a
// function of that connection's Policy: the answer would wait for that.
//
// It returns ErrNoConn unless the connection is one of this node, ErrCannotTell unless it
// speaks the protocol geist.v1 and has said hello, ErrConnClosed if it ends before it has
// answered, ErrMessage, ErrClosed, or the error of ctx.
func (h *Hub) Request(ctx context.Context, to ConnID, msg Message) (Message, error) {
	if err := h.check(ctx); err != nil {
		return Message{}, err
	}
	if err := h.checkMessage(&msg); err != nil {
		return Message{}, err
	}
	if msg.Binary {
		return Message{}, fmt.Errorf("%w: a question is JSON or text, not binary", ErrMessage)
	}
	c := h.conn(to)
	if c == nil {
		return Message{}, ErrNoConn
	}
	p := c.asked()
	if p == nil {
		return Message{}, fmt.Errorf("%w: it does not speak geist.v1", ErrCannotTell)
	}
	data, err := p.Ask(ctx, msg.Event, msg.Data)
	return Message{Data: data}, err
}

// recheckMark is the event of a packet that is an order: no message can have it.
const recheckMark = "\x00recheck"

// Recheck has the policies of a user's connections asked again, for each room that they
// are in: who is refused now is taken out of the room, and told so. It is for rights that
// have been withdrawn. It does not wait for the policies; a function of a policy may call it.
//
// With a Backplane the other nodes are told, too. It returns ErrClosed, ErrBackplane, or the
// error of ctx.
func (h *Hub) Recheck(ctx context.Context, userID string) error {
	return h.order(ctx, &Packet{To: ToUser, Name: userID, Message: Message{Event: recheckMark}})
}

func (h *Hub) recheckNear(user string) {
	for _, c := range h.connsOf(user) {
		if p := c.asked(); p != nil {
			p.Recheck()
		}
	}
}
