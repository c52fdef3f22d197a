package geist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/peerwatch"
	"github.com/gogeist/geist/internal/unsafestring"
)

// Ctx is one request and its answer: what handlers and middleware work with. It is
// made by the engine, lives until the request (or the stream or connection that it
// became) ends, and is then used again for another request. A handler must not
// keep it, nor use it from another goroutine while it runs; the strings that it
// returns stay valid for ever, and Context gives goroutines what they need. Under
// -race or -tags geistdebug, using a Ctx after its end panics with the route's name.
type Ctx struct {
	debugState //nolint:unused // debug builds have fields in it; at the end, an empty struct would take a word

	// Set for every request.
	rc     *fasthttp.RequestCtx
	engine *Engine // whose codec and errors apply: the mounted engine, where there is one
	ep     *endpoint
	chain  []Handler
	index  int
	path   string // what is matched: a view of the request or of a buffer below
	orig   string // path before its case was folded
	raw    string // path as it was sent
	caps   captures

	// Set where it applies; reset clears them.
	rs       *routes
	failure  error // the error that was answered last
	clean    bool  // raw needs neither decoding nor cleaning
	dots     bool  // path has dot segments, so that no route may match it
	absolute bool  // the target has absolute-form: it names the host
	asterisk bool  // the target is *

	// Beside the other flags: the allocator has no size between 760 and 896 bytes.
	hiddenDots bool // raw has dot segments that were encoded
	bodied     bool // the request has a body, though maybe none that is read
	repeats    bool // AddHeader was called: fields of one name may stand there several times
	returned   bool // dispatch has returned: nothing panicked
	single     bool // there is no arena: strings are to be kept for long, and are few
	replied    bool // a Reply has been sent
	exposed    bool // Raw or RawResponse has lent the answer: nobody knows what becomes of its body
	shared     bool // the body may lie in memory that is not the answer's, see shareBody

	hostParam string
	hostValue string
	hostTable *table // the routes that hostParam belongs to

	passed    *fileRoute // the files that have nothing at the path
	before    []step     // the levels of the chain that led there
	passedErr error      // of what answered in their place

	cold cold // what few requests use

	// Kept from request to request.
	server *Engine // owner of the pool and of the server
	arena  []byte  // append-only: strings handed out point into it
	locals []local
	*buffers
}

// buffers are those that a Ctx keeps from request to request. They are apart from it since
// a WebSocket that waits needs none: see freeze.
type buffers struct {
	encoded   bodyWriter
	knownHost []byte // the last Host that was found valid
	client    clientText
	forwarded forwardedFor
	decoded   []byte // of path, raw and hostName
	folded    []byte
	cleaned   []byte
	hostBuf   []byte
	scratch   []byte
	bodyBuf   []byte   // of bodies that did not come along with the header
	binding   *binding // made by the first Bind
}

// cold is the state that few requests use. used tells reset whether to look.
type cold struct {
	used    bool
	located bool                    // SetClientIP has been called
	ctx     context.Context         // what Context returns
	own     context.Context         // what it was before SetContext
	cancel  context.CancelCauseFunc // of own
	tie     tie                     // what may end own
	closers []closer
	large   []byte // the buffer of a large answer, see lendBody
	kv      map[string]any
	logger  *slog.Logger
	stream  *bodyStream        // the answer's body, while it is one
	hijack  hijacker           // what takes the connection: a handler of net/http, or a Conn
	body    *bodyReader        // of the request's body, once it is needed
	expect  *expectation       // the client waits before it sends the body
	timed   context.Context    // that limitContext has made; nil where there is none
	expire  context.CancelFunc // of timed
	form    *multipart.Form    // with files on disk
	until   time.Time          // when the handlers' time ends; zero without one
	apart   *detachedRun       // the handlers run apart from the connection: see ctx_detach.go
	limited bool               // LimitBody was called
	limit   int64              // that it was given
}

