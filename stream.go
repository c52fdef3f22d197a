package geist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// streamBufferBytes is how much a [StreamWriter] collects before it sends.
const streamBufferBytes = 4 << 10

// errStreamCut ends a body that is not complete: fasthttp then closes the connection
// without the final chunk.
var errStreamCut = errors.New("geist: the stream was cut")

// errStreamEnded is what a StreamWriter returns once its function has returned.
var errStreamEnded = errors.New("geist: the stream has ended")

// Stream answers with the status set before, 200 by default, a content type and a
// body that f writes piece by piece. Stream itself returns at once: f runs when the
// handler, its middleware and the AfterRequest hooks have returned, on the
// connection's goroutine, and the status and header fields are sent before it. c may
// be used in f, lives until f has returned, and OnClose functions run after it;
// Context ends when the client leaves, or with the drain's deadline. What middleware
// has made of the context keeps its values; its deadline ends when the middleware does.
//
// When f returns an error or panics, what was not flushed is dropped and the
// connection closed without the end of the body, so that the client can tell. The
// error is logged, unless it asks for just that ([ErrAbort]), is a client's (4xx) or
// follows from the client's leaving.
//
// f never runs for a HEAD request, a status without a body, a client that left
// before, or when another answer replaces this one. In a handler that [Ctx.NextDetached] has
// come back without, Stream returns [ErrTimeout]. Config.WriteTimeout bounds
// each flush, not the stream.
func (c *Ctx) Stream(contentType string, f func(w *StreamWriter) error) error {
	c.check()
	if c.cold.apart.left() {
		return ErrTimeout
	}
	if c.rc.IsHead() {
		c.rc.Response.ResetBody()
		c.rc.Response.Header.SetContentType(fieldValue(contentType))
		return nil
	}
	s := &bodyStream{w: StreamWriter{c: c}, f: f, size: -1}
	c.setStream(s)
	c.rc.Response.Header.SetContentType(fieldValue(contentType))
	return nil
}

// setStream makes s the body of the answer.
func (c *Ctx) setStream(s *bodyStream) {
	resp := &c.rc.Response
	if s.size >= 0 || s.chunked() {
		resp.SetBodyStream(s, s.size)
	} else {
		// HTTP/1.0 knows no chunks: the end of the connection is that of the body. For
		// fasthttp its length is 0, so that it adds no framing; WriteTo reports 0 bytes.
		resp.SetBodyStream(s, 0)
		resp.Header.Del(fasthttp.HeaderContentLength)
		c.rc.SetConnectionClose()
	}
	resp.ImmediateHeaderFlush = true
	c.cold.used = true
	c.cold.stream = s
}

// handOver leaves c to its stream, which ends the request when it is closed, or to what
// takes the connection.
func (c *Ctx) handOver() {
	if x := c.cold.hijack; x != nil && x.giveAway() {
		return
	}
	s := c.cold.stream
	switch {
	case s == nil:
		c.end()
		return
	case s.follow != nil && c.rc.Response.StatusCode() == fasthttp.StatusOK:
		s.follow.detach(s)
		return
	}
	s.handed = true
	if s.size < 0 && (c.rc.IsHead() || !hasBody(c.rc.Response.StatusCode())) {
		// For chunks fasthttp would send the line end behind them, although there are none.
		c.rc.Response.Header.Del(fasthttp.HeaderContentLength)
		c.rc.Response.Header.Del(fasthttp.HeaderTransferEncoding)
	}
	c.handContext()
}

// handContext leaves behind what middleware has made of the context, but for its values,
// and the route's time.
func (c *Ctx) handContext() {
	c.cold.until = time.Time{}
	if own := c.cold.own; own != nil && c.cold.ctx != own {
		c.cold.ctx = handedContext{own, context.WithoutCancel(c.cold.ctx)}
	}
}

// hasBody reports whether answers of that status have a body.
func hasBody(status int) bool {
	return status >= 200 && status != fasthttp.StatusNoContent && status != fasthttp.StatusNotModified
}

// handedContext is the context of a stream whose middleware had set one: the values
// of that, which may have ended with the middleware, and the life of the engine's own.
type handedContext struct {
	context.Context
	values context.Context
}

