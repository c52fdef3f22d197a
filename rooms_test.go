package geist_test

import (
	"context"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// openPolicy allows everything.
func openPolicy() hub.Policy {
	return hub.Policy{
		Join:    func(context.Context, *hub.JoinRequest) error { return nil },
		Publish: func(context.Context, *hub.PublishRequest) error { return nil },
	}
}

func TestRooms_joinPublishLeave(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	c := geisttest.New(t, app)
	ws := c.GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
	ws.Send(`["hello",{"session":"vectors-session-1"}]`)
	t.Log(string(ws.Next().Data))
	ws.Send(`["join",1,"a"]`)
	t.Log(string(ws.Next().Data))
	ws.Send(`["pub",2,"a",{"x":1}]`)
	t.Log(string(ws.Next().Data))
	t.Log(string(ws.Next().Data))
	ws.Send(`["leave",3,"a"]`)
	t.Log(string(ws.Next().Data))
	ws.Send(`["bye",3,"a"]`)
	t.Log(string(ws.Next().Data))
	_ = h.Shutdown(context.Background())
	t.Log(string(ws.Next().Data))
	ws.Closed(1001)
}
