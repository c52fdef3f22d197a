package servers

import (
	"fmt"
	"net"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// fasthttpPeer is the library that geist's handshake is built on, as an application would
// use it: a message is encoded once (PreparedMessage) and handed to a channel of every
// client, from which the client's own goroutine writes.
func fasthttpPeer() Peer {
	return Peer{
		Name: "fasthttp/websocket", Module: "github.com/fasthttp/websocket", Protocol: wire.WebSocket,
		Note:    "PreparedMessage; rooms, queues and goroutines by hand",
		NoChurn: "its rooms are a map by hand",
		Build: func(Spec) (Server, error) {
			s := &fasthttpServer{rooms: newRoster[*fasthttpClient]()}
			srv := &fasthttp.Server{
				Handler: s.serve, NoDefaultServerHeader: true, Concurrency: 256 << 10,
				ReadTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second,
			}
			return Server{Serve: func(ln net.Listener) error { return srv.Serve(ln) }, Publish: s.publish, Members: s.rooms.len}, nil
		},
	}
}

type fasthttpServer struct {
	rooms *roster[*fasthttpClient]
}

type fasthttpClient struct {
	room string
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
	done chan struct{} // closed when the client has left
}

var fasthttpUpgrader = websocket.FastHTTPUpgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

func (s *fasthttpServer) serve(ctx *fasthttp.RequestCtx) {
	h := s.echo
	switch string(ctx.Path()) {
	case wire.EchoPath:
	case wire.RoomPath:
		room := string(ctx.QueryArgs().Peek("room"))
		h = func(conn *websocket.Conn) { s.member(room, conn) }
	default:
		ctx.Error("Not Found", fasthttp.StatusNotFound)
		return
	}
	_ = fasthttpUpgrader.Upgrade(ctx, h) // it has answered if it fails
}

// member is a client's whole life.
func (s *fasthttpServer) member(room string, conn *websocket.Conn) {
	c := &fasthttpClient{room: room, conn: conn, send: make(chan *websocket.PreparedMessage, queue), done: make(chan struct{})}
	s.rooms.join(room, c)
	written := make(chan struct{})
	go func() { defer close(written); c.write() }()
	conn.SetReadLimit(readLimit)
	_ = conn.SetReadDeadline(time.Now().Add(pongWait))
	conn.SetPongHandler(func(string) error { return conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	s.rooms.leave(room, c)
	close(c.done)
	<-written // the connection is another's when this returns
}

// write sends what is published; it ends when the client has left or a write fails.
func (c *fasthttpClient) write() {
	ping := time.NewTicker(pingPeriod)
	defer ping.Stop()
	for {
		var err error
		select {
		case m := <-c.send:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			err = c.conn.WritePreparedMessage(m)
		case <-ping.C:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			err = c.conn.WriteMessage(websocket.PingMessage, nil)
		case <-c.done:
			return
		}
		if err != nil {
			_ = c.conn.NetConn().Close()
			return
		}
	}
}

func (s *fasthttpServer) publish(room string, p []byte) error {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, p)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	s.rooms.each(room, func(c *fasthttpClient) {
		select {
		case c.send <- m:
		default: // it is too slow: its reader ends, and the client with it
			_ = c.conn.SetReadDeadline(time.Now())
		}
	})
	return nil
}

func (s *fasthttpServer) echo(conn *websocket.Conn) {
	for {
		kind, p, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, p) != nil {
			return
		}
	}
}
