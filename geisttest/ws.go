package geisttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/wsproto"
)

// maxMessage bounds a message that WebSocket reads.
const maxMessage = 16 << 20

// WebSocket is the client's end of a WebSocket. It is strict: a server that breaks the protocol
// fails the test. Pings are answered, and the server's close frame too, while it reads. What it
// expects it waits for up to Config.Timeout. It may be used by one goroutine that reads and
// others that send.
type WebSocket struct {
	tb   testing.TB
	req  *Request
	resp *Response
	conn *conn
	in   wsproto.Reader
	buf  [4 << 10]byte
	rest []byte // of buf, what has been read and not looked at
	once sync.Once

	mu     sync.Mutex // one write at a time
	closed bool       // guarded by mu; our close frame has been sent
	quit   func() bool
}

// Message is what a server has sent over a WebSocket. Its methods assert and return it.
type Message struct {
	// Binary tells a binary message from a text.
	Binary bool
	// Data is the payload, inflated.
	Data []byte

	tb   testing.TB
	what string
}

// CloseError is why a WebSocket has been closed by the server.
type CloseError struct {
	// Code is the status code of the close frame: 1005 if it named none, 1006 if the connection
	// ended without one.
	Code int
	// Reason is the text beside it.
	Reason string

	err error
}

// Error returns the code and the reason.
func (c *CloseError) Error() string {
	if c.err != nil {
		return fmt.Sprintf("the connection has ended without a close frame: %v", c.err)
	}
	return fmt.Sprintf("the server has closed the WebSocket: %d %q", c.Code, c.Reason)
}

// Unwrap returns the error of the connection, if there was no close frame.
func (c *CloseError) Unwrap() error { return c.err }

// WS opens a WebSocket, and asserts that it opens. To send header fields with the handshake, such as
// Origin or Sec-WebSocket-Protocol, use [Request.WS]; to see it refused, [Request.Handshake] and
// [Request.Do]. The connection is closed at the end of the test if not before.
func (c *Client) WS(path string) *WebSocket {
	c.tb.Helper()
	return c.GET(path).WS()
}

// Handshake adds the header fields that ask for a WebSocket, those that are missing.
//
//	t.GET("/chat").Handshake().Do().Status(403)
func (r *Request) Handshake() *Request {
	var key [16]byte
	_, _ = rand.Read(key[:]) // it never fails
	for _, f := range []field{
		{"Connection", "Upgrade"}, {"Upgrade", "websocket"},
		{"Sec-WebSocket-Version", wsproto.Version}, {"Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:])},
	} {
		if !r.has(f.name) {
			r.Header(f.name, f.value)
		}
	}
	return r
}

// WS sends the request as a handshake and returns the WebSocket. An answer that is not a right one
// ends the test.
//
//	t.GET("/chat").Header("Sec-WebSocket-Protocol", "v1").WS()
func (r *Request) WS() *WebSocket {
	tb := r.client.tb
	tb.Helper()
	w, err := r.clone().Handshake().openWS()
	if err != nil {
		tb.Fatalf("geisttest: %s: %v", r, err)
	}
	tb.Cleanup(w.leave)
	return w
}

// openWS opens a connection and shakes hands.
func (r *Request) openWS() (*WebSocket, error) {
	c, resp, _, err := r.open()
	if err != nil {
		return nil, err
	}
	if err := r.checkHandshake(resp); err != nil {
		r.client.session.drop(c)
		return nil, err
	}
	r.checkExchange(resp, true)
	deflate := resp.Header("Sec-WebSocket-Extensions") != ""
	w := &WebSocket{tb: r.client.tb, req: r, resp: resp, conn: c, in: wsproto.NewReader(false, deflate, maxMessage)}
	w.quit = context.AfterFunc(r.ctx, w.leave)
	return w, nil
}

// checkHandshake judges the answer.
func (r *Request) checkHandshake(resp *Response) error {
	h := resp.raw.Header
	key := ""
	for _, f := range r.fields {
		if http.CanonicalHeaderKey(f.name) == "Sec-Websocket-Key" {
			key = f.value
		}
	}
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("status %d in answer to the handshake, want 101; Handshake and Do show the answer", resp.StatusCode)
	case !wsproto.HasToken(h.Values("Upgrade"), "websocket") || !wsproto.HasToken(h.Values("Connection"), "upgrade"):
		return fmt.Errorf("the answer's Upgrade is %q and its Connection %q, want websocket and Upgrade", h.Values("Upgrade"), h.Values("Connection"))
	case h.Get("Sec-WebSocket-Accept") != wsproto.Accept(key):
		return fmt.Errorf("the answer's Sec-WebSocket-Accept is %q, want %q", h.Get("Sec-WebSocket-Accept"), wsproto.Accept(key))
	}
	return nil
}

