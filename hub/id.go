package hub

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// ErrConnID is returned by ParseConnID for what is no ConnID.
var ErrConnID = errors.New("hub: not a connection id")

// ConnID names a connection: 128 random bits, unique among all nodes without asking
// anybody. The zero ConnID names none. It is comparable and may be a map key.
type ConnID [16]byte

// NewConnID returns a random ConnID.
func NewConnID() (id ConnID) {
	_, _ = rand.Read(id[:]) // never fails, by its contract
	return id
}

// ParseConnID reads what ConnID.String has written: 32 lower-case hexadecimal digits.
// Anything else gives ErrConnID.
func ParseConnID(s string) (id ConnID, err error) {
	if len(s) != 2*len(id) {
		return ConnID{}, ErrConnID
	}
	if err := id.UnmarshalText([]byte(s)); err != nil {
		return ConnID{}, err
	}
	return id, nil
}

// String returns the id as 32 hexadecimal digits.
func (id ConnID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id names no connection.
func (id ConnID) IsZero() bool { return id == ConnID{} }

// MarshalText writes the id as String does. It never fails.
func (id ConnID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what MarshalText has written; anything else gives ErrConnID.
func (id *ConnID) UnmarshalText(text []byte) error {
	var read ConnID
	if len(text) != hex.EncodedLen(len(read)) {
		return ErrConnID
	}
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return ErrConnID // one spelling only, so that texts can be compared
		}
	}
	if _, err := hex.Decode(read[:], text); err != nil {
		return ErrConnID
	}
	*id = read
	return nil
}
