package servers

import (
	"context"
	"fmt"

	"github.com/gogeist/geist"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// geistPeers are geist with its zero Config.
func geistPeers() []Peer {
	return []Peer{geistRunPeer()}
}

// geistRunPeer is a stream that its handler writes (Stream.Run), with a channel of every
// client by hand, as in net/http.
func geistRunPeer() Peer {
	return Peer{
		Name: "geist (Run)", Module: "github.com/gogeist/geist", Protocol: wire.EventStream,
		Note:    "written by the handler; queues by hand",
		NoChurn: "its rooms are a map by hand",
		Build: func(Spec) (Server, error) {
			rooms := newRoster[*streamClient]()
			app := geist.New(geist.Config{})
			app.SSE(wire.RoomPath, func(c *geist.Ctx, s *geist.Stream) error {
				room := c.Query("room")
				return s.Run(func() error { return geistRun(rooms, room, s) })
			})
			if err := app.Check(); err != nil {
				return Server{}, fmt.Errorf("check: %w", err)
			}
			return Server{Serve: app.Serve, Publish: func(room string, p []byte) error {
				rooms.each(room, func(c *streamClient) {
					select {
					case c.send <- p:
					default:
						c.drop()
					}
				})
				return nil
			}, Members: rooms.len}, nil
		},
	}
}

func geistRun(rooms *roster[*streamClient], room string, s *geist.Stream) error {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	c := &streamClient{send: make(chan []byte, queue), drop: cancel}
	rooms.join(room, c)
	defer rooms.leave(room, c)
	for {
		select {
		case p := <-c.send:
			if err := s.Send(geist.Event{Data: p}); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
