package geist_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/wsproto"
)

// newFollowed returns an engine whose /feed is left to the hub.
func newFollowed(tb testing.TB, cfg geist.Config) (*geist.Engine, *hub.Hub) {
	tb.Helper()
	cfg.DrainIdle = -1
	if cfg.Logger == nil {
		cfg.Logger = discard()
	}
	h := hub.New(hub.Config{})
	app := geist.New(cfg)
	app.WS("/feed", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, "news") })
	return app, h
}

// tell publishes a text to the room of newFollowed.
func tell(tb testing.TB, h *hub.Hub, text string) {
	tb.Helper()
	if _, err := h.Publish(tb.Context(), "news", hub.Message{Data: []byte(text)}); err != nil {
		tb.Fatal(err)
	}
}

// overTLS connects to a server that speaks TLS.
func overTLS(t *testing.T, addr string) *rawClient {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // our own certificate
	if err != nil {
		t.Fatal(err)
	}
	return rawOn(t, conn)
}

// TestConn_Follow_reads: what the client says is judged as by Read, however it arrives,
// with a goroutine of its own (TLS) or without.
func TestConn_Follow_reads(t *testing.T) {
	for _, way := range []string{"TCP", "TLS"} {
		t.Run(way, func(t *testing.T) {
			app, h := newFollowed(t, geist.Config{WebSocket: geist.WebSocketConfig{MaxMessageBytes: 1000}})
			open := func() *rawClient { return nil }
			if addr := ""; way == "TCP" {
				addr = serveWS(t, app)
				open = func() *rawClient { return dialRaw(t, addr) }
			} else {
				ln := listenTCP(t)
				served := make(chan error, 1)
				go func() {
					served <- app.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{testCertificate()}}))
				}() // ends with Shutdown
				t.Cleanup(func() {
					if err := app.Shutdown(context.Background()); err != nil {
						t.Errorf("Shutdown: %v", err)
					}
					_ = receive(t, served, "Serve")
				})
				open = func() *rawClient { return overTLS(t, ln.Addr().String()) }
			}
			feed := func() *rawClient {
				c := open()
				c.write([]byte(wsRequest("/feed")))
				c.response()
				c.frame(wsproto.Ping, true, "joined") // it is read when Follow has joined
				c.want("pong joined")
				return c
			}
			c := feed()
			tell(t, h, "one")
			c.want("text one")
			c.text("dropped")
			c.frame(wsproto.Text, false, "half")
			for _, b := range clientFrame(wsproto.Ping, true, "a byte at a time") {
				c.write([]byte{b})
			}
			c.want("pong a byte at a time")
			tell(t, h, "two")
			c.want("text two")
			c.sendClose(1000, "bye")
			c.want("close 1000", "EOF")

			c = feed()
			c.write([]byte("\x81\x01x")) // without a mask
			c.want("close 1002 a frame of a client is not masked")
			c = feed()
			c.text(strings.Repeat("x", 1001))
			if got := c.next(); !strings.HasPrefix(got, "close 1009") {
				t.Errorf("a message over the limit: got %q, want close 1009", got)
			}
			waitFor(t, "the hub has forgotten them", func() bool { return h.Stats().Conns == 0 })
		})
	}
}

// TestConn_Follow_ends: whatever ends the connection, OnClose functions run once, then, and
// c.Context() ends with the cause.
func TestConn_Follow_ends(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(t *testing.T, c *rawClient, h *hub.Hub, ws *geist.Conn)
		want error
	}{
		"client leaves": {func(_ *testing.T, c *rawClient, _ *hub.Hub, _ *geist.Conn) { _ = c.conn.Close() }, geist.ErrClientGone},
		"client resets": {func(_ *testing.T, c *rawClient, _ *hub.Hub, _ *geist.Conn) {
			_ = c.conn.(*net.TCPConn).SetLinger(0)
			_ = c.conn.Close()
		}, geist.ErrClientGone},
		"client closes": {func(_ *testing.T, c *rawClient, _ *hub.Hub, _ *geist.Conn) {
			c.sendClose(1000, "")
			c.want("close 1000", "EOF")
		}, geist.ErrClientGone},
		"Close": {func(t *testing.T, c *rawClient, _ *hub.Hub, ws *geist.Conn) {
			_ = ws.Close(4000, "enough")
			answerClose(t, c, "close 4000 enough")
		}, nil},
		"hub shuts down": {func(t *testing.T, c *rawClient, h *hub.Hub, _ *geist.Conn) {
			go func() { _ = h.Shutdown(context.Background()) }()
			answerClose(t, c, "close 1001")
		}, geist.ErrServerClosed},
	} {
		t.Run(name, func(t *testing.T) {
			h := hub.New(hub.Config{})
			app := geist.New(geist.Config{DrainIdle: -1, Logger: discard()})
			conns := make(chan *geist.Conn, 1)
			cause := make(chan error, 2)
			var open atomic.Int32
			app.WS("/feed", func(c *geist.Ctx, ws *geist.Conn) error {
				ctx := c.Context()
				open.Add(1)
				c.OnClose(func() { open.Add(-1); cause <- context.Cause(ctx) })
				conns <- ws
				return ws.Follow(h, "news")
			})
			c := openWS(t, serveWS(t, app), "/feed")
			c.frame(wsproto.Ping, true, "joined")
			c.want("pong joined")
			if got := open.Load(); got != 1 {
				t.Fatalf("while it is open: got %d, want OnClose not to have run", got)
			}
			tc.end(t, c, h, <-conns)
			err := receive(t, cause, "OnClose")
			if tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && !errors.As(err, new(*geist.CloseError)) {
				t.Errorf("cause of c.Context(): got %v, want %v", err, tc.want)
			}
			waitFor(t, "the hub has forgotten it", func() bool { return h.Stats().Conns == 0 })
			if got := open.Load(); got != 0 {
				t.Errorf("OnClose has run %d times, want once", 1-got)
			}
		})
	}
}

