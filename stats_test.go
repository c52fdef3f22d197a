package geist_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// TestEngine_Stats opens and closes one of each kind.
func TestEngine_Stats(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New()
	app.WS("/ws", echo)
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "a") })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { <-s.Context().Done(); return nil })
	})
	app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
	is := func(what string, want geist.Stats) {
		t.Helper()
		waitFor(t, what, func() bool { return app.Stats() == want })
	}
	is("nothing is open", geist.Stats{})
	client := geisttest.New(t, app)
	idle := client.Dial()
	is("a connection is open", geist.Stats{Conns: 1})
	ws, other := client.WS("/ws"), client.WS("/ws")
	is("two WebSockets are open", geist.Stats{Conns: 3, WebSockets: 2})
	follow, run := client.SSE("/follow"), client.SSE("/run")
	is("two streams are open", geist.Stats{Conns: 5, WebSockets: 2, Streams: 2})
	ws.Close(1000, "")
	is("a WebSocket is closed", geist.Stats{Conns: 4, WebSockets: 1, Streams: 2})
	run.Close()
	is("a stream is closed", geist.Stats{Conns: 3, WebSockets: 1, Streams: 1})
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
	other.Close(1000, "")
	follow.Close()
	is("all are closed", geist.Stats{})
}

// TestEngine_Stats_mounted: what is open is the serving engine's.
func TestEngine_Stats_mounted(t *testing.T) {
	inner, app := geist.New(), geist.New()
	inner.WS("/ws", echo)
	app.Mount("/inner", inner)
	ws := geisttest.New(t, app).WS("/inner/ws")
	waitFor(t, "the WebSocket is open", func() bool { return app.Stats() == geist.Stats{Conns: 1, WebSockets: 1} })
	if got := inner.Stats(); got != (geist.Stats{}) {
		t.Errorf("the mounted engine has %+v", got)
	}
	ws.Close(1000, "")
}