// Response returns the answer to the handshake, to assert its header.
func (w *WebSocket) Response() *Response { return w.resp }

// Subprotocol returns the one that the server has chosen, or "".
func (w *WebSocket) Subprotocol() string { return w.resp.Header("Sec-WebSocket-Protocol") }

// Send sends a text message. A connection that has ended fails the test and ends it, as for all
// that sends.
func (w *WebSocket) Send(text string) *WebSocket {
	w.tb.Helper()
	return w.send(wsproto.Text, []byte(text))
}

// SendBinary sends a binary message.
func (w *WebSocket) SendBinary(p []byte) *WebSocket {
	w.tb.Helper()
	return w.send(wsproto.Binary, p)
}

// SendJSON sends the JSON encoding of v as a text message.
func (w *WebSocket) SendJSON(v any) *WebSocket {
	w.tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		w.tb.Fatalf("geisttest: %s: SendJSON: %v", w.req, err)
	}
	return w.send(wsproto.Text, b)
}

// Ping sends a ping and asserts that the next thing that comes is its pong.
func (w *WebSocket) Ping(data string) *WebSocket {
	w.tb.Helper()
	w.send(wsproto.Ping, []byte(data))
	switch u, err := w.unit(); {
	case err != nil:
		w.tb.Fatalf("geisttest: %s: the pong: %v", w.req, err)
	case u.Op != wsproto.Pong || string(u.Data) != data:
		w.tb.Fatalf("geisttest: %s: got opcode %d with %q, want a pong with %q", w.req, u.Op, u.Data, data)
	}
	return w
}

// Close sends a close frame, unless one has been sent, and asserts that the server answers with the
// same code and ends the connection. Messages before the answer are dropped. 1005 sends no code.
func (w *WebSocket) Close(code int, reason string) {
	w.tb.Helper()
	if err := w.sendClose(uint16(code), reason); err != nil {
		w.tb.Fatalf("geisttest: %s: Close: %v", w.req, err)
	}
	for {
		_, err := w.NextErr()
		closed, ok := errors.AsType[*CloseError](err)
		switch {
		case err == nil:
			continue
		case !ok:
			w.tb.Fatalf("geisttest: %s: %v, want the server's close frame", w.req, err)
		case closed.Code != code:
			w.tb.Fatalf("geisttest: %s: %v, want code %d", w.req, closed, code)
		}
		return
	}
}

// Leave ends the connection without a close frame, as clients do that vanish.
func (w *WebSocket) Leave() { w.leave() }

func (w *WebSocket) leave() {
	w.once.Do(func() {
		w.quit()
		w.req.client.session.drop(w.conn)
	})
}

func (w *WebSocket) send(op wsproto.Opcode, p []byte) *WebSocket {
	w.tb.Helper()
	if op == wsproto.Text || op == wsproto.Binary {
		w.req.checkMessage(w.tb, true, "", p)
	}
	if err := w.write(op, p); err != nil {
		w.tb.Fatalf("geisttest: %s: send: %v", w.req, err)
	}
	return w
}

// write writes one frame with a mask of its own.
func (w *WebSocket) write(op wsproto.Opcode, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if op == wsproto.Close {
		if w.closed {
			return nil
		}
		w.closed = true
	}
	var key [4]byte
	_, _ = rand.Read(key[:]) // it never fails
	if d := w.req.client.session.cfg.Timeout; d > 0 {
		_ = w.conn.SetWriteDeadline(time.Now().Add(d))
	}
	_, err := w.conn.Write(wsproto.AppendMasked(nil, op, true, false, key, p))
	return err
}

func (w *WebSocket) sendClose(code uint16, reason string) error {
	return w.write(wsproto.Close, wsproto.AppendClose(nil, code, reason))
}

// Next returns the next message. If none comes within Config.Timeout, or the connection ends, the
// test fails and ends.
func (w *WebSocket) Next() Message {
	w.tb.Helper()
	m, err := w.NextErr()
	if err != nil {
		w.tb.Fatalf("geisttest: %s: the next message: %v", w.req, err)
	}
	return m
}

