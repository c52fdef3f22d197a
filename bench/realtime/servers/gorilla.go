package servers

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// gorillaPeer is the pattern of gorilla's chat example, with rooms: one goroutine owns
// who is where and hands each message to a channel of every client, from which the
// client's own goroutine writes. Clients whose channel is full are closed. Unlike in the
// example a message is a frame of its own, as in all other peers.
func gorillaPeer() Peer {
	return Peer{
		Name: "gorilla chat", Module: "github.com/gorilla/websocket", Protocol: wire.WebSocket,
		NoChurn: "the example has no rooms, and here they are a map by hand",
		Build: func(Spec) (Server, error) {
			h := &gorillaHub{
				join: make(chan *gorillaClient), leave: make(chan *gorillaClient),
				publish: make(chan gorillaMessage), rooms: map[string]map[*gorillaClient]bool{},
			}
			go h.run()
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, h.serve)
			mux.HandleFunc(wire.EchoPath, gorillaEcho)
			return Server{
				Serve:   httpServer(mux).Serve,
				Publish: func(room string, p []byte) error { h.publish <- gorillaMessage{room, p}; return nil },
				Members: func() int { return int(h.members.Load()) },
			}, nil
		},
	}
}

type gorillaMessage struct {
	room string
	data []byte
}

type gorillaClient struct {
	room string
	conn *websocket.Conn
	send chan []byte
}

type gorillaHub struct {
	join, leave chan *gorillaClient
	publish     chan gorillaMessage
	rooms       map[string]map[*gorillaClient]bool // of run
	members     atomic.Int64
}

// run owns rooms; it lasts as long as the process.
func (h *gorillaHub) run() {
	for {
		select {
		case c := <-h.join:
			if h.rooms[c.room] == nil {
				h.rooms[c.room] = map[*gorillaClient]bool{}
			}
			h.rooms[c.room][c] = true
			h.members.Add(1)
		case c := <-h.leave:
			h.remove(c)
		case m := <-h.publish:
			for c := range h.rooms[m.room] {
				select {
				case c.send <- m.data:
				default:
					h.remove(c)
				}
			}
		}
	}
}

func (h *gorillaHub) remove(c *gorillaClient) {
	if !h.rooms[c.room][c] {
		return
	}
	delete(h.rooms[c.room], c)
	if len(h.rooms[c.room]) == 0 {
		delete(h.rooms, c.room)
	}
	close(c.send)
	h.members.Add(-1)
}

// gorillaUpgrader has the buffers of the example.
var gorillaUpgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

func (h *gorillaHub) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := gorillaUpgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &gorillaClient{room: r.URL.Query().Get("room"), conn: conn, send: make(chan []byte, queue)}
	h.join <- c
	go c.write()
	// A goroutine of its own, so that what the handler has used can be freed.
	go h.read(c)
}

// read waits for the client to leave; it ends with the connection.
func (h *gorillaHub) read(c *gorillaClient) {
	defer func() {
		h.leave <- c
		_ = c.conn.Close()
	}()
	c.conn.SetReadLimit(readLimit)
	_ = c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			return
		}
	}
}

// write sends what the hub hands over; it ends when the channel is closed or a write fails.
func (c *gorillaClient) write() {
	ping := time.NewTicker(pingPeriod)
	defer func() {
		ping.Stop()
		_ = c.conn.Close()
	}()
	for {
		select {
		case p, ok := <-c.send:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				_ = c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.conn.WriteMessage(websocket.TextMessage, p) != nil {
				return
			}
		case <-ping.C:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

func gorillaEcho(w http.ResponseWriter, r *http.Request) {
	conn, err := gorillaUpgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	for {
		kind, p, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, p) != nil {
			return
		}
	}
}
