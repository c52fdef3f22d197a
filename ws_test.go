package geist_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

func TestConn_echo(t *testing.T) {
	for kind, listen := range listenerKinds {
		t.Run(kind, func(t *testing.T) {
			app := geist.New(geist.Config{DrainIdle: -1})
			app.WS("/echo", echo)
			ln := listen(t)
			serveLoop(t, app, ln)
			conn, err := ln.dial()
			if err != nil {
				t.Fatal(err)
			}
			c := rawOn(t, conn)
			// A request before and two messages behind, all in one piece.
			messages := append(clientFrame(1, true, "one"), clientFrame(2, true, "two")...)
			c.write([]byte("GET /none HTTP/1.1\r\nHost: example.com\r\n\r\n" + wsRequest("/echo") + string(messages)))
			if got := c.response().StatusCode; got != 404 {
				t.Fatalf("the first request: got %d, want 404", got)
			}
			if got := c.response().StatusCode; got != 101 {
				t.Fatalf("the handshake: got %d, want 101", got)
			}
			c.want("text one", "binary two")
			c.text("three")
			c.want("text three")
			c.sendClose(1000, "bye")
			c.want("close 1000", "EOF")
		})
	}
}

// TestConn_requestPhase: the handler runs inside the chain until it uses the connection.
func TestConn_requestPhase(t *testing.T) {
	var mu sync.Mutex
	var order []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, s)
	}
	done := make(chan struct{})
	app := geist.New()
	app.AfterRequest(func(c *geist.Ctx) { note(fmt.Sprint("after ", c.ResponseStatus())) })
	app.Use(func(c *geist.Ctx) error {
		note("before")
		c.OnClose(func() { note("closer"); close(done) })
		ctx, cancel := context.WithTimeout(c.Context(), time.Hour)
		defer cancel()
		c.SetContext(context.WithValue(ctx, noteKey{}, "value"))
		err := c.Next()
		note(fmt.Sprint("behind ", c.ResponseStatus(), " ", err))
		return err
	})
	app.WS("/ws/:id", func(c *geist.Ctx, ws *geist.Conn) error {
		note("handler " + c.Param("id"))
		c.SetHeader("X-Handler", "ran")
		m, err := ws.Read()
		note(fmt.Sprint("read ", string(m.Data), " ", err, " ", c.Context().Err(), " ", c.Context().Value(noteKey{})))
		return err
	})
	ws := geisttest.New(t, app).WS("/ws/7")
	if got := ws.Response().Header("X-Handler"); got != "ran" {
		t.Errorf("X-Handler: got %q, want ran", got)
	}
	ws.Send("Hello").Closed(1000)
	receive(t, done, "OnClose")
	want := "[before handler 7 behind 101 <nil> after 101 read Hello <nil> <nil> value closer]"
	if got := fmt.Sprint(order); got != want {
		t.Errorf("order\ngot  %s\nwant %s", got, want)
	}
}

type noteKey struct{}

// TestConn_plainAnswers: a handler that has not used the connection answers like any
// other, and middleware may answer in place of one that has.
func TestConn_plainAnswers(t *testing.T) {
	var log syncBuffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.WS("/forbidden", func(*geist.Ctx, *geist.Conn) error { return geist.NewError(403, "no") })
	app.WS("/text", func(c *geist.Ctx, _ *geist.Conn) error { return c.Text(200, "busy") })
	app.WS("/panic", func(*geist.Ctx, *geist.Conn) error { panic("before") })
	app.WS("/goexit", func(*geist.Ctx, *geist.Conn) error { runtime.Goexit(); return nil })
	app.WS("/unused", func(*geist.Ctx, *geist.Conn) error { return nil })
	got := make(chan error, 1)
	app.WS("/replaced", func(c *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		if e := ws.Write(geist.TextMessage, nil); !errors.Is(e, geist.ErrNotWebSocket) {
			err = e
		}
		hub.New(hub.Config{}).Join(ws, "room")
		got <- err
		return err
	}, geist.With(func(c *geist.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		return geist.NewError(409, "taken")
	}))
	client := geisttest.New(t, app)
	client.GET("/forbidden").Handshake().Do().Status(403).HasHeader("Content-Type", "application/problem+json")
	client.GET("/text").Handshake().Do().Status(200).BodyIs("busy")
	client.GET("/panic").Handshake().Do().Status(500)
	client.GET("/goexit").Handshake().Do().Status(500)
	client.WS("/unused").Closed(1000)
	client.GET("/replaced").Handshake().Do().Status(409)
	if err := receive(t, got, "the handler's end"); !errors.Is(err, geist.ErrNotWebSocket) {
		t.Errorf("Read: got %v, want %v", err, geist.ErrNotWebSocket)
	}
	client.GET("/text").Do().Status(426)
	if got := strings.Count(log.String(), "level=ERROR"); got != 2 {
		t.Errorf("got %d errors in the log, want 2, of the panic and of Goexit:\n%s", got, log.String())
	}
}

