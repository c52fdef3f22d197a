package geist

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

var (
	_ http.ResponseWriter = (*exchange)(nil)
	_ http.Flusher        = (*exchange)(nil)
	_ http.Hijacker       = (*exchange)(nil)
	_ io.StringWriter     = (*exchange)(nil)
)

// errHandlerOver is what writing gives once the handler has returned.
var errHandlerOver = errors.New("geist: the handler has returned")

// Header returns the fields of the answer. Those that middleware has set are in it.
func (x *exchange) Header() http.Header {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.header == nil {
		x.header = http.Header{}
		if !x.over && !x.hijacked {
			x.loadHeader()
		}
	}
	return x.header
}

// loadHeader makes x.header that of the response.
func (x *exchange) loadHeader() {
	clear(x.header)
	copyHeader(x.header, &x.c.rc.Response.Header)
	x.stored = true
}

// copyHeader adds the fields of h that are not about framing to header.
func copyHeader(header http.Header, h *fasthttp.ResponseHeader) {
	for k, v := range h.All() {
		switch string(k) {
		case fasthttp.HeaderConnection, fasthttp.HeaderContentLength, fasthttp.HeaderTransferEncoding:
		default:
			header.Add(string(k), string(v))
		}
	}
}

// storeHeader makes the response's fields those of x.header.
func (x *exchange) storeHeader() {
	if x.header == nil {
		return
	}
	h := &x.c.rc.Response.Header
	if x.stored {
		clearHeader(h)
	}
	x.stored = true
	for key, values := range x.header {
		if len(values) == 0 || !validToken(key) {
			continue
		}
		switch http.CanonicalHeaderKey(key) {
		case fasthttp.HeaderContentType:
			h.SetContentType(fieldValue(strings.TrimSpace(values[0])))
		case fasthttp.HeaderConnection:
			if equalFold(values[0], "close") {
				x.c.rc.SetConnectionClose()
			} else {
				h.Set(key, fieldValue(values[0]))
			}
		case fasthttp.HeaderContentLength, fasthttp.HeaderTransferEncoding, fasthttp.HeaderTrailer:
			// framing is the server's
		default:
			h.Del(key)
			for _, v := range values {
				h.Add(key, fieldValue(strings.TrimSpace(v)))
			}
		}
	}
}

// clearHeader removes the fields that copyHeader sees.
func clearHeader(h *fasthttp.ResponseHeader) {
	names := make([]string, 0, 16)
	for k := range h.All() {
		if s := string(k); s != fasthttp.HeaderConnection {
			names = append(names, s)
		}
	}
	for _, k := range names {
		h.Del(k)
	}
}

// WriteHeader sets the status and what has been set of the header. Only the first
// call counts, but that 103 sends the Link fields at once, as [Ctx.EarlyHints] does;
// other informational statuses are ignored.
func (x *exchange) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status)) // as net/http has it
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case status == http.StatusEarlyHints:
		x.earlyHints()
	case status >= 200 || status == http.StatusSwitchingProtocols:
		x.writeHeader(status)
	}
}

// earlyHints sends what of the header a client can use before the answer. The
// connection's goroutine waits, so that nothing else is written.
func (x *exchange) earlyHints() {
	if x.began || x.over || x.hijacked {
		return
	}
	x.storeHeader()
	_ = x.c.sendHints() // a connection that is broken shows when the answer is written
}

func (x *exchange) writeHeader(status int) {
	if x.began || x.over || x.hijacked {
		return
	}
	x.began = true
	x.storeHeader()
	x.c.rc.Response.SetStatusCode(status)
	x.noBody = !hasBody(status)
	x.sniff = !x.noBody && x.untyped()
	if v := x.header.Get(fasthttp.HeaderContentLength); v != "" {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			x.declared = n
		}
	}
}

// untyped reports whether the answer's type has to be found out.
func (x *exchange) untyped() bool {
	if x.header == nil {
		h := &x.c.rc.Response.Header
		return len(h.ContentType()) == 0 && len(h.ContentEncoding()) == 0
	}
	_, typed := x.header[fasthttp.HeaderContentType] // a nil value asks for none
	return !typed && x.header.Get(fasthttp.HeaderContentEncoding) == ""
}

// Write adds to the body. After the first flush it fails as [StreamWriter.Write] does.
func (x *exchange) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.mayWrite(p); err != nil {
		return 0, err
	}
	if x.out != nil {
		return x.out.Write(p)
	}
	if !x.discards() {
		x.c.rc.Response.AppendBody(p)
	}
	return len(p), nil
}

// WriteString is Write for a string.
func (x *exchange) WriteString(s string) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.mayWrite(unsafestring.Bytes(s)); err != nil {
		return 0, err
	}
	if x.out != nil {
		return x.out.WriteString(s)
	}
	if !x.discards() {
		x.c.rc.Response.AppendBodyString(s)
	}
	return len(s), nil
}

// mayWrite begins the answer, and opens its stream if p makes it too long to collect.
func (x *exchange) mayWrite(p []byte) error {
	n := len(p)
	if x.hijacked {
		return http.ErrHijacked
	}
	if x.over {
		return errHandlerOver
	}
	x.writeHeader(http.StatusOK)
	if n == 0 {
		return nil
	}
	if x.noBody {
		return http.ErrBodyNotAllowed
	}
	if x.declared >= 0 && x.written+int64(n) > x.declared {
		return http.ErrContentLength
	}
	x.written += int64(n)
	if x.out != nil || x.written <= httpBufferBytes {
		return nil
	}
	if x.sniff {
		x.detectType(append(x.c.rc.Response.Body(), p[:min(n, sniffBytes)]...)) // beyond the length of the body
	}
	if x.head {
		return nil
	}
	return x.openStream()
}

