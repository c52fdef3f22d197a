package wire

import (
	"bytes"
	"fmt"
)

// A Protocol is how a client speaks to a server.
type Protocol int

const (
	// WebSocket carries messages as they are, one a frame.
	WebSocket Protocol = iota
	// Centrifuge is the JSON protocol of centrifuge over WebSocket: a frame holds
	// one or more lines, messages are publications in channels.
	Centrifuge
	// EventStream is Server-Sent Events in chunks of HTTP/1.1.
	EventStream
	// Geist is geist.v1, in JSON over WebSocket: a frame is one array, messages are what
	// rooms send.
	Geist
	// CentrifugeStream is what Centrifuge says to a client, in Server-Sent Events; the
	// client's first word is in the query.
	CentrifugeStream
)

// Streams reports whether p is over Server-Sent Events.
func (p Protocol) Streams() bool { return p == EventStream || p == CentrifugeStream }

// Paths of every server. Both take the room as ?room=…
const (
	// RoomPath opens a connection that is in one room.
	RoomPath = "/room"
	// EchoPath opens a WebSocket whose messages come back.
	EchoPath = "/echo"
)

// key is the same for all connections, as is its answer, from RFC 6455 §1.3.
const (
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// browser is what Chrome sends with each request, in a size that is usual where people
// are signed in: servers that keep the request keep this.
const browser = "Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n" +
	"Cookie: sid=4f1c2a90b7d84e5f9a63d0c1b2e3f405; theme=dark; consent=functional%2Canalytics; lang=en-GB; " +
	"_ga=GA1.1.1299184327.1718092000; _ga_0QWERTY123=GS1.1.1718092000.12.1.1718093456.0.0.0\r\n"

// Request returns the bytes with which a client opens a connection. A client of streams that
// comes back names the last event that it has seen; lastID is empty for others.
func Request(p Protocol, host, path, lastID string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	if p.Streams() {
		b = append(b, "Connection: keep-alive\r\nAccept: text/event-stream\r\n"...)
		if lastID != "" {
			b = append(b, "Last-Event-ID: "+lastID+"\r\n"...)
		}
		b = append(b, "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"...)
		return append(append(b, browser...), "\r\n"...)
	}
	b = fmt.Appendf(b, "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://%s\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", host, key)
	if p == Geist {
		b = append(b, "Sec-WebSocket-Protocol: geist.v1\r\n"...)
	}
	return append(append(b, browser...), "\r\n"...)
}

// ReadResponse splits the head of the response to Request off b and judges it. ok is
// false if b does not hold all of it yet.
func ReadResponse(p Protocol, b []byte) (rest []byte, ok bool, err error) {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		if len(b) > 8<<10 {
			return b, false, fmt.Errorf("head of the response is longer than 8 KiB")
		}
		return b, false, nil
	}
	fields := bytes.ToLower(b[:i+2])
	want := []string{"http/1.1 101 ", "\r\nsec-websocket-accept: " + string(bytes.ToLower([]byte(accept))) + "\r\n"}
	if p.Streams() {
		want = []string{"http/1.1 200 ", "\r\ncontent-type: text/event-stream", "\r\ntransfer-encoding: chunked\r\n"}
	}
	for _, w := range want {
		if !bytes.Contains(fields, []byte(w)) {
			return b, false, fmt.Errorf("response without %q: %.300q", w, b)
		}
	}
	if bytes.Contains(fields, []byte("\r\nsec-websocket-extensions:")) {
		return b, false, fmt.Errorf("compression is on: %.300q", b)
	}
	return b[i+4:], true, nil
}
