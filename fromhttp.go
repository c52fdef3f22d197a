package geist

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// This file runs net/http's handlers on a Ctx. fasthttp sends an answer once its
// handler has returned, but a handler of net/http may flush, and what it has written
// must then reach the client while it goes on. So it runs on a goroutine of its own,
// for which the connection's waits, and at the first flush the turn goes back once:
//
//	connection's goroutine        handler's goroutine
//	serve: waits ─────────────►  ServeHTTP
//	                              w.Write: collected in the response
//	the chain returns ◄───────── w.Flush: waits
//	the header is sent
//	stream: waits ────────────►  goes on, writes to the stream
//	the stream ends ◄─────────── returns
//
// A handler that never flushes, nor writes more than httpBufferBytes, ends at its first
// turn. At any time one of the two touches the Ctx: the handler's only under
// exchange.mu, and it holds that while it waits.

// httpBufferBytes is how much of an answer is collected before it becomes a stream.
const httpBufferBytes = 64 << 10

// FromHTTP makes a Handler of a handler of net/http. It sees the path parameters by
// PathValue and the route's pattern, in geist's syntax, in Pattern; the path is not
// stripped of a group's prefix. Its context is that of [Ctx.Context].
//
// The answer is what net/http would send, with a Content-Length up to 64 KiB. Flush
// sends what was written; from then on, and beyond 64 KiB, the answer is a stream as
// that of [Ctx.Stream], and middleware around it goes on. http.Hijacker is supported,
// and so is the status 103. Trailers, other informational statuses and http.Pusher are not.
//
// A panic is answered as that of any handler; [http.ErrAbortHandler] cuts the connection.
func FromHTTP(h http.Handler) Handler {
	if h == nil {
		panic("geist: FromHTTP (" + callerPlace() + ") was given a nil http.Handler")
	}
	return func(c *Ctx) error {
		c.check()
		return newExchange(c).serve(h)
	}
}

// FromHTTPMiddleware makes a Handler of middleware for net/http. Calling next runs
// the rest of the chain, once; if it is not called, the chain stops there. Header
// fields that were set before are in the answer, and the values of a context given to
// next are found in [Ctx.Context]; geist's handlers see no other change of the request.
//
// If next gets the writer that the middleware was given, the handlers' answer stays
// as it is. If it gets another one, the answer is written through that, status,
// header and body, once it is complete; a stream, or a large file, is then sent before
// next returns, as in net/http. A body that was given to [Ctx.Raw] is collected.
//
// The middleware may call next on another goroutine, as http.TimeoutHandler does, but
// the chain goes on only when next has returned.
func FromHTTPMiddleware(mw func(http.Handler) http.Handler) Handler {
	if mw == nil {
		panic("geist: FromHTTPMiddleware (" + callerPlace() + ") was given nil")
	}
	h := mw(http.HandlerFunc(next))
	if h == nil {
		panic("geist: FromHTTPMiddleware (" + callerPlace() + "): the middleware returned a nil http.Handler")
	}
	return FromHTTP(h)
}

// next is the handler that middleware is given.
func next(w http.ResponseWriter, r *http.Request) {
	x, _ := w.(*exchange)
	if x == nil {
		x, _ = r.Context().Value(exchangeKey{}).(*exchange)
	}
	if x == nil {
		panic("geist: middleware called next with a context that is not derived from its request's")
	}
	x.next(w, r)
}

// exchange is one request and its answer as a handler of net/http sees them. It is
// the http.ResponseWriter; the methods of that are in fromhttp_writer.go.
type exchange struct {
	c    *Ctx
	req  *http.Request
	url  url.URL
	ctx  exchangeContext
	body requestBody
	turn chan turn // the handler's goroutine gives the turn back

	mu       sync.Mutex
	idle     sync.Cond     // of mu: nexts has become 0
	nexts    int           // guarded by mu; calls of next that run
	header   http.Header   // guarded by mu; nil until asked for
	stored   bool          // guarded by mu; header holds what the response had, too
	began    bool          // guarded by mu; the status and the header are set
	head     bool          // the request's method is HEAD
	noBody   bool          // guarded by mu; the status has no body
	sniff    bool          // guarded by mu; there is no Content-Type yet
	called   bool          // guarded by mu; next has run
	passed   bool          // guarded by mu; the answer is that of the chain
	over     bool          // guarded by mu; the handler has returned
	hijacked bool          // guarded by mu
	declared int64         // guarded by mu; the handler's Content-Length, or -1
	written  int64         // guarded by mu
	out      *StreamWriter // set before resume is closed
	resume   chan struct{} // guarded by mu; closed when the stream or the connection is there
	taken    *hijackedConn // set before resume is closed; what Hijack returns
	chainErr error         // guarded by mu; what the rest of the chain returned, which is answered
	err      error         // guarded by mu until the last turn; how the handler itself failed
}

