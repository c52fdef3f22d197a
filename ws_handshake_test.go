package geist_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// TestWS_handshakes sends handshakes, good and bad, on a connection of their own, and
// looks at the status and at header fields of the answer.
func TestWS_handshakes(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard(), DrainIdle: -1})
	app.Use(func(c *geist.Ctx) error {
		c.SetHeader("X-Chain", "ran")
		return c.Next()
	})
	app.WS("/plain", echo)
	app.WS("/sub", echo, geist.Subprotocols("v2.chat", "v1.chat"))
	app.WS("/z", echo, geist.Compression(0))
	app.WS("/origins", echo, geist.Origins("https://app.example.org", "https://*.example.net", "http://a.test:8080"))
	app.WS("/any", echo, geist.Origins("*"))
	addr := serveWS(t, app)

	const key = "Sec-WebSocket-Key: " + wsKey
	head := func(lines ...string) string {
		return strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	ok := func(path string, more ...string) string { return wsRequest(path, more...) }
	for _, c := range []struct {
		name, request string
		status        int
		header        string // "Name: value" that the answer has, "!Name" that it lacks
	}{
		{"plain", ok("/plain"), 101, "Sec-Websocket-Accept: " + wsAccept},
		{"the chain's header", ok("/plain"), 101, "X-Chain: ran"},
		{"no length", ok("/plain"), 101, "!Content-Length"},
		{"Upgrade", ok("/plain"), 101, "Upgrade: websocket"},
		{"Connection", ok("/plain"), 101, "Connection: Upgrade"},
		{"case and lists", head("GET /plain HTTP/1.1", "Host: example.com", "connection: keep-alive, UPGRADE", "UPGRADE: h2c, WebSocket", "Sec-WebSocket-Version: 13", key), 101, ""},
		{"Connection in two lines", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 101, ""},
		{"Connection: Upgrade, close", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 101, "Connection: Upgrade"},
		{"Connection: Upgrade and close", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Connection: close", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 101, ""},
		{"Connection: close and Upgrade", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 101, ""},
		{"query", ok("/plain?a=b"), 101, ""},

		{"a plain GET", head("GET /plain HTTP/1.1", "Host: example.com"), 426, "Sec-Websocket-Version: 13"},
		{"a plain GET: Upgrade", head("GET /plain HTTP/1.1", "Host: example.com"), 426, "Upgrade: websocket"},
		{"a plain GET: the chain's header", head("GET /plain HTTP/1.1", "Host: example.com"), 426, "X-Chain: ran"},
		{"another upgrade", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: h2c", "Sec-WebSocket-Version: 13", key), 426, ""},
		{"Upgrade without Connection", head("GET /plain HTTP/1.1", "Host: example.com", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 426, ""},
		{"HTTP/1.0", head("GET /plain HTTP/1.0", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key), 426, ""},
		{"version 8", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8", key), 426, "Sec-Websocket-Version: 13"},
		{"no version", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", key), 426, "Sec-Websocket-Version: 13"},
		{"two versions", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13", key), 426, ""},
		{"no key", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), 400, "X-Chain: ran"},
		{"key x", head("GET /plain HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"), 400, ""},
		{"two keys", ok("/plain", key), 400, ""},
		{"POST", strings.Replace(ok("/plain"), "GET", "POST", 1), 405, "Allow: GET, HEAD, OPTIONS"},
		{"a body", ok("/plain", "Content-Length: 5") + "hello", 400, "X-Chain: ran"},
		{"a body in chunks", ok("/plain", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, ""},
		{"a long body", ok("/plain", "Content-Length: 50000") + strings.Repeat("a", 50000), 400, ""}, // ended the process
		{"an empty body", ok("/plain", "Content-Length: 0"), 101, ""},
		{"HEAD", strings.Replace(ok("/plain"), "GET", "HEAD", 1), 426, ""},

		{"subprotocol", ok("/sub", "Sec-WebSocket-Protocol: v1.chat"), 101, "Sec-Websocket-Protocol: v1.chat"},
		{"the client's first choice", ok("/sub", "Sec-WebSocket-Protocol: x, v1.chat, v2.chat"), 101, "Sec-Websocket-Protocol: v1.chat"},
		{"subprotocols in two lines", ok("/sub", "Sec-WebSocket-Protocol: x", "Sec-WebSocket-Protocol: v2.chat"), 101, "Sec-Websocket-Protocol: v2.chat"},
		{"no common subprotocol", ok("/sub", "Sec-WebSocket-Protocol: v3.chat"), 101, "!Sec-Websocket-Protocol"},
		{"a subprotocol that nobody speaks", ok("/plain", "Sec-WebSocket-Protocol: v3.chat"), 101, "!Sec-Websocket-Protocol"},
		{"a malformed subprotocol", ok("/sub", "Sec-WebSocket-Protocol: a b"), 400, ""},

		{"compression", ok("/z", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, "Sec-Websocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"a window of the server", ok("/z", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"), 101, "Sec-Websocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"},
		{"an offer that cannot be kept", ok("/z", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7"), 101, "!Sec-Websocket-Extensions"},
		{"compression that is off", ok("/plain", "Sec-WebSocket-Extensions: permessage-deflate"), 101, "!Sec-Websocket-Extensions"},
		{"malformed extensions", ok("/z", "Sec-WebSocket-Extensions: permessage-deflate;;"), 400, ""},

		{"same host", ok("/plain", "Origin: http://example.com"), 101, ""},
		{"same host by TLS in front", ok("/plain", "Origin: https://EXAMPLE.com:443"), 101, ""},
		{"another port", ok("/plain", "Origin: http://example.com:8080"), 403, "X-Chain: ran"},
		{"a foreign origin", ok("/plain", "Origin: https://evil.example"), 403, ""},
		{"a host that begins alike", ok("/plain", "Origin: http://example.com.evil.example"), 403, ""},
		{"null", ok("/plain", "Origin: null"), 403, ""},
		{"no origin at all", ok("/plain", "Origin: //example.com/x"), 403, ""},
		{"two origins", ok("/plain", "Origin: http://example.com", "Origin: http://example.com"), 403, ""},
		{"listed", ok("/origins", "Origin: https://app.example.org"), 101, ""},
		{"listed with its port", ok("/origins", "Origin: http://a.test:8080"), 101, ""},
		{"listed, another scheme", ok("/origins", "Origin: http://app.example.org"), 403, ""},
		{"below a name", ok("/origins", "Origin: https://x.y.example.net"), 101, ""},
		{"the name itself", ok("/origins", "Origin: https://example.net"), 403, ""},
		{"a name that ends alike", ok("/origins", "Origin: https://badexample.net"), 403, ""},
		{"same host beside a list", ok("/origins", "Origin: http://example.com"), 101, ""},
		{"any", ok("/any", "Origin: null"), 101, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dialRaw(t, addr)
			client.write([]byte(c.request))
			resp := client.responseTo(strings.Fields(c.request)[0])
			if resp.StatusCode != c.status {
				t.Fatalf("got status %d, want %d", resp.StatusCode, c.status)
			}
			checkHeader(t, resp.Header, c.header)
			if c.status == http.StatusSwitchingProtocols {
				client.text("Hello")
				client.want("text Hello")
				client.sendClose(1000, "")
				client.want("close 1000", "EOF")
			}
		})
	}
}

// checkHeader checks one field, as in the tables above.
func checkHeader(t *testing.T, h http.Header, want string) {
	t.Helper()
	if want == "" {
		return
	}
	if name, ok := strings.CutPrefix(want, "!"); ok {
		if got := h.Values(name); len(got) > 0 {
			t.Errorf("got %s: %q, want none", name, got)
		}
		return
	}
	name, value, _ := strings.Cut(want, ": ")
	if got := h.Values(name); !slices.Equal(got, []string{value}) {
		t.Errorf("got %s: %q, want %q, in %v", name, got, value, h)
	}
}

func TestWS_checksItsOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(app *geist.Engine)
		want string
	}{
		{"no handler", func(app *geist.Engine) { app.WS("/", nil) }, "no handler"},
		{"subprotocol", func(app *geist.Engine) { app.WS("/", echo, geist.Subprotocols("a b")) }, `Subprotocols was given "a b"`},
		{"origin", func(app *geist.Engine) { app.WS("/", echo, geist.Origins("example.com")) }, `Origins was given "example.com"`},
		{"origin with a path", func(app *geist.Engine) { app.WS("/", echo, geist.Origins("https://example.com/")) }, "Origins was given"},
		{"origin with a star inside", func(app *geist.Engine) { app.WS("/", echo, geist.Origins("https://a.*.com")) }, "Origins was given"},
		{"compression", func(app *geist.Engine) { app.WS("/", echo, geist.Compression(-1)) }, "Compression was given -1"},
		{"plain route", func(app *geist.Engine) { app.GET("/", (*geist.Ctx).NoContent).Doc(geist.Compression(0)) }, "are for routes of WS"},
	} {
		app := geist.New()
		c.make(app)
		if err := app.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", c.name, err, c.want)
		}
	}
	app := geist.New()
	g := app.Group("/g").Doc(geist.Compression(0))
	g.GET("/plain", (*geist.Ctx).NoContent)
	g.WS("/ws", echo)
	if err := app.Check(); err != nil {
		t.Errorf("options of a group with plain routes: got %v, want nil", err)
	}
	infos := app.Routes()
	if got, want := infos[len(infos)-1].Handler, "geist_test.echo"; got != want {
		t.Errorf("RouteInfo.Handler: got %q, want %q", got, want)
	}
}
