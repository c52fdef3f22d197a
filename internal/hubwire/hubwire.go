// Package hubwire is what a hub and the transports of its subscribers agree on. It is
// internal, so that only this module can make a hub.Conn: how entries look on the wire
// is no concern of users.
//
// A transport gives each connection an outlet.Outlet and an Encoding. The hub encodes
// an entry once for every Encoding that is in use in a room, keeps the bytes, and
// hands them to all connections:
//
//	one room, or positions inside the units (WebSocket; SSE that follows one room):
//	    entry entry entry            the bytes of the log, not copied
//	a vector of positions (SSE that follows several rooms):
//	    positions entry positions entry        copied: the vectors differ by connection
package hubwire

import (
	"context"
	"strconv"
)

// Encoding is how a transport writes what a hub delivers. Encodings are compared with
// ==, and equal ones must write equal bytes: empty structs or small values do. Their
// methods are called by many goroutines, keep nothing of their arguments, and neither
// wait nor panic.
type Encoding interface {
	// AppendEntry appends one whole unit, such as a frame or an event, to dst.
	AppendEntry(dst []byte, e *Entry) []byte
	// AppendGap appends one whole unit that tells the client what it has missed. It is
	// called only if Traits.Gaps is set.
	AppendGap(dst []byte, g *Gap) []byte
	// AppendPositions appends what goes immediately before an entry or a gap to say
	// where the client stands in each room once it has that. It is called only if
	// Traits.Vector is set, and not before entries without a position.
	AppendPositions(dst []byte, places []Place) []byte
	// AppendPresence appends one or several whole units that tell who is in a room, or how
	// that has changed. It is called only if Traits.Presence is set.
	AppendPresence(dst []byte, p *Presence) []byte
	// Traits says what the encoding can do. It never changes.
	Traits() Traits
}

// Traits are the abilities of an Encoding.
type Traits struct {
	Gaps     bool  // AppendGap can tell a gap; without it only hub.Disconnect is possible
	Vector   bool  // AppendPositions goes before every entry
	Presence bool  // AppendPresence can tell who is there; without it hub.Observe is refused
	Rooms    int32 // how many rooms a connection may follow; 0: as many as the hub allows
}

// Entry is a message with its place. Entries that were sent to a connection, a user or
// everybody have no Room and no position: Epoch is 0.
type Entry struct {
	Room   string
	Epoch  uint64
	Offset uint64
	Event  string // may be empty; free of CR, LF and NUL
	Data   []byte // may be empty, any bytes; for events of text, the transport makes sure
	Binary bool
	ID     string // may be empty; valid UTF-8, free of CR, LF and NUL, at most 128 bytes
}

// Gap is a hole in what a connection receives of a room. What comes next is behind To.
type Gap struct {
	Room string
	// FromEpoch and FromOffset are the last position that was received or asked for;
	// both 0 if it is unknown.
	FromEpoch, FromOffset uint64
	// Epoch and Offset are the position behind which the connection goes on. Only if
	// both epochs are equal is Offset-FromOffset the number of entries that are lost.
	Epoch, Offset uint64
}

// Place is where a connection stands in a room.
type Place struct {
	Room          string
	Epoch, Offset uint64
}

// Presence is who is in a room, or what has become of them. To apply it twice, or Left of
// somebody unknown, has no effect.
type Presence struct {
	Room string
	// Reset says that Joined replaces what was known before.
	Reset bool
	// Count is how many are there. If Joined and what was known before are fewer, the room
	// is too large to be listed whole.
	Count int
	// Joined and Updated are members as they are now; Updated were known before, maybe.
	Joined, Updated []Member
	// Left are the ids of the connections that have gone.
	Left []string
}

// Member is a connection in a room.
type Member struct {
	Conn  string // its id, as hub.ConnID.String writes it
	User  string // may be empty, any bytes
	Shown []byte // JSON, or nil
}

// Peer is the client of a connection that speaks a protocol in which it can be asked.
// Its methods may be called by any goroutine.
type Peer interface {
	// Ask sends a question, whose data is JSON or text, and waits for the answer, which is
	// JSON, for as long as ctx allows.
	Ask(ctx context.Context, event string, data []byte) ([]byte, error)
	// Recheck has the permissions of the client looked at again. It does not wait.
	Recheck()
}

// CloseReason is why a hub ends a connection.
type CloseReason uint8

// The reasons. A WebSocket is closed with the code given here; a stream just ends.
const (
	Lagging   CloseReason = iota + 1 // too far behind, or a gap that the encoding cannot tell: 1013
	Shutdown                         // the hub ends: 1001
	Dismissed                        // the application has called Disconnect or DisconnectUser: 4401
)

// Key is what methods of hub.Conn take that are for transports only: users cannot name it.
type Key struct{}

// AppendPos appends the text of a position to dst: epoch and offset in base 36 with a
// hyphen between. Every position of one room is written so, alone or as an SSE id.
func AppendPos(dst []byte, epoch, offset uint64) []byte {
	dst = strconv.AppendUint(dst, epoch, 36)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, offset, 36)
}

// AppendVector appends the positions of several rooms to dst, with dots between. The
// rooms are not named: an epoch is random, and tells its room. hub.Hub.Follow reads it.
func AppendVector(dst []byte, places []Place) []byte {
	for i := range places {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = AppendPos(dst, places[i].Epoch, places[i].Offset)
	}
	return dst
}
