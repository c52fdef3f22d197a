package geist_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// TestStream_joinedBehindItsEnd: a Stream that is over is nobody in a hub, for which
// Shutdown would wait.
func TestStream_joinedBehindItsEnd(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New()
	kept := make(chan *geist.Stream, 1)
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { kept <- s; return nil })
	})
	app.SSE("/refused", func(_ *geist.Ctx, s *geist.Stream) error {
		kept <- s
		return geist.NewError(403, "no")
	})
	k := geisttest.New(t, app)
	for _, path := range []string{"/run", "/refused"} {
		k.GET(path).Do()
		s := <-kept
		if _, err := h.Join(s, "a"); !errors.Is(err, hub.ErrConnClosed) {
			t.Errorf("%s: Join = %v, want ErrConnClosed", path, err)
		}
	}
	if n := h.Stats().Conns; n != 0 {
		t.Errorf("%d connections in the hub, want 0", n)
	}
}

// TestStream_Follow_body: a request for a stream of events that has a body is odd, but
// ends as any other.
func TestStream_Follow_body(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{}, h, "a")
	addr := serveWS(t, app)
	long := strings.Repeat("a", 50_000)
	for name, framing := range map[string]string{
		"short": "Content-Length: 5\r\n\r\nhello", "long": "Content-Length: 50000\r\n\r\n" + long,
		"in chunks": "Transfer-Encoding: chunked\r\n\r\nc350\r\n" + long + "\r\n0\r\n\r\n",
	} {
		c := dialRaw(t, addr)
		c.write([]byte("GET /feed HTTP/1.1\r\nHost: a\r\n" + framing))
		line, err := c.br.ReadString('\n')
		if err != nil || line != "HTTP/1.1 200 OK\r\n" {
			t.Errorf("%s: got %q, %v, want a stream", name, line, err)
		}
		waitFor(t, "the stream is open", func() bool { return h.Stats().Conns == 1 })
		_ = c.conn.Close()
		waitFor(t, "the stream has ended", func() bool { return geist.OpenConns(app) == 0 && h.Stats().Conns == 0 })
	}
}

// TestStream_hookPanics: an OnConnect hook that panics leaves nobody in a hub.
func TestStream_hookPanics(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New(geist.Config{Logger: discard()})
	app.OnConnect(func(*geist.Ctx) error { panic("a hook") })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return errors.Join(h.Attach(s, hub.As("ada")), s.Run(func() error { return nil }))
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error {
		return errors.Join(h.Attach(s, hub.As("ada")), s.Follow(h, "a"))
	})
	k := geisttest.New(t, app)
	for _, path := range []string{"/run", "/follow"} {
		k.GET(path).Do().Status(500)
		if n := h.Stats().Conns; n != 0 {
			t.Errorf("%s: %d connections in the hub, want 0", path, n)
		}
	}
	if err := h.SendUser(context.Background(), "ada", hub.Message{}); !errors.Is(err, hub.ErrNoConn) {
		t.Errorf("SendUser = %v, want ErrNoConn", err)
	}
}
