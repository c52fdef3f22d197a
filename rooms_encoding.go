package geist

import (
	"bytes"
	"slices"

	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
	"github.com/gogeist/geist/internal/wsproto"
)

// roomEncoding is how frames of geist.v1 go over a connection.
type roomEncoding uint8

// The encodings.
const (
	roomText   roomEncoding = iota + 1 // a WebSocket message of JSON
	roomBinary                         // a WebSocket message in the compact encoding
	roomEvents                         // an event
	roomChunks                         // an event in a chunk
)

var _ hubwire.Encoding = roomEncoding(0)

// roomEncodingOf returns that of a subprotocol, or 0 if it is another.
func roomEncodingOf(protocol string) roomEncoding {
	switch protocol {
	case roomwire.Protocol:
		return roomText
	case roomwire.ProtocolBinary:
		return roomBinary
	}
	return 0
}

// Traits says that everything can be told.
func (roomEncoding) Traits() hubwire.Traits { return hubwire.Traits{Gaps: true, Presence: true} }

// AppendEntry appends a message.
func (x roomEncoding) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	m := roomwire.Message{Room: e.Room, Event: e.Event, ID: e.ID, Data: e.Data, Binary: e.Binary}
	if e.Epoch != 0 {
		m.Offset = e.Offset
	}
	from := len(dst)
	if dst = x.open(dst); x == roomBinary {
		return x.close(roomwire.AppendMessageBinary(dst, &m), from)
	}
	return x.close(roomwire.AppendMessage(dst, &m), from)
}

// AppendGap appends a gap.
func (x roomEncoding) AppendGap(dst []byte, g *hubwire.Gap) []byte {
	missed := int64(-1)
	if g.FromEpoch == g.Epoch && g.FromOffset <= g.Offset {
		missed = int64(g.Offset - g.FromOffset)
	}
	from := len(dst)
	dst = roomwire.AppendGap(x.openJSON(dst), g.Room, roomwire.Place{Epoch: g.Epoch, Offset: g.Offset}, missed)
	return x.close(dst, from)
}

// AppendPositions is never called, see Traits.
func (roomEncoding) AppendPositions(dst []byte, _ []hubwire.Place) []byte { return dst }

// AppendPresence appends who is there.
func (x roomEncoding) AppendPresence(dst []byte, p *hubwire.Presence) []byte {
	from := len(dst)
	return x.close(roomwire.AppendPresence(x.openJSON(dst), p), from)
}

// unit makes a unit of what f appends: a frame of JSON.
func (x roomEncoding) unit(f func(dst []byte) []byte) []byte { return x.appendUnit(nil, f) }

func (x roomEncoding) appendUnit(dst []byte, f func(dst []byte) []byte) []byte {
	from := len(dst)
	return x.close(f(x.openJSON(dst)), from)
}

// leastHeader is the length of the header of a short frame from a server.
const leastHeader = 2

// eventData begins an event that has no name.
const eventData = "data: "

// open appends what goes before the frame, for as long as that is known.
func (x roomEncoding) open(dst []byte) []byte {
	if x >= roomEvents {
		return append(dst, eventData...)
	}
	return append(dst, make([]byte, leastHeader)...)
}

// openJSON is open for a frame that is JSON in any encoding.
func (x roomEncoding) openJSON(dst []byte) []byte {
	dst = x.open(dst)
	if x == roomBinary {
		dst = append(dst, 0)
	}
	return dst
}

// close makes dst[from:], which begins with what open has appended, a unit.
func (x roomEncoding) close(dst []byte, from int) []byte {
	switch x {
	case roomText:
		return closeFrame(dst, from, wsproto.Text)
	case roomBinary:
		return closeFrame(dst, from, wsproto.Binary)
	}
	if frame := dst[from+len(eventData):]; bytes.IndexByte(frame, '\n') < 0 && bytes.IndexByte(frame, '\r') < 0 {
		dst = append(dst, "\n\n"...)
	} else { // space between the values of somebody's JSON
		dst, _ = eventstream.Append(dst[:from], &eventstream.Event{Data: bytes.Clone(frame)}) // without an id or a name nothing fails
	}
	if x == roomChunks {
		dst = frameChunk(dst, from)
	}
	return dst
}

// closeFrame puts the header before a payload, for which leastHeader bytes are free.
func closeFrame(dst []byte, from int, op wsproto.Opcode) []byte {
	var room [wsproto.MaxHeader]byte
	h := wsproto.Header{Fin: true, Op: op, Size: uint64(len(dst) - from - leastHeader)}
	head := h.Append(room[:0])
	if more := len(head) - leastHeader; more > 0 {
		dst = slices.Insert(dst, from, head[:more]...)
	}
	copy(dst[from:], head)
	return dst
}