// NextErr is Next without failing the test. The error is a *[CloseError] when the connection has ended,
// and errors.Is [ErrTimeout] when no message came in time, after which NextErr may be called again.
func (w *WebSocket) NextErr() (Message, error) {
	for {
		u, err := w.unit()
		if err != nil {
			return Message{}, err
		}
		if u.Op == wsproto.Text || u.Op == wsproto.Binary {
			w.tb.Helper()
			w.req.checkMessage(w.tb, false, "", u.Data)
			return Message{Binary: u.Op == wsproto.Binary, Data: u.Data, tb: w.tb, what: w.req.String()}, nil
		}
	}
}

// Closed asserts that no message comes before the server closes the connection with the code, within
// Config.Timeout, and returns the reason. Otherwise the test fails and ends.
func (w *WebSocket) Closed(code int) (reason string) {
	w.tb.Helper()
	m, err := w.NextErr()
	closed, ok := errors.AsType[*CloseError](err)
	switch {
	case err == nil:
		w.tb.Fatalf("geisttest: %s: got message %q, want the connection closed with %d", w.req, m.Data, code)
	case !ok:
		w.tb.Fatalf("geisttest: %s: %v, want the connection closed with %d", w.req, err, code)
	case closed.Code != code:
		w.tb.Fatalf("geisttest: %s: %v, want code %d", w.req, closed, code)
	}
	return closed.Reason
}

// unit returns what comes next, and answers pings and close frames.
func (w *WebSocket) unit() (wsproto.Unit, error) {
	for {
		for len(w.rest) > 0 {
			u, n, err := w.in.Next(w.rest)
			w.rest = w.rest[n:]
			switch {
			case err != nil:
				return u, fmt.Errorf("the server breaks the protocol: %w", err)
			case u.Op == wsproto.Ping:
				_ = w.write(wsproto.Pong, u.Data) // the next read tells why it failed
				return u, nil
			case u.Op == wsproto.Close:
				return u, w.closeRead(u.Data)
			case u.Op != wsproto.Continuation:
				return u, nil
			}
		}
		if err := w.fill(); err != nil {
			return wsproto.Unit{}, err
		}
	}
}

// fill reads from the connection.
func (w *WebSocket) fill() error {
	if d := w.req.client.session.cfg.Timeout; d > 0 {
		_ = w.conn.SetReadDeadline(time.Now().Add(d))
	}
	n, err := w.conn.br.Read(w.buf[:])
	switch w.rest = w.buf[:n]; {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w (%s); handlers that run:\n%s", ErrTimeout, w.req.client.session.cfg.Timeout, handlerStacks())
	}
	return &CloseError{Code: wsproto.CodeAbnormal, err: err}
}

// closeRead answers the server's close frame and waits for the end of the connection, which is the
// server's to close first.
func (w *WebSocket) closeRead(payload []byte) error {
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		return fmt.Errorf("the server breaks the protocol: %w", err)
	}
	_ = w.sendClose(code, "") // the server may have gone on without it
	if err := w.fill(); err == nil {
		return fmt.Errorf("the server sent %q behind its close frame", w.rest)
	} else if closed, ok := errors.AsType[*CloseError](err); !ok || !errors.Is(closed.err, io.EOF) {
		return fmt.Errorf("the end of the connection behind the close frame: %w", err)
	}
	w.leave()
	return &CloseError{Code: int(code), Reason: reason}
}

// Text asserts that the message is a text, and which.
func (m Message) Text(want string) Message {
	m.tb.Helper()
	if m.Binary || string(m.Data) != want {
		m.tb.Errorf("%s: got %s, want text %q", m.what, m.show(), want)
	}
	return m
}

// Bytes asserts that the message is binary, and which.
func (m Message) Bytes(want []byte) Message {
	m.tb.Helper()
	if !m.Binary || !bytes.Equal(m.Data, want) {
		m.tb.Errorf("%s: got %s, want binary %q", m.what, m.show(), want)
	}
	return m
}

// JSON decodes a text message into p, a non-nil pointer, and asserts that this succeeds.
func (m Message) JSON(p any) Message {
	m.tb.Helper()
	if m.Binary {
		m.tb.Fatalf("%s: got %s, want JSON in a text", m.what, m.show())
	}
	if err := json.Unmarshal(m.Data, p); err != nil {
		m.tb.Fatalf("%s: decode the message into %T: %v; message:\n%s", m.what, p, err, m.Data)
	}
	return m
}

func (m Message) show() string {
	if m.Binary {
		return fmt.Sprintf("binary %q", m.Data)
	}
	return fmt.Sprintf("text %q", m.Data)
}
