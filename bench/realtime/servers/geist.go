package servers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// geistPeers are geist and its hub with their zero Configs: limits, heartbeats, panic
// recovery and the rooms' history are on.
func geistPeers() []Peer {
	coalesce := hub.Config{Rooms: hub.RoomConfig{Coalesce: time.Millisecond}}
	return []Peer{
		geistSocketPeer("geist", "the handler reads", hub.Config{}, geistRead),
		geistSocketPeer("geist (Follow)", "ws.Follow: the handler only waits", hub.Config{}, geistFollow),
		geistSocketPeer("geist (Coalesce)", "messages wait up to 1 ms for others", coalesce, geistRead),
		geistStreamPeer("geist (stream)", "s.Follow: the hub owns the connection", hub.Config{}),
		geistStreamPeer("geist (stream, Coalesce)", "s.Follow; messages wait up to 1 ms for others", coalesce),
		geistResumePeer(),
		geistRunPeer(),
	}
}

// geistServer is a hub, and the connections that are in their room.
type geistServer struct {
	hub     *hub.Hub
	mu      sync.Mutex
	members map[hub.ConnID]*geist.Conn // guarded by mu
}

func geistSocketPeer(name, note string, cfg hub.Config, room func(*geistServer, string, *geist.Conn) error) Peer {
	return Peer{
		Name: name, Module: "github.com/gogeist/geist", Protocol: wire.WebSocket, Note: note,
		Batches: cfg.Rooms.Coalesce > 0,
		Build: func(Spec) (Server, error) {
			s := &geistServer{hub: hub.New(cfg), members: map[hub.ConnID]*geist.Conn{}}
			app := geist.New(geist.Config{})
			app.OnDisconnect(func(id hub.ConnID, _ error) { s.remove(id) })
			app.WS(wire.RoomPath, func(c *geist.Ctx, ws *geist.Conn) error {
				return room(s, c.Query("room"), ws)
			})
			app.WS(wire.EchoPath, func(_ *geist.Ctx, ws *geist.Conn) error {
				for {
					m, err := ws.Read()
					if err != nil {
						return err
					}
					if err := ws.Write(m.Type, m.Data); err != nil {
						return err
					}
				}
			})
			if err := app.Check(); err != nil {
				return Server{}, fmt.Errorf("check: %w", err)
			}
			return Server{Serve: app.Serve, Publish: s.publish, Members: s.len, Each: s.each}, nil
		},
	}
}

// geistRoomsPeer speaks geist.v1: clients join rooms and resume by themselves.
func geistRoomsPeer() Peer {
	return Peer{
		Name: "geist (geist.v1)", Module: "github.com/gogeist/geist", Protocol: wire.Geist, Resumes: true,
		Note: "app.Rooms; the hub's history as it is, 100 messages",
		Build: func(Spec) (Server, error) {
			s := &geistServer{hub: hub.New(hub.Config{})}
			app := geist.New(geist.Config{})
			policy := hub.Policy{Join: func(context.Context, *hub.JoinRequest) error { return nil }}
			app.Rooms(wire.RoomPath, s.hub, func(*geist.Ctx) (hub.Policy, error) { return policy, nil })
			if err := app.Check(); err != nil {
				return Server{}, fmt.Errorf("check: %w", err)
			}
			return Server{Serve: app.Serve, Publish: s.publish, Members: func() int { return s.hub.Stats().Conns }}, nil
		},
	}
}

// geistRead is the handler that a chat would have, but that nobody says anything.
func geistRead(s *geistServer, room string, ws *geist.Conn) error {
	if _, err := s.hub.Join(ws, room); err != nil {
		return err
	}
	s.add(ws)
	for {
		if _, err := ws.Read(); err != nil {
			return err
		}
	}
}

// geistFollow is for clients that only listen. The connection lives on when the handler
// has returned, and not before.
func geistFollow(s *geistServer, room string, ws *geist.Conn) error {
	if err := ws.Follow(s.hub, room); err != nil {
		return err
	}
	s.add(ws)
	return nil
}

func (s *geistServer) add(ws *geist.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[ws.ID()] = ws
}

func (s *geistServer) remove(id hub.ConnID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, id)
}

func (s *geistServer) publish(room string, p []byte) error {
	_, err := s.hub.Publish(context.Background(), room, hub.Message{Data: p})
	return err
}

func (s *geistServer) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members)
}

func (s *geistServer) each() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Member
	for _, ws := range s.members {
		all = append(all, geistMember{s.hub, ws})
	}
	return all
}

type geistMember struct {
	hub *hub.Hub
	ws  *geist.Conn
}

func (m geistMember) Join(room string) error {
	if _, err := m.hub.Join(m.ws, room); err != nil && !errors.Is(err, hub.ErrJoined) {
		return err
	}
	return nil
}

func (m geistMember) Leave(room string) error {
	m.hub.Leave(m.ws, room)
	return nil
}

// geistStreamPeer is a stream that the hub owns (Stream.Follow): no goroutine stays with it.
func geistStreamPeer(name, note string, cfg hub.Config) Peer {
	return Peer{
		Name: name, Module: "github.com/gogeist/geist", Protocol: wire.EventStream, Note: note,
		Batches: cfg.Rooms.Coalesce > 0, NoChurn: "rooms are chosen when a client connects",
		Build: func(Spec) (Server, error) {
			s := &geistServer{hub: hub.New(cfg)}
			app := geist.New(geist.Config{})
			app.SSE(wire.RoomPath, func(c *geist.Ctx, st *geist.Stream) error {
				return st.Follow(s.hub, c.Query("room"))
			})
			if err := app.Check(); err != nil {
				return Server{}, fmt.Errorf("check: %w", err)
			}
			return Server{Serve: app.Serve, Publish: s.publish, Members: func() int { return s.hub.Stats().Conns }}, nil
		},
	}
}

// geistResumePeer is the same for clients who come back: the history is on in any case.
func geistResumePeer() Peer {
	p := geistStreamPeer("geist (Last-Event-ID)", "s.Follow; the hub's history as it is, 100 messages", hub.Config{})
	p.Resumes = true
	return p
}

// geistRunPeer is a stream that its handler writes (Stream.Run), with a channel of every
// client by hand, as in net/http.
func geistRunPeer() Peer {
	return Peer{
		Name: "geist (Run)", Module: "github.com/gogeist/geist", Protocol: wire.EventStream,
		Note:    "s.Run: written by the handler; queues by hand",
		NoChurn: "its rooms are a map by hand", NoResume: "so would be its history",
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