// TestConn_closeCodes: what a handler returns becomes a close frame, and a line in the log
// if it is the server's fault.
func TestConn_closeCodes(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(ws *geist.Conn) error
		code   int
		reason string
		logged string
	}{
		{"nil", func(*geist.Conn) error { return nil }, 1000, "", ""},
		{"an error", func(*geist.Conn) error { return errors.New("boom") }, 1011, "", "boom"},
		{"a 500", func(*geist.Conn) error { return geist.NewError(500, "secret") }, 1011, "", "secret"},
		{"a 403", func(*geist.Conn) error { return geist.NewError(403, "not yours") }, 1008, "not yours", ""},
		{"a 413", func(*geist.Conn) error { return geist.NewError(413, "") }, 1009, "", ""},
		{"a 503", func(*geist.Conn) error { return geist.NewError(503, "later") }, 1013, "later", "later"},
		{"its own code", func(*geist.Conn) error { return &geist.CloseError{Code: 4002, Reason: "moved"} }, 4002, "moved", ""},
		{"wrapped", func(*geist.Conn) error { return fmt.Errorf("x: %w", &geist.CloseError{Code: 1001}) }, 1001, "", ""},
		{"a code that cannot be", func(*geist.Conn) error { return &geist.CloseError{Code: 1006} }, 1011, "", ""},
		{"Close before", func(ws *geist.Conn) error { return errors.Join(ws.Close(4000, "bye"), ws.Close(4001, "")) }, 4000, "bye", ""},
		{"an error behind Close", func(ws *geist.Conn) error { _ = ws.Close(4000, ""); return errors.New("late") }, 4000, "", "late"},
		{"a long reason", func(ws *geist.Conn) error { return ws.Close(4000, strings.Repeat("ö", 100)) }, 4000, strings.Repeat("ö", 61), ""},
		{"no status", func(ws *geist.Conn) error { return ws.Close(geist.CloseNoStatus, "") }, 1005, "", ""},
		{"a panic", func(*geist.Conn) error { panic("in the loop") }, 1011, "", "ws_test.go"},
		{"a panic with an Error", func(*geist.Conn) error { panic(geist.NewError(403, "x")) }, 1011, "", "stack"},
		{"Goexit", func(*geist.Conn) error { runtime.Goexit(); return nil }, 1011, "", "Goexit"},
		{"abort", func(*geist.Conn) error { return geist.ErrAbort }, 1006, "", ""},
		{"abort by panic", func(*geist.Conn) error { panic(http.ErrAbortHandler) }, 1006, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log syncBuffer
			app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			app.WS("/a/:b", func(_ *geist.Ctx, ws *geist.Conn) error {
				if _, err := ws.Read(); err != nil {
					return err
				}
				return c.end(ws)
			})
			client := geisttest.New(t, app)
			if got := client.WS("/a/b").Send("go").Closed(c.code); got != c.reason {
				t.Errorf("reason: got %q, want %q", got, c.reason)
			}
			client.WS("/a/b").Close(1000, "") // the process lives
			text := log.String()
			if (c.logged == "") != (text == "") || !strings.Contains(text, c.logged) {
				t.Errorf("log: got %q, want it to say %q", text, c.logged)
			}
			if c.logged != "" && !strings.Contains(text, "route=/a/:b") {
				t.Errorf("log: got %q, want the route in it", text)
			}
		})
	}
}

