package geist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/outlet"
	"github.com/gogeist/geist/internal/peerwatch"
	"github.com/gogeist/geist/internal/ready"
	"github.com/gogeist/geist/internal/wheel"
)

// Event is one event of a [Stream]. Every field is optional; the zero Event is a message
// without data. An Event that has only an ID, a Retry or a Comment reaches the client but
// is no event to it.
type Event struct {
	// ID is what the client sends as Last-Event-ID when it connects again. It must be
	// free of CR, LF and NUL and at most 1,024 bytes long. Empty leaves the client at the
	// last one that it got.
	ID string
	// Name is the event's type, for addEventListener. It must be free of CR and LF.
	// Empty is a message, which onmessage gets.
	Name string
	// Data is the text, in UTF-8. It may have several lines; each of CR LF, CR and LF
	// ends one, and all reach the client as LF.
	Data []byte
	// Retry is how long the client waits before it connects again, from now on, in
	// milliseconds, rounded up. Zero leaves it as it is; a negative one is an error.
	Retry time.Duration
	// Comment is text that no client shows.
	Comment string
}

// maxEventID is the longest id that is sent or believed: what comes back is a header
// field of every later request.
const maxEventID = 1024

// Errors of a Stream that tell of a mistake in its handler.
var (
	errStreamNotOpen = errors.New("geist: Send before Run's function runs")
	errStreamPanic   = errors.New("geist: the stream's function did not return")
	errStreamTwice   = errors.New("geist: a Stream was given to Run or Follow before")
	errStreamNone    = errors.New("geist: the handler of an SSE route returned nil but neither answered nor called Run or Follow")
	errEventID       = fmt.Errorf("geist: the id of an event is longer than %d bytes", maxEventID)
)

// The phases of a Stream. Only whoever moves it from idle goes on.
const (
	streamIdle    uint32 = iota // the handler has not decided
	streamClaimed               // Run or Follow was called
	streamOpen                  // units may be sent
	streamOver
)

// Stream is a stream of Server-Sent Events: what the handler of [Engine.SSE] answers with.
// Send, SendJSON, Context, ID and LastEventID may be called by any goroutine as long as
// Run's function runs, and fail harmlessly afterwards; the others belong to the handler.
type Stream struct {
	server *Engine
	engine *Engine   // of the route
	route  *endpoint // likewise
	id     hub.ConnID
	phase  atomic.Uint32
	bye    atomic.Bool // the server has said good-bye
	out    outlet.Outlet
	timer  wheel.Timer  // of the heartbeat
	left   ready.Socket // tells that the client has; of those that are followed

	// Set before phase is streamOpen.
	req atomic.Pointer[streamRequest] // nil once a stream that is followed has begun
	own socket                        // with own.conn, if the connection is ours and the framing, too

	mu    sync.Mutex
	conn  *hub.Conn // guarded by mu; nil until asked for
	owner netConn   // guarded by mu; our wrapper of a connection that is followed
	rest  *streamRest

	// What is small stands together, for the sake of the whole's size.
	seat    seat // among the leavers
	framed  bool // units carry their own chunk framing: the connection is ours
	answers bool // owned by the handler; the answer is this stream
	ended   bool // guarded by mu; the outlet has
	hung    bool // guarded by mu; rest.gone has been stopped, or must be
	known   bool // guarded by mu; the OnConnect hooks have let it in
}

// streamRequest is what a Stream has of its request: a stream that is followed does without,
// others have it for as long as Run's function runs.
type streamRequest struct {
	c *Ctx // of the handler, and of Run's function until that has returned

	// Set before the stream's phase is streamOpen, by Run.
	ctx  context.Context
	sink streamSink
}

// streamRest is what a stream that is only followed mostly does without.
type streamRest struct {
	lastID  string                  // frozen
	waiting chan struct{}           // closed by begun; nil if nobody waits
	session *session                // nil unless Serve was called
	late    context.Context         // what Context returns without Run
	cancel  context.CancelCauseFunc // of late, or of Run's context
	stopped error                   // why they end
	kept    []any                   // see Keep
	gone    *peerwatch.Watch        // of a connection of which left cannot tell
}

