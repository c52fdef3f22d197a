package servers

import (
	"net/http"
	"sync/atomic"

	"github.com/tmaxmax/go-sse"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// goSSEPeer is tmaxmax/go-sse with its default provider, Joe, which writes and flushes
// to one subscriber after the other. Rooms are topics.
func goSSEPeer() Peer {
	return Peer{
		Name: "tmaxmax/go-sse", Module: "github.com/tmaxmax/go-sse", Protocol: wire.EventStream,
		Note:    "writes to all subscribers from one goroutine",
		NoChurn: "topics are chosen when a client connects",
		Build: func(Spec) (Server, error) {
			var members atomic.Int64
			s := &sse.Server{OnSession: func(w http.ResponseWriter, r *http.Request) ([]string, bool) {
				// The library sends the header with the first event only.
				w.Header().Set("Content-Type", "text/event-stream")
				w.Header().Set("Cache-Control", "no-store")
				w.WriteHeader(http.StatusOK)
				return []string{r.URL.Query().Get("room")}, http.NewResponseController(w).Flush() == nil
			}}
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, func(w http.ResponseWriter, r *http.Request) {
				members.Add(1)
				defer members.Add(-1)
				s.ServeHTTP(w, r)
			})
			return Server{
				Serve: httpServer(mux).Serve,
				Publish: func(room string, p []byte) error {
					m := &sse.Message{}
					m.AppendData(string(p))
					return s.Publish(m, room)
				},
				Members: func() int { return int(members.Load()) },
			}, nil
		},
	}
}
