package geistclient

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// What the methods of clients and rooms return; test with errors.Is. Those with a code of the
// protocol also come inside an *Error or a *StatusError, which have the details.
var (
	// ErrClosed means that Close was called, or that the server has ended the client for good.
	ErrClosed = errors.New("geistclient: closed")
	// ErrLeft means that the room was left by Room.Leave.
	ErrLeft = errors.New("geistclient: left the room")
	// ErrMessage means that a message, or what is shown or called with, cannot be sent: JSON that is none,
	// text that is no UTF-8.
	ErrMessage = errors.New("geistclient: bad message")
	// ErrUnknownOutcome means that what was sent may have been done or not: the connection broke
	// before the answer came, and it could not be found out afterwards (unknown_outcome).
	ErrUnknownOutcome = errors.New("geistclient: unknown outcome")
	// ErrSession means that Config.Session is not 16 to 64 characters from A-Z a-z 0-9 _ - (bad_session).
	ErrSession = errors.New("geistclient: bad session")
	// ErrAlreadyJoined means that the client is in the room already (already_joined).
	ErrAlreadyJoined = errors.New("geistclient: already in the room")
	// ErrNotJoined means that the client is not in the room (not_joined).
	ErrNotJoined = errors.New("geistclient: not in the room")
	// ErrDenied means that the server's policy says no (denied).
	ErrDenied = errors.New("geistclient: denied")
	// ErrUnauthorized means that the token is wrong (unauthorized).
	ErrUnauthorized = errors.New("geistclient: unauthorized")
	// ErrExpired means that the credentials, or the permission for the room, have ended (expired).
	ErrExpired = errors.New("geistclient: expired")
	// ErrRate means that too many commands were sent; Error.Retry says when to go on (rate).
	ErrRate = errors.New("geistclient: too many commands")
	// ErrTooLarge means that the data is longer than the server allows (too_large).
	ErrTooLarge = errors.New("geistclient: too large")
	// ErrNoPresence means that the room keeps no presence (no_presence).
	ErrNoPresence = errors.New("geistclient: the room keeps no presence")
	// ErrNotSupported means that the server has no use for the command (not_supported).
	ErrNotSupported = errors.New("geistclient: not supported")
	// ErrUnavailable means that the server cannot do it now; Error.Retry says when it may (unavailable).
	ErrUnavailable = errors.New("geistclient: unavailable")
	// ErrReplaced means that another connection has come with the same session (replaced).
	ErrReplaced = errors.New("geistclient: replaced by another connection of the session")
	// ErrVersion means that the server does not speak this version of the protocol (version).
	ErrVersion = errors.New("geistclient: the server speaks no geist.v1")
)

// The codes of the protocol that decide what the client does.
const (
	codeBadFrame     = "bad_frame"
	codeDenied       = "denied"
	codeExpired      = "expired"
	codeInternal     = "internal"
	codeRate         = "rate"
	codeReplaced     = "replaced"
	codeTooLarge     = "too_large"
	codeUnauthorized = "unauthorized"
	codeUnavailable  = "unavailable"
	codeVersion      = "version"
)

// sentinels are the errors that stand for codes.
var sentinels = map[string]error{
	"already_joined":  ErrAlreadyJoined,
	"bad_session":     ErrSession,
	codeDenied:        ErrDenied,
	codeExpired:       ErrExpired,
	"no_presence":     ErrNoPresence,
	"not_joined":      ErrNotJoined,
	"not_supported":   ErrNotSupported,
	codeRate:          ErrRate,
	codeReplaced:      ErrReplaced,
	codeTooLarge:      ErrTooLarge,
	codeUnauthorized:  ErrUnauthorized,
	codeUnavailable:   ErrUnavailable,
	"unknown_outcome": ErrUnknownOutcome,
	codeVersion:       ErrVersion,
}

// Error is what the server answers when it does not do what was asked, or why it has ended the
// client or taken it out of a room.
type Error struct {
	// Code is one of those in the protocol, or the application's own.
	Code string
	// Text is for people. It may be empty.
	Text string
	// Retry is how long to wait before the command may be repeated. Zero means that this was not said.
	Retry time.Duration
}

// Error returns the code and the text.
func (e *Error) Error() string {
	if e.Text == "" {
		return "geistclient: " + e.Code
	}
	return "geistclient: " + e.Code + ": " + e.Text
}

// Unwrap returns the sentinel for the code, or nil for one that has none.
func (e *Error) Unwrap() error { return sentinels[e.Code] }

// temporary reports whether to repeat the command later may help.
func (e *Error) temporary() bool {
	return e.Code == codeRate || e.Code == codeUnavailable || e.Code == codeInternal
}

// StatusError means that the server has answered a request with a status that is not that of
// success: no connection was made.
type StatusError struct {
	// Status is the HTTP status code.
	Status int
	retry  time.Duration // from Retry-After
}

// Error returns the status with its name.
func (e *StatusError) Error() string {
	return fmt.Sprintf("geistclient: the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap returns ErrUnauthorized for 401, ErrDenied for 403, ErrVersion for 406, ErrRate for 429,
// ErrUnavailable for 503, and nil for others.
func (e *StatusError) Unwrap() error {
	switch e.Status {
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrDenied
	case http.StatusNotAcceptable:
		return ErrVersion
	case http.StatusTooManyRequests:
		return ErrRate
	case http.StatusServiceUnavailable:
		return ErrUnavailable
	}
	return nil
}