// restLocked returns what the stream has besides, to be written to. s.mu must be held.
func (s *Stream) restLocked() *streamRest {
	if s.rest == nil {
		s.rest = new(streamRest)
	}
	return s.rest
}

// SSE registers a route for GET that answers with Server-Sent Events. The handler runs
// behind the middleware, in the request phase: until it calls [Stream.Run] or
// [Stream.Follow] it may answer as any other, such as with an error. The middleware's
// header fields (CORS, cookies) stay; Content-Type, Cache-Control and X-Accel-Buffering
// are the stream's.
//
// HEAD is answered with the header of the stream, which is not opened. Returning nil with
// neither an answer nor a stream is a 500. c.NoContent() tells an EventSource to stop:
// after any other end it connects again.
//
// An EventSource of a page on another origin can read a stream only if middleware answers
// with CORS fields, with Access-Control-Allow-Credentials if it was made withCredentials.
// A handler that changes something must not rely on that: such a page can still send the
// request.
func (s *scope) SSE(path string, h func(c *Ctx, s *Stream) error, opts ...RouteOption) *Route {
	var handlers []Handler
	if h != nil {
		handlers = append(handlers, streamHandler(h))
	}
	r := s.add([]string{"GET"}, path, handlers)
	r.shown = h
	r.events = true
	return r.Doc(opts...)
}

// streamHandler returns what runs the handler of an SSE route.
func streamHandler(h func(*Ctx, *Stream) error) Handler {
	return func(c *Ctx) error {
		s := newStream(c)
		defer s.unlessClaimed()
		err := h(c, s)
		if err == nil && s.phase.Load() == streamIdle && !c.answered() {
			return errStreamNone
		}
		return err
	}
}

// answered reports whether there is an answer that is not the one that nobody made.
func (c *Ctx) answered() bool {
	resp := &c.rc.Response
	resp.Header.SetNoDefaultContentType(true) // of a foreign server, which nobody has chosen
	return resp.StatusCode() != fasthttp.StatusOK || len(resp.Header.ContentType()) > 0 ||
		c.rc.Hijacked() || resp.IsBodyStream() || len(resp.Body()) > 0
}

func newStream(c *Ctx) *Stream {
	c.arena, c.single = nil, true // strings of it last as long as the stream
	s := &Stream{
		server: c.server, engine: c.engine, route: c.ep, id: hub.NewConnID(),
		framed: c.rc.Request.Header.IsHTTP11() && stateOf(c.rc.Conn()) != nil,
	}
	s.req.Store(&streamRequest{c: c})
	if lastID := c.lastEventID(); lastID != "" {
		s.rest = &streamRest{lastID: lastID}
	}
	s.out.Init((*streamSocket)(s))
	return s
}

// lastEventID returns the id of the last event that the client has seen. An EventSource
// cannot send header fields of its own: for its first connection the query stands in.
func (c *Ctx) lastEventID() string {
	id := c.Header("Last-Event-ID")
	if id == "" {
		id = c.Query("lastEventId")
	}
	if len(id) > maxEventID || !eventstream.ValidID(id) {
		return ""
	}
	return id
}

// unlessClaimed ends a stream that its handler has not opened.
func (s *Stream) unlessClaimed() {
	if s.phase.CompareAndSwap(streamIdle, streamOver) {
		s.drop()
	}
}

// drop ends a stream that was never opened, with whatever a hub had for it.
func (s *Stream) drop() {
	s.stop(ErrRequestDone)
	s.phase.Store(streamOver)
	s.out.Cut(errStreamEnded)
	s.begun()
	s.over(errStreamEnded)
}

// ID returns the stream's own id, by which a hub sends to it.
func (s *Stream) ID() hub.ConnID { return s.id }

// LastEventID returns the id of the last event that the client has seen, as its header
// field Last-Event-ID says, or else the query field lastEventId, with which a page can
// begin where it has left off. It is "" if there is none, and if what was sent cannot be
// the id of an event or is longer than 1,024 bytes. Anybody may send any id.
func (s *Stream) LastEventID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rest == nil {
		return ""
	}
	return s.rest.lastID
}

