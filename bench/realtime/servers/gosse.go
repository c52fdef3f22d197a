package servers

import (
	"net/http"
	"sync/atomic"

	"github.com/tmaxmax/go-sse"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// goSSEPeers are tmaxmax/go-sse with its default provider, Joe, which writes and flushes
// to one subscriber after the other, without and with a history. Rooms are topics.
func goSSEPeers() []Peer {
	const note = "writes to all subscribers from one goroutine"
	replays := goSSEPeer("tmaxmax/go-sse (replay)", note+"; FiniteReplayer of 100 messages", func() (sse.Replayer, error) {
		return sse.NewFiniteReplayer(kept, true)
	})
	replays.Resumes = true
	return []Peer{goSSEPeer("tmaxmax/go-sse", note, func() (sse.Replayer, error) { return nil, nil }), replays}
}

func goSSEPeer(name, note string, replayer func() (sse.Replayer, error)) Peer {
	return Peer{
		Name: name, Module: "github.com/tmaxmax/go-sse", Protocol: wire.EventStream, Note: note,
		NoChurn: "topics are chosen when a client connects",
		Build: func(Spec) (Server, error) {
			history, err := replayer()
			if err != nil {
				return Server{}, err
			}
			var members atomic.Int64
			s := &sse.Server{Provider: &sse.Joe{Replayer: history}, OnSession: func(w http.ResponseWriter, r *http.Request) ([]string, bool) {
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