// answerClose expects a close frame and answers it.
func answerClose(t *testing.T, c *rawClient, want string) {
	t.Helper()
	c.want(want)
	c.sendClose(1000, "")
	c.want("EOF")
}

// TestConn_Follow_drain: Shutdown closes with 1001 and returns when all have gone.
func TestConn_Follow_drain(t *testing.T) {
	app, h := newFollowed(t, geist.Config{})
	ln := listenTCP(t)
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // ends with Shutdown
	clients := make([]*rawClient, 100)
	for i := range clients {
		clients[i] = openWS(t, ln.Addr().String(), "/feed")
	}
	waitFor(t, "all have joined", func() bool { return h.Stats().Conns == len(clients) })
	done := make(chan error, 1)
	go func() { done <- app.Shutdown(context.Background()) }() // ends with the connections
	for _, c := range clients {
		answerClose(t, c, "close 1001")
	}
	if err := errors.Join(receive(t, done, "Shutdown"), receive(t, served, "Serve")); err != nil {
		t.Error(err)
	}
	if got := h.Stats().Conns; got != 0 {
		t.Errorf("after the drain: got %d connections, want 0", got)
	}
}

// TestConn_Follow_silentClient: who answers pings stays, who does not is cut.
func TestConn_Follow_silentClient(t *testing.T) {
	app, h := newFollowed(t, geist.Config{WebSocket: geist.WebSocketConfig{PingInterval: 200 * time.Millisecond, PongTimeout: 200 * time.Millisecond}})
	addr := serveWS(t, app)
	mute := openWS(t, addr, "/feed")
	alive := openWS(t, addr, "/feed")
	waitFor(t, "both have joined", func() bool { return h.Stats().Conns == 2 })
	for range 3 { // longer than it takes to cut the other
		alive.want("ping")
		alive.frame(wsproto.Pong, true, "")
	}
	mute.want("ping", "EOF")
	waitFor(t, "only the mute one is forgotten", func() bool { return h.Stats().Conns == 1 })
	tell(t, h, "still here")
	for {
		switch got := alive.next(); got {
		case "ping":
			continue
		case "text still here":
		default:
			t.Errorf("who answers pings: got %q, want the message", got)
		}
		return
	}
}

// TestConn_Follow_andMore: a handler may do what it likes besides, and its error closes.
func TestConn_Follow_andMore(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New(geist.Config{DrainIdle: -1, Logger: discard()})
	kept := make(chan *geist.Conn, 1)
	app.WS("/write", func(_ *geist.Ctx, ws *geist.Conn) error {
		if m, err := ws.Read(); err != nil || ws.Write(m.Type, m.Data) != nil {
			return errors.New("no echo")
		}
		kept <- ws
		return ws.Follow(h)
	})
	app.WS("/error", func(_ *geist.Ctx, ws *geist.Conn) error {
		if err := ws.Follow(h, "a"); err != nil {
			return err
		}
		return geist.NewError(403, "no more")
	})
	app.WS("/panic", func(_ *geist.Ctx, ws *geist.Conn) error {
		_ = ws.Follow(h, "a")
		panic("after Follow")
	})
	app.WS("/room", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, "a", "") })
	addr := serveWS(t, app)

	c := openWS(t, addr, "/write")
	c.write(append(clientFrame(wsproto.Text, true, "echo"), clientFrame(wsproto.Ping, true, "what was read ahead")...))
	c.want("text echo", "pong what was read ahead")
	ws := <-kept
	if err := ws.Write(geist.TextMessage, []byte("from elsewhere")); err != nil {
		t.Errorf("Write after Follow: %v", err)
	}
	c.want("text from elsewhere")
	_ = c.conn.Close()
	waitFor(t, "the end", func() bool { return h.Stats().Conns == 0 })
	waitFor(t, "Write fails", func() bool {
		return errors.Is(ws.Write(geist.TextMessage, nil), geist.ErrClientGone)
	})

	answerClose(t, openWS(t, addr, "/error"), "close 1008 no more")
	answerClose(t, openWS(t, addr, "/panic"), "close 1011")
	answerClose(t, openWS(t, addr, "/room"), "close 1008")
	waitFor(t, "the hub has forgotten them", func() bool { return h.Stats().Conns == 0 })
}
