package geisttest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// sockets is an engine with WebSockets.
func sockets() *geist.Engine {
	app := geist.New()
	app.WS("/echo", func(_ *geist.Ctx, ws *geist.Conn) error {
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			if err := ws.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
	}, geist.Subprotocols("v1"), geist.Compression(1))
	app.WS("/bye", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Close(4001, "enough") })
	app.WS("/mute", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		return err
	})
	return app
}

func TestWebSocket_speaks(t *testing.T) {
	for name, cfg := range map[string]geisttest.Config{"plain": {}, "TLS": {TLS: true}} {
		t.Run(name, func(t *testing.T) {
			client := geisttest.New(t, sockets(), cfg)
			ws := client.GET("/echo").Header("Sec-WebSocket-Protocol", "v0, v1").
				Header("Sec-WebSocket-Extensions", "permessage-deflate").WS()
			if got := ws.Subprotocol(); got != "v1" {
				t.Errorf("Subprotocol: got %q, want v1", got)
			}
			ws.Send("Hello").Next().Text("Hello")
			long := strings.Repeat("geist ", 5000)
			ws.Send(long).Next().Text(long)
			ws.SendBinary([]byte{0, 255}).Next().Bytes([]byte{0, 255})
			var got map[string]int
			ws.SendJSON(map[string]int{"a": 1}).Next().JSON(&got)
			if got["a"] != 1 {
				t.Errorf("JSON: got %v, want a: 1", got)
			}
			ws.Ping("are you there?")
			ws.Close(1000, "bye")

			if got := client.WS("/bye").Closed(4001); got != "enough" {
				t.Errorf("reason: got %q, want enough", got)
			}
			client.WS("/echo").Leave()
		})
	}
}

func TestWebSocket_refused(t *testing.T) {
	client := geisttest.New(t, sockets())
	client.GET("/echo").Do().Status(426)
	client.GET("/echo").Header("Origin", "https://evil.example").Handshake().Do().Status(403)
	got := strings.Join(record(t, func(tb testing.TB) { client.With(tb).GET("/echo").Header("Origin", "null").WS() }), "\n")
	if !strings.Contains(got, "status 403 in answer to the handshake, want 101") {
		t.Errorf("got %q, want it to say the status", got)
	}
}

func TestWebSocket_timeout(t *testing.T) {
	client := geisttest.New(t, sockets(), geisttest.Config{Timeout: 20 * time.Millisecond})
	ws := client.WS("/mute")
	if _, err := ws.NextErr(); !errors.Is(err, geisttest.ErrTimeout) || !strings.Contains(err.Error(), "Conn).Read") {
		t.Errorf("got %v, want ErrTimeout with the handler's stack", err)
	}
	ws.Leave()
	if _, err := ws.NextErr(); err == nil {
		t.Error("after Leave: got no error")
	}
}

func TestWebSocket_wrongMessages(t *testing.T) {
	client := geisttest.New(t, sockets())
	for _, c := range []struct {
		name string
		do   func(ws *geisttest.WebSocket)
		want string
	}{
		{"text", func(ws *geisttest.WebSocket) { ws.Send("a").Next().Text("b") }, `got text "a", want text "b"`},
		{"binary", func(ws *geisttest.WebSocket) { ws.Send("a").Next().Bytes([]byte("a")) }, `got text "a", want binary "a"`},
		{"JSON", func(ws *geisttest.WebSocket) { ws.Send("a").Next().JSON(new(int)) }, "decode the message into *int"},
		{"close", func(ws *geisttest.WebSocket) { ws.Send("a").Closed(1000) }, `got message "a", want the connection closed with 1000`},
	} {
		got := strings.Join(record(t, func(tb testing.TB) { c.do(client.With(tb).WS("/echo")) }), "\n")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want it to say %q", c.name, got, c.want)
		}
	}
}