func TestConn_closeRefusesCodes(t *testing.T) {
	app := geist.New()
	got := make(chan error, 1)
	app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
		for _, code := range []int{-1, 0, 999, 1004, 1006, 1015, 2000, 5000, 65536 + 1000} {
			if err := ws.Close(code, ""); err == nil {
				return fmt.Errorf("Close(%d): got no error", code)
			}
		}
		if err := ws.Write(geist.TextMessage, []byte("\xff")); err == nil {
			return errors.New("text that is no UTF-8: got no error")
		}
		if err := ws.Write(3, nil); err == nil {
			return errors.New("type 3: got no error")
		}
		got <- ws.Write(geist.TextMessage, []byte("still open"))
		return nil
	})
	ws := geisttest.New(t, app).WS("/")
	ws.Next().Text("still open")
	ws.Closed(1000)
	if err := receive(t, got, "Write"); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// TestConn_closeFromElsewhere: Close wakes a Read, ends the context, and everything
// fails with the code from then on.
func TestConn_closeFromElsewhere(t *testing.T) {
	for name, cfg := range map[string]geisttest.Config{"plain": {}, "TLS": {TLS: true}} {
		t.Run(name, func(t *testing.T) {
			app := geist.New()
			conns := make(chan *geist.Conn, 1)
			ended := make(chan error, 4)
			app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
				ctx := c.Context()
				_ = ws.Write(geist.TextMessage, nil)
				conns <- ws
				_, err := ws.Read()
				ended <- err
				_, err = ws.Read()
				ended <- err
				ended <- ws.Write(geist.TextMessage, nil)
				ended <- context.Cause(ctx)
				return err
			})
			ws := geisttest.New(t, app, cfg).WS("/")
			ws.Next()
			server := receive(t, conns, "the connection")
			for range 3 {
				go func() { _ = server.Close(4000, "kicked") }() // it does not wait
			}
			if got := ws.Closed(4000); got != "kicked" {
				t.Errorf("reason: got %q, want kicked", got)
			}
			for _, what := range []string{"Read", "the next Read", "Write", "the context"} {
				err := receive(t, ended, what)
				if e, ok := errors.AsType[*geist.CloseError](err); !ok || e.Code != 4000 || e.Reason != "kicked" {
					t.Errorf("%s: got %v, want a CloseError with 4000", what, err)
				}
			}
		})
	}
}

// TestConn_ctxLivesOn: what a Ctx tells of its request stays true behind the handshake.
func TestConn_ctxLivesOn(t *testing.T) {
	key := geist.NewKey[string]("user")
	tell := func(c *geist.Ctx) string {
		return strings.Join([]string{
			c.Method(), c.Path(), c.Pattern(), c.Param("room"), c.Param("*"), c.Query("q"), fmt.Sprint(c.QueryAll("q")),
			c.Header("User-Agent"), c.Header("X-Twice"), c.Header("Connection"), c.Cookie("sid"), c.Host(), c.Scheme(), c.ClientIP(),
			key.Must(c), fmt.Sprint(c.Local("n")), string(c.Body()), c.Header("Sec-WebSocket-Key"),
		}, "|")
	}
	var before, after string
	done := make(chan struct{})
	app := geist.New(geist.Config{TrustedProxies: []string{"192.0.2.1"}, CaseInsensitive: true})
	app.WS("/Chat/:room/*path", func(c *geist.Ctx, ws *geist.Conn) error {
		defer close(done)
		key.Set(c, "ada")
		c.SetLocal("n", 7)
		before = tell(c)
		if _, err := ws.Read(); err != nil {
			return err
		}
		after = tell(c)
		_ = c.Text(200, "lost") // nobody is answered
		if got := c.Raw().Response.StatusCode(); got != 200 {
			return fmt.Errorf("got status %d, want what was set", got)
		}
		c.Logger().Debug("still here")
		return nil
	})
	client := geisttest.New(t, app)
	ws := client.GET("/CHAT/a%2Fb%20%C3%BC/x/Y?q=1&q=%32").Header("User-Agent", "test").Header("X-Twice", "1").Header("X-Twice", "2").
		Header("Cookie", "a=b; sid=secret").Header("X-Forwarded-For", "203.0.113.9").Header("X-Forwarded-Proto", "https").WS()
	ws.Send("go").Closed(1000)
	receive(t, done, "the handler's end")
	if after != before {
		t.Errorf("behind the handshake\ngot  %s\nwant %s", after, before)
	}
	if !strings.Contains(before, "a/b ü") || !strings.Contains(before, "secret|example.com|https|203.0.113.9|ada|7") {
		t.Errorf("before the handshake: got %s", before)
	}
}

