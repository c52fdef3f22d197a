package geist

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// bodyReader reads a request's body from the connection: no more than the limit, no
// slower than the timeouts allow, and not beyond the request's end. It is made when
// the body is first needed. Its lock is for readers that outlive their handler, and
// would otherwise read somebody else's request.
type bodyReader struct {
	c *Ctx

	mu     sync.Mutex
	begun  bool                    // guarded by mu
	done   bool                    // guarded by mu; the end of the body was seen
	lost   bool                    // guarded by mu; nothing more can be read from the connection
	over   bool                    // guarded by mu; the request has ended
	failed error                   // guarded by mu; what every Read returns from now on
	most   int64                   // guarded by mu; the limit
	left   int64                   // guarded by mu; of the limit
	rest   int64                   // guarded by mu; of the declared length; -1 if it has chunks
	header *fasthttp.RequestHeader // guarded by mu; before trailers came; nil without chunks
	slow   bool                    // ReadTimeout bounds each read, not all of them
	lent   bool                    // Ctx.BodyReader has returned it
	armed  int64                   // guarded by mu; the clock when the deadline was set
}

// openBody returns the reader of the request's body.
func (c *Ctx) openBody() *bodyReader {
	if c.cold.body == nil {
		b := getBodyReader()
		b.c, b.rest, b.slow = c, int64(c.rc.Request.Header.ContentLength()), c.streamsBody()
		b.most = c.bodyLimit()
		b.left = b.most
		if b.rest > b.left {
			b.failed = errBodyTooLarge
		}
		c.cold.used = true
		c.cold.body = b
	}
	return c.cold.body
}

var bodyReaders = sync.Pool{New: func() any { return new(bodyReader) }}

func getBodyReader() *bodyReader { return bodyReaders.Get().(*bodyReader) }

// putBodyReader takes a reader back that has ended, unless a handler may have kept it.
func putBodyReader(b *bodyReader) {
	if b.lent || debugCtx {
		return
	}
	*b = bodyReader{}
	bodyReaders.Put(b)
}

// Read reads from the connection.
func (b *bodyReader) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read(p)
}

