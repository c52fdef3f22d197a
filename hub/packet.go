package hub

import (
	"encoding/binary"
	"errors"
	"slices"
)

// ErrPacket is returned by Packet.UnmarshalBinary for what is no packet.
var ErrPacket = errors.New("hub: not a packet")

// Target says whom a Packet is for.
type Target uint8

// The targets.
const (
	ToRoom Target = iota // all who are in the room Name
	ToAll                // all connections
	ToConn               // the connection Conn, wherever it is
	ToUser               // all connections of the user Name
)

// Packet is a message on its way between nodes.
type Packet struct {
	// Node is where it comes from.
	Node NodeID
	// To says whom it is for.
	To Target
	// Name is the room or the user.
	Name string
	// Conn is the connection, with ToConn.
	Conn ConnID
	// Message is what was published.
	Message
	// Except is left out, unless it is zero.
	Except ConnID
	// NoLog keeps it out of histories.
	NoLog bool
	// Pos is given by a Backplane with Caps.Ordered, to packets for a room.
	Pos Pos
}

// packetVersion is the first byte of a packet. Another means another layout.
const packetVersion = 1

// The bits of a packet's second byte, above the target's two.
const (
	flagBinary = 1 << (iota + 2)
	flagNoLog
	flagExcept
	flagPos
	flagID
	flagsEnd
)

// AppendBinary appends the packet to dst in a form of which UnmarshalBinary makes the
// same again. It never fails.
//
//	version flags node [conn] [except] [epoch offset] len name len event [len id] data
func (p *Packet) AppendBinary(dst []byte) ([]byte, error) {
	flags := p.flags()
	dst = append(dst, packetVersion, flags)
	dst = append(dst, p.Node[:]...)
	if p.To == ToConn {
		dst = append(dst, p.Conn[:]...)
	}
	if flags&flagExcept != 0 {
		dst = append(dst, p.Except[:]...)
	}
	if flags&flagPos != 0 {
		dst = binary.BigEndian.AppendUint64(dst, p.Pos.Epoch)
		dst = binary.BigEndian.AppendUint64(dst, p.Pos.Offset)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Name)))
	dst = append(dst, p.Name...)
	dst = binary.AppendUvarint(dst, uint64(len(p.Event)))
	dst = append(dst, p.Event...)
	if flags&flagID != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.ID)))
		dst = append(dst, p.ID...)
	}
	return append(dst, p.Data...), nil
}

func (p *Packet) flags() byte {
	flags := byte(p.To) & 3
	if p.Binary {
		flags |= flagBinary
	}
	if p.NoLog {
		flags |= flagNoLog
	}
	if !p.Except.IsZero() {
		flags |= flagExcept
	}
	if !p.Pos.IsZero() {
		flags |= flagPos
	}
	if p.ID != "" {
		flags |= flagID
	}
	return flags
}

// MarshalBinary returns what AppendBinary appends.
func (p *Packet) MarshalBinary() ([]byte, error) {
	return p.AppendBinary(make([]byte, 0, 80+len(p.Name)+p.size()))
}

// UnmarshalBinary reads what AppendBinary has written; anything else gives ErrPacket and
// leaves p as it was. Data is a part of b: whoever keeps it must not change b.
func (p *Packet) UnmarshalBinary(b []byte) error {
	r := packetReader{rest: b}
	head := r.take(2)
	if r.bad || head[0] != packetVersion || head[1] >= flagsEnd {
		return ErrPacket
	}
	flags := head[1]
	q := Packet{To: Target(flags & 3), NoLog: flags&flagNoLog != 0}
	q.Binary = flags&flagBinary != 0
	copy(q.Node[:], r.take(len(q.Node)))
	if q.To == ToConn {
		copy(q.Conn[:], r.take(len(q.Conn)))
	}
	if flags&flagExcept != 0 {
		copy(q.Except[:], r.take(len(q.Except)))
	}
	if flags&flagPos != 0 {
		q.Pos = Pos{Epoch: r.uint64(), Offset: r.uint64()}
	}
	q.Name = string(r.take(r.length()))
	q.Event = string(r.take(r.length()))
	if flags&flagID != 0 {
		q.ID = string(r.take(r.length()))
	}
	if r.bad {
		return ErrPacket
	}
	q.Data = r.rest
	*p = q
	return nil
}

// clone returns a copy that shares no memory.
func (p *Packet) clone() Packet {
	q := *p
	q.Data = slices.Clone(p.Data)
	return q
}

// packetReader takes a packet apart. Once something is missing it is bad and gives zeros.
type packetReader struct {
	rest []byte
	bad  bool
}

func (r *packetReader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *packetReader) uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// length reads a length that is not beyond what is there.
func (r *packetReader) length() int {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > uint64(len(r.rest)) {
		r.bad = true
		return 0
	}
	r.take(n)
	return int(v)
}
