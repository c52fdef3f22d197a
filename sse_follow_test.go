package geist_test

import (
	"context"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// publish publishes a message, or fails the test.
func publish(t *testing.T, h *hub.Hub, room, event, data string) hub.Pos {
	t.Helper()
	pos, err := h.Publish(context.Background(), room, hub.Message{Event: event, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// following returns an engine whose /feed follows rooms.
func following(cfg geist.Config, h *hub.Hub, rooms ...string) *geist.Engine {
	app := geist.New(cfg)
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error { return s.Follow(h, rooms...) })
	return app
}

func TestStream_Follow_delivers(t *testing.T) {
	h := hub.New(hub.Config{})
	e := geisttest.New(t, following(geist.Config{}, h, "news")).SSE("/feed")
	e.Response().HasHeader("Content-Type", "text/event-stream").HasHeader("Transfer-Encoding", "chunked").HasHeader("Connection", "close")
	pos := publish(t, h, "news", "tick", "a\nb")
	e.Next().Is("tick", "a\nb").HasID(pos.String())
	pos = publish(t, h, "news", "", "c")
	e.Next().Is("message", "c").HasID(pos.String())
}