// arenaBytes is the size of the chunks that strings are carved from. A string
// that is kept keeps its chunk alive.
const arenaBytes = 2 << 10

func newCtx(e *Engine) *Ctx {
	return &Ctx{server: e, engine: e, buffers: new(buffers)}
}

// finish ends the handling of the request: it recovers what panicked outside an
// endpoint, runs the hooks, and ends the request or hands it over to its stream.
func (c *Ctx) finish() {
	if !c.returned {
		if v := recover(); v != nil {
			c.recovered(v)
		} else {
			c.exited()
		}
	}
	e := c.server
	if len(e.hooks.after) > 0 {
		c.runAfter(e)
	}
	if c.bodyPending() {
		c.leaveBody()
	}
	if e.live.closing.Load() {
		e.live.lastRequest(c.rc)
	}
	if c.cold.stream != nil || c.cold.hijack != nil {
		c.handOver()
		return
	}
	c.end()
}

// end ends a request: at once, or when what it was handed over to has ended.
func (c *Ctx) end() {
	if c.cold.used {
		w, _ := c.cold.hijack.(*Conn)
		c.closeCold()
		if w != nil && w.frozen() {
			c.bury()
			return
		}
	}
	c.release()
}

// recovered answers a panic of middleware, a hook or an error handler with a 500.
func (c *Ctx) recovered(v any) {
	err := newPanicError(v)
	defer func() {
		if v := recover(); v != nil { // the error handler panicked: answer without it
			c.logFailure(fasthttp.StatusInternalServerError, c.panicError(v))
			c.rc.Response.ResetBody()
			DefaultErrorHandler(c, err)
		}
	}()
	if _, ok := errors.AsType[*PanicError](c.failure); ok && !isAbort(err) {
		panic(v) // it is the error handler that panics
	}
	c.reportPanic(err)
	_ = c.settle(err)
}

// exited closes the connection of a handler that has ended its goroutine
// (runtime.Goexit, which testing's FailNow calls): nobody is left to answer.
func (c *Ctx) exited() {
	c.logFailure(fasthttp.StatusInternalServerError, errGoexit)
	if conn := c.rc.Conn(); conn != nil {
		_ = conn.Close()
	}
}

var errGoexit = errors.New("geist: a handler called runtime.Goexit: return an error instead")

