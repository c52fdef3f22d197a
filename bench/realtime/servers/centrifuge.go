package servers

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// centrifugePeers are centrifuge with its defaults, and with what its documentation names
// against system calls and memory: a delay in which messages of a connection gather
// (ConnectReply.WriteDelay) and pooled write buffers; then the same gathering by channel,
// which it calls experimental. Clients speak JSON, and the connection's room is a
// server-side subscription: what follows from then on is a publication in a channel.
func centrifugePeers() []Peer {
	return []Peer{
		centrifugePeer("centrifuge", "defaults", centrifugeOptions{}),
		centrifugePeer("centrifuge (write delay)", "WriteDelay 5 ms, 64 messages a frame, pooled write buffers",
			centrifugeOptions{delay: 5 * time.Millisecond, frame: 64, pool: true}),
		centrifugePeer("centrifuge (channel batches)", "GetChannelBatchConfig of 16 messages or 5 ms, experimental; pooled write buffers",
			centrifugeOptions{batch: centrifuge.ChannelBatchConfig{MaxSize: 16, MaxDelay: 5 * time.Millisecond}, pool: true}),
	}
}

// centrifugeRecoveryPeers keep a history and let clients recover from a position, over
// WebSocket and over its stream of events.
func centrifugeRecoveryPeers() []Peer {
	const note = "EnableRecovery; history of 100 messages in memory"
	socket := centrifugePeer("centrifuge (recovery)", note, centrifugeOptions{recovery: true})
	stream := centrifugePeer("centrifuge (SSE, recovery)", note+"; its JSON protocol in events", centrifugeOptions{recovery: true, stream: true})
	stream.Protocol = wire.CentrifugeStream
	socket.Batches, socket.Resumes = false, true
	stream.Batches, stream.Resumes = false, true
	return []Peer{socket, stream}
}

type centrifugeOptions struct {
	delay    time.Duration
	frame    int
	pool     bool
	batch    centrifuge.ChannelBatchConfig
	recovery bool
	stream   bool // Server-Sent Events in place of WebSocket
}

func centrifugePeer(name, note string, o centrifugeOptions) Peer {
	return Peer{
		Name: name, Module: "github.com/centrifugal/centrifuge", Protocol: wire.Centrifuge, Note: note,
		Batches: o != (centrifugeOptions{}),
		Build: func(Spec) (Server, error) {
			s := &centrifugeServer{members: map[*centrifuge.Client]struct{}{}}
			return s.build(o)
		},
	}
}

type centrifugeServer struct {
	node    *centrifuge.Node
	mu      sync.Mutex
	members map[*centrifuge.Client]struct{} // guarded by mu
}

// roomKey is the key of the room in the context of a connecting client.
type roomKey struct{}

func (s *centrifugeServer) build(o centrifugeOptions) (Server, error) {
	reg := prometheus.NewRegistry()
	cfg := centrifuge.Config{Metrics: centrifuge.MetricsConfig{RegistererGatherer: reg}}
	if o.batch.MaxSize > 0 {
		cfg.GetChannelBatchConfig = func(string) centrifuge.ChannelBatchConfig { return o.batch }
	}
	node, err := centrifuge.New(cfg)
	if err != nil {
		return Server{}, err
	}
	s.node = node
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		reply := centrifuge.ConnectReply{
			Credentials: &centrifuge.Credentials{UserID: "someone"},
			WriteDelay:  o.delay, MaxMessagesInFrame: o.frame,
		}
		if room, _ := ctx.Value(roomKey{}).(string); room != "" {
			reply.Subscriptions = map[string]centrifuge.SubscribeOptions{room: {EnableRecovery: o.recovery}}
		}
		return reply, nil
	})
	node.OnConnect(s.connected)
	if err := node.Run(); err != nil {
		return Server{}, err
	}
	var clients http.Handler = centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: o.pool})
	if o.stream {
		clients = centrifuge.NewSSEHandler(node, centrifuge.SSEConfig{})
	}
	mux := http.NewServeMux()
	mux.HandleFunc(wire.RoomPath, func(w http.ResponseWriter, r *http.Request) {
		clients.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roomKey{}, r.URL.Query().Get("room"))))
	})
	mux.Handle(wire.EchoPath, clients)
	var history []centrifuge.PublishOption
	if o.recovery {
		history = append(history, centrifuge.WithHistory(kept, keptFor))
	}
	return Server{
		Serve: httpServer(mux).Serve,
		Publish: func(room string, p []byte) error {
			_, err := node.Publish(room, p, history...)
			return err
		},
		Members: s.len,
		Each:    s.each,
	}, nil
}

func (s *centrifugeServer) connected(c *centrifuge.Client) {
	c.OnRPC(func(e centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
		answer(centrifuge.RPCReply{Data: e.Data}, nil)
	})
	c.OnDisconnect(func(centrifuge.DisconnectEvent) {
		s.mu.Lock()
		delete(s.members, c)
		s.mu.Unlock()
	})
	s.mu.Lock()
	s.members[c] = struct{}{}
	s.mu.Unlock()
}

func (s *centrifugeServer) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members)
}

func (s *centrifugeServer) each() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Member
	for c := range s.members {
		all = append(all, centrifugeMember{c})
	}
	return all
}

type centrifugeMember struct{ c *centrifuge.Client }

func (m centrifugeMember) Join(room string) error {
	if err := m.c.Subscribe(room); err != nil && !errors.Is(err, centrifuge.ErrorAlreadySubscribed) {
		return err
	}
	return nil
}

func (m centrifugeMember) Leave(room string) error {
	m.c.Unsubscribe(room)
	return nil
}
