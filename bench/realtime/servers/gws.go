package servers

import (
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// gwsPeer is gws as its documentation shows it: a message is encoded once (Broadcaster) and
// queued for every connection, whose queue is worked off by a goroutine while there is
// something in it. It leaves heartbeats to the application: here one goroutine pings all.
func gwsPeer() Peer {
	return Peer{
		Name: "gws", Module: "github.com/lxzan/gws", Protocol: wire.WebSocket,
		Note:    "Broadcaster; rooms by hand; queues without a bound",
		NoChurn: "its rooms are a map by hand",
		Build: func(Spec) (Server, error) {
			s := &gwsServer{rooms: newRoster[*gws.Conn]()}
			room := gws.NewUpgrader(s, &gws.ServerOption{ReadMaxPayloadSize: readLimit})
			echo := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{ReadMaxPayloadSize: readLimit})
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, func(w http.ResponseWriter, r *http.Request) {
				if conn, err := room.Upgrade(w, r); err == nil {
					conn.Session().Store("room", r.URL.Query().Get("room"))
					go conn.ReadLoop() // so that what the handler has used can be freed
				}
			})
			mux.HandleFunc(wire.EchoPath, func(w http.ResponseWriter, r *http.Request) {
				if conn, err := echo.Upgrade(w, r); err == nil {
					go conn.ReadLoop()
				}
			})
			go s.ping()
			return Server{Serve: httpServer(mux).Serve, Publish: s.publish, Members: s.rooms.len}, nil
		},
	}
}

// gwsServer handles the events of connections in rooms.
type gwsServer struct {
	gws.BuiltinEventHandler
	rooms *roster[*gws.Conn]
}

// OnOpen puts a connection into its room.
func (s *gwsServer) OnOpen(c *gws.Conn) {
	_ = c.SetDeadline(time.Now().Add(pongWait))
	s.rooms.join(gwsRoom(c), c)
}

// OnClose takes it out.
func (s *gwsServer) OnClose(c *gws.Conn, _ error) { s.rooms.leave(gwsRoom(c), c) }

// OnPong prolongs its life.
func (s *gwsServer) OnPong(c *gws.Conn, _ []byte) { _ = c.SetDeadline(time.Now().Add(pongWait)) }

// OnMessage throws away what is said.
func (s *gwsServer) OnMessage(_ *gws.Conn, m *gws.Message) { _ = m.Close() }

func gwsRoom(c *gws.Conn) string {
	v, _ := c.Session().Load("room")
	room, _ := v.(string)
	return room
}

func (s *gwsServer) publish(room string, p []byte) error {
	b := gws.NewBroadcaster(gws.OpcodeText, p)
	s.rooms.each(room, func(c *gws.Conn) { _ = b.Broadcast(c) }) // a connection that fails is about to leave
	return b.Close()
}

// ping lasts as long as the process.
func (s *gwsServer) ping() {
	for range time.Tick(pingPeriod) {
		s.rooms.all(func(c *gws.Conn) { c.WriteAsync(gws.OpcodePing, nil, nil) })
	}
}

// gwsEcho sends back what it gets.
type gwsEcho struct{ gws.BuiltinEventHandler }

// OnMessage sends it.
func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	_ = c.WriteMessage(m.Opcode, m.Bytes())
	_ = m.Close()
}
