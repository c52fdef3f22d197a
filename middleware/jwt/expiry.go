package jwt

import (
	"time"

	"github.com/gogeist/geist"
)

// CloseAtExpiry closes a WebSocket when the token that has opened it expires, by Config.Leeway
// later than it says, with code 1008: also one that is followed. It is called by the handler, makes the request a connection if it
// is none yet, and is over when the connection is. Without a token it does nothing.
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
