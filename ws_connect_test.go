package geist_test

import (
	"errors"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// TestConn_OnDisconnect: it is called once for each WebSocket that OnConnect has let in.
func TestConn_OnDisconnect(t *testing.T) {
	type end struct {
		id  hub.ConnID
		err error
	}
	ends, ids := make(chan end, 10), make(chan hub.ConnID, 10)
	refused := make(chan error, 10)
	failed := errors.New("failed")
	app := geist.New(geist.Config{Logger: discard()})
	app.OnConnect(func(c *geist.Ctx) error {
		switch c.Query("in") {
		case "no":
			return geist.NewError(403, "stay out")
		case "panic":
			panic("a hook")
		}
		return nil
	})
	app.OnDisconnect(func(id hub.ConnID, err error) { ends <- end{id, err} })
	app.OnDisconnect(func(hub.ConnID, error) { panic("a hook") })
	for path, after := range map[string]error{"/ends": nil, "/fails": failed} {
		app.WS(path, func(_ *geist.Ctx, ws *geist.Conn) error {
			ids <- ws.ID()
			if err := ws.WriteJSON(1); err != nil {
				refused <- err
				return err
			}
			return after
		})
	}
	app.WS("/reads", func(_ *geist.Ctx, ws *geist.Conn) error {
		ids <- ws.ID()
		_, err := ws.Read()
		return err
	})
	h := hub.New(hub.Config{})
	app.WS("/follows", func(_ *geist.Ctx, ws *geist.Conn) error {
		ids <- ws.ID()
		return ws.Follow(h, "a")
	})
	app.WS("/never", func(*geist.Ctx, *geist.Conn) error { return geist.NewError(404, "never") })
	replaced := app.Group("/replaced", func(c *geist.Ctx) error {
		_ = c.Next()
		return geist.NewError(409, "replaced")
	})
	replaced.WS("", func(_ *geist.Ctx, ws *geist.Conn) error {
		ids <- ws.ID()
		return ws.WriteJSON(1)
	})
	c := geisttest.New(t, app)

	for query, status := range map[string]int{"no": 403, "panic": 500} {
		c.GET("/ends?in=" + query).Handshake().Do().Status(status)
		receive(t, ids, "an id")
		if err := receive(t, refused, "an error"); !errors.Is(err, geist.ErrNotWebSocket) {
			t.Errorf("%s: Write: %v, want ErrNotWebSocket", query, err)
		}
	}
	c.GET("/never").Handshake().Do().Status(404)
	for _, test := range []struct {
		name, path string
		leave      func(ws *geisttest.WebSocket)
		want       func(err error) bool
	}{
		{"returns", "/ends", func(ws *geisttest.WebSocket) { ws.Next(); ws.Closed(1000) }, func(err error) bool { return err == nil }},
		{"fails", "/fails", func(ws *geisttest.WebSocket) { ws.Next(); ws.Closed(1011) }, func(err error) bool { return errors.Is(err, failed) }},
		{"the client closes", "/reads", func(ws *geisttest.WebSocket) { ws.Close(1001, "") }, func(err error) bool { return err == nil }},
		{"of a hub", "/follows", func(ws *geisttest.WebSocket) { ws.Ping("").Close(1000, "") }, func(err error) bool { return err == nil }},
		{"with another code", "/reads", func(ws *geisttest.WebSocket) { ws.Close(4001, "") }, func(err error) bool {
			e, ok := errors.AsType[*geist.CloseError](err)
			return ok && e.Code == 4001
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ws := c.WS(test.path)
			test.leave(ws)
			id, got := receive(t, ids, "an id"), receive(t, ends, "the end")
			if got.id != id || !test.want(got.err) {
				t.Errorf("OnDisconnect(%s, %v), id %s", got.id, got.err, id)
			}
		})
	}
	c.GET("/replaced").Handshake().Do().Status(409)
	if id, got := receive(t, ids, "an id"), receive(t, ends, "the end"); got.id != id || !errors.Is(got.err, geist.ErrNotWebSocket) {
		t.Errorf("replaced: OnDisconnect(%s, %v), want id %s and ErrNotWebSocket", got.id, got.err, id)
	}
	if n := len(ends); n != 0 {
		t.Errorf("%d ends more, want none", n)
	}
}