func (x handedContext) Value(key any) any {
	if v := x.values.Value(key); v != nil {
		return v
	}
	return x.Context.Value(key)
}

// bodyStream is the body that fasthttp is given. Its Close is the end in any case:
// it is called when the body has been written, when it cannot be, and when another
// body replaces it.
type bodyStream struct {
	w       StreamWriter
	f       func(*StreamWriter) error
	dropped func()  // called by Close if f has never run; may be nil
	size    int     // of the whole body, or -1 for chunks
	direct  bool    // what f writes is framed already, and goes to our own connection, if it is handed over
	follow  *Stream // takes the connection in place of running f
	ran     bool
	running bool
	handed  bool // the request ends with the stream
	closed  bool
}

var _ fasthttp.BodyWriterTo = (*bodyStream)(nil)

// SupportsBodyWriteTo makes fasthttp call WriteTo in place of Read.
func (s *bodyStream) SupportsBodyWriteTo() bool { return true }

// Read fails: who takes a stream for a reader must copy it, which calls WriteTo.
func (s *bodyStream) Read([]byte) (int, error) {
	return 0, errors.New("geist: a stream can be written, not read")
}

// WriteTo runs the stream's function. It returns the number of bytes only if the
// size was announced, else 0, see setStream.
func (s *bodyStream) WriteTo(out io.Writer) (int64, error) {
	s.ran, s.running = true, true
	if conn := s.w.c.rc.Conn(); s.direct && s.handed {
		out = conn // the header has been flushed
	} else if s.handed && !s.chunked() && bridgedRequest(conn) == nil && (stateOf(conn) != nil || canDeadline(conn)) {
		// The header has been flushed. What fasthttp gives us for a body of known size
		// cannot be flushed in all its versions.
		out = conn
	}
	s.w.begin(out)
	err := s.perform()
	s.running = false
	if s.closed { // f has replaced the answer, which had begun: fasthttp has closed us
		s.end()
		return 0, errStreamCut
	}
	if s.size < 0 {
		return 0, err
	}
	return s.w.sent, err
}

// chunked reports whether the body is sent in chunks.
func (s *bodyStream) chunked() bool { return s.size < 0 && s.w.c.rc.Request.Header.IsHTTP11() }

// perform runs the function to its end. It logs an error, and returns another in its
// place that says only that there was one.
func (s *bodyStream) perform() error {
	c := s.w.c
	err := s.run()
	s.w.end()
	if err == nil {
		return nil
	}
	if StatusCode(err) >= 500 && !isAbort(err) && !c.endedEarly() {
		c.logFailure(c.rc.Response.StatusCode(), err)
	}
	return errStreamCut
}

func (s *bodyStream) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.w.c.panicError(v)
		}
	}()
	if err = soundError(s.f(&s.w)); err == nil {
		err = s.w.Flush()
	}
	return err
}

// Close ends the stream and the request that was handed to it.
func (s *bodyStream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if !s.running {
		s.end()
	}
	return nil
}

// end ends what Close ends.
func (s *bodyStream) end() {
	c := s.w.c
	if !s.ran && s.dropped != nil {
		s.dropped()
	}
	if c.cold.stream == s {
		c.cold.stream = nil
	}
	if s.handed {
		s.w.unbound()
		c.end()
	}
}

// StreamWriter writes the body of [Ctx.Stream]. It collects what is written and
// sends it when 4 KiB have come together, on Flush and at the end. It is for one
// goroutine at a time and of no use once the stream's function has returned.
type StreamWriter struct {
	c     *Ctx
	out   io.Writer                  // of fasthttp: a write is a chunk, which it sends
	flush interface{ Flush() error } // out, where it is no chunk writer and holds bytes back
	buf   *[]byte                    // nil while it is empty
	sent  int64
	err   error      // the first failure
	state *connState // of our own connections
	conn  net.Conn   // of a foreign server's; nil if its deadline cannot be set
	until time.Time  // the deadline of conn
}

// streamBuffers keeps the buffers of streams, which hold one only while something
// waits in it.
var streamBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, streamBufferBytes)
	return &b
}}

