package wsproto

import "encoding/binary"

// Opcode says what a frame holds. The zero value is that of a continuation.
type Opcode byte

// The opcodes that RFC 6455 defines; all others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// control reports whether frames of this kind may stand between those of a message.
func (o Opcode) control() bool { return o&0x8 != 0 }

// known reports whether the opcode is defined.
func (o Opcode) known() bool { return o <= Binary || o >= Close && o <= Pong }

// Sizes of frames.
const (
	// MaxHeader is the size of the longest frame header: 14 bytes.
	MaxHeader = 14
	// MaxControl is the size of the longest payload of a control frame: 125 bytes.
	MaxControl = 125
)

// Bits of the first two bytes of a header.
const (
	bitFin    = 0x80
	bitRSV1   = 0x40
	bitsRSV   = 0x30 // RSV2 and RSV3, which no extension of ours uses
	bitsOp    = 0x0F
	bitMasked = 0x80
	bitsSize  = 0x7F
	size16    = 126 // the size stands in the next 2 bytes
	size64    = 127 // or in the next 8
)

// Header is the header of one frame.
type Header struct {
	Fin    bool // the last frame of its message
	RSV1   bool // the message is compressed
	Masked bool
	Op     Opcode
	Key    [4]byte // of the mask
	Size   uint64  // of the payload
}

// ParseHeader reads the header at the beginning of b and returns its length, or 0 if b
// ends before it does. It checks what does not depend on the connection: reserved bits
// and opcodes, the size and the fragmentation of control frames, sizes in a longer form
// than they need. A header that can only become wrong is refused before its end.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.Fin, h.RSV1, h.Op = b[0]&bitFin != 0, b[0]&bitRSV1 != 0, Opcode(b[0]&bitsOp)
	switch {
	case b[0]&bitsRSV != 0:
		return h, 0, errReservedBits
	case !h.Op.known():
		return h, 0, errOpcode
	case h.Op.control() && !h.Fin:
		return h, 0, errControlFragment
	case h.Op.control() && h.RSV1:
		return h, 0, errReservedBits
	case len(b) < 2:
		return h, 0, nil
	}
	h.Masked = b[1]&bitMasked != 0
	h.Size = uint64(b[1] & bitsSize)
	if h.Op.control() && h.Size > MaxControl {
		return h, 0, errControlSize
	}
	n, err = h.parseSize(b)
	if n == 0 || err != nil || !h.Masked {
		return h, n, err
	}
	if len(b) < n+len(h.Key) {
		return h, 0, nil
	}
	copy(h.Key[:], b[n:])
	return h, n + len(h.Key), nil
}

// parseSize reads an extended size and returns the length of the header so far, or 0.
func (h *Header) parseSize(b []byte) (n int, err error) {
	switch h.Size {
	case size16:
		if len(b) < 4 {
			return 0, nil
		}
		if h.Size = uint64(binary.BigEndian.Uint16(b[2:])); h.Size < size16 {
			return 0, errSizeForm
		}
		return 4, nil
	case size64:
		if len(b) >= 3 && b[2]&0x80 != 0 {
			return 0, errSizeBits
		}
		if len(b) < 10 {
			return 0, nil
		}
		if h.Size = binary.BigEndian.Uint64(b[2:]); h.Size < 1<<16 {
			return 0, errSizeForm
		}
		return 10, nil
	}
	return 2, nil
}

// Append appends the header in its shortest form.
func (h *Header) Append(dst []byte) []byte {
	first, masked := byte(h.Op), byte(0)
	if h.Fin {
		first |= bitFin
	}
	if h.RSV1 {
		first |= bitRSV1
	}
	if h.Masked {
		masked = bitMasked
	}
	switch {
	case h.Size < size16:
		dst = append(dst, first, masked|byte(h.Size))
	case h.Size < 1<<16:
		dst = append(dst, first, masked|size16)
		dst = binary.BigEndian.AppendUint16(dst, uint16(h.Size))
	default:
		dst = append(dst, first, masked|size64)
		dst = binary.BigEndian.AppendUint64(dst, h.Size)
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

// AppendFrame appends an unmasked frame, as servers send them. RSV1 marks the first
// frame of a compressed message.
func AppendFrame(dst []byte, op Opcode, fin, rsv1 bool, payload []byte) []byte {
	h := Header{Fin: fin, RSV1: rsv1, Op: op, Size: uint64(len(payload))}
	return append(h.Append(dst), payload...)
}

// AppendMasked appends a frame that is masked with key, as clients send them.
func AppendMasked(dst []byte, op Opcode, fin, rsv1 bool, key [4]byte, payload []byte) []byte {
	h := Header{Fin: fin, RSV1: rsv1, Masked: true, Op: op, Key: key, Size: uint64(len(payload))}
	dst = h.Append(dst)
	n := len(dst)
	dst = append(dst, payload...)
	Mask(key, 0, dst[n:])
	return dst
}

// Mask masks p, or removes the mask, in place. p is the part of the payload that
// begins at byte pos.
func Mask(key [4]byte, pos int, p []byte) {
	var k [8]byte
	for i := range k {
		k[i] = key[(pos+i)&3]
	}
	word := binary.LittleEndian.Uint64(k[:])
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^word)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= k[i]
	}
}
