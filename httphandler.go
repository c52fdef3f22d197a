package geist

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// HTTPHandler returns the engine as a handler of net/http, to stand in a server, a mux
// or a test of that, over HTTP/1 and HTTP/2 alike. The server's limits apply to what
// it reads, and of Config those on the target, header, fields and body, with the same
// answers. Bodies are read as the engine's own are. Streams are flushed as they come. Ctx.Context has the values of the
// request's context and ends with it, with the cause [ErrClientGone]. Behind
// http.StripPrefix, routes match what is left. WebSockets, and handlers of net/http that
// hijack, take the connection from the server (http.Hijacker); over HTTP/2, which has none
// to take, they answer 501.
//
// The engine owns no connection here: whoever runs the server shuts that down, then
// calls [Engine.Shutdown]. HTTPHandler panics with the error of Check, if there is
// one, and ends registration.
func (e *Engine) HTTPHandler() http.Handler {
	if err := e.freeze(); err != nil {
		panic(err)
	}
	b := &bridge{e: e}
	b.pool.New = func() any { return new(bridged) }
	return b
}

// bridge serves an engine inside net/http.
type bridge struct {
	e    *Engine
	pool sync.Pool // of *bridged
}

// bridged is one request of net/http as fasthttp has it.
type bridged struct {
	rc fasthttp.RequestCtx
}

// ServeHTTP answers a request.
func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := b.pool.Get().(*bridged)
	defer b.put(x)
	x.rc.Init2(newBridgedConn(w, r), serverLog{&b.e.set}, false)
	x.rc.Response.Header.SetNoDefaultContentType(true)
	if err := x.fill(r, &b.e.set); err != nil {
		refuseBridged(w, err)
		return
	}
	b.e.serve(&x.rc)
	if c := bridgedOf(x.rc.Conn()); c.takeover != nil {
		c.giveAway()
		return
	}
	if x.rc.Hijacked() || !x.answer(w, r) {
		panic(http.ErrAbortHandler)
	}
}

// put gives x back without what it held.
func (b *bridge) put(x *bridged) {
	_ = x.rc.Response.CloseBodyStream() // after a panic of w
	x.rc.Hijack(nil)
	x.rc.HijackSetNoResponse(false)
	x.rc.Request.Reset()
	x.rc.Response.Reset()
	x.rc.Init2(nil, nil, false)
	b.pool.Put(x)
}

// fill makes fasthttp's request of r.
func (x *bridged) fill(r *http.Request, set *settings) *Error {
	h := &x.rc.Request.Header
	h.SetMethod(r.Method)
	target := r.URL.RequestURI()
	if target[0] != '/' && target != "*" {
		target = "/" + target // what http.StripPrefix leaves
	}
	h.SetRequestURI(target)
	h.SetHost(r.Host)
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		h.SetProtocol("HTTP/1.0")
	}
	size := 0
	for k, values := range r.Header {
		switch k {
		case fasthttp.HeaderHost, fasthttp.HeaderContentLength, fasthttp.HeaderTransferEncoding, fasthttp.HeaderTrailer:
			continue // told by fields of r
		}
		for _, v := range values {
			size += len(k) + len(": \r\n") + len(v)
			h.Add(k, v)
		}
	}
	if size > set.MaxHeaderBytes {
		return errHeaderTooLong
	}
	x.fillBody(r)
	return nil
}

// fillBody leaves the body to be read by who needs it.
func (x *bridged) fillBody(r *http.Request) {
	req := &x.rc.Request
	switch {
	case r.Body != nil && r.Body != http.NoBody:
		req.SetBodyStream(struct{ io.Reader }{r.Body}, int(r.ContentLength)) // net/http closes it
	case r.ContentLength == 0 && r.Header.Get(fasthttp.HeaderContentLength) != "":
		req.Header.SetContentLength(0)
	}
}

// refuseBridged answers a request that could not be read.
func refuseBridged(w http.ResponseWriter, err *Error) {
	h := w.Header()
	h.Set(fasthttp.HeaderConnection, "close")
	h.Set(fasthttp.HeaderContentType, "application/problem+json")
	w.WriteHeader(err.status)
	_, _ = w.Write(appendProblem(nil, err.status, err, GoJSON())) // a client that has gone is nobody's news
}

// answer writes fasthttp's response to w. It reports false if the body could not be
// completed.
func (x *bridged) answer(w http.ResponseWriter, r *http.Request) bool {
	resp := &x.rc.Response
	h := w.Header()
	header := http.Header{}
	copyHeader(header, &resp.Header)
	maps.Copy(h, header)
	if resp.Header.ConnectionClose() {
		h.Set(fasthttp.HeaderConnection, "close")
	}
	status := resp.StatusCode()
	if status == http.StatusSwitchingProtocols {
		status = http.StatusNotImplemented
	}
	noBody := r.Method == http.MethodHead || !hasBody(status)
	if resp.IsBodyStream() {
		return x.answerStream(w, status, noBody)
	}
	body := resp.Body()
	if n := max(len(body), resp.Header.ContentLength(), 0); n > 0 && r.Method == http.MethodHead || !noBody {
		h.Set(fasthttp.HeaderContentLength, strconv.Itoa(n))
	}
	if len(body) > 0 && len(resp.Header.ContentType()) == 0 {
		h[fasthttp.HeaderContentType] = nil // no sniffing: geist did not want a type
	}
	w.WriteHeader(status)
	if !noBody {
		_, _ = w.Write(body) // a client that has gone is nobody's news
	}
	return true
}

