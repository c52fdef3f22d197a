// Package roomwire reads and writes the frames of the protocol geist.v1, which
// docs/protocol.md describes. It knows what a frame looks like; what it means is for who
// calls it.
//
//	["pub",7,"lobby",{"text":"hi"}]          a frame in JSON
//	01 07 05 lobby 00 00 {"text":"hi"}       the same in the compact encoding
package roomwire

import "strconv"

// The names of the subprotocols.
const (
	Protocol       = "geist.v1"
	ProtocolBinary = "geist.v1.bin"
)

// The codes of errors and of ends.
const (
	CodeBadFrame       = "bad_frame"
	CodeUnknown        = "unknown_command"
	CodeHelloFirst     = "hello_first"
	CodeHelloAgain     = "hello_again"
	CodeBadSession     = "bad_session"
	CodeTooLarge       = "too_large"
	CodeBadRoom        = "bad_room"
	CodeBadEvent       = "bad_event"
	CodeBadPosition    = "bad_position"
	CodeNotJoined      = "not_joined"
	CodeAlreadyJoined  = "already_joined"
	CodeDenied         = "denied"
	CodeUnauthorized   = "unauthorized"
	CodeExpired        = "expired"
	CodeRate           = "rate"
	CodeTooManyRooms   = "too_many_rooms"
	CodeTooManyConns   = "too_many_conns"
	CodeDuplicate      = "duplicate"
	CodeUnknownOutcome = "unknown_outcome"
	CodeNoPresence     = "no_presence"
	CodeBadShow        = "bad_show"
	CodeNotSupported   = "not_supported"
	CodeUnavailable    = "unavailable"
	CodeInternal       = "internal"
	CodeVersion        = "version"
	CodeReplaced       = "replaced"
	CodeDraining       = "draining"
	CodeLagging        = "lagging"
)

// The status codes of close frames that belong to the protocol.
const (
	CloseBadFrame     = 4400
	CloseUnauthorized = 4401
	CloseDenied       = 4403
	CloseVersion      = 4406
	CloseHelloFirst   = 4408
	CloseReplaced     = 4409
	CloseRate         = 4429
)

// MaxEvent is the longest name of an event, in bytes.
const MaxEvent = 256

// maxNumber bounds refs and offsets: JavaScript's numbers are exact below it.
const maxNumber = 1 << 53

// maxDepth bounds how deep arrays and objects lie in each other.
const maxDepth = 512

// Error is why a frame is refused.
type Error struct {
	Ref  uint64 // of the command; 0 if it is not known
	Code string
	Text string // for people
}

// Error returns the code and the text.
func (e *Error) Error() string {
	s := "geist.v1: " + e.Code
	if e.Ref != 0 {
		s += " (command " + strconv.FormatUint(e.Ref, 10) + ")"
	}
	return s + ": " + e.Text
}

func badFrame(ref uint64, text string) *Error { return &Error{ref, CodeBadFrame, text} }

// Name is the name of a command.
type Name uint8

// The commands.
const (
	Hello Name = iota + 1
	Join
	Leave
	Pub
	Show
	Auth
	Call
	Answer
	Ping
)

// String returns the name as it stands in a frame.
func (n Name) String() string {
	switch n {
	case Hello:
		return "hello"
	case Join:
		return "join"
	case Leave:
		return "leave"
	case Pub:
		return "pub"
	case Show:
		return "show"
	case Auth:
		return "auth"
	case Call:
		return "call"
	case Answer:
		return "answer"
	case Ping:
		return "ping"
	}
	return "Name(" + strconv.Itoa(int(n)) + ")"
}

// named returns the command of a name, or 0.
func named(s string) Name {
	for n := Hello; n <= Ping; n++ {
		if n.String() == s {
			return n
		}
	}
	return 0
}

// Kind says what the data of a message is.
type Kind uint8

// The kinds.
const (
	JSON Kind = iota
	Text
	Bytes
)

// Since is a place in a room, as a client names it.
type Since struct {
	Given  bool
	Epoch  string // what the client has been told, or anything else
	Offset uint64
}

// Command is a frame of a client.
type Command struct {
	Name Name
	Ref  uint64 // of an answer, the number of the question; 0 for hello
	Room string // of call, the name

	// Data is what pub, call, answer, show and the member show of join carry; nil if that
	// is null. For pub it is what Kind says, else JSON. It may be a part of the frame.
	Data []byte
	Kind Kind

	Event         string
	Since         Since
	NoLog, NoEcho bool
	Last          int
	Presence      bool

	Session  string // of hello
	HasToken bool
	Token    string // of hello and auth
}