func (b *bodyReader) read(p []byte) (int, error) {
	switch {
	case b.over:
		return 0, ErrRequestDone
	case b.failed != nil:
		return 0, b.failed
	case b.done:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if b.left < math.MaxInt64 && int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // a byte more tells whether there is more
	}
	n, err := b.fetch(p)
	if int64(n) > b.left {
		n, err = int(b.left), errBodyTooLarge
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// lower lowers the limit of the whole body to n, if that is less than it was.
func (b *bodyReader) lower(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n >= b.most {
		return
	}
	b.left -= b.most - n
	b.most = n
	if b.failed == nil && (b.left < 0 || b.rest > b.left) {
		b.failed = errBodyTooLarge
	}
	b.left = max(b.left, 0)
}

// fetch reads from the connection without regard to the limit.
func (b *bodyReader) fetch(p []byte) (int, error) {
	if b.lost {
		return 0, errBodyCut
	}
	if !b.begun {
		if err := b.begin(); err != nil {
			b.lost = true
			return 0, err
		}
	}
	if b.slow {
		b.renew()
	}
	n, err := b.c.rc.Request.BodyStream().Read(p)
	if b.rest >= 0 {
		b.rest -= int64(n)
	}
	switch {
	case err == io.EOF && b.rest < 0 && connEnded(b.c.rc.Conn()):
		// fasthttp takes chunks that are cut short for the whole.
		b.lost = true
		return n, errBodyCut
	case b.rest == 0 || err == io.EOF && b.rest < 0:
		b.end()
		return n, io.EOF
	case err != nil:
		b.lost = true
		return n, bodyFailure(err)
	}
	return n, nil
}

// connEnded reports whether the client has closed its side, as far as is known: what
// has its end is not read beyond.
func connEnded(conn net.Conn) bool {
	st := stateOf(conn)
	return st != nil && st.ended
}

var (
	errBodyCut     = NewError(fasthttp.StatusBadRequest, "the body ended early")
	errBodyUnasked = NewError(fasthttp.StatusBadRequest, "the client was not told to send the body: read it before the answer")
)

// bodyFailure turns an error of reading a body into an answer.
func bodyFailure(err error) *Error {
	_, small := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	_, large := errors.AsType[*http.MaxBytesError](err) // somebody's around HTTPHandler
	switch {
	case timedOut(err):
		return errReadTimeout
	case small:
		return tooLong(err.Error()) // trailers
	case large:
		return errBodyTooLarge
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBodyCut
	}
	return errMalformed
}

// begin prepares the first read: a client that waits for it is told to go on.
func (b *bodyReader) begin() error {
	b.begun = true
	if x := b.c.cold.expect; x != nil {
		if err := x.proceed(); err != nil {
			return err
		}
	}
	if !b.c.rc.Request.IsBodyStream() {
		return errBodyCut
	}
	if b.rest < 0 {
		b.header = new(fasthttp.RequestHeader)
		b.c.rc.Request.Header.CopyTo(b.header)
	}
	if b.slow {
		return nil
	}
	// Otherwise connState.armRead has the time left, of which much of a body that has come
	// already needs none.
	until := b.c.cold.until
	if until.IsZero() {
		return nil
	}
	conn := b.c.rc.Conn()
	if st := stateOf(conn); st == nil {
		_ = conn.SetReadDeadline(until)
	} else if st.inBody {
		_ = conn.SetReadDeadline(b.soonest(st.bodyTime)) // a closed connection fails to read
	}
	return nil
}

// renew gives the client ReadTimeout for some progress. While the clock of our own
// connections shows the same tick, the deadline stays.
func (b *bodyReader) renew() {
	conn := b.c.rc.Conn()
	st := stateOf(conn)
	timeout := b.c.server.set.ReadTimeout
	if st != nil {
		timeout = st.live.readTimeout
	}
	now := b.c.server.live.clock.nanos()
	if now == b.armed || timeout <= 0 && b.c.cold.until.IsZero() || bridgedRequest(conn) != nil && b.c.cold.until.IsZero() {
		return
	}
	b.armed = now
	_ = conn.SetReadDeadline(b.soonest(timeout)) // a closed connection fails to read
}

// soonest returns the end of timeout, or of the route's own time if that is sooner;
// no time if neither is bounded.
func (b *bodyReader) soonest(timeout time.Duration) (t time.Time) {
	if timeout > 0 {
		t = time.Now().Add(timeout)
	}
	if until := b.c.cold.until; !until.IsZero() && (t.IsZero() || until.Before(t)) {
		t = until
	}
	return t
}

// end notes that the body was read to its end. Its trailers are dropped: fasthttp
// adds them to the header, where a client could pass on what a proxy removes from
// headers (RFC 9110 §6.5.1).
func (b *bodyReader) end() {
	b.done = true
	h := &b.c.rc.Request.Header
	if b.header != nil && (h.Len() != b.header.Len() || len(h.PeekTrailerKeys()) > 0) {
		b.header.CopyTo(h)
	}
	b.header = nil
	conn := b.c.rc.Conn()
	if st := stateOf(conn); st != nil {
		st.bodyRead()
	} else if (b.armed != 0 || !b.c.cold.until.IsZero()) && conn != nil {
		_ = conn.SetReadDeadline(time.Time{}) // it was ours, and the next request's is its server's
	}
}

// firstBodyBytes is where the buffer of a body begins to grow.
const firstBodyBytes = 16 << 10

// buffer reads all that is left into memory, which grows with what comes, and makes it
// the request's body.
func (b *bodyReader) buffer() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	req := &b.c.rc.Request
	if b.failed == nil && !req.IsBodyStream() && b.begun {
		return nil // it has been
	}
	if most := int64(b.c.server.set.MaxBodyBytes); b.slow && b.left > most {
		b.most, b.left = most, most
	}
	if b.failed == nil && b.rest > b.left {
		b.failed = errBodyTooLarge
	}
	buf := b.c.bodyBuf[:0]
	b.c.bodyBuf = nil // it may be another's from here on, also if a read panics
	if n := b.rest; b.failed == nil && n > int64(max(cap(buf), firstBodyBytes)) && n <= mostAhead {
		large := &b.c.server.large
		if whole, ok := large.giveAhead(int(n)); ok {
			defer large.endAhead(int(n))
			large.put(buf)
			buf = whole
		}
	}
	for {
		if len(buf) == cap(buf) {
			buf = b.c.server.large.grow(buf, b.growth(len(buf)))
		}
		n, err := b.read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			b.c.bodyBuf = buf
			b.lost = true
			req.SetBodyRaw([]byte{}) // so that nobody reads on by Ctx.Raw
			return err
		}
	}
	b.c.bodyBuf = buf
	if buf == nil {
		buf = []byte{}
	}
	req.SetBodyRaw(buf) // which closes the stream
	return nil
}

