package jwt

import (
	"context"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// CloseAtExpiry closes a WebSocket when the token that has opened it expires, by Config.Leeway
// later than it says, with code 1008: also one that is followed. It is called by the handler, makes
// the request a connection if it is none yet, and is over when the connection is. Without a token
// it does nothing.
func CloseAtExpiry(c *geist.Ctx, ws *geist.Conn) {
	token, ok := From(c)
	if !ok {
		return
	}
	ws.HubConn() // uses the connection: from now on Close may be called by any goroutine
	timer := time.AfterFunc(time.Until(token.ends), func() {
		_ = ws.Close(geist.ClosePolicy, "the token has expired") // the code is a valid one
	})
	c.OnClose(func() { timer.Stop() })
}

// EndAtExpiry ends a stream when the token that has opened it expires, by Config.Leeway later
// than it says: also one that is followed. The handler calls it before Follow or Run; it attaches
// the stream to h, whose Disconnect ends it, and returns the error of that. A client that comes
// again is refused with 401. Without a token it does nothing.
func EndAtExpiry(c *geist.Ctx, s *geist.Stream, h *hub.Hub) error {
	token, ok := From(c)
	if !ok {
		return nil
	}
	if err := h.Attach(s); err != nil {
		return err
	}
	id := s.ID()
	timer := time.AfterFunc(time.Until(token.ends), func() {
		_ = h.Disconnect(context.Background(), id) // it fails with the hub, which has ended the stream
	})
	c.OnEnd(func() { timer.Stop() })
	return nil
}