// TestConn_clientLeaves: the context ends, and everything fails, when the client goes
// without a word: also if nobody reads.
func TestConn_clientLeaves(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1})
	ended := make(chan error, 2)
	app.WS("/reads", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		ended <- err
		return err
	})
	app.WS("/waits", func(c *geist.Ctx, ws *geist.Conn) error {
		_ = ws.Write(geist.TextMessage, nil)
		<-c.Context().Done()
		ended <- context.Cause(c.Context())
		return c.Context().Err()
	})
	addr := serveWS(t, app)
	for _, path := range []string{"/reads", "/waits"} {
		c := openWS(t, addr, path)
		if path == "/waits" {
			c.want("text")
		}
		_ = c.conn.Close()
		if err := receive(t, ended, path); !errors.Is(err, geist.ErrClientGone) {
			t.Errorf("%s: got %v, want ErrClientGone", path, err)
		}
	}
}

func TestConn_json(t *testing.T) {
	app := geist.New()
	app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
		for {
			var v struct{ A int }
			switch err := ws.ReadJSON(&v); {
			case geist.StatusCode(err) == 400:
				if err := ws.WriteJSON(geist.Map{"error": "bad"}); err != nil {
					return err
				}
				continue
			case err != nil:
				return err
			}
			if err := ws.WriteJSON(func() {}); err == nil {
				return errors.New("a function was encoded")
			}
			if err := ws.WriteJSON(geist.Map{"twice": 2 * v.A}); err != nil {
				return err
			}
		}
	}, geist.Compression(8))
	ws := geisttest.New(t, app).GET("/").Header("Sec-WebSocket-Extensions", "permessage-deflate").WS()
	ws.Send(`{"A":21}`).Next().Text(`{"twice":42}`)
	ws.Send(`{"A":`).Next().Text(`{"error":"bad"}`)
	ws.Close(1000, "")
}

func TestConn_hub(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New()
	app.WS("/chat/:room", func(c *geist.Ctx, ws *geist.Conn) error {
		room := c.Param("room")
		if _, err := h.Join(ws, room); err != nil {
			return err
		}
		if err := ws.Write(geist.TextMessage, []byte("welcome")); err != nil {
			return err
		}
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			if _, err := h.Publish(c.Context(), room, hub.Message{Data: m.Data, Binary: m.Type == geist.BinaryMessage}, hub.Except(ws.ID())); err != nil {
				return err
			}
		}
	})
	app.WS("/feed", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, "a", "b") })
	client := geisttest.New(t, app)
	open := func(path string) *geisttest.WebSocket {
		ws := client.WS(path)
		ws.Next().Text("welcome")
		return ws
	}
	one, two := open("/chat/a"), open("/chat/a")
	other := open("/chat/b")
	feed := client.WS("/feed")
	feed.Ping("joined") // Follow reads once it has joined
	one.Send("Hello")
	two.Next().Text("Hello")
	feed.Next().Text("Hello")
	two.SendBinary([]byte{1})
	one.Next().Bytes([]byte{1})
	feed.Next().Bytes([]byte{1})
	other.Ping("nothing else comes")
	two.Leave()
	waitFor(t, "the one that left is forgotten", func() bool { return h.Stats().Conns == 3 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { _ = h.Shutdown(ctx) }() // it ends with the connections
	for _, ws := range []*geisttest.WebSocket{one, other, feed} {
		ws.Closed(1001)
	}
}
