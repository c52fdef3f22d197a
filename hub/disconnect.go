package hub

import (
	"context"

	"github.com/gogeist/geist/internal/hubwire"
)

// disconnectMark is the event of a packet that is an order, see recheckMark.
const disconnectMark = "\x00disconnect"

// Disconnect ends a connection: a WebSocket with the code 4401, a stream at once; the
// client is told that it needs other credentials. What it has not been sent yet is
// lost. It does not wait for the end, and it is no error if there is no such connection.
//
// The client may come again: withdraw what it may come with first. If it is not here, and
// there is a Backplane, the other nodes are told. It returns ErrClosed, ErrBackplane, or the error of ctx.
func (h *Hub) Disconnect(ctx context.Context, id ConnID) error {
	return h.order(ctx, &Packet{To: ToConn, Conn: id, Message: Message{Event: disconnectMark}})
}

// DisconnectUser ends all connections of a user, on all nodes, as Disconnect does: for sessions and
// tokens that have been revoked. [Hub.Recheck] is for rights in single rooms.
func (h *Hub) DisconnectUser(ctx context.Context, userID string) error {
	return h.order(ctx, &Packet{To: ToUser, Name: userID, Message: Message{Event: disconnectMark}})
}

// order has all nodes do what a packet says that is no message: this one first, whether or
// not the others can be reached.
func (h *Hub) order(ctx context.Context, p *Packet) error {
	if err := h.check(ctx); err != nil {
		return err
	}
	here := p.To == ToConn && h.conn(p.Conn) != nil
	h.obey(p)
	if here || !h.clustered() {
		return nil
	}
	_, err := h.transmit(ctx, p)
	return err
}

// obey does what a packet orders on this node, and reports whether it was an order.
func (h *Hub) obey(p *Packet) bool {
	switch {
	case p.To == ToUser && p.Event == recheckMark:
		h.recheckNear(p.Name)
	case p.To == ToUser && p.Event == disconnectMark:
		for _, c := range h.connsOf(p.Name) {
			c.fail(hubwire.Dismissed)
		}
	case p.To == ToConn && p.Event == disconnectMark:
		if c := h.conn(p.Conn); c != nil {
			c.fail(hubwire.Dismissed)
		}
	default:
		return false
	}
	return true
}
