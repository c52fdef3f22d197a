package hub

import (
	"context"
	"encoding/json"
	"time"
)

// Policy says what the client of one connection may do that speaks the protocol geist.v1
// (docs/protocol.md): geist.Conn.Serve, geist.Stream.Serve and the routes of Rooms take
// it. Its functions are called by one goroutine at a time, though not always the same,
// and not any more when Serve has returned; while one of them runs, the client's other
// commands wait. Their context ends with the connection. A panic is an error.
//
// An error refuses. [Refuse] says in which words; without it, an error of package geist
// with a status of 4xx is told as "unauthorized" (401) or "denied" with its text, and
// anything else as "internal", which is logged and not told.
//
// To take a client out of a room, have Join refuse it and call Recheck: [Hub.Leave] does not
// tell it. [Hub.Disconnect] ends its connection.
//
// The zero Policy refuses everything but hello.
type Policy struct {
	// User is whose connection it is, as with As, until Auth says otherwise. "" leaves it
	// as it is.
	User string
	// Expires is when what the client has shown (a cookie, say) is no longer valid: the
	// connection is ended then, unless Auth has renewed it. The zero time is never. A
	// clock that is set while the connection lives has no effect.
	Expires time.Time

	// Join is asked when the client joins a room, and again with Renewal when its
	// permission has expired, after [Hub.Recheck], when the user has become another, and
	// when the client shows something else of itself. Nil refuses every join.
	Join func(ctx context.Context, r *JoinRequest) error
	// Publish is asked for each message that the client publishes, in whatever room, also
	// one that it is not in. Nil refuses all.
	Publish func(ctx context.Context, r *PublishRequest) error
	// Auth returns who has a token that the client has sent, to begin with or to renew what
	// expires. Nil ignores the first, and does not support the other. A client that sends none
	// is not asked for one: Conn.User tells the other functions who it is, or that it is nobody.
	Auth func(ctx context.Context, token string) (Identity, error)
	// Call answers what the client asks the application, with JSON; nil is null. Without
	// the function nothing can be asked.
	Call func(ctx context.Context, r *CallRequest) ([]byte, error)

	// Rate is how many commands a second the client may send. Zero means 50.
	Rate float64
	// Burst is how many at once. Zero means 100.
	Burst int
	// MaxData bounds the data of a command, in bytes. Zero means 64 KiB.
	MaxData int
	// MaxFrame bounds a frame of the client, in bytes. Zero means 128 KiB. A longer
	// WebSocket message is closed with 1009, a longer one of a POST answered 413.
	MaxFrame int
	// HelloTimeout bounds the time until the client has said hello. Zero means 10 s.
	HelloTimeout time.Duration
	// MaxPresence bounds how many members of a room the client is told. Zero means 1,000.
	MaxPresence int
}

// JoinRequest is what Policy.Join is asked.
type JoinRequest struct {
	// Conn is who asks; Conn.User says whose it is.
	Conn *Conn
	// Room is the name of the room, which is valid.
	Room string
	// Shown is what the client wants others to know of it, as JSON, or nil. It may be
	// replaced. With Renewal it is nil unless the client has just changed it.
	Shown json.RawMessage
	// Observe asks to be told who is in the room. It may be cleared: then the client joins
	// without that. With Renewal it has no effect.
	Observe bool
	// Renewal says that the client is in the room already.
	Renewal bool
	// Expires may be set: Join is asked again then. The zero time is never.
	Expires time.Time
	// Last is how many of the newest messages the client asks for. It may be lowered.
	Last int
}

// PublishRequest is what Policy.Publish is asked.
type PublishRequest struct {
	// Conn is who asks.
	Conn *Conn
	// Room is the name of the room, which is valid.
	Room string
	// Message is what is to be published. Event, Data and Binary may be replaced; ID is
	// what the repeated attempt is known by, and stays. Data must not be written to.
	Message Message
	// NoLog keeps the message out of the history. It may be changed.
	NoLog bool
	// NoEcho leaves the client itself out. It may be changed.
	NoEcho bool
	// Again says that the client may have published the message before: if it has, it is
	// not published again, whatever is returned.
	Again bool
}

// CallRequest is what Policy.Call is asked.
type CallRequest struct {
	// Conn is who asks.
	Conn *Conn
	// Name is what is asked for.
	Name string
	// Data is JSON, or nil for null.
	Data json.RawMessage
}

// Identity is who has a token.
type Identity struct {
	// User is whose connection it is, as with As; "" leaves it as it is.
	User string
	// Expires is when the token is no longer valid. The zero time is never.
	Expires time.Time
}

// RefusedError is what Refuse returns.
type RefusedError struct {
	// Code is for programs: "denied", another of docs/protocol.md, or one of the
	// application's own. Empty means "denied".
	Code string
	// Text is for people.
	Text string
}

// Refuse returns an error by which a function of a Policy says no in its own words: the
// client gets both. An empty code is "denied".
func Refuse(code, text string) error { return &RefusedError{Code: code, Text: text} }

// Error returns the code and the text.
func (e *RefusedError) Error() string { return "hub: refused: " + e.Code + ": " + e.Text }
