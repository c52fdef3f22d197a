package geist_test

import (
	"errors"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// TestRooms_disconnect ends connections of another node; who speaks geist.v1 is told why.
func TestRooms_disconnect(t *testing.T) {
	var bus hub.Bus
	near, far := hub.New(hub.Config{Backplane: bus.Node()}), hub.New(hub.Config{Backplane: bus.Node()})
	p, _ := vectorPolicy("token")
	for _, way := range roomWays {
		open := func() (*roomClient, hub.ConnID) {
			r := openRoom(t, newRooms(t, far, p), way, "/rt")
			id, err := hub.ParseConnID(r.greet(`["hello",{"token":"good"}]`))
			if err != nil {
				t.Fatal(err)
			}
			return r, id
		}
		user, _ := open()
		other, _ := open()
		conn, id := open()
		if err := near.Disconnect(t.Context(), id); err != nil {
			t.Error(err)
		}
		conn.want(`["bye","unauthorized"]`)
		conn.ended(4401)
		user.send(`["ping",1]`)
		user.want(`["ok",1]`)
		if err := near.DisconnectUser(t.Context(), "ada"); err != nil {
			t.Error(err)
		}
		for _, r := range []*roomClient{user, other} {
			r.want(`["bye","unauthorized"]`)
			r.ended(4401)
		}
	}
	for _, h := range []*hub.Hub{near, far} {
		for range 2 { // nobody is there
			if err := errors.Join(h.Disconnect(t.Context(), hub.NewConnID()), h.DisconnectUser(t.Context(), "ada")); err != nil {
				t.Error(err)
			}
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := h.Disconnect(t.Context(), hub.NewConnID()); !errors.Is(err, hub.ErrClosed) {
			t.Errorf("Disconnect of a closed hub: %v, want ErrClosed", err)
		}
		if err := h.DisconnectUser(t.Context(), "ada"); !errors.Is(err, hub.ErrClosed) {
			t.Errorf("DisconnectUser of a closed hub: %v, want ErrClosed", err)
		}
	}
}

// TestHub_disconnectUser ends WebSockets and streams of the application's own protocols, and
// leaves other users alone.
func TestHub_disconnectUser(t *testing.T) {
	h := newRoomHub()
	app := geist.New()
	ended := make(chan error, 1)
	app.WS("/ws/:user", func(c *geist.Ctx, ws *geist.Conn) error {
		if err := h.Attach(ws, hub.As(c.Param("user"))); err != nil {
			return err
		}
		if err := ws.Write(geist.TextMessage, []byte("here")); err != nil {
			return err
		}
		_, err := ws.Read()
		ended <- err
		return err
	})
	app.SSE("/sse/:user", func(c *geist.Ctx, s *geist.Stream) error {
		if err := h.Attach(s, hub.As(c.Param("user"))); err != nil {
			return err
		}
		return s.Follow(h, "news")
	})
	c := geisttest.New(t, app)
	ws, other := c.GET("/ws/ada").WS(), c.GET("/ws/bob").WS()
	ws.Next()
	other.Next()
	stream := c.GET("/sse/ada").SSE()
	if err := h.DisconnectUser(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if reason := ws.Closed(4401); reason != "unauthorized" {
		t.Errorf("closed for %q", reason)
	}
	var closed *geist.CloseError
	if err := <-ended; !errors.As(err, &closed) || closed.Code != 4401 {
		t.Errorf("the handler's Read: %v", err)
	}
	stream.End()
	other.Send("still here")
	if err := <-ended; err != nil {
		t.Errorf("bob: %v", err)
	}
}
