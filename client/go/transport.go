package geistclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// writeTimeout bounds one write to the server: a WebSocket that takes nothing for so long, or a POST
// that is not answered, is as good as broken.
const writeTimeout = 10 * time.Second

// transport is a connection that frames go over. read is for one goroutine, write for another.
type transport interface {
	// read returns the next frame, which belongs to the caller.
	read(ctx context.Context) ([]byte, error)
	// write sends frames in order.
	write(ctx context.Context, frames [][]byte) error
	// compact reports whether frames are in the compact encoding.
	compact() bool
	// close says goodbye, if the transport has a word for it, and waits for the answer: for as long as
	// the ctx of read holds.
	close()
	// abort ends the connection at once.
	abort()
}

// dialer makes connections of one kind. heard is called by transports whenever the server gives a sign
// of life that is no frame.
type dialer func(ctx context.Context, heard func()) (transport, error)

// dialers returns how to connect, what is to be tried first in front.
func (c *Client) dialers() []dialer {
	switch c.conf.Transport {
	case EventStream:
		return []dialer{c.dialEvents}
	case Auto:
		return []dialer{c.dialSocket, c.dialEvents}
	}
	return []dialer{c.dialSocket}
}

// socket is a WebSocket.
type socket struct {
	conn *websocket.Conn
	kind websocket.MessageType
}

func (c *Client) dialSocket(ctx context.Context, heard func()) (transport, error) {
	offers := []string{protocolJSON}
	if c.conf.Binary {
		offers = []string{protocolBinary, protocolJSON}
	}
	conn, resp, err := websocket.Dial(ctx, c.url.String(), &websocket.DialOptions{ //nolint:bodyclose // Dial says that there is no need
		HTTPClient:   c.conf.HTTPClient,
		HTTPHeader:   c.conf.Header,
		Subprotocols: offers,
		OnPingReceived: func(context.Context, []byte) bool {
			heard()
			return true
		},
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, statusError(resp)
		}
		return nil, err
	}
	conn.SetReadLimit(int64(c.conf.MaxFrame))
	s := &socket{conn: conn, kind: websocket.MessageText}
	switch conn.Subprotocol() {
	case protocolBinary:
		s.kind = websocket.MessageBinary
	case "":
		_ = conn.CloseNow()
		return nil, &Error{Code: codeVersion, Text: "the server has chosen no subprotocol"}
	}
	return s, nil
}

func (s *socket) read(ctx context.Context) ([]byte, error) {
	kind, p, err := s.conn.Read(ctx)
	if err == nil && kind != s.kind {
		return nil, errFrame
	}
	return p, err
}

func (s *socket) write(ctx context.Context, frames [][]byte) error {
	for _, p := range frames {
		if err := s.conn.Write(ctx, s.kind, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) compact() bool { return s.kind == websocket.MessageBinary }

func (s *socket) close() { _ = s.conn.Close(websocket.StatusNormalClosure, "") }

func (s *socket) abort() { _ = s.conn.CloseNow() }

// statusError returns what an answer other than success means.
func statusError(resp *http.Response) error {
	e := &StatusError{Status: resp.StatusCode}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		e.retry = time.Duration(seconds) * time.Second
	}
	return e
}

// withProtocol returns u with the protocol in its query, so that a server of another version refuses.
func withProtocol(u *url.URL) string {
	v := *u
	if v.RawQuery != "" {
		v.RawQuery += "&"
	}
	v.RawQuery += "protocol=" + protocolJSON
	return v.String()
}
