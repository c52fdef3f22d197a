package geist_test

import (
	"context"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/wsproto"
)

var stormRounds = flag.Int("stormrounds", 3, "how many servers TestEngine_storm starts and drains")

// TestEngine_storm: WebSockets and streams end in every way at once, again and again:
// handlers return while others write, connections are closed from elsewhere, clients
// vanish, lag and break the protocol, and the server drains in the middle of it, once
// in time and once not. Nobody is left, and who was let in is told of its end once.
// To run it long: go test -race -run TestEngine_storm . -args -stormrounds=1000
func TestEngine_storm(t *testing.T) {
	for i := range *stormRounds {
		stormRound(t, i)
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
}

func stormRound(t *testing.T, round int) {
	const clients, visits = 12, 12
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{MaxLagMessages: 20, MaxLagBytes: 32 << 10}})
	app := geist.New(geist.Config{DrainIdle: -1, Logger: discard(), EventHeartbeat: 100 * time.Millisecond, WebSocket: geist.WebSocketConfig{
		PingInterval: 100 * time.Millisecond, PongTimeout: 50 * time.Millisecond, CloseTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond,
	}})
	var in, out atomic.Int32
	app.OnConnect(func(c *geist.Ctx) error {
		if rand.N(20) == 0 {
			return geist.NewError(403, "unlucky")
		}
		in.Add(1)
		return nil
	})
	app.OnDisconnect(func(hub.ConnID, error) { out.Add(1) })
	var own sync.WaitGroup // goroutines of handlers, which outlive them
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error { return stormSocket(c, ws, h, &own) })
	app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "a", "b") })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			if _, err := h.Join(s, "a"); err != nil {
				return err
			}
			for range rand.N(5) {
				if err := s.SendJSON("x", 1); err != nil {
					return err
				}
			}
			<-s.Context().Done()
			return nil
		})
	})
	ln := listenTCP(t)
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // ends with Shutdown
	stop := make(chan struct{})
	var publishers, visitors sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for big := make([]byte, 4<<10); ; {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = h.Publish(context.Background(), []string{"a", "b"}[rand.N(2)], hub.Message{Data: big[:rand.N(len(big))]})
				time.Sleep(time.Duration(rand.N(200)) * time.Microsecond)
			}
		})
	}
	for range clients {
		visitors.Go(func() {
			for range visits {
				stormVisit(ln.Addr().String())
			}
		})
	}
	limit := 20 * time.Second
	if round%2 == 1 {
		limit = time.Duration(rand.N(20)) * time.Millisecond
	}
	waitFor(t, "some have come", func() bool { return in.Load() > int32(rand.N(clients*visits/2)) })
	if round%3 == 2 {
		_ = h.Shutdown(t.Context())
	}
	ctx, cancel := timeoutContext(limit)
	defer cancel()
	if err := app.Shutdown(ctx); err != nil && round%2 == 0 {
		t.Errorf("Shutdown = %v", err)
	}
	visitors.Wait()
	close(stop)
	publishers.Wait()
	own.Wait()
	if err := receive(t, served, "Serve"); err != nil {
		t.Errorf("Serve = %v", err)
	}
	waitFor(t, "nobody is left", func() bool {
		return geist.OpenConns(app) == 0 && geist.Leavers(app) == 0 && h.Stats().Conns == 0 && geist.Timers(app) == 0 && in.Load() == out.Load()
	})
}

// stormSocket is a handler that ends somehow, while others use its connection.
func stormSocket(c *geist.Ctx, ws *geist.Conn, h *hub.Hub, own *sync.WaitGroup) error {
	if rand.N(10) == 0 {
		return geist.NewError(404, "no")
	}
	if _, err := h.Join(ws, "a"); err != nil {
		return err
	}
	if rand.N(2) == 0 {
		_ = c.Context()
	}
	for range rand.N(3) {
		own.Go(func() {
			for ws.WriteJSON(geist.Map{"n": 1}) == nil {
				time.Sleep(time.Duration(rand.N(1000)) * time.Microsecond)
			}
		})
	}
	if rand.N(3) == 0 {
		own.Go(func() {
			time.Sleep(time.Duration(rand.N(10)) * time.Millisecond)
			_ = ws.Close(geist.CloseTryLater, "later")
		})
	}
	switch rand.N(9) {
	case 0:
		return nil
	case 1:
		panic("oh no")
	case 2:
		return geist.ErrAbort
	case 3, 4, 5:
		return ws.Follow(h, "b")
	}
	for {
		if _, err := ws.Read(); err != nil {
			return err
		}
	}
}

// stormVisit is one client, which behaves somehow.
func stormVisit(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return // drained
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Duration(rand.N(40)) * time.Millisecond))
	request := wsRequest("/ws")
	if path := []string{"", "", "/feed", "/run"}[rand.N(4)]; path != "" {
		request = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"
	}
	for _, op := range []wsproto.Opcode{wsproto.Text, wsproto.Ping, wsproto.Close, wsproto.Continuation}[:rand.N(5)] {
		request += string(wsproto.AppendMasked(nil, op, true, false, wsMask, []byte("\x03\xe8")))
	}
	_, _ = conn.Write([]byte(request)[:len(request)-rand.N(3)])
	tcp := conn.(*net.TCPConn)
	switch rand.N(5) {
	case 0: // reads nothing
		time.Sleep(time.Duration(rand.N(40)) * time.Millisecond)
	case 1:
		_ = tcp.CloseWrite()
		fallthrough
	default:
		_, _ = io.Copy(io.Discard, conn)
	}
	if rand.N(2) == 0 {
		_ = tcp.SetLinger(0)
	}
}
