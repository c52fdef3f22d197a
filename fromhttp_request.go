package geist

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// request builds the request. Its strings stay valid for ever, also under
// Config.UnsafeStrings: net/http promises that.
func (x *exchange) request() (*http.Request, error) {
	c := x.c
	h := &c.rc.Request.Header
	if err := x.parseURL(); err != nil {
		return nil, errBadTarget.Wrap(err)
	}
	r := http.Request{
		Method: c.Method(), URL: &x.url, RequestURI: c.lasting(h.RequestURI()), Host: c.lasting(c.requestHost()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.requestHeader(), Close: h.ConnectionClose(), ContentLength: int64(h.ContentLength()),
		RemoteAddr: c.remoteAddr(), TLS: c.tlsState(), Pattern: c.Pattern(),
	}
	if !h.IsHTTP11() {
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	}
	switch {
	case r.ContentLength == -1:
		r.TransferEncoding = []string{"chunked"}
	case r.ContentLength < 0: // fasthttp's word for none
		r.ContentLength = 0
	}
	switch {
	case c.bodyPending() && expectsBody(h.ContentLength()):
		x.body.r = &pendingBody{c: c}
		r.Body = &x.body
	case len(c.rc.Request.Body()) > 0:
		x.body.b = c.rc.Request.Body()
		r.Body = &x.body
		if r.ContentLength == 0 {
			r.ContentLength = int64(len(x.body.b))
		}
	default:
		r.Body = http.NoBody
	}
	if c.ep != nil {
		for _, name := range c.ep.names {
			if v := c.Param(name); v != "" {
				r.SetPathValue(name, v)
			}
		}
	}
	if c.hostParam != "" {
		r.SetPathValue(c.hostParam, c.Param(c.hostParam))
	}
	return r.WithContext(&x.ctx), nil
}

// parseURL sets x.url from what was matched: what is authorised by Ctx.Path is what
// the handler serves.
func (x *exchange) parseURL() error {
	c := x.c
	target := c.rc.Request.Header.RequestURI()
	query := c.rc.URI().QueryString()
	force := len(query) == 0 && bytes.HasSuffix(target, []byte{'?'})
	if !c.absolute && plainURLPath(c.raw) {
		x.url = url.URL{Path: c.lasting(unsafestring.Bytes(c.raw)), RawQuery: c.lasting(query), ForceQuery: force}
		return nil
	}
	raw := c.raw
	if c.asterisk {
		raw = "*"
	}
	u, err := url.ParseRequestURI(strings.Clone(raw))
	if err != nil {
		return err
	}
	x.url = *u
	x.url.RawQuery, x.url.ForceQuery = c.lasting(query), force
	if c.absolute {
		x.url.Scheme = c.lasting(c.rc.URI().Scheme())
		x.url.Host = c.lasting(c.requestHost())
	}
	return nil
}

// plainURLPath reports whether net/url would take path as it is: all of it stands
// for itself, decoded or encoded.
func plainURLPath(path string) bool {
	for i := range len(path) {
		switch b := path[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '/', b == '-', b == '.', b == '_':
		case b == '~', b == '$', b == '&', b == '+', b == ',', b == ':', b == ';', b == '=', b == '@':
		default:
			return false
		}
	}
	return len(path) > 0 && path[0] == '/'
}

// lasting returns b as a string that stays valid, whatever Config.UnsafeStrings says.
func (c *Ctx) lasting(b []byte) string {
	if c.server.set.UnsafeStrings {
		return string(b)
	}
	return c.keep(b)
}

// requestHeader returns the request's header fields as net/http has them: without
// Host and Transfer-Encoding.
func (c *Ctx) requestHeader() http.Header {
	h := &c.rc.Request.Header
	n := h.Len()
	header := make(http.Header, n)
	values := make([]string, 0, n)
	for k, v := range h.All() {
		key := unsafestring.String(k)
		if key == fasthttp.HeaderHost || key == fasthttp.HeaderTransferEncoding || key == fasthttp.HeaderConnection && !h.IsHTTP11() {
			continue // fasthttp says close of each HTTP/1.0 request
		}
		value := c.lasting(v)
		if have, ok := header[key]; ok {
			header[key] = append(have, value) // the key that is there stays
			continue
		}
		if key = commonHeader(k); key == "" {
			key = c.lasting(k)
		}
		if len(values) == cap(values) { // the number of cookies is not that of fields
			header[key] = []string{value}
			continue
		}
		values = append(values, value)
		header[key] = values[len(values)-1 : len(values) : len(values)]
	}
	return header
}

// commonHeader returns a constant for the names that most requests have, or "".
func commonHeader(k []byte) string {
	switch string(k) {
	case "Accept":
		return "Accept"
	case "Accept-Encoding":
		return "Accept-Encoding"
	case "Accept-Language":
		return "Accept-Language"
	case "Authorization":
		return "Authorization"
	case "Cache-Control":
		return "Cache-Control"
	case "Connection":
		return "Connection"
	case "Content-Length":
		return "Content-Length"
	case "Content-Type":
		return "Content-Type"
	case "Cookie":
		return "Cookie"
	case "Origin":
		return "Origin"
	case "Referer":
		return "Referer"
	case "User-Agent":
		return "User-Agent"
	case "X-Forwarded-For":
		return "X-Forwarded-For"
	}
	return ""
}

// remoteAddr returns the address of the connection's other end as text, which our own
// connections remember.
func (c *Ctx) remoteAddr() string {
	st := stateOf(c.rc.Conn())
	if st == nil {
		return c.rc.RemoteAddr().String()
	}
	facts := st.remembers()
	if facts.remote == "" {
		facts.remote = c.rc.RemoteAddr().String()
	}
	return facts.remote
}

// remembers returns what the connection knows of itself, for handlers of net/http.
func (s *connState) remembers() *connFacts {
	if s.facts == nil {
		s.facts = new(connFacts)
	}
	return s.facts
}

// tlsState returns the state of the connection's TLS, or nil without TLS.
func (c *Ctx) tlsState() *tls.ConnectionState {
	st := stateOf(c.rc.Conn())
	if st == nil || !c.rc.IsTLS() {
		return c.rc.TLSConnectionState()
	}
	facts := st.remembers()
	if facts.tls == nil {
		facts.tls = c.rc.TLSConnectionState()
	}
	return facts.tls
}

// pendingBody is a body that has not been read when the request is passed on to
// net/http's handlers. On routes that do not stream it, it is kept for the handlers to
// come when it is first read.
type pendingBody struct {
	c *Ctx
	r io.Reader
}

func (b *pendingBody) Read(p []byte) (int, error) {
	if b.r == nil {
		b.r = b.c.BodyReader()
	}
	return b.r.Read(p)
}

// requestBody reads a request's body from the request's own buffer. It ends with the
// handler, also for goroutines that read on.
type requestBody struct {
	mu     sync.Mutex
	b      []byte    // guarded by mu; what is left
	r      io.Reader // guarded by mu; in place of b, where the body has not been read
	closed bool      // guarded by mu
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case b.r != nil:
		return b.r.Read(p)
	case len(b.b) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.b)
	b.b = b.b[n:]
	return n, nil
}

// Close ends reading. The rest of the body is the engine's business.
func (b *requestBody) Close() error {
	b.end()
	return nil
}

func (b *requestBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b, b.r, b.closed = nil, nil, true
}

var _ io.ReadCloser = (*requestBody)(nil)