// begin opens w on out.
func (w *StreamWriter) begin(out io.Writer) {
	w.out = out
	w.flush, _ = out.(interface{ Flush() error })
	conn := w.c.rc.Conn()
	if w.state = stateOf(conn); w.state == nil && w.c.server.set.WriteTimeout > 0 && canDeadline(conn) {
		w.conn = conn
	}
}

// canDeadline reports whether a foreign connection takes deadlines. The one that
// fasthttp's RequestCtx.Init makes has no methods and panics.
func canDeadline(conn net.Conn) (can bool) {
	if conn == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			can = false
		}
	}()
	return conn.SetWriteDeadline(time.Time{}) == nil
}

// end closes w for good.
func (w *StreamWriter) end() {
	w.recycle()
	if w.err == nil {
		w.err = errStreamEnded
	}
	w.out, w.flush = nil, nil
}

// unbound leaves a foreign connection as it was: its server may set no deadlines.
func (w *StreamWriter) unbound() {
	if w.conn != nil {
		_ = w.conn.SetWriteDeadline(time.Time{})
	}
}

// Write collects p, or sends it if it is large. It fails once the client has gone,
// with an error that errors.Is [ErrClientGone] and the connection's error, or with
// [ErrServerClosed] after the deadline of a drain; all later calls return the same.
func (w *StreamWriter) Write(p []byte) (int, error) {
	if err := w.room(len(p)); err != nil {
		return 0, err
	}
	if len(p) >= streamBufferBytes {
		if err := w.send(p); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	*w.buf = append(*w.buf, p...)
	return len(p), nil
}

// WriteString is Write for a string.
func (w *StreamWriter) WriteString(s string) (int, error) {
	n := 0
	for {
		part := s[n:]
		if len(part) > streamBufferBytes-1 {
			part = part[:streamBufferBytes-1]
		}
		if err := w.room(len(part)); err != nil {
			return n, err
		}
		*w.buf = append(*w.buf, part...)
		n += len(part)
		if n == len(s) {
			return n, nil
		}
	}
}

// room makes place for n bytes, by sending what waits if they do not fit beside it.
func (w *StreamWriter) room(n int) error {
	if w.err != nil {
		return w.err
	}
	if w.buf != nil && len(*w.buf)+n > streamBufferBytes {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if w.buf == nil && n < streamBufferBytes {
		w.buf = streamBuffers.Get().(*[]byte)
	}
	return nil
}

// Flush sends what has been written. It fails as Write does.
func (w *StreamWriter) Flush() error {
	if w.err != nil || w.buf == nil {
		return w.err
	}
	err := w.send(*w.buf)
	w.recycle()
	return err
}

// send sends p at once, as a chunk of its own.
func (w *StreamWriter) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	w.arm()
	_, err := w.out.Write(p)
	if err == nil && w.flush != nil {
		err = w.flush.Flush()
	}
	if err != nil {
		return w.fail(err)
	}
	w.sent += int64(len(p))
	return nil
}

// arm begins the time that Config.WriteTimeout gives each flush.
func (w *StreamWriter) arm() {
	if w.state != nil {
		w.state.written = false
		return
	}
	if w.conn == nil {
		return
	}
	now := time.Now()
	if until := now.Add(w.c.server.set.WriteTimeout); until.Sub(w.until) > clockTick {
		w.until = until.Add(clockTick)
		_ = w.conn.SetWriteDeadline(w.until)
	}
}

// fail notes that the connection is of no use any more: the client has gone, takes
// nothing or was cut.
func (w *StreamWriter) fail(err error) error {
	cause := ErrClientGone
	if w.c.server.live.base.Err() != nil {
		cause = ErrServerClosed
	} else if w.c.cold.cancel != nil {
		w.c.cold.cancel(ErrClientGone)
	}
	w.err = fmt.Errorf("%w: %w", cause, err)
	return w.err
}

// recycle gives the buffer back.
func (w *StreamWriter) recycle() {
	if w.buf == nil {
		return
	}
	if debugCtx {
		fill(*w.buf)
	}
	*w.buf = (*w.buf)[:0]
	streamBuffers.Put(w.buf)
	w.buf = nil
}
