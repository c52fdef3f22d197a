package geist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/store"
)

// Sentinels of this package; test for them with errors.Is.
var (
	// ErrNotFound is what the error handler gets when no route matches: status 404.
	ErrNotFound = NewError(fasthttp.StatusNotFound, "no route matches the path")

	// ErrMethodNotAllowed is what the error handler gets when routes match the path,
	// but none the method: status 405. The Allow header is already set.
	ErrMethodNotAllowed = NewError(fasthttp.StatusMethodNotAllowed, "the path exists, but not for this method")

	// ErrTimeout is the cause of a Ctx.Context that ended with the time of [Timeout],
	// [Ctx.NextWithin] or [Ctx.NextDetached], and what answers a handler that failed for
	// that, or was left behind: status 503.
	ErrTimeout = NewError(fasthttp.StatusServiceUnavailable, "the request took too long")

	// ErrAbort, returned or panicked with by a handler, cuts the connection without
	// an answer. It is not logged. net/http's ErrAbortHandler is treated alike.
	ErrAbort = errors.New("geist: connection aborted by the handler")

	// ErrClientGone is the cause (context.Cause) of a Ctx.Context that ended because
	// the client closed the connection.
	ErrClientGone = errors.New("geist: the client has gone")

	// ErrRequestDone is the cause of a Ctx.Context that ended with its request.
	ErrRequestDone = errors.New("geist: the request is done")

	// ErrServerClosed is the cause of a Ctx.Context that was cut by the deadline of
	// Shutdown, and what Listen and Serve return when called after Shutdown.
	ErrServerClosed = errors.New("geist: the server is shut down")
)

// StatusClientClosedRequest (499, as nginx numbers it) is the status that logs and
// metrics see when a handler failed because its client had gone. Nobody receives it.
const StatusClientClosedRequest = 499

// Error is an error with the HTTP status that answers it. The default error
// handler sends it as application/problem+json (RFC 9457). An Error is immutable:
// With, Wrap and Quiet return changed copies, so that one may be a package variable, and
// errors.Is finds the original in each copy. It is safe for many goroutines.
type Error struct {
	status  int
	detail  string
	cause   error
	members []member
	quiet   bool   // the engine does not log it
	origin  *Error // the Error that this is a copy of; nil for an original
}

// member is one extension member of a problem document.
type member struct {
	name  string
	value any
}

// NewError returns an Error with an HTTP status and a sentence for the client. A
// status outside 400 to 599 becomes 500. An empty detail sends none.
func NewError(status int, detail string) *Error {
	if status < 400 || status > 599 {
		status = fasthttp.StatusInternalServerError
	}
	return &Error{status: status, detail: detail}
}

// With returns a copy with an extension member, which must be encodable as JSON.
// The names type, title, detail and instance replace that standard member (with
// the value's text); status cannot be changed and is ignored.
func (e *Error) With(name string, value any) *Error {
	c := e.copy()
	if name == "status" {
		return c
	}
	if name == "detail" {
		c.detail = fmt.Sprint(value)
		return c
	}
	c.members = append(c.members[:len(c.members):len(c.members)], member{name, value})
	return c
}

// Wrap returns a copy with the error that caused it. The cause is found by
// errors.Is and errors.As and logged; the client never sees it.
func (e *Error) Wrap(cause error) *Error {
	c := e.copy()
	c.cause = cause
	return c
}

// Quiet returns a copy that the engine does not log, whatever its status. It is for
// refusals that are nobody's fault and come in great numbers, as under overload.
func (e *Error) Quiet() *Error {
	c := e.copy()
	c.quiet = true
	return c
}

func (e *Error) copy() *Error {
	c := *e
	if c.origin == nil {
		c.origin = e
	}
	return &c
}

// StatusCode returns the HTTP status, between 400 and 599.
func (e *Error) StatusCode() int { return e.status }

// Detail returns the sentence for the client.
func (e *Error) Detail() string { return e.detail }

