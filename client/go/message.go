package geistclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Kind says what the Data of a Message is.
type Kind uint8

// The kinds of data.
const (
	JSON  Kind = iota // any JSON
	Text              // UTF-8
	Bytes             // anything
)

// String returns the name of the kind.
func (k Kind) String() string {
	names := [...]string{"JSON", "Text", "Bytes"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Message is what is published and received. Of what is received exactly one is true: Gap is set,
// Presence is set, or it is a message. The Data of one that was received belongs to the receiver.
type Message struct {
	// Event names the kind of message for the application. It may be empty.
	Event string
	// Data is the payload, as Kind says. No Data published as JSON is null.
	Data []byte
	// Kind is JSON, Text or Bytes.
	Kind Kind

	// NoLog, when publishing, keeps the message out of the room's history: whoever is away does not learn
	// of it. It is not repeated when the connection breaks, since the server could not tell a repetition.
	NoLog bool
	// NoEcho, when publishing, leaves this connection out of those who receive it.
	NoEcho bool

	// Room is where the message was received. It is empty for what went to the connection, the
	// user or everybody. Publish ignores it and what follows.
	Room string
	// ID names a message that a client has published, uniquely; others have none.
	ID string
	// Mine reports whether this client has published it.
	Mine bool
	// Position is where the room stands with this message; zero outside of rooms.
	Position Position
	// Gap, if set, says that something is missing here. The rest is empty but Room and Position.
	Gap *Gap
	// Presence, if set, says who is there, or how that has changed. It is for rooms joined with
	// JoinOptions.Presence. The rest is empty but Room.
	Presence *Presence
}

// Position is a place in a room, to resume behind it. The zero Position is none.
type Position struct {
	// Epoch names the room's log. A log that was lost begins anew, with another epoch.
	Epoch string `json:"epoch"`
	// Offset grows from message to message, but not by one.
	Offset uint64 `json:"offset"`
}

// IsZero reports whether p is no position.
func (p Position) IsZero() bool { return p == Position{} }

// Gap says that messages are missing: the room no longer had what came behind From, or nobody
// has read fast enough. The application fetches its state anew.
type Gap struct {
	// From is where the client stood, To where it stands now. They are zero outside of rooms.
	From, To Position
	// Missed is how many messages are missing, or -1 if that is not known.
	Missed int64
}

// Member is a connection that is in a room. A user with several connections is several members.
type Member struct {
	// Conn is the id of the connection.
	Conn string `json:"conn"`
	// User is who it is, if that is known.
	User string `json:"user"`
	// Shown is what it shows of itself, in JSON; nil if nothing.
	Shown json.RawMessage `json:"shown"`
}

// Presence is a change of who is in a room. It is told once a second at most.
type Presence struct {
	// Reset says that this is no change: Joined are all who are there.
	Reset bool
	// Count is how many are there. If it is more than there are Members, the room is too large to be
	// listed whole.
	Count int
	// Joined have come, Updated show something else.
	Joined, Updated []Member
	// Left are the ids of connections that have gone.
	Left []string
}

// check says why m cannot be published.
func (m *Message) check() error {
	switch m.Kind {
	case JSON:
		if m.Data != nil && !json.Valid(m.Data) {
			return fmt.Errorf("%w: the data is no JSON", ErrMessage)
		}
	case Text:
		if !utf8.Valid(m.Data) {
			return fmt.Errorf("%w: the data is no UTF-8", ErrMessage)
		}
	case Bytes:
	default:
		return fmt.Errorf("%w: its kind is %s", ErrMessage, m.Kind)
	}
	if !utf8.ValidString(m.Event) {
		return fmt.Errorf("%w: the event is no UTF-8", ErrMessage)
	}
	return nil
}

// Decode reads the data of a message as JSON into p. It returns the error of encoding/json, or an
// error for data of another kind, a gap or presence.
func (m *Message) Decode(p any) error {
	if m.Gap != nil || m.Presence != nil || m.Kind != JSON {
		return errors.New("geistclient: not a message of JSON")
	}
	return json.Unmarshal(m.Data, p)
}
