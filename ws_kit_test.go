package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/wsproto"
)

// wsKey is the key of the tests' handshakes, wsAccept what answers it.
const (
	wsKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	wsAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// wsPatience bounds every wait of the tests that no event ends.
const wsPatience = 10 * time.Second

// serveWS serves app on loopback for the rest of the test and returns its address.
func serveWS(tb testing.TB, app *geist.Engine) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // it ends with the Shutdown below
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), wsPatience)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			tb.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil && !errors.Is(err, geist.ErrServerClosed) {
			tb.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// rawClient speaks bytes to a server, and frames once it has shaken hands.
type rawClient struct {
	tb   testing.TB
	conn net.Conn
	br   *bufio.Reader
}

// dialRaw connects to a server.
func dialRaw(tb testing.TB, addr string) *rawClient {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return rawOn(tb, conn)
}

func rawOn(tb testing.TB, conn net.Conn) *rawClient {
	tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(wsPatience))
	return &rawClient{tb, conn, bufio.NewReader(conn)}
}

// wsRequest is a client's request for a WebSocket, with more header lines.
func wsRequest(path string, more ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + wsKey + "\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
}

// openWS connects and shakes hands.
func openWS(tb testing.TB, addr, path string, more ...string) *rawClient {
	tb.Helper()
	c := dialRaw(tb, addr)
	c.write([]byte(wsRequest(path, more...)))
	if resp := c.response(); resp.StatusCode != http.StatusSwitchingProtocols {
		tb.Fatalf("handshake for %s: got status %d, want 101", path, resp.StatusCode)
	}
	return c
}

func (c *rawClient) write(p []byte) {
	c.tb.Helper()
	if _, err := c.conn.Write(p); err != nil {
		c.tb.Fatalf("write: %v", err)
	}
}

// response reads an answer to a GET, its body included.
func (c *rawClient) response() *http.Response { c.tb.Helper(); return c.responseTo("GET") }

func (c *rawClient) responseTo(method string) *http.Response {
	c.tb.Helper()
	resp, err := http.ReadResponse(c.br, &http.Request{Method: method})
	if err != nil {
		c.tb.Fatalf("read the answer: %v", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			c.tb.Fatalf("read the body: %v", err)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp
}

// wsMask is the mask of the tests' frames.
var wsMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame writes one masked frame.
func (c *rawClient) frame(op wsproto.Opcode, fin bool, payload string) {
	c.tb.Helper()
	c.write(wsproto.AppendMasked(nil, op, fin, false, wsMask, []byte(payload)))
}

func (c *rawClient) text(s string) { c.tb.Helper(); c.frame(wsproto.Text, true, s) }

func (c *rawClient) sendClose(code uint16, reason string) {
	c.tb.Helper()
	c.frame(wsproto.Close, true, string(wsproto.AppendClose(nil, code, reason)))
}

// next reads the next frame of the server as "text Hello", "close 1000 bye", "EOF".
func (c *rawClient) next() string {
	h, p, err := c.readFrame()
	switch {
	case errors.Is(err, io.EOF):
		return "EOF"
	case err != nil:
		return err.Error()
	}
	return frameText(h, p)
}

// frameText describes a frame.
func frameText(h wsproto.Header, p []byte) string {
	name := map[wsproto.Opcode]string{wsproto.Text: "text", wsproto.Binary: "binary", wsproto.Close: "close", wsproto.Ping: "ping", wsproto.Pong: "pong", wsproto.Continuation: "more"}[h.Op]
	if h.RSV1 {
		name = "z" + name
	}
	if !h.Fin {
		name += "-"
	}
	if h.Op == wsproto.Close {
		code, reason, err := wsproto.ParseClose(p)
		if err != nil {
			return fmt.Sprintf("close with % x: %v", p, err)
		}
		return strings.TrimSpace(fmt.Sprintf("%s %d %s", name, code, reason))
	}
	return strings.TrimSpace(name + " " + string(p))
}

func (c *rawClient) readFrame() (h wsproto.Header, p []byte, err error) {
	n := 0
	for size := 2; n == 0; size++ {
		b, err := c.br.Peek(size)
		if err != nil {
			return h, nil, err
		}
		if h, n, err = wsproto.ParseHeader(b); err != nil {
			return h, nil, err
		}
	}
	_, _ = c.br.Discard(n)
	p = make([]byte, h.Size)
	_, err = io.ReadFull(c.br, p)
	return h, p, err
}

// want reads frames and compares them.
func (c *rawClient) want(frames ...string) {
	c.tb.Helper()
	for i, want := range frames {
		if got := c.next(); got != want {
			c.tb.Fatalf("frame %d: got %q, want %q", i+1, got, want)
		}
	}
}

// echo answers every message with itself.
func echo(_ *geist.Ctx, ws *geist.Conn) error {
	for {
		m, err := ws.Read()
		if err != nil {
			return err
		}
		if err := ws.Write(m.Type, m.Data); err != nil {
			return err
		}
	}
}

// logTo returns a logger that writes text.
func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