// Context returns a context that ends when the client leaves ([ErrClientGone]), when the
// server asks the stream to end ([ErrServerClosed]) and when Run's function has returned
// ([ErrRequestDone]). It waits for no write: a function may sleep on it.
func (s *Stream) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch req := s.req.Load(); {
	case req == nil:
	case s.phase.Load() < streamOpen:
		return req.c.Context()
	case req.ctx != nil:
		return req.ctx
	}
	rest := s.restLocked()
	if rest.late == nil {
		rest.late, rest.cancel = context.WithCancelCause(context.Background())
		if rest.stopped != nil {
			rest.cancel(rest.stopped)
		}
	}
	return rest.late
}

// ctx returns the Ctx of a stream that has it still.
func (s *Stream) ctx() *Ctx { return s.req.Load().c }

// runContext returns the context of Run's function, or nil if that never ran.
func (s *Stream) runContext() context.Context {
	if req := s.req.Load(); req != nil {
		return req.ctx
	}
	return nil
}

// Run answers with the stream that f sends. Run itself returns nil at once, to be the
// handler's result: f runs when the handler and its middleware have returned, on the
// connection's goroutine, and the header is sent before it. The Ctx lives until f has
// returned.
//
// When f returns nil the stream ends, and an EventSource connects again. When it returns
// an error, or panics, the connection is closed without the end of the stream and the
// error logged, unless it follows from the client's leaving or from the server's going
// down. While nothing else is sent, a comment goes out every Config.EventHeartbeat, also
// while f sleeps. A drain sends a random retry of one to six seconds, ends Context and
// leaves f the time until its deadline.
//
// Run fails if Run or Follow was called before, or if a status other than 200 was set:
// no EventSource would read it. f never runs for HEAD, or when another answer replaces
// this one.
func (s *Stream) Run(f func() error) error {
	s.ctx().check()
	return s.become(func() error {
		s.answer(f)
		return nil
	})
}

// become makes the answer a stream, which open begins: not for HEAD, nor against OnConnect.
func (s *Stream) become(open func() error) error {
	if err := s.claim(); err != nil {
		return err
	}
	defer s.unclaim()
	if s.ctx().rc.IsHead() {
		s.setHeader()
		s.drop()
		return nil
	}
	if err := s.connect(); err != nil {
		return err
	}
	return open()
}

// connect asks the OnConnect hooks.
func (s *Stream) connect() error {
	s.mu.Lock()
	known := s.known // by a Follow that has failed
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := s.server.connect(s.ctx()); err != nil {
		return err
	}
	s.mu.Lock()
	s.known = true
	s.mu.Unlock()
	return nil
}

// claim decides that the answer is this stream.
func (s *Stream) claim() error {
	if code := s.ctx().rc.Response.StatusCode(); code != fasthttp.StatusOK {
		return fmt.Errorf("geist: the status of a stream of events must be 200, not %d", code)
	}
	if !s.phase.CompareAndSwap(streamIdle, streamClaimed) {
		return errStreamTwice
	}
	return nil
}

// unclaim gives up what claim has claimed, unless the answer is the stream: Run or Follow
// has failed, or a hook has panicked.
func (s *Stream) unclaim() {
	if !s.answers {
		s.phase.CompareAndSwap(streamClaimed, streamIdle)
	}
}

// answer makes what f sends the body of the answer.
func (s *Stream) answer(f func() error) {
	s.answers = true
	s.setHeader()
	s.ctx().setStream(&bodyStream{
		w:       StreamWriter{c: s.ctx()},
		f:       func(w *StreamWriter) error { return s.perform(w, f) },
		dropped: s.drop,
		size:    -1,
		direct:  s.framed,
	})
}

