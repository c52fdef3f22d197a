package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
)

// limit is the longest message of the tests.
const limit = 1 << 20

// client is what the tests need of a client of any library.
type client interface {
	send(binary bool, data []byte) error
	receive() (binary bool, data []byte, err error)
	ping() error
	// end closes with a code and returns the code of the answer.
	end(code int) (int, error)
}

// clients opens a connection by each library, with and without compression.
var clients = map[string]func(ctx context.Context, url string) (client, error){
	"gorilla":             func(_ context.Context, url string) (client, error) { return dialGorilla(url, false) },
	"gorilla, compressed": func(_ context.Context, url string) (client, error) { return dialGorilla(url, true) },
	"coder": func(ctx context.Context, url string) (client, error) {
		return dialCoder(ctx, url, coder.CompressionDisabled)
	},
	"coder, compressed": func(ctx context.Context, url string) (client, error) {
		return dialCoder(ctx, url, coder.CompressionContextTakeover)
	},
}

type gorillaClient struct{ conn *gorilla.Conn }

func dialGorilla(url string, compress bool) (client, error) {
	d := gorilla.Dialer{EnableCompression: compress, Subprotocols: []string{"other", "echo"}, HandshakeTimeout: 10 * time.Second}
	conn, resp, err := d.Dial(url, nil)
	if err != nil {
		return nil, err
	}
	if (resp.Header.Get("Sec-WebSocket-Extensions") != "") != compress || conn.Subprotocol() != "echo" {
		return nil, fmt.Errorf("agreed on %v", resp.Header)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	conn.EnableWriteCompression(compress)
	return gorillaClient{conn}, nil
}

func (c gorillaClient) send(binary bool, data []byte) error {
	kind := gorilla.TextMessage
	if binary {
		kind = gorilla.BinaryMessage
	}
	return c.conn.WriteMessage(kind, data)
}

func (c gorillaClient) receive() (bool, []byte, error) {
	kind, data, err := c.conn.ReadMessage()
	return kind == gorilla.BinaryMessage, data, err
}

func (c gorillaClient) ping() error {
	pong := ""
	c.conn.SetPongHandler(func(s string) error { pong = s; return nil })
	if err := c.conn.WriteControl(gorilla.PingMessage, []byte("you?"), time.Now().Add(time.Second)); err != nil {
		return err
	}
	if err := c.send(false, nil); err != nil { // pongs are handled by reads
		return err
	}
	if _, _, err := c.receive(); err != nil || pong != "you?" {
		return fmt.Errorf("pong %q, error %w", pong, err)
	}
	return nil
}

func (c gorillaClient) end(code int) (int, error) {
	defer func() { _ = c.conn.Close() }()
	if err := c.conn.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, "bye")); err != nil {
		return 0, err
	}
	_, _, err := c.conn.ReadMessage()
	if e, ok := errors.AsType[*gorilla.CloseError](err); ok {
		return e.Code, nil
	}
	return 0, err
}

type coderClient struct {
	ctx  context.Context
	conn *coder.Conn
}

func dialCoder(ctx context.Context, url string, mode coder.CompressionMode) (client, error) {
	conn, resp, err := coder.Dial(ctx, url, &coder.DialOptions{CompressionMode: mode, CompressionThreshold: 1, Subprotocols: []string{"other", "echo"}})
	if err != nil {
		return nil, err
	}
	if (resp.Header.Get("Sec-WebSocket-Extensions") != "") != (mode != coder.CompressionDisabled) || conn.Subprotocol() != "echo" {
		return nil, fmt.Errorf("agreed on %v", resp.Header)
	}
	conn.SetReadLimit(limit)
	return coderClient{ctx, conn}, nil
}

func (c coderClient) send(binary bool, data []byte) error {
	kind := coder.MessageText
	if binary {
		kind = coder.MessageBinary
	}
	return c.conn.Write(c.ctx, kind, data)
}

func (c coderClient) receive() (bool, []byte, error) {
	kind, data, err := c.conn.Read(c.ctx)
	return kind == coder.MessageBinary, data, err
}

func (c coderClient) ping() error {
	done := make(chan error, 1)
	go func() { done <- c.conn.Ping(c.ctx) }() // it ends with the pong, which the read below finds
	if err := c.send(false, []byte("x")); err != nil {
		return err
	}
	if _, _, err := c.receive(); err != nil {
		return err
	}
	if err := c.send(false, []byte("y")); err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() { _, _, err := c.receive(); read <- err }() // it ends with the echo
	return errors.Join(<-done, <-read)
}

func (c coderClient) end(code int) (int, error) {
	err := c.conn.Close(coder.StatusCode(code), "bye") // fails unless it is answered with the same
	return code, err
}

// serve serves an echo and returns its URL.
func serve(t *testing.T) string {
	app := geist.New(geist.Config{DrainIdle: -1, WebSocket: geist.WebSocketConfig{MaxMessageBytes: limit}})
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
	}, geist.Subprotocols("echo"), geist.Compression(1))
	return "ws" + strings.TrimPrefix(loopback.Serve(t, app), "http") + "/echo"
}

func TestClients_echo(t *testing.T) {
	url := serve(t)
	for name, dial := range clients {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c, err := dial(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for i, size := range []int{0, 1, 125, 126, 4096, 65535, 65536, 300_000, limit} {
				for _, binary := range []bool{false, true} {
					want := message(random, binary, i%2 == 0, size)
					if err := c.send(binary, want); err != nil {
						t.Fatalf("send %d bytes: %v", size, err)
					}
					kind, got, err := c.receive()
					if err != nil || kind != binary || !bytes.Equal(got, want) {
						t.Fatalf("%d bytes, binary %v: got %d bytes, binary %v, %v", size, binary, len(got), kind, err)
					}
				}
			}
			if err := c.ping(); err != nil {
				t.Errorf("ping: %v", err)
			}
			if got, err := c.end(1000); got != 1000 || err != nil {
				t.Errorf("close: got %d, %v, want 1000", got, err)
			}
		})
	}
}

// message makes a message, of ASCII if it is a text, which can be compressed or not.
func message(random *rand.Rand, binary, dull bool, size int) []byte {
	data := make([]byte, size)
	for i := range data {
		switch {
		case dull:
			data[i] = "geist "[i%6]
		case binary:
			data[i] = byte(random.Uint32())
		default:
			data[i] = ' ' + byte(random.Uint32()%90)
		}
	}
	return data
}

// TestClients_tooBig: a message over the limit closes with 1009.
func TestClients_tooBig(t *testing.T) {
	url := serve(t)
	for name, dial := range clients {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c, err := dial(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.send(true, message(rand.New(rand.NewPCG(1, 2)), true, true, limit+1)) // it may fail: the server has seen enough
			_, _, err = c.receive()
			var g *gorilla.CloseError
			if !(errors.As(err, &g) && g.Code == 1009) && coder.CloseStatus(err) != 1009 {
				t.Errorf("got %v, want code 1009", err)
			}
			_, _ = c.end(1000)
		})
	}
}
