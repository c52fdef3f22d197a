package wire

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 §4.2.2 asks for it
	"encoding/base64"
	"strings"
	"testing"
)

func TestMessage_checkAcceptsOwn(t *testing.T) {
	for _, size := range []int{MinSize, 128, 1024, MaxSize} {
		for _, room := range []uint32{0, 25, 26, 0xdeadbeef} {
			p := NewMessage(room, 7, 123456789, size)
			at, err := Check(p, room, 7)
			if err != nil || at != 123456789 || len(p) != size {
				t.Errorf("size %d, room %x: got %d bytes, at %d, %v", size, room, len(p), at, err)
			}
		}
	}
}

// Every byte of a message is checked, but for those of the time, which no client knows.
func TestMessage_checkFindsEveryDamage(t *testing.T) {
	p := NewMessage(3, 4, 5, 128)
	for i := range p {
		for _, flip := range []byte{1, 0x20, 0x80} {
			q := bytes.Clone(p)
			q[i] ^= flip
			_, err := Check(q, 3, 4)
			_, hex := readHex(q[i : i+1])
			if inTime := i >= atFrom && i < atFrom+16; (err == nil) != (inTime && hex) {
				t.Errorf("byte %d of %q as %q: %v", i, p, q[i], err)
			}
		}
	}
	for n := range len(p) {
		if _, err := Check(p[:n], 3, 4); err == nil {
			t.Errorf("cut after %d bytes, no error", n)
		}
	}
}

func TestMessage_checkNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		room, seq uint32
		want      string
	}{
		{3, 5, "lost, doubled or out of order"},
		{3, 3, "lost, doubled or out of order"},
		{9, 4, "of room 3 in room 9"},
	} {
		if _, err := Check(NewMessage(3, 4, 5, 128), c.room, c.seq); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("room %d, number %d: %v, want %q", c.room, c.seq, err, c.want)
		}
	}
}

func TestRoomName_roundTrip(t *testing.T) {
	for _, room := range []uint32{0, 1, 0x12345678, 0xffffffff} {
		if got, err := ReadRoom(RoomName(room)); got != room || err != nil {
			t.Errorf("%q = %x, %v; want %x", RoomName(room), got, err, room)
		}
	}
	for _, name := range []string{"", "1", "0123456", "0123456g", "012345678"} {
		if _, err := ReadRoom(name); err == nil {
			t.Errorf("%q is a room", name)
		}
	}
}

func TestReadFrame_whatAppendFrameWrote(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 300, MaxSize} {
		b := AppendFrame(nil, Text, bytes.Repeat([]byte("x"), n))
		for i := range b {
			if _, _, _, ok, err := ReadFrame(b[:i]); ok || err != nil {
				t.Fatalf("%d of %d bytes: ok %v, %v", i, len(b), ok, err)
			}
		}
		op, p, rest, ok, err := ReadFrame(append(b, "next"...))
		if op != Text || len(p) != n || string(rest) != "next" || !ok || err != nil {
			t.Errorf("%d bytes: got opcode %d, %d bytes, rest %q, %v, %v", n, op, len(p), rest, ok, err)
		}
	}
}

func TestReadFrame_refuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"fragment":     {0x01, 0},
		"reserved bit": {0xC1, 0},
		"mask":         {0x81, 0x80},
		"huge":         {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		if _, _, _, _, err := ReadFrame(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestHandshake_acceptIsThatOfTheKey(t *testing.T) {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != accept {
		t.Errorf("accept %s, want %s", got, accept)
	}
}

func TestReadResponse(t *testing.T) {
	const up = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\n"
	const stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
	for _, c := range []struct {
		name  string
		proto Protocol
		in    string
		ok    bool
		bad   bool
	}{
		{"upgrade", WebSocket, up + "\r\nrest", true, false},
		{"upgrade, partial", WebSocket, up + "\r", false, false},
		{"upgrade with compression", WebSocket, up + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", false, true},
		{"other accept", Centrifuge, strings.Replace(up, "s3p", "xxx", 1) + "\r\n", false, true},
		{"refused", WebSocket, "HTTP/1.1 403 Forbidden\r\n\r\n", false, true},
		{"stream", EventStream, stream + "Transfer-Encoding: chunked\r\n\r\nrest", true, false},
		{"stream without chunks", EventStream, stream + "\r\n", false, true},
		{"endless", EventStream, strings.Repeat("x", 9000), false, true},
	} {
		rest, ok, err := ReadResponse(c.proto, []byte(c.in))
		if ok != c.ok || (err != nil) != c.bad || ok && string(rest) != "rest" {
			t.Errorf("%s: got rest %q, %v, %v", c.name, rest, ok, err)
		}
	}
}