// turn is why the handler's goroutine gives the turn back.
type turn uint8

const (
	turnDone   turn = iota // it has ended
	turnStream             // it has flushed
	turnHijack             // it wants the connection
)

// exchangeKey finds an exchange in its context.
type exchangeKey struct{}

// exchangeContext is the context of a Ctx that leads to the exchange.
type exchangeContext struct {
	context.Context
	x *exchange
}

func (x *exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return x.x
	}
	return x.Context.Value(key)
}

func newExchange(c *Ctx) *exchange {
	x := &exchange{c: c, head: c.rc.IsHead(), declared: -1, turn: make(chan turn, 1)}
	c.expose() // it adds to the body
	c.rc.Response.Header.SetNoDefaultContentType(true)
	x.idle.L = &x.mu
	x.ctx = exchangeContext{c.lazyContext(), x}
	return x
}

// serve runs h for the Ctx.
func (x *exchange) serve(h http.Handler) error {
	r, err := x.request()
	if err != nil {
		return err
	}
	x.req = r
	go x.run(h, r) // it ends before the request does: whoever ends that waits for it
	switch <-x.turn {
	case turnStream:
		x.c.setStream(&bodyStream{w: StreamWriter{c: x.c}, f: x.stream, dropped: x.drop, size: int(x.declared)})
	case turnHijack:
		x.c.cold.hijack = x
	case turnDone:
		if x.err != nil {
			return x.err
		}
	}
	return x.chainErr
}

// run calls the handler and ends the answer.
func (x *exchange) run(h http.Handler, r *http.Request) {
	returned := false
	defer func() {
		var err error
		if !returned {
			err = errGoexit
			if v := recover(); v != nil {
				err = x.c.panicError(v)
			}
		}
		if r.MultipartForm != nil {
			_ = r.MultipartForm.RemoveAll() // as net/http does
		}
		x.finish(err)
		x.turn <- turnDone
	}()
	h.ServeHTTP(x, r)
	returned = true
}

// stream waits for the handler while it writes to w.
func (x *exchange) stream(w *StreamWriter) error {
	x.out = w
	close(x.resume)
	<-x.turn
	return x.err
}

// drop waits for a handler whose stream is not wanted any more.
func (x *exchange) drop() {
	c, cause := x.c, ErrRequestDone
	x.out = &StreamWriter{c: c, err: errStreamEnded}
	switch s := c.cold.stream; {
	case x.head:
		x.out = &StreamWriter{c: c, out: io.Discard}
	case s != nil && s.handed:
		cause = ErrClientGone
	}
	c.cold.cancel(cause)
	close(x.resume)
	<-x.turn
	if _, ok := errors.AsType[*PanicError](x.err); ok {
		c.logFailure(c.rc.Response.StatusCode(), x.err)
	}
}

// next runs the rest of the chain for middleware.
func (x *exchange) next(w http.ResponseWriter, r *http.Request) {
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.nexts--; x.nexts == 0 {
			x.idle.Signal()
		}
	}()
	if answer := x.chain(r, w != http.ResponseWriter(x)); answer != nil {
		answer.replay(w)
	}
}

// chain runs the rest of the chain. If the middleware writes through a writer of its
// own, it returns the answer, which then is to be made anew.
func (x *exchange) chain(r *http.Request, wrapped bool) *answer {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.nexts++
	if x.called || x.over || x.hijacked || x.out != nil {
		return nil
	}
	x.called = true
	c := x.c
	if ctx := r.Context(); ctx != &x.ctx {
		c.cold.ctx = ctx
	}
	x.storeHeader()
	x.chainErr = c.Next()
	if !wrapped {
		x.began, x.passed = true, true
		if x.header != nil {
			x.loadHeader()
		}
		return nil
	}
	x.stored = true
	return x.takeAnswer()
}

// finish ends the answer of a handler that has returned, or panicked.
func (x *exchange) finish(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.nexts > 0 { // the Ctx ends with us
		x.idle.Wait()
	}
	x.over = true
	x.body.end()
	if err != nil {
		x.err = err
		return
	}
	if x.hijacked {
		return
	}
	if x.out == nil {
		x.complete()
		return
	}
	if err := x.out.Flush(); err != nil && x.err == nil {
		x.err = err
	}
}