// answerStream writes a stream, flushing it as it goes.
func (x *bridged) answerStream(w http.ResponseWriter, status int, noBody bool) bool {
	resp := &x.rc.Response
	s, ours := resp.BodyStream().(*bodyStream)
	if n := resp.Header.ContentLength(); n >= 0 && (!ours || s.size >= 0) {
		w.Header().Set(fasthttp.HeaderContentLength, strconv.Itoa(n))
	}
	if len(resp.Header.ContentType()) == 0 {
		w.Header()[fasthttp.HeaderContentType] = nil
	}
	w.WriteHeader(status)
	out := struct {
		io.Writer
		flushController
	}{w, flushController{http.NewResponseController(w)}}
	err := out.Flush()
	switch {
	case err != nil || noBody:
	case ours:
		_, err = s.WriteTo(out)
	default:
		_, err = io.Copy(w, resp.BodyStream())
	}
	return errors.Join(err, resp.CloseBodyStream()) == nil
}

// bridgedConn stands for the connection of a request of net/http.
type bridgedConn struct {
	r             *http.Request
	w             http.ResponseWriter
	control       *http.ResponseController
	local, remote net.Addr
	takeover      func(net.Conn) // who wants the real connection; see Ctx.hijack
}

// bridgedTLSConn is a bridgedConn with TLS, as fasthttp finds out.
type bridgedTLSConn struct{ bridgedConn }

var (
	_ net.Conn = (*bridgedConn)(nil)
	_ net.Conn = (*bridgedTLSConn)(nil)
)

func newBridgedConn(w http.ResponseWriter, r *http.Request) net.Conn {
	c := bridgedConn{r: r, w: w, control: http.NewResponseController(w), remote: addrOf(r.RemoteAddr)}
	if c.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr); c.local == nil {
		c.local = &net.TCPAddr{}
	}
	if r.TLS != nil {
		return &bridgedTLSConn{c}
	}
	return &c
}

// addrOf reads what net/http has made text of. A unix socket's is "@" or "".
func addrOf(s string) net.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return &net.UnixAddr{Net: "unix", Name: strings.TrimPrefix(s, "@")}
}

// bridgedOf returns conn if it stands for one of net/http's, else nil.
func bridgedOf(conn net.Conn) *bridgedConn {
	switch c := conn.(type) {
	case *bridgedConn:
		return c
	case *bridgedTLSConn:
		return &c.bridgedConn
	}
	return nil
}

// bridgedRequest returns the request that conn stands for, or nil.
func bridgedRequest(conn net.Conn) *http.Request {
	if c := bridgedOf(conn); c != nil {
		return c.r
	}
	return nil
}

// canTake reports whether net/http would give the connection away: not over HTTP/2, nor
// where middleware hides that it could.
func (c *bridgedConn) canTake() bool {
	for w := c.w; c.r.ProtoMajor == 1; {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
	return false
}

// giveAway gives the connection to who wants it, and returns when that is done with it.
func (c *bridgedConn) giveAway() {
	conn, rw, err := c.control.Hijack()
	if err != nil {
		c.takeover(nil)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Time{}) // the server's
	c.takeover(&aheadConn{conn, rw.Reader})
}

// aheadConn is a connection of net/http's of which something was read ahead.
type aheadConn struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what was read ahead first.
func (c *aheadConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// UnsafeConn returns the connection itself, as fasthttp's does.
func (c *aheadConn) UnsafeConn() net.Conn { return c.Conn }

// bridgedContext returns a context with the values of outer that ends with it, or
// with the engine.
func (s *server) bridgedContext(outer context.Context) (context.Context, context.CancelCauseFunc, tie) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(outer))
	t := tie{
		outer: context.AfterFunc(outer, func() {
			cause := ErrClientGone
			if errors.Is(outer.Err(), context.DeadlineExceeded) {
				cause = context.Cause(outer)
			}
			cancel(cause)
		}),
		base: context.AfterFunc(s.base, func() { cancel(ErrServerClosed) }),
	}
	return ctx, cancel, t
}

// errBridged is what using a connection of net/http's gives.
var errBridged = errors.New("geist: the connection belongs to net/http")

func (c *bridgedConn) Read([]byte) (int, error)    { return 0, errBridged }
func (c *bridgedConn) Write([]byte) (int, error)   { return 0, errBridged }
func (c *bridgedConn) Close() error                { return errBridged }
func (c *bridgedConn) LocalAddr() net.Addr         { return c.local }
func (c *bridgedConn) RemoteAddr() net.Addr        { return c.remote }
func (c *bridgedConn) SetDeadline(time.Time) error { return errBridged }

func (c *bridgedConn) SetReadDeadline(t time.Time) error  { return c.control.SetReadDeadline(t) }
func (c *bridgedConn) SetWriteDeadline(t time.Time) error { return c.control.SetWriteDeadline(t) }

// Handshake has been done by net/http's server.
func (c *bridgedTLSConn) Handshake() error { return nil }

// ConnectionState returns the state of the connection's TLS.
func (c *bridgedTLSConn) ConnectionState() tls.ConnectionState { return *c.r.TLS }