// Error returns the status, the detail and the cause, for logs.
func (e *Error) Error() string {
	s := strconv.Itoa(e.status) + " " + fasthttp.StatusMessage(e.status)
	if e.detail != "" {
		s += ": " + e.detail
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause given to Wrap, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the Error that e is a copy of.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && e.origin != nil && (t == e.origin || t.origin == e.origin)
}

// PanicError is what middleware and the error handler get when a handler
// panicked. Its status is 500; the engine has logged it with the stack.
type PanicError struct {
	// Value is what the handler panicked with.
	Value any
	// Stack is the goroutine's stack as runtime/debug.Stack prints it.
	Stack []byte
}

// Error returns the panic's value as text, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("geist: handler panicked: %v", e.Value) }

// Unwrap returns the value if the handler panicked with an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Problem is the document that answers a failed request, RFC 9457. Extension
// members stand beside these in the JSON.
type Problem struct {
	// Type is a URI that names the kind of problem; empty means about:blank.
	Type string `json:"type,omitempty"`
	// Title is a short text for the kind, by default the status's reason phrase.
	Title string `json:"title,omitempty"`
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Detail is a sentence about this occurrence; empty for server errors.
	Detail string `json:"detail,omitempty"`
	// Instance is a URI that names this occurrence.
	Instance string `json:"instance,omitempty"`
}

// StatusCode returns the HTTP status that answers err: that of the first [Error]
// in its chain, else what the errors of a hub, a store and of connections mean (below), else 500.
// It is 200 for nil. What a handler panicked with is 500, whatever it is.
//
//	ErrClientGone, hub.ErrConnClosed                            499
//	hub.ErrRoomName, hub.ErrMessage                             400
//	hub.ErrUnknownOutcome                                       409
//	hub.ErrTooManyConns                                         429
//	hub.ErrClosed, hub.ErrTooManyRooms, hub.ErrBackplane        503
//	store.ErrClosed, store.ErrFull                              503
func StatusCode(err error) int {
	if err == nil {
		return fasthttp.StatusOK
	}
	if e := asError(err); e != nil {
		return e.status
	}
	if _, ok := errors.AsType[*PanicError](err); ok {
		return fasthttp.StatusInternalServerError
	}
	isAny := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
	switch {
	case isAny(ErrClientGone, hub.ErrConnClosed):
		return StatusClientClosedRequest
	case isAny(hub.ErrRoomName, hub.ErrMessage): // what a client asks for, mostly
		return fasthttp.StatusBadRequest
	case errors.Is(err, hub.ErrUnknownOutcome):
		return fasthttp.StatusConflict
	case errors.Is(err, hub.ErrTooManyConns):
		return fasthttp.StatusTooManyRequests
	case isAny(hub.ErrClosed, hub.ErrTooManyRooms, hub.ErrBackplane, store.ErrClosed, store.ErrFull):
		return fasthttp.StatusServiceUnavailable
	}
	return fasthttp.StatusInternalServerError
}

// soundError returns err, or the panic that asking it for its text or its status ends in,
// as a nil pointer for an error may. It is for errors of applications where a panic would
// end the process.
func soundError(err error) (sound error) {
	defer func() {
		if v := recover(); v != nil {
			sound = newPanicError(v)
		}
	}()
	if err != nil {
		_, _ = err.Error(), StatusCode(err)
	}
	return err
}

// asError returns the first Error in err's chain, unless a handler panicked with it;
// nil if there is none.
func asError(err error) *Error {
	if e, ok := err.(*Error); ok { //nolint:errorlint // the usual case, without reflection; the others follow
		return e
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return nil
	}
	if p, ok := errors.AsType[*PanicError](err); ok {
		if inner, _ := errors.AsType[*Error](p); inner == e {
			return nil
		}
	}
	return e
}

// DefaultErrorHandler answers err as application/problem+json. The text of an
// [Error] is sent; of any other error only the status, since its text was not
// written for the client. An error handler of one's own may delegate to it.
func DefaultErrorHandler(c *Ctx, err error) {
	c.check()
	e, status := asError(err), StatusCode(err)
	resp := &c.rc.Response
	resp.SetStatusCode(status)
	resp.Header.SetContentType(mimeProblem)
	c.scratch = appendProblem(c.scratch[:0], status, e, c.codec())
	resp.SetBody(c.scratch)
}

// settle answers err at once, unless it is the error that has been answered
// already on its way up the chain. An outer middleware that returns another
// error thereby overwrites the answer. It returns the error that middleware gets to see.
func (c *Ctx) settle(err error) error {
	if c.failure != nil && sameError(err, c.failure) {
		c.failure = err
		return err
	}
	err = c.inTime(err)
	c.failure = err
	c.answerFailure(err)
	return err
}

// answerFailure gives the answer to an error.
func (c *Ctx) answerFailure(err error) {
	if e, ok := err.(*Error); (!ok || e.cause != nil) && isAbort(err) { //nolint:errorlint // only Errors without a chain are passed over
		c.abort()
		return
	}
	c.rc.Response.ResetBody()
	if status := StatusCode(err); status >= 500 {
		if c.clientGone() {
			c.rc.SetStatusCode(StatusClientClosedRequest)
			return
		}
		if e := asError(err); e == nil || !e.quiet {
			c.logFailure(status, err)
		}
	}
	if h := &c.rc.Response.Header; len(h.ContentEncoding()) > 0 {
		h.Del(fasthttp.HeaderContentEncoding)
	}
	c.errorHandler()(c, err)
}

// sameError reports whether err is, or wraps, the error that was answered. Errors
// of types that cannot be compared count as the same when their types are.
func sameError(err, answered error) bool {
	t := reflect.TypeOf(answered)
	if t.Comparable() {
		return errors.Is(err, answered)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if reflect.TypeOf(err) == t {
			return true
		}
	}
	return false
}

func (c *Ctx) logFailure(status int, err error) {
	attrs := []slog.Attr{
		slog.String("method", c.Method()),
		slog.String("route", c.Pattern()),
		slog.Int("status", status),
		slog.String("error", err.Error()),
	}
	if p, ok := errors.AsType[*PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	attrs = append(attrs, c.LogAttrs()...)
	c.engine.set.logger().LogAttrs(context.Background(), slog.LevelError, "request failed", attrs...)
}
