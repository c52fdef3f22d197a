package geist

import (
	"bytes"
	"io"
	"math"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// This file decides when the body of a request is read, and what becomes of one that
// is not. fasthttp hands over a stream (docs/design/010-bodies.md):
//
//	header ─► route ─► middleware ─► body into memory ─► endpoint   most routes
//	header ─► route ─► middleware ─► endpoint ─► c.BodyReader        StreamBody
//
// So middleware may refuse a request whose body has not been read, and what is held
// grows with what has come, not with what was announced. Short bodies come along with
// the header: fasthttp has them whole when the request is handled.

const (
	// prefetchBytes is the longest body that fasthttp reads before the request is
	// handled. It is all that fasthttp reads ahead of streams.
	prefetchBytes = 8 << 10
	// leftoverBytes is how much of a body that nobody wants is read to keep the
	// connection, and leftoverTime for how long.
	leftoverBytes = 256 << 10
	leftoverTime  = 250 * time.Millisecond
)

// Body returns the request's body. It is a view of the request's buffer: valid
// until the handler returns; copy it to keep it. It must not be changed.
//
// The body is read before the endpoint runs, and by middleware that asks for it
// earlier. If it cannot be read (too long, too slow, malformed), Body returns nil in
// middleware, and the request is answered with that error in place of the endpoint.
// On a [StreamBody] route Body reads what is left of the body, and returns nil if that
// fails or is more than Config.MaxBodyBytes: there, use [Ctx.BodyReader].
func (c *Ctx) Body() []byte {
	c.check()
	b, err := c.body()
	if err != nil {
		return nil
	}
	return b
}

// BodyReader returns the request's body as a reader, which ends with io.EOF. On a
// [StreamBody] route it reads from the connection, and each call returns the same
// reader; elsewhere it reads what Body returns. Its errors are of type [*Error], to be
// returned by the handler: 413 beyond the route's limit, 408 when the client is too
// slow, 400 when the body is malformed or ends early. It is for one goroutine at a
// time, and gives [ErrRequestDone] once the request has ended.
func (c *Ctx) BodyReader() io.Reader {
	c.check()
	if c.streamsBody() && c.bodyPending() {
		b := c.openBody()
		b.lent = true
		return b
	}
	b, err := c.body()
	if err != nil {
		return failedReader{err}
	}
	return bytes.NewReader(b)
}

// failedReader is a body that could not be read.
type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }

// bodyPending reports whether there may be something of the body to read.
func (c *Ctx) bodyPending() bool {
	return c.rc.Request.IsBodyStream() || c.cold.body != nil || c.cold.expect != nil
}

// streamsBody reports whether the route gets its body piece by piece.
func (c *Ctx) streamsBody() bool { return c.ep != nil && c.ep.options != nil && c.ep.options.stream }

// LimitBody lowers the bound of the request's body, before and after it is decompressed, to
// n bytes; what is allowed already is never raised, and a negative n counts as 0. A
// body that is announced to be longer, or has been read and is, gives an error of status
// 413, to be returned. One that turns out to be is answered so in place of the endpoint, or
// by the reader of a [StreamBody] route.
func (c *Ctx) LimitBody(n int64) error {
	c.check()
	n = max(n, 0)
	if c.cold.limited && c.cold.limit <= n {
		return nil
	}
	c.cold.used = true
	c.cold.limited, c.cold.limit = true, n
	if b := c.cold.body; b != nil {
		b.lower(n)
	}
	switch {
	case c.announcesTooMuch(), !c.bodyPending() && int64(len(c.rc.Request.Body())) > n:
		return errBodyTooLarge
	}
	return nil
}

// bodyLimit returns the most bytes that the body may have.
func (c *Ctx) bodyLimit() int64 {
	most := int64(c.server.set.MaxBodyBytes)
	if c.ep != nil && c.ep.options != nil && c.ep.options.limit != 0 {
		most = c.ep.options.limit
	}
	if c.cold.limited {
		most = min(most, c.cold.limit)
	}
	return most
}

// announcesTooMuch reports whether the declared length of the body is beyond its limit. The
// connection of one that has not been read is then closed.
func (c *Ctx) announcesTooMuch() bool {
	if int64(c.rc.Request.Header.ContentLength()) <= c.bodyLimit() {
		return false
	}
	if c.bodyPending() {
		c.openBody() // which has failed
	}
	return true
}

// body returns the whole body.
func (c *Ctx) body() ([]byte, error) {
	if c.bodyPending() {
		if err := c.readBody(); err != nil {
			return nil, err
		}
	}
	if c.server.set.DecompressBodies && !c.streamsBody() {
		if err := c.decompress(); err != nil {
			return nil, err
		}
	}
	return c.rc.Request.Body(), nil
}

// readBody reads the body into memory, where Request.Body finds it.
func (c *Ctx) readBody() error {
	req := &c.rc.Request
	if c.cold.body == nil && c.cold.expect == nil {
		n := req.Header.ContentLength()
		if int64(n) <= c.bodyLimit() && c.server.live.hasWhole(c.rc) {
			_ = req.CloseBodyStream() // it only read from the buffer that Body returns
			return nil
		}
		if n > 0 && n <= prefetchBytes && int64(n) <= c.bodyLimit() && stateOf(c.rc.Conn()) == nil {
			return c.readShort(n)
		}
	}
	return c.openBody().buffer()
}