// newPanicError wraps what a handler panicked with, and where.
func newPanicError(v any) error {
	if err, ok := v.(error); ok {
		abort, sound := asksAbort(err)
		switch {
		case !sound:
			v = fmt.Sprintf("an error of type %T, which panics when it is asked", v)
		case abort:
			return err
		}
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// asksAbort is isAbort for what was panicked with, which may be a nil pointer for an error: one
// that is not sound panics when it is asked, and would end the process where it is recovered.
func asksAbort(err error) (abort, sound bool) {
	defer func() {
		if recover() != nil {
			abort, sound = false, false
		}
	}()
	_, _ = err.Error(), StatusCode(err)
	return isAbort(err), true
}

// isAbort reports whether err asks for the connection to be cut.
func isAbort(err error) bool {
	return errors.Is(err, ErrAbort) || errors.Is(err, http.ErrAbortHandler)
}

// abort cuts the connection without an answer. The hijack handler is fasthttp's
// way to end a connection without writing to it.
func (c *Ctx) abort() {
	c.rc.Response.Reset()
	c.rc.HijackSetNoResponse(true)
	c.rc.Hijack(closeConn)
}

func (c *Ctx) runAfter(e *Engine) {
	defer func() {
		if v := recover(); v != nil {
			c.recovered(v)
		}
	}()
	for _, f := range e.hooks.after {
		f(c)
	}
}

// closeCold releases what few requests use.
func (c *Ctx) closeCold() {
	for len(c.cold.closers) > 0 {
		c.runCloser()
	}
	if c.cold.body != nil && c.rc != nil { // a WebSocket's has been closed by leaveBody
		c.cold.body.close()
		putBodyReader(c.cold.body)
	}
	if c.cold.form != nil {
		c.removeForm()
	}
	if c.cold.cancel != nil {
		c.cold.tie.cut()
		c.cold.cancel(ErrRequestDone)
	}
	if c.cold.expire != nil {
		c.cold.expire()
	}
	clear(c.cold.kv)
	for i := range c.locals {
		c.locals[i].box.reset()
	}
	if len(c.locals) > maxLocals {
		c.locals = nil
	}
	c.cold = cold{closers: c.cold.closers[:0], kv: c.cold.kv, large: c.cold.large}
}

// runCloser runs the last closer. A panic of it is logged and ends only itself.
func (c *Ctx) runCloser() {
	n := len(c.cold.closers) - 1
	f := c.cold.closers[n].f
	c.cold.closers[n] = closer{}
	c.cold.closers = c.cold.closers[:n]
	defer func() {
		if v := recover(); v != nil {
			c.logFailure(c.status(), c.panicError(v))
		}
	}()
	f()
}

// status returns that of the answer.
func (c *Ctx) status() int {
	if c.rc == nil {
		return fasthttp.StatusSwitchingProtocols // of a WebSocket
	}
	return c.rc.Response.StatusCode()
}

// release lets go of large bodies, resets c and puts it into the pool. Debug builds
// never use it again, so that every later use is found.
func (c *Ctx) release() {
	e := c.server
	c.rc.Request.ReleaseBody(e.set.MaxRetainedBytes)
	if resp := &c.rc.Response; !resp.IsBodyStream() {
		if body := resp.Body(); cap(body) > e.set.MaxRetainedBytes || c.cold.large != nil {
			c.releaseAnswer(body)
		}
	}
	if c.cold.large != nil {
		c.cold.large = nil
	}
	if debugCtx {
		c.poison()
		return
	}
	if len(c.bodyBuf) > 0 {
		c.returnBody()
	}
	c.rc = nil
	c.engine = e
	c.ep = nil
	c.chain = nil
	c.path, c.orig, c.raw = "", "", ""
	if c.rs != nil || c.failure != nil || c.absolute {
		c.rs, c.failure = nil, nil
		c.absolute, c.asterisk, c.hiddenDots = false, false, false
		c.passed, c.before, c.passedErr = nil, nil, nil
		c.hostParam, c.hostValue, c.hostTable = "", "", nil
		if cap(c.scratch) > c.server.set.MaxRetainedBytes {
			c.scratch = nil // a problem document has grown it
		}
	}
	c.dots, c.clean, c.repeats, c.returned, c.single, c.replied = false, false, false, false, false, false
	c.exposed, c.shared = false, false
	e.pool.Put(c)
}

// keep returns b as a string that stays valid for ever: a copy in the arena, which
// is written once and never reused, or a view under Config.UnsafeStrings. A string
// costs a copy and, for every 2 KiB of them, one allocation (BenchmarkCtx_keep).
func (c *Ctx) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if c.server.set.UnsafeStrings {
		return unsafestring.String(b)
	}
	if len(b) > cap(c.arena)-len(c.arena) {
		return c.keepSlow(b)
	}
	n := len(c.arena)
	c.arena = append(c.arena, b...)
	return unsafestring.String(c.arena[n:])
}

// keepSlow starts a new chunk, or copies a string that would use most of one, or pin one
// for as long as a connection lasts.
func (c *Ctx) keepSlow(b []byte) string {
	if c.single || len(b) > arenaBytes/4 {
		return string(b)
	}
	c.arena = append(make([]byte, 0, arenaBytes), b...)
	return unsafestring.String(c.arena)
}

func (c *Ctx) keepString(s string) string { return c.keep(unsafestring.Bytes(s)) }

// codec returns the JSON codec that applies.
func (c *Ctx) codec() Codec { return c.engine.set.JSON }

// errorHandler returns the nearest error handler.
func (c *Ctx) errorHandler() ErrorHandler {
	if c.ep != nil {
		return c.ep.onError
	}
	return c.server.routes.Load().onError
}

// Context returns a context that ends when the client leaves (cause
// [ErrClientGone]), when the server's shutdown deadline passes ([ErrServerClosed])
// or when the request is done ([ErrRequestDone]). It may be handed to other
// goroutines and outlives the Ctx. To go on after the request, use
// context.WithoutCancel. It is made on first use: a handler that never asks, or
// that ends within milliseconds, pays nothing for the detection.
func (c *Ctx) Context() context.Context {
	c.alive()
	if c.cold.ctx == nil {
		c.cold.used = true
		w, _ := c.cold.hijack.(*Conn)
		var conn net.Conn
		if c.rc != nil {
			conn = c.rc.Conn()
		} else {
			conn = w.request.conn
		}
		ctx, cancel, tie := c.server.live.newContext(conn)
		c.cold.ctx, c.cold.own, c.cold.cancel, c.cold.tie = ctx, ctx, cancel, tie
		if !c.cold.until.IsZero() {
			c.limitContext()
		}
		if w != nil {
			w.adopt(cancel)
		}
	}
	return c.cold.ctx
}

// tie is what may end a request's context before its time.
type tie struct {
	watch       *peerwatch.Watch // of our connections and those of other fasthttp servers
	outer, base func() bool      // stop functions, inside a server of net/http
}

// cut lets nothing end the context any more.
func (t *tie) cut() {
	t.watch.Stop()
	if t.outer != nil {
		t.outer()
		t.base()
	}
}

// newContext returns the context of a request that has come over conn, which may be nil.
func (s *server) newContext(conn net.Conn) (context.Context, context.CancelCauseFunc, tie) {
	if r := bridgedRequest(conn); r != nil {
		return s.bridgedContext(r.Context())
	}
	ctx, cancel := context.WithCancelCause(s.base)
	if conn == nil {
		return ctx, cancel, tie{}
	}
	return ctx, cancel, tie{watch: s.engine.watcher.Watch(conn, func() { cancel(ErrClientGone) })}
}

// SetContext replaces what Context returns for the rest of the request. ctx must
// be derived from Context, or the end of the request will not end it.
func (c *Ctx) SetContext(ctx context.Context) {
	c.Context()
	c.cold.ctx = ctx
}

// clientGone reports whether the context was made and ended with the client.
func (c *Ctx) clientGone() bool {
	return c.cold.ctx != nil && errors.Is(context.Cause(c.cold.ctx), ErrClientGone)
}

// endedEarly reports whether the context was made and ended before the request:
// what fails then, fails for that.
func (c *Ctx) endedEarly() bool {
	return c.cold.own != nil && c.cold.own.Err() != nil || c.server.live.base.Err() != nil
}

// Raw returns fasthttp's own context, for what Ctx does not offer. All that it
// returns is borrowed: valid until the request ends. Since fasthttp would read a body
// without a bound, Raw first reads it within the route's limit, unless the route has
// [StreamBody]: there, the body must be read by [Ctx.BodyReader] alone.
func (c *Ctx) Raw() *fasthttp.RequestCtx {
	c.check()
	c.expose()
	if c.bodyPending() && !c.streamsBody() {
		_, _ = c.body() // that it failed, admit says
	}
	return c.rc
}

// RawHeader returns what Raw does, but reads no body: for middleware that looks at header
// fields, at the connection or at the answer of a request that may yet be refused. What
// concerns the request's body (PostBody, PostArgs, FormValue, MultipartForm and the like)
// must not be called on it. The answer's body may be replaced, but neither changed in place nor
// appended to: it may be a file that others are sent, too. See RawResponse.
func (c *Ctx) RawHeader() *fasthttp.RequestCtx {
	c.check()
	return c.rc
}
