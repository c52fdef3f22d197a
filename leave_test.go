package geist_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// TestEngine_Shutdown_waitsForEnds: a client does not wait for the functions at the end of
// its connection, but a drain does, and says so if it cannot.
func TestEngine_Shutdown_waitsForEnds(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, addr string) io.Reader{
		"WebSocket": func(t *testing.T, addr string) io.Reader {
			c := openWS(t, addr, "/ws")
			c.sendClose(1000, "")
			return c.br
		},
		"stream": func(t *testing.T, addr string) io.Reader {
			c := dialRaw(t, addr)
			c.write([]byte("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n"))
			return c.br
		},
	} {
		for _, inTime := range []bool{true, false} {
			t.Run(name+map[bool]string{true: "/in time", false: "/too late"}[inTime], func(t *testing.T) {
				entered, release := make(chan struct{}), make(chan struct{})
				last := func() { close(entered); <-release }
				app := geist.New(geist.Config{DrainIdle: -1})
				h := hub.New(hub.Config{})
				app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
					c.OnClose(last)
					return echo(c, ws)
				})
				app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
					s.Keep(closerFunc(func() error { last(); return nil }))
					return s.Follow(h, "a")
				})
				ln := listenTCP(t)
				served := make(chan error, 1)
				go func() { served <- app.Serve(ln) }() // ends with Shutdown
				client := open(t, ln.Addr().String())
				if name == "stream" {
					waitFor(t, "the stream is open", func() bool { return h.Stats().Conns == 1 })
					if err := h.Shutdown(context.Background()); err != nil {
						t.Errorf("hub: %v", err)
					}
				}
				receive(t, entered, "the function at the end")
				if _, err := io.ReadAll(client); err != nil { // the client has its end already
					t.Errorf("client: %v", err)
				}
				limit := time.Minute
				if !inTime {
					limit = 50 * time.Millisecond
				}
				ctx, cancel := timeoutContext(limit)
				defer cancel()
				down := make(chan error, 1)
				go func() { down <- app.Shutdown(ctx) }() // ends with release, or with ctx
				if inTime {
					waitFor(t, "the drain waits", func() bool { return geist.Closing(app) })
					select {
					case err := <-down:
						t.Errorf("Shutdown = %v before the end", err)
					default:
					}
					close(release)
				}
				err := receive(t, down, "Shutdown")
				if inTime && err != nil || !inTime && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Shutdown = %v", err)
				}
				if !inTime {
					close(release)
				}
				if err := receive(t, served, "Serve"); err != nil {
					t.Error(err)
				}
				waitFor(t, "nobody is left", func() bool { return geist.Leavers(app) == 0 })
			})
		}
	}
}
