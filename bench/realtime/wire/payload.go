// Package wire is what the servers and the clients of the real-time scenes agree on:
// the messages, the names of rooms, the frames around them and the handshakes.
package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A message is a JSON object of fixed layout, so that protocols on JSON carry it as it is
// and that a client checks every byte of it without a parser:
//
//	{"room":"0000002a","seq":"00000007","at":"00000123456789ab","pad":"hijk…"}
//
// The padding is the alphabet, from a letter on that depends on room and number: messages
// that are swapped or cut at the wrong place differ.
const (
	head    = `{"room":"`
	afterID = `","seq":"`
	afterNo = `","at":"`
	afterAt = `","pad":"`
	tail    = `"}`

	roomFrom = len(head)
	seqFrom  = roomFrom + 8 + len(afterID)
	atFrom   = seqFrom + 8 + len(afterNo)
	padFrom  = atFrom + 16 + len(afterAt)

	// MinSize is the least size of a message, in bytes.
	MinSize = padFrom + len(tail)
	// MaxSize is the largest.
	MaxSize = 4096
)

var alphabet = strings.Repeat("abcdefghijklmnopqrstuvwxyz", MaxSize/26+2)

func pad(room, seq uint32, size int) string {
	from := int((room%26 + seq%26) % 26)
	return alphabet[from : from+size-MinSize]
}

// RoomName returns the name of a room: eight hexadecimal digits.
func RoomName(room uint32) string { return fmt.Sprintf("%08x", room) }

// NewMessage returns a message of size bytes, published at a time in nanoseconds. Each is
// a slice of its own: libraries keep what they are given. size lies between MinSize and
// MaxSize.
func NewMessage(room, seq uint32, at int64, size int) []byte {
	b := make([]byte, 0, size)
	b = append(b, head...)
	b = appendHex(b, uint64(room), 8)
	b = append(b, afterID...)
	b = appendHex(b, uint64(seq), 8)
	b = append(b, afterNo...)
	b = appendHex(b, uint64(at), 16)
	b = append(b, afterAt...)
	b = append(b, pad(room, seq, size)...)
	return append(b, tail...)
}

// Check wants p to be the message of that room and number, byte for byte, and returns the
// time that it carries.
func Check(p []byte, room, seq uint32) (at int64, err error) {
	if len(p) < MinSize || len(p) > MaxSize {
		return 0, fmt.Errorf("message of %d bytes", len(p))
	}
	gotRoom, ok1 := readHex(p[roomFrom : roomFrom+8])
	gotSeq, ok2 := readHex(p[seqFrom : seqFrom+8])
	when, ok3 := readHex(p[atFrom : atFrom+16])
	switch {
	case !ok1 || !ok2 || !ok3 || string(p[:roomFrom]) != head,
		string(p[roomFrom+8:seqFrom]) != afterID,
		string(p[seqFrom+8:atFrom]) != afterNo,
		string(p[atFrom+16:padFrom]) != afterAt,
		string(p[len(p)-len(tail):]) != tail,
		string(p[padFrom:len(p)-len(tail)]) != pad(uint32(gotRoom), uint32(gotSeq), len(p)):
		return 0, fmt.Errorf("damaged message %.200q", p)
	case uint32(gotRoom) != room:
		return 0, fmt.Errorf("message %d of room %x in room %x", gotSeq, gotRoom, room)
	case uint32(gotSeq) != seq:
		return 0, fmt.Errorf("message %d of room %x, want %d: lost, doubled or out of order", gotSeq, room, seq)
	}
	return int64(when), nil
}

const digits = "0123456789abcdef"

func appendHex(b []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, digits[v>>(4*i)&15])
	}
	return b
}

// fromHex holds the values of lower-case digits, and 255 for all else.
var fromHex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range digits {
		t[digits[i]] = byte(i)
	}
	return t
}()

func readHex(p []byte) (v uint64, ok bool) {
	bad := byte(0)
	for _, c := range p {
		d := fromHex[c]
		bad |= d
		v = v<<4 | uint64(d&15)
	}
	return v, bad < 16
}

// ReadRoom returns the room of a name.
func ReadRoom(name string) (uint32, error) {
	b, err := hex.DecodeString(name)
	if err != nil || len(b) != 4 {
		return 0, fmt.Errorf("%q is no name of a room", name)
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), nil
}
