package servers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// netHTTPPeer is an event stream as one writes it with net/http alone: an event is
// formatted once and handed to a channel of every client, whose handler writes and flushes.
func netHTTPPeer() Peer {
	return Peer{
		Name: "net/http", Protocol: wire.EventStream,
		Note:    "by hand",
		NoChurn: "its rooms are a map by hand", NoResume: "it has no history",
		Build: func(Spec) (Server, error) {
			s := &netHTTPServer{rooms: newRoster[*streamClient]()}
			mux := http.NewServeMux()
			mux.HandleFunc(wire.RoomPath, s.serve)
			return Server{Serve: httpServer(mux).Serve, Publish: s.publish, Members: s.rooms.len}, nil
		},
	}
}

type netHTTPServer struct {
	rooms *roster[*streamClient]
}

// streamClient is a client of a stream that is written by its handler.
type streamClient struct {
	send chan []byte
	drop context.CancelFunc // for who is too slow
}

func (s *netHTTPServer) serve(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "no streaming", http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher.Flush()
	c := &streamClient{send: make(chan []byte, queue), drop: cancel}
	room := r.URL.Query().Get("room")
	s.rooms.join(room, c)
	defer s.rooms.leave(room, c)
	for {
		select {
		case p := <-c.send:
			if _, err := w.Write(p); err != nil {
				return
			}
			flusher.Flush()
		case <-ctx.Done():
			return
		}
	}
}

func (s *netHTTPServer) publish(room string, p []byte) error {
	event := fmt.Appendf(make([]byte, 0, len(p)+8), "data: %s\n\n", p)
	s.rooms.each(room, func(c *streamClient) {
		select {
		case c.send <- event:
		default:
			c.drop()
		}
	})
	return nil
}
