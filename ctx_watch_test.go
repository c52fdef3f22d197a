package geist_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

func TestCtx_SetClientIP(t *testing.T) {
	for _, tt := range []struct {
		name string
		addr netip.Addr
		want string
	}{
		{"IPv4", netip.MustParseAddr("203.0.113.7"), "203.0.113.7"},
		{"IPv4 in IPv6", netip.MustParseAddr("::ffff:203.0.113.7"), "203.0.113.7"},
		{"IPv6 with a zone", netip.MustParseAddr("fe80::1%eth0"), "fe80::1"},
		{"unknown", netip.Addr{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := geist.New(geist.Config{TrustedProxies: []string{geisttest.DefaultRemoteAddr}})
			app.GET("/set", func(c *geist.Ctx) error {
				c.SetClientIP(tt.addr)
				return c.Text(200, c.ClientIP())
			})
			app.GET("/plain", func(c *geist.Ctx) error { return c.Text(200, c.ClientIP()) })
			client := geisttest.New(t, app)
			client.GET("/set").Header("X-Forwarded-For", "198.51.100.1").Do().Status(200).BodyIs(tt.want)
			client.GET("/plain").Header("X-Forwarded-For", "198.51.100.1").Do().Status(200).BodyIs("198.51.100.1")
		})
	}
	t.Run("WebSocket", func(t *testing.T) {
		app := geist.New()
		app.Use(func(c *geist.Ctx) error {
			c.SetClientIP(netip.MustParseAddr("203.0.113.7"))
			return c.Next()
		})
		app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
			if _, err := ws.Read(); err != nil {
				return err
			}
			return ws.Write(geist.TextMessage, []byte(c.ClientIP()))
		})
		geisttest.New(t, app).WS("/ws").Send("who").Next().Text("203.0.113.7")
	})
}

// TestCtx_RawHeader: middleware that looks at a request does not wait for its body.
func TestCtx_RawHeader(t *testing.T) {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		if string(c.RawHeader().Request.Header.Peek("X-Key")) != "right" {
			return geist.NewError(401, "no key")
		}
		return c.Next()
	})
	app.POST("/", func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
	client := geisttest.New(t, app)
	client.POST("/").Header("X-Key", "right").BodyString("hello").Do().Status(200).BodyIs("hello")
	conn := client.Dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nb"); err != nil {
		t.Fatal(err)
	}
	status := make([]byte, len("HTTP/1.1 401"))
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 401" {
		t.Errorf("answer before the body = %q, %v, want 401", status, err)
	}
}

// TestCtx_OnEnd: functions run at the end of what the request has become, of a followed
// stream too, in reverse order.
func TestCtx_OnEnd(t *testing.T) {
	h := hub.New(hub.Config{})
	ended := make(chan string, 4)
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		c.OnEnd(func() { ended <- "first" })
		c.OnClose(func() { ended <- "close" })
		c.OnEnd(func() { ended <- "last" })
		return c.Next()
	})
	app.GET("/plain", func(c *geist.Ctx) error { return c.Text(200, "") })
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { <-s.Context().Done(); return nil })
	})
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { _, err := ws.Read(); return err })
	client := geisttest.New(t, app)
	want := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if got := <-ended; got != name {
				t.Fatalf("ended: %s, want %s", got, name)
			}
		}
	}
	none := func() {
		t.Helper()
		select {
		case got := <-ended:
			t.Fatalf("%s has run already", got)
		default:
		}
	}
	client.GET("/plain").Do().Status(200)
	want("last", "close", "first")
	feed := client.SSE("/follow")
	want("close")
	publish(t, h, "news", "", "a")
	feed.Next().Is("message", "a")
	none()
	feed.Close()
	want("last", "first")
	feed = client.SSE("/run")
	none()
	feed.Close()
	want("last", "close", "first")
	ws := client.WS("/ws")
	none()
	ws.Close(1000, "")
	want("last", "close", "first")
}