// discards reports whether the body is only counted, but for what tells its type.
func (x *exchange) discards() bool {
	return x.head && x.written > httpBufferBytes
}

// Flush is FlushError without an error.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError sends what has been written. It fails once the client has gone.
func (x *exchange) FlushError() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.hijacked {
		return http.ErrHijacked
	}
	if x.over {
		return errHandlerOver
	}
	if x.passed && x.out == nil {
		return nil // the answer is the chain's
	}
	x.writeHeader(http.StatusOK)
	if x.noBody {
		return nil
	}
	if x.out == nil {
		if err := x.openStream(); err != nil {
			return err
		}
	}
	return x.out.Flush()
}

// openStream gives the turn back, so that the chain returns and the header is sent,
// and writes what was collected to the stream.
func (x *exchange) openStream() error {
	resp := &x.c.rc.Response
	x.detectType(resp.Body())
	collected := resp.SwapBody(nil)
	x.resume = make(chan struct{})
	x.turn <- turnStream
	<-x.resume
	_, err := x.out.Write(collected)
	return err
}

// complete ends an answer that was collected.
func (x *exchange) complete() {
	if x.passed {
		return
	}
	x.writeHeader(http.StatusOK)
	resp := &x.c.rc.Response
	switch n := x.declared; {
	case x.noBody:
	case x.head:
		x.detectType(resp.Body())
		resp.ResetBody()
		if n < 0 {
			n = x.written
		}
		if n > 0 || x.declared == 0 {
			resp.Header.SetContentLength(int(n))
		}
	case n > x.written:
		// A body shorter than announced: what there is, and the end of the connection.
		x.detectType(resp.Body())
		body := resp.SwapBody(nil)
		x.c.setStream(&bodyStream{w: StreamWriter{c: x.c}, size: int(n), f: func(w *StreamWriter) error {
			_, err := w.Write(body)
			return err
		}})
	default:
		x.detectType(resp.Body())
	}
}

// detectType sets the Content-Type that the beginning of the body suggests.
func (x *exchange) detectType(body []byte) {
	if x.sniff && len(body) > 0 {
		x.sniff = false
		x.c.rc.Response.Header.SetContentType(http.DetectContentType(body))
	}
}

// answer is what the handlers behind middleware have answered.
type answer struct {
	status int
	header http.Header
	body   []byte
	stream *bodyStream // of a file, too
	live   bool        // the stream is flushed as it goes
}

// takeAnswer takes the answer out of the response, as if there had been none. A stream
// stays one, however long it is; only a body that somebody gave to fasthttp itself
// ([Ctx.Raw]) is collected, since fasthttp does not let go of it.
func (x *exchange) takeAnswer() *answer {
	resp := &x.c.rc.Response
	a := &answer{status: resp.StatusCode(), header: http.Header{}, stream: x.c.cold.stream}
	copyHeader(a.header, &resp.Header)
	switch file, isFile := resp.BodyStream().(*fileBody); {
	case a.stream != nil:
		a.live = true
		a.stream.ran = true // it is not dropped
		resp.ResetBody()
	case isFile && x.head:
		a.header.Set(fasthttp.HeaderContentLength, strconv.Itoa(resp.Header.ContentLength()))
		resp.ResetBody() // which closes the file
	case isFile:
		a.stream = file.takeFrom(x.c)
	default:
		a.body = x.collect()
		if n := resp.Header.ContentLength(); x.head && n > 0 && len(a.body) == 0 {
			a.header.Set(fasthttp.HeaderContentLength, strconv.Itoa(n))
		}
		resp.SwapBody(nil) // whoever writes to the response now, the body is ours
	}
	if a.stream != nil && a.stream.size >= 0 {
		a.header.Set(fasthttp.HeaderContentLength, strconv.Itoa(a.stream.size))
	}
	clearHeader(&resp.Header)
	resp.SetStatusCode(fasthttp.StatusOK)
	return a
}

// collect returns the response's body. One that cannot be read to its end cuts the
// connection: fasthttp would make the text of the error the body.
func (x *exchange) collect() []byte {
	resp := &x.c.rc.Response
	if !resp.IsBodyStream() {
		return resp.Body()
	}
	body, err := io.ReadAll(resp.BodyStream())
	if err != nil {
		x.c.logFailure(resp.StatusCode(), err)
		panic(http.ErrAbortHandler)
	}
	return body
}

// replay writes the answer to the middleware's writer.
func (a *answer) replay(w http.ResponseWriter) {
	performed := false
	defer func() {
		if s := a.stream; s != nil && !performed && s.dropped != nil {
			s.dropped() // the writer has panicked: nobody waits for the stream any more
		}
	}()
	h := w.Header()
	clear(h)
	maps.Copy(h, a.header)
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // a client that has gone is nobody's news
	}
	if s := a.stream; s != nil {
		performed = true
		s.w.out = w
		if a.live {
			s.w.flush = flushController{http.NewResponseController(w)}
		}
		if s.perform() != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// flushController flushes a writer that middleware has wrapped, if it can be.
type flushController struct{ *http.ResponseController }

func (f flushController) Flush() error {
	if err := f.ResponseController.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
