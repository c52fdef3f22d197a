package servers

import (
	"net/http"
	"sync/atomic"

	"github.com/r3labs/sse/v2"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// r3labsPeer is r3labs/sse. Rooms are its streams. Replay is off: it would keep every
// event for ever.
func r3labsPeer() Peer {
	return Peer{
		Name: "r3labs/sse", Module: "github.com/r3labs/sse/v2", Protocol: wire.EventStream,
		Note:     "waits for the slowest subscriber of a stream",
		NoChurn:  "a stream is chosen when a client connects",
		NoResume: "its replay begins with the event that the client has seen last, once more, and keeps every event for ever",
		Build: func(Spec) (Server, error) {
			var members atomic.Int64
			s := sse.NewWithCallback(
				func(string, *sse.Subscriber) { members.Add(1) },
				func(string, *sse.Subscriber) { members.Add(-1) },
			)
			s.AutoReplay = false
			s.AutoStream = true
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				q.Set("stream", q.Get("room"))
				r.URL.RawQuery = q.Encode()
				s.ServeHTTP(w, r)
			})
			return Server{
				Serve: httpServer(mux).Serve,
				Publish: func(room string, p []byte) error {
					s.Publish(room, &sse.Event{Data: p})
					return nil
				},
				Members: func() int { return int(members.Load()) },
			}, nil
		},
	}
}