// readShort reads a short body of a foreign server's request: it may well have come
// along with the header, which would be much to do for a bodyReader.
func (c *Ctx) readShort(n int) error {
	c.bodyBuf = slices.Grow(c.bodyBuf[:0], n)[:n]
	if _, err := io.ReadFull(c.rc.Request.BodyStream(), c.bodyBuf); err != nil {
		b := c.openBody()
		b.lost, b.failed = true, bodyFailure(err)
		c.rc.Request.SetBodyRaw([]byte{})
		return b.failed
	}
	c.rc.Request.SetBodyRaw(c.bodyBuf)
	return nil
}

// admit has the body read that the endpoint expects in memory, or returns why the
// endpoint must not run.
func (c *Ctx) admit() error {
	b := c.cold.body
	switch {
	case c.ep.options == nil:
		return nil // what answers in place of a route needs no body
	case b != nil && b.failed != nil:
		return b.failed // middleware has met it
	case b == nil && c.announcesTooMuch():
		return errBodyTooLarge
	case !c.ep.eager:
		return nil
	}
	if _, err := c.body(); err != nil {
		return err
	}
	if int64(len(c.rc.Request.Body())) > c.bodyLimit() { // a foreign server has read it
		return errBodyTooLarge
	}
	return nil
}

// expectsBody reports whether a request with that Content-Length, in fasthttp's
// words, has a body.
func expectsBody(length int) bool { return length > 0 || length == -1 }

// leaveBody ends the request's claim on a body that may not have been read to its
// end: the connection is kept if little is left, which is skipped, else it is closed
// behind the answer.
func (c *Ctx) leaveBody() {
	req := &c.rc.Request
	if c.cold.hijack != nil {
		c.openBody().close() // the connection ends with its new owner, who may outlive c.rc
		return
	}
	if bridgedRequest(c.rc.Conn()) != nil {
		c.leaveBridged()
		return
	}
	if c.cold.body == nil && c.cold.expect == nil && c.server.live.hasWhole(c.rc) {
		_ = req.CloseBodyStream()
		return
	}
	if c.cold.expect.waits() {
		c.openBody().settle(c.cold.stream != nil && c.streamsBody())
	}
	if c.rc.Hijacked() {
		return // by Ctx.Raw, or to be cut
	}
	switch c.openBody().leave(c.cold.stream == nil) {
	case bodyEnded:
	case bodyTooSlow:
		c.rc.SetConnectionClose()
	default:
		closeAfter(c.rc)
	}
}

// leaveBridged leaves the rest of a body to net/http's server.
func (c *Ctx) leaveBridged() {
	if b := c.cold.body; b != nil {
		if b.failed != nil {
			c.rc.SetConnectionClose()
		}
		return // what it has become may still read it
	}
	_ = c.rc.Request.CloseBodyStream()
}

// hasWhole reports whether fasthttp has read the whole body of a request already. Of a
// foreign server's requests that is not known.
func (s *server) hasWhole(rc *fasthttp.RequestCtx) bool {
	return stateOf(rc.Conn()) != nil && s.prefetched(&rc.Request)
}

// prefetched reports whether fasthttp has read the whole body, given that the
// connection is ours.
func (s *server) prefetched(req *fasthttp.Request) bool {
	if !req.IsBodyStream() {
		return true
	}
	n := req.Header.ContentLength()
	return s.prefetches && n >= 0 && n <= prefetchBytes
}

// streams reports whether fasthttp hands bodies over as streams, as Engine.Server has
// it; its user may have changed that before it served.
func (s *server) streams() bool { return s.srv.StreamRequestBody }

// bodyConfig tells fasthttp how much of a body to read before the request is handled:
// all of a short one, else the least possible, a byte. Of one that no route takes
// there is not even that to wait for: it is declared to have chunks, of which nothing is
// read ahead, and dispatch finds out (restoreLength).
func (s *server) bodyConfig(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	n := h.ContentLength()
	if n <= 0 {
		return fasthttp.RequestConfig{}
	}
	most := max(s.engine.routes.Load().bodyMost, int64(s.engine.set.MaxBodyBytes))
	switch {
	case !s.streams():
		return fasthttp.RequestConfig{MaxRequestBodySize: int(min(most, math.MaxInt))}
	case n <= prefetchBytes && int64(n) <= most:
		return fasthttp.RequestConfig{MaxRequestBodySize: prefetchBytes}
	case int64(n) > most && len(h.Peek(fasthttp.HeaderExpect)) == 0:
		h.SetContentLength(-1)
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: 1}
}

// restoreLength undoes what bodyConfig has done to a body that is too long for every
// route, so that the request can be answered without reading it.
func (c *Ctx) restoreLength(h *fasthttp.RequestHeader) {
	h.SetContentLength(declaredLength(h.RawHeaders()))
	c.cold.used = true
	c.cold.body = &bodyReader{c: c, failed: errBodyTooLarge, lost: true}
}