// TestCtx_OnPanic: the function sees the panics of a request wherever they arise, before they
// are logged.
func TestCtx_OnPanic(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		register   func(app *geist.Engine)
	}{
		{"endpoint", "/", func(app *geist.Engine) { app.GET("/", func(*geist.Ctx) error { panic("secret") }) }},
		{"middleware", "/", func(app *geist.Engine) {
			app.Use(func(*geist.Ctx) error { panic("secret") })
			app.GET("/", func(*geist.Ctx) error { return nil })
		}},
		{"OnClose", "/", func(app *geist.Engine) {
			app.GET("/", func(c *geist.Ctx) error { c.OnClose(func() { panic("secret") }); return nil })
		}},
		{"stream", "/", func(app *geist.Engine) {
			app.GET("/", func(c *geist.Ctx) error {
				return c.Stream("text/plain", func(*geist.StreamWriter) error { panic("secret") })
			})
		}},
		{"net/http", "/", func(app *geist.Engine) {
			app.GET("/", geist.FromHTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })))
		}},
		{"error handler", "/", func(app *geist.Engine) {
			app.OnError(func(*geist.Ctx, error) { panic("secret") })
			app.GET("/", func(*geist.Ctx) error { return geist.NewError(400, "") })
		}},
		{"error handler, twice", "/", func(app *geist.Engine) {
			app.OnError(func(*geist.Ctx, error) { panic("secret") })
			app.GET("/", func(*geist.Ctx) error { panic("secret") })
		}},
		{"WebSocket", "/ws", func(app *geist.Engine) {
			app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { _, _ = ws.Read(); panic("secret") })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log syncBuffer
			app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), DrainIdle: -1})
			done := make(chan any, 9)
			app.Use(func(c *geist.Ctx) error {
				c.OnPanic(func(_ *geist.Ctx, p *geist.PanicError) {
					done <- p.Value
					p.Value, p.Stack = "redacted", []byte("short")
				})
				return c.Next()
			})
			tt.register(app)
			client := geisttest.New(t, app)
			if tt.path == "/ws" {
				ws := client.WS("/ws")
				ws.Send("x")
				ws.Closed(1011)
			} else {
				_, _ = client.GET(tt.path).DoErr()
			}
			if got := <-done; got != "secret" {
				t.Errorf("OnPanic saw %v, want secret", got)
			}
			if err := app.Shutdown(t.Context()); err != nil { // the log is complete then
				t.Fatal(err)
			}
			if s := log.String(); strings.Contains(s, "secret") || !strings.Contains(s, "redacted") || !strings.Contains(s, "short") {
				t.Errorf("log = %s, want the changed panic alone", s)
			}
		})
	}
	t.Run("panics itself", func(t *testing.T) {
		var log syncBuffer
		app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), DrainIdle: -1})
		app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
			c.OnPanic(func(*geist.Ctx, *geist.PanicError) { panic("again") })
			_, _ = ws.Read()
			panic("first")
		})
		ws := geisttest.New(t, app).WS("/ws")
		ws.Send("x")
		ws.Closed(1011)
		if err := app.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := log.String(); !strings.Contains(s, "again") || !strings.Contains(s, "first") {
			t.Errorf("log = %s, want both panics", s)
		}
	})
}

func TestCtx_AddLogAttrs(t *testing.T) {
	var log bytes.Buffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.Use(func(c *geist.Ctx) error {
		if c.Header("X-Id") != "" {
			c.AddLogAttrs(slog.String("id", "7"))
		}
		return c.Next()
	})
	app.GET("/log", func(c *geist.Ctx) error { c.Logger().Info("hello"); return nil })
	app.GET("/late", func(c *geist.Ctx) error {
		c.SetLogger(c.Logger().With("user", "ada"))
		c.AddLogAttrs(slog.Int("late", 1))
		c.Logger().Info("hello")
		return nil
	})
	app.GET("/fail", func(*geist.Ctx) error { return io.ErrUnexpectedEOF })
	client := geisttest.New(t, app)
	for _, tt := range []struct{ path, want string }{
		{"/log", "method=GET route=/log id=7\n"},
		{"/late", "method=GET route=/late id=7 user=ada late=1\n"},
		{"/fail", "id=7\n"},
	} {
		log.Reset()
		client.GET(tt.path).Header("X-Id", "1").Do()
		if !strings.HasSuffix(log.String(), tt.want) {
			t.Errorf("%s logged %q, want it to end with %q", tt.path, log.String(), tt.want)
		}
		log.Reset()
		client.GET(tt.path).Do()
		if strings.Contains(log.String(), "id=7") {
			t.Errorf("%s logged %q, the id of another request", tt.path, log.String())
		}
	}
}