// setHeader sets what every stream's answer has in its header.
func (s *Stream) setHeader() {
	resp := &s.ctx().rc.Response
	resp.ResetBody()
	h := &resp.Header
	h.SetContentType("text/event-stream")
	h.Set(fasthttp.HeaderCacheControl, "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // else nginx collects events before it passes them on
}

// perform is the body of the answer.
func (s *Stream) perform(w *StreamWriter, f func() error) error {
	live := &s.ctx().server.live
	s.open(w)
	returned := false
	defer func() {
		if !returned {
			s.stop(errStreamPanic)
		}
		s.finish(live)
	}()
	if !live.leavers.add(s, &live.closing) {
		s.leave()
		returned = true
		return nil
	}
	s.startHeartbeat()
	err := soundError(f())
	returned = true
	if err != nil && s.bye.Load() {
		return nil // it was asked to end
	}
	if err != nil {
		s.stop(err)
	}
	return err
}

// open lets units be written.
func (s *Stream) open(w *StreamWriter) {
	req := s.req.Load()
	ctx, cancel := context.WithCancelCause(req.c.Context())
	req.ctx, req.sink = ctx, s.newSink(w)
	s.mu.Lock()
	rest := s.restLocked()
	rest.cancel = cancel
	stopped := rest.stopped // by a hub, before
	s.mu.Unlock()
	if stopped != nil {
		cancel(stopped)
	}
	s.phase.Store(streamOpen)
	s.begun()
}

// finish ends what perform has begun, and waits for what other goroutines write.
func (s *Stream) finish(live *server) {
	s.phase.Store(streamOver)
	s.stopHeartbeat()
	s.out.Finish(nil)
	s.out.Wait()
	s.stop(ErrRequestDone)
	s.over(s.why())
	live.leavers.remove(s) // a drain has waited for it
	if st := s.req.Load().sink.w.state; st != nil {
		st.written, st.armedOut = false, 0 // the end of the body has its own time
	}
}

// Send sends an event and returns when it has been written; it may wait for other
// goroutines that send, and for the client, at most Config.WriteTimeout. It fails for an
// Event that cannot be sent, before and after Run's function, and once the stream has
// come to its end, with the cause: [ErrClientGone] or [ErrServerClosed].
func (s *Stream) Send(e Event) error {
	b := getEventBuffer()
	defer putEventBuffer(b)
	return s.send(b, eventstream.Event(e))
}

// SendJSON sends an event of that name, maybe "", whose data is v in JSON. It fails as
// Send does, or with the codec's error.
func (s *Stream) SendJSON(name string, v any) error {
	data := getEventBuffer()
	defer putEventBuffer(data)
	if err := s.engine.set.JSON.Encode(data, v); err != nil {
		return err
	}
	b := getEventBuffer()
	defer putEventBuffer(b)
	return s.send(b, eventstream.Event{Name: name, Data: trimNewline(data.b)})
}

// send writes e, using b for its bytes.
func (s *Stream) send(b *sliceWriter, e eventstream.Event) error {
	if len(e.ID) > maxEventID {
		return errEventID
	}
	if s.phase.Load() < streamOpen {
		return errStreamNotOpen
	}
	if s.isOver() {
		return s.cause()
	}
	var err error
	if b.b, err = eventstream.Append(b.b, &e); err != nil {
		return fmt.Errorf("geist: %w", err)
	}
	if s.framed {
		b.b = frameChunk(b.b, 0)
	}
	if err = s.out.Send(b.b); errors.Is(err, outlet.ErrClosed) {
		return s.cause()
	}
	return err
}

// isOver reports whether nothing can be sent any more.
func (s *Stream) isOver() bool {
	if s.phase.Load() == streamOver {
		return true
	}
	ctx := s.runContext()
	return ctx != nil && ctx.Err() != nil
}

// cause returns why nothing can be sent any more.
func (s *Stream) cause() error {
	if err := s.why(); err != nil {
		return err
	}
	return errStreamEnded
}

// why returns why the stream has ended, or nil if it has come to its end by itself.
func (s *Stream) why() error {
	if s.bye.Load() {
		return ErrServerClosed
	}
	var err error
	if ctx := s.runContext(); ctx != nil {
		err = context.Cause(ctx)
	} else {
		s.mu.Lock()
		if s.rest != nil {
			err = s.rest.stopped
		}
		s.mu.Unlock()
	}
	if errors.Is(err, ErrRequestDone) {
		return nil
	}
	return err
}

// maxEventBuffer is the largest buffer that is kept for the next event.
const maxEventBuffer = 64 << 10

// eventBuffers keeps the buffers of events that are being written.
var eventBuffers = sync.Pool{New: func() any { return new(sliceWriter) }}

func getEventBuffer() *sliceWriter { return eventBuffers.Get().(*sliceWriter) }

func putEventBuffer(b *sliceWriter) {
	if cap(b.b) > maxEventBuffer {
		return
	}
	if debugCtx {
		fill(b.b)
	}
	b.b = b.b[:0]
	eventBuffers.Put(b)
}
