package servers

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// coderPeer is the pattern of coder/websocket's chat example, with rooms: a message is handed
// to a channel of every client, whose handler writes it under a timeout. CloseRead reads what
// clients should not say. The library frames each message for each client.
func coderPeer() Peer {
	return Peer{
		Name: "coder/websocket", Module: "github.com/coder/websocket", Protocol: wire.WebSocket,
		Note:    "chat example; rooms and queues by hand",
		NoChurn: "its rooms are a map by hand",
		Build: func(Spec) (Server, error) {
			s := &coderServer{rooms: newRoster[*coderClient]()}
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, s.serve)
			mux.HandleFunc(wire.EchoPath, coderEcho)
			return Server{Serve: httpServer(mux).Serve, Publish: s.publish, Members: s.rooms.len}, nil
		},
	}
}

type coderServer struct {
	rooms *roster[*coderClient]
}

type coderClient struct {
	send chan []byte
	drop context.CancelFunc // for who is too slow
}

func (s *coderServer) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithCancel(conn.CloseRead(context.Background()))
	defer cancel()
	c := &coderClient{send: make(chan []byte, queue), drop: cancel}
	room := r.URL.Query().Get("room")
	s.rooms.join(room, c)
	defer s.rooms.leave(room, c)
	ping := time.NewTicker(pingPeriod)
	defer ping.Stop()
	for {
		select {
		case p := <-c.send:
			err = coderWrite(ctx, conn, p)
		case <-ping.C:
			err = coderPing(ctx, conn)
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func coderWrite(ctx context.Context, conn *websocket.Conn, p []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, p)
}

// coderPing waits for the pong.
func coderPing(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pongWait-pingPeriod)
	defer cancel()
	return conn.Ping(ctx)
}

func (s *coderServer) publish(room string, p []byte) error {
	s.rooms.each(room, func(c *coderClient) {
		select {
		case c.send <- p:
		default:
			c.drop()
		}
	})
	return nil
}

func coderEcho(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(readLimit)
	for {
		kind, p, err := conn.Read(context.Background())
		if err != nil || conn.Write(context.Background(), kind, p) != nil {
			return
		}
	}
}
