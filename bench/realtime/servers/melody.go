package servers

import (
	"net/http"

	"github.com/olahol/melody"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// melodyPeer is melody with its defaults, but for the size of a message, which would be
// 512 bytes. It knows no rooms: its documentation has a filter over all sessions instead.
func melodyPeer() Peer {
	return Peer{
		Name: "melody", Module: "github.com/olahol/melody", Protocol: wire.WebSocket,
		Note:    "rooms are a filter over all sessions; drops what does not fit into a session's queue",
		NoChurn: "it has no rooms",
		Build: func(s Spec) (Server, error) {
			m := melody.New()
			m.Config.MaxMessageSize = readLimit
			echo := melody.New()
			echo.Config.MaxMessageSize = readLimit
			echo.HandleMessage(func(s *melody.Session, p []byte) { _ = s.Write(p) })
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, func(w http.ResponseWriter, r *http.Request) {
				_ = m.HandleRequestWithKeys(w, r, map[string]any{"room": r.URL.Query().Get("room")})
			})
			mux.HandleFunc(wire.EchoPath, func(w http.ResponseWriter, r *http.Request) { _ = echo.HandleRequest(w, r) })
			publish := func(room string, p []byte) error {
				return m.BroadcastFilter(p, func(s *melody.Session) bool { return s.MustGet("room") == room })
			}
			if s.Rooms == 1 {
				publish = func(_ string, p []byte) error { return m.Broadcast(p) }
			}
			return Server{Serve: httpServer(mux).Serve, Publish: publish, Members: m.Len}, nil
		},
	}
}
