package geist

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/roomwire"
)

// explain returns what a client is told of an error. What is the server's fault is logged.
func (s *session) explain(ref uint64, err error) (e roomwire.Error, retry time.Duration) {
	e, retry = roomwire.Error{Ref: ref}, roomwire.Never
	_, panicked := errors.AsType[*PanicError](err)
	if _, inside := errors.AsType[*hub.PanicError](err); panicked || inside {
		return s.fail(ref, err), retry
	}
	if r, ok := errors.AsType[*hub.RefusedError](err); ok {
		e.Code, e.Text = cmp.Or(r.Code, roomwire.CodeDenied), r.Text
		return e, retry
	}
	if own := asError(err); own != nil && own.status < 500 {
		e.Code, e.Text = codeOfStatus(own.status), own.detail
		return e, retry
	}
	for _, known := range hubRefusals {
		if errors.Is(err, known.err) {
			e.Code, e.Text = known.code, strings.TrimPrefix(known.err.Error(), "hub: ")
			if e.Code == roomwire.CodeUnavailable {
				retry = someTime()
			}
			return e, retry
		}
	}
	if StatusCode(err) == fasthttp.StatusServiceUnavailable {
		e.Code, e.Text, retry = roomwire.CodeUnavailable, "try later", someTime()
		return e, retry
	}
	return s.fail(ref, err), retry
}

// fail logs an error that is the server's fault, unless the connection has ended, for which
// it may have failed. It returns what the client is told.
func (s *session) fail(ref uint64, err error) roomwire.Error {
	if !s.isOver() && s.link.context().Err() == nil {
		s.logFailure(err)
	}
	return roomwire.Error{Ref: ref, Code: roomwire.CodeInternal, Text: "the server has failed"}
}

// codeOfStatus returns the code for an error of the client's.
func codeOfStatus(status int) string {
	switch status {
	case fasthttp.StatusUnauthorized:
		return roomwire.CodeUnauthorized
	case fasthttp.StatusRequestEntityTooLarge:
		return roomwire.CodeTooLarge
	case fasthttp.StatusTooManyRequests:
		return roomwire.CodeRate
	}
	return roomwire.CodeDenied
}

// hubRefusals are what errors of a hub are told as.
var hubRefusals = [...]struct {
	err  error
	code string
}{
	{hub.ErrRoomName, roomwire.CodeBadRoom},
	{hub.ErrJoined, roomwire.CodeAlreadyJoined},
	{hub.ErrNotJoined, roomwire.CodeNotJoined},
	{hub.ErrTooManyRooms, roomwire.CodeTooManyRooms},
	{hub.ErrTooManyConns, roomwire.CodeTooManyConns},
	{hub.ErrNoPresence, roomwire.CodeNoPresence},
	{hub.ErrShown, roomwire.CodeBadShow},
	{hub.ErrMessage, roomwire.CodeTooLarge},
	{hub.ErrUnknownOutcome, roomwire.CodeUnknownOutcome},
	{hub.ErrBackplane, roomwire.CodeUnavailable},
	{hub.ErrJournal, roomwire.CodeUnavailable},
	{hub.ErrClosed, roomwire.CodeUnavailable},
	{hub.ErrConnClosed, roomwire.CodeUnavailable},
}
