package hub

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/gogeist/geist/internal/hubwire"
)

// ErrPos is returned by ParsePos for what is no position.
var ErrPos = errors.New("hub: not a position")

// maxPosText is the longest text of a position: twice 13 digits and a hyphen.
const maxPosText = 27

// Pos is a place in the log of a room: behind the entry of that offset. As text it is
// both numbers in base 36 with a hyphen, such as "2t8xj1p0c4zk-1f"; that is the id of
// a Server-Sent Event and what a client keeps to resume from.
//
// The zero Pos is no place: Since(Pos{}) asks for nothing.
type Pos struct {
	// Epoch is random and names one life of one room's log. A log that was lost, with
	// its process or because the room was empty, comes back with another.
	Epoch uint64
	// Offset counts the entries of the epoch; the first has 1.
	Offset uint64
}

// ParsePos reads what Pos.String has written, in lower case and without leading zeros.
// Anything else, or a number beyond 64 bits, gives ErrPos; it looks at 27 bytes at most.
func ParsePos(s string) (Pos, error) {
	if len(s) > maxPosText {
		return Pos{}, ErrPos
	}
	return parsePos([]byte(s))
}

func parsePos(text []byte) (Pos, error) {
	epoch, offset, found := bytes.Cut(text, []byte{'-'})
	if !found || len(text) > maxPosText {
		return Pos{}, ErrPos
	}
	e, ok := base36(epoch)
	o, ok2 := base36(offset)
	if !ok || !ok2 {
		return Pos{}, ErrPos
	}
	return Pos{Epoch: e, Offset: o}, nil
}

// base36 reads a number in the one spelling that strconv gives it.
func base36(text []byte) (n uint64, ok bool) {
	if len(text) == 0 || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'z':
			c -= 'a' - 10
		default:
			return 0, false
		}
		if n > (math.MaxUint64-uint64(c))/36 {
			return 0, false
		}
		n = n*36 + uint64(c)
	}
	return n, true
}

// String returns the text of the position.
func (p Pos) String() string {
	return string(hubwire.AppendPos(make([]byte, 0, maxPosText), p.Epoch, p.Offset))
}

// IsZero reports whether p is no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// MarshalText writes the position as String does. It never fails.
func (p Pos) MarshalText() ([]byte, error) { return hubwire.AppendPos(nil, p.Epoch, p.Offset), nil }

// UnmarshalText reads what MarshalText has written; anything else gives ErrPos.
func (p *Pos) UnmarshalText(text []byte) error {
	read, err := parsePos(text)
	if err != nil {
		return err
	}
	*p = read
	return nil
}

// GoString spells the position out, for tests that print it.
func (p Pos) GoString() string {
	return "hub.Pos{" + strconv.FormatUint(p.Epoch, 36) + " " + strconv.FormatUint(p.Offset, 10) + "}"
}
