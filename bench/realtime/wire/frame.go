package wire

import (
	"encoding/binary"
	"fmt"
)

// Opcodes of WebSocket frames, RFC 6455 §5.2.
const (
	Text   = 0x1
	Binary = 0x2
	Close  = 0x8
	Ping   = 0x9
	Pong   = 0xA
)

// AppendFrame appends a frame as servers send it: final, without a mask.
func AppendFrame(b []byte, op byte, p []byte) []byte {
	return append(appendHead(b, op, 0, len(p)), p...)
}

// AppendMasked appends a frame as clients send it. The mask is zero, which the protocol
// allows and which costs this client nothing; a server unmasks it as any other.
func AppendMasked(b []byte, op byte, p []byte) []byte {
	b = appendHead(b, op, 0x80, len(p))
	b = append(b, 0, 0, 0, 0)
	return append(b, p...)
}

func appendHead(b []byte, op, mask byte, n int) []byte {
	b = append(b, 0x80|op)
	if n < 126 {
		return append(b, mask|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n)) // n ≤ MaxSize and a little
}

// ReadFrame splits the first frame of a server off b. ok is false if b does not hold a
// whole one yet. Fragments, masks, reserved bits and frames above 1 MiB are errors: no
// server of the suite has a reason to send them.
func ReadFrame(b []byte) (op byte, p, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return 0, nil, b, false, nil
	}
	if b[0]&0xF0 != 0x80 || b[1]&0x80 != 0 {
		return 0, nil, b, false, fmt.Errorf("frame begins with %#02x %#02x", b[0], b[1])
	}
	n, from := int(b[1]), 2
	switch {
	case n == 126 && len(b) < 4, n == 127 && len(b) < 10:
		return 0, nil, b, false, nil
	case n == 126:
		n, from = int(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127:
		size := binary.BigEndian.Uint64(b[2:])
		if size > 1<<20 {
			return 0, nil, b, false, fmt.Errorf("frame of %d bytes", size)
		}
		n, from = int(size), 10
	}
	if len(b) < from+n {
		return 0, nil, b, false, nil
	}
	return b[0] & 15, b[from : from+n], b[from+n:], true, nil
}

// AppendEvent appends an event of an event stream as a chunk of HTTP/1.1.
func AppendEvent(b, p []byte) []byte {
	b = fmt.Appendf(b, "%x\r\ndata: ", len("data: ")+len(p)+len("\n\n"))
	b = append(b, p...)
	return append(b, "\n\n\r\n"...)
}