// growth returns how much a full buffer of size n is to grow by: thrice what has come, but no
// more than is announced. Who holds memory must have sent a quarter of it, beyond what is
// given ahead (mostAhead).
func (b *bodyReader) growth(n int) int {
	more := max(3*n, firstBodyBytes)
	if b.rest >= 0 && int64(more) > b.rest {
		more = int(b.rest) + 1 // a byte more tells that there is no more
	}
	return more
}

// settle decides, when the chain has returned, about a client that waits before it sends
// the body: it is told to go on if the answer's stream may read, else nobody can any more.
func (b *bodyReader) settle(wanted bool) {
	if !b.mu.TryLock() {
		return // somebody reads, who has told it
	}
	defer b.mu.Unlock()
	switch {
	case b.failed != nil || b.begun:
	case !wanted:
		b.failed, b.lost = errBodyUnasked, true
	default:
		if err := b.begin(); err != nil {
			b.failed, b.lost = err, true
		}
	}
}

// How a body was left.
type leftBody uint8

const (
	bodyUnread  leftBody = iota // not to its end
	bodyEnded                   // the connection is where the next request begins
	bodyTooSlow                 // the client has not sent it in time
)

// leave reads what is left if that is wanted, and little, and comes soon.
func (b *bodyReader) leave(skip bool) leftBody {
	if !b.mu.TryLock() {
		return bodyUnread // somebody reads it although the handler has returned: close will end that
	}
	defer b.mu.Unlock()
	if skip {
		b.skip()
	}
	switch {
	case b.failed == errReadTimeout: //nolint:errorlint // as fetch returns it
		return bodyTooSlow
	case b.done && b.failed == nil:
		return bodyEnded
	}
	return bodyUnread
}

// skip reads what is left, if that is little.
func (b *bodyReader) skip() {
	if b.done || b.lost || b.failed != nil || b.rest > leftoverBytes || b.c.rc.Response.ConnectionClose() || b.c.cold.expect.waits() {
		return
	}
	b.begun, b.slow = true, false
	if conn := b.c.rc.Conn(); conn != nil {
		_ = conn.SetReadDeadline(time.Now().Add(leftoverTime))
		b.armed = 1
	}
	var scrap [4 << 10]byte
	for skipped := 0; skipped <= leftoverBytes; {
		n, err := b.fetch(scrap[:])
		skipped += n
		if err != nil {
			return
		}
	}
}

// close ends the reader with its request. A read that still waits is woken; its
// connection is not used again.
func (b *bodyReader) close() {
	if !b.mu.TryLock() {
		switch conn := b.c.rc.Conn().(type) {
		case netConn:
			conn.wake()
		case nil:
		default:
			_ = conn.SetReadDeadline(expired)
		}
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.over = true
	b.header = nil
	_ = b.c.rc.Request.CloseBodyStream()
}
