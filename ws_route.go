package geist

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/outlet"
	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/internal/wsproto"
)

// DefaultCompressFrom is from which size on [Compression] compresses messages unless it
// says another: 512 bytes.
const DefaultCompressFrom = 512

// socketOptions are the options of a route for WebSockets.
type socketOptions struct {
	protocols    []string
	origins      []originPattern
	compressFrom int // 0 means no compression
}

// socketRoute is a compiled route for WebSockets.
type socketRoute struct {
	handler func(c *Ctx, ws *Conn) error
	options *socketOptions
	pattern string
}

// Subprotocols names the application protocols that a WebSocket route speaks. Of those
// that the client offers, the first that is among them is agreed on: [Conn.Subprotocol].
// A client that offers none of them gets a connection without one.
func Subprotocols(names ...string) RouteOption {
	names = slices.Clone(names)
	return optionFunc(func(o *routeOptions) {
		s := o.sockets()
		for _, name := range names {
			if !validToken(name) {
				o.problem("Subprotocols was given %q: use a token of RFC 9110", name)
			}
		}
		s.protocols = append(s.protocols, names...)
	})
}

// Origins lets browsers open a WebSocket route from pages of other hosts: exact origins
// ("https://app.example.com", with a port if it has one), all below a name
// ("https://*.example.com"), or "*" for every page of the web, which is only safe where
// nothing depends on cookies. Pages of the same host, and clients that send no Origin, are
// always let in; others get 403.
func Origins(patterns ...string) RouteOption {
	patterns = slices.Clone(patterns)
	return optionFunc(func(o *routeOptions) {
		s := o.sockets()
		for _, text := range patterns {
			p, ok := parseOriginPattern(text)
			if !ok {
				o.problem(`Origins was given %q: use "https://app.example.com", "https://*.example.com" or "*"`, text)
				continue
			}
			s.origins = append(s.origins, p)
		}
	})
}

// Compression lets a WebSocket route agree on permessage-deflate, for messages of at
// least that many bytes; 0 means 512. No state is kept between messages, so that an
// idle connection costs nothing more. Without it nothing is compressed. A client's message
// is bounded by WebSocketConfig.MaxMessageBytes before and after it is inflated.
func Compression(from int) RouteOption {
	return optionFunc(func(o *routeOptions) {
		if from < 0 {
			o.problem("Compression was given %d: use a number of bytes, or 0 for the default", from)
		}
		o.sockets().compressFrom = orDefault(from, DefaultCompressFrom)
	})
}

// sockets returns the options for WebSockets, made on first use.
func (o *routeOptions) sockets() *socketOptions {
	if o.socket == nil {
		o.socket = &socketOptions{}
	}
	return o.socket
}

// WS registers a route for WebSockets. The chain runs first: whoever does not call
// c.Next refuses the client with a plain answer, header fields that it sets are in the
// handshake's, and code behind c.Next runs before the first message. The handler is
// called at the chain's end, on a goroutine of its own; see [Conn] for when the request
// becomes a connection. c lives as long as the connection, with its locals; what is
// answered through it by then is lost. OnClose functions run at its end, which
// c.Context() ends with.
//
// When the handler returns, the connection is closed: with 1000 for nil, with the code of
// a [CloseError], with 1008 for an error whose [StatusCode] is 4xx (413 gives 1009), 1013 for 503,
// else with 1011. What is the server's fault is logged, panics with their stack.
//
// What is no WebSocket handshake is answered 426, one that is malformed 400, a page of
// another host 403 (see [Origins]), and 503 is the answer while the server drains.
func (s *scope) WS(path string, handler func(c *Ctx, ws *Conn) error, opts ...RouteOption) *Route {
	var handlers []Handler
	if handler != nil {
		handlers = []Handler{upgradeHandler(handler)}
	}
	r := s.add([]string{"GET"}, path, handlers)
	r.options = slices.Clone(opts)
	r.socket = handler
	return r
}

// upgradeHandler returns the handler that makes WebSockets of requests.
func upgradeHandler(handler func(*Ctx, *Conn) error) Handler {
	none := &socketOptions{}
	return func(c *Ctx) error {
		c.check()
		c.arena, c.single = nil, true
		options := c.ep.options.socket
		if options == nil {
			options = none
		}
		w, err := shakeHands(c, &socketRoute{handler, options, c.ep.pattern})
		if err != nil {
			return err
		}
		return w.serve()
	}
}

// What a request that cannot become a WebSocket is answered with.
var (
	errUpgradeRequired = NewError(fasthttp.StatusUpgradeRequired, "this resource is a WebSocket")
	errBadVersion      = NewError(fasthttp.StatusUpgradeRequired, "only version 13 of WebSocket is spoken")
	errBadKey          = NewError(fasthttp.StatusBadRequest, "the Sec-WebSocket-Key is not 16 bytes in base64")
	errBadExtensions   = NewError(fasthttp.StatusBadRequest, "the Sec-WebSocket-Extensions are malformed")
	errBadProtocols    = NewError(fasthttp.StatusBadRequest, "the Sec-WebSocket-Protocol is malformed")
	errHandshakeBody   = NewError(fasthttp.StatusBadRequest, "the request for a WebSocket has a body")
	errForeignOrigin   = NewError(fasthttp.StatusForbidden, "WebSockets are not opened from pages of that origin")
	errDraining        = NewError(fasthttp.StatusServiceUnavailable, "the server is shutting down").Quiet()
	errTooManySockets  = NewError(fasthttp.StatusServiceUnavailable, "the server has too many connections")
	errNoConnection    = NewError(fasthttp.StatusNotImplemented, "this connection cannot become a WebSocket").Quiet()
)

// shakeHands judges the handshake of a request, and sets the header of its answer.
func shakeHands(c *Ctx, route *socketRoute) (*Conn, error) {
	get := func(name string) []string { return headerLines(&c.rc.Request.Header, name) }
	key := get(fasthttp.HeaderSecWebSocketKey)
	version := get(fasthttp.HeaderSecWebSocketVersion)
	switch {
	case !canHijack(c.rc.Conn()):
		return nil, errNoConnection
	case !c.rc.IsGet() || !c.rc.Request.Header.IsHTTP11() ||
		!wsproto.HasToken(get(fasthttp.HeaderUpgrade), "websocket") || !wsproto.HasToken(get(fasthttp.HeaderConnection), "upgrade"):
		return nil, upgradeRequired(c, errUpgradeRequired)
	case len(version) != 1 || version[0] != wsproto.Version:
		return nil, upgradeRequired(c, errBadVersion)
	case len(key) != 1 || !wsproto.ValidKey(key[0]):
		return nil, errBadKey
	case expectsBody(c.rc.Request.Header.ContentLength()): // what follows could be its, or frames
		return nil, errHandshakeBody
	case !c.originAllowed(get(fasthttp.HeaderOrigin), route.options.origins):
		return nil, errForeignOrigin
	}
	if err := c.server.live.roomForSocket(); err != nil {
		c.rc.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
		return nil, err
	}
	w := newConn(c, route)
	if err := w.negotiate(get); err != nil {
		return nil, err
	}
	h := &c.rc.Response.Header
	h.Set(fasthttp.HeaderUpgrade, "websocket")
	h.Set(fasthttp.HeaderConnection, "Upgrade")
	h.Set(fasthttp.HeaderSecWebSocketAccept, wsproto.Accept(key[0]))
	return w, nil
}

// upgradeRequired says in the header what would be understood.
func upgradeRequired(c *Ctx, err error) error {
	h := &c.rc.Response.Header
	h.Set(fasthttp.HeaderUpgrade, "websocket")
	h.Set(fasthttp.HeaderConnection, "Upgrade")
	h.Set(fasthttp.HeaderSecWebSocketVersion, wsproto.Version)
	return err
}

// negotiate agrees on a subprotocol and on compression.
func (w *Conn) negotiate(get func(string) []string) error {
	h := &w.c.rc.Response.Header
	for _, line := range get(fasthttp.HeaderSecWebSocketProtocol) {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); !validToken(name) {
				return errBadProtocols
			}
			if w.protocol == "" {
				if i := slices.Index(w.route.options.protocols, name); i >= 0 {
					w.protocol = w.route.options.protocols[i]
				}
			}
		}
	}
	if w.protocol != "" {
		h.Set(fasthttp.HeaderSecWebSocketProtocol, w.protocol)
	}
	d, ok, wellFormed := wsproto.Negotiate(get(fasthttp.HeaderSecWebSocketExtensions))
	if !wellFormed {
		return errBadExtensions
	}
	if ok && w.route.options.compressFrom > 0 {
		w.deflate, w.most = true, int32(d.MaxMessage()) // of a window: 32 KiB at most
		h.Set(fasthttp.HeaderSecWebSocketExtensions, d.Response())
	}
	return nil
}

// headerLines returns the values of a header field, a line each. fasthttp's own list is
// not complete for Connection. They are views of the request.
func headerLines(h *fasthttp.RequestHeader, name string) (lines []string) {
	raw := h.RawHeaders()
	if len(raw) == 0 { // of net/http
		for _, v := range h.PeekAll(name) {
			lines = append(lines, unsafestring.String(v))
		}
		return lines
	}
	for rest := unsafestring.String(raw); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if key, value, ok := strings.Cut(line, ":"); ok && equalFold(key, name) {
			lines = append(lines, strings.Trim(value, " \t\r"))
		}
	}
	return lines
}

// originPattern is one of [Origins].
type originPattern struct {
	scheme, host string // host is in lower case, without the port of its scheme
	below        bool   // host is a suffix with its dot
	any          bool
}

func parseOriginPattern(s string) (p originPattern, ok bool) {
	if s == "*" {
		return originPattern{any: true}, true
	}
	if before, host, found := strings.Cut(s, "://*."); found {
		p.below = true
		s = before + "://" + host
	}
	if p.scheme, p.host, ok = splitOrigin(s); !ok || strings.Contains(p.host, "*") {
		return p, false
	}
	if p.below {
		p.host = "." + p.host
	}
	return p, true
}

// splitOrigin reads an origin of RFC 6454. "null" and what is no origin gives false.
func splitOrigin(s string) (scheme, host string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", "", false
	}
	scheme = strings.ToLower(u.Scheme)
	return scheme, withoutPort(scheme, u.Host), true
}

// withoutPort returns a host in lower case and without the port that its scheme implies.
func withoutPort(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return host
}

// originAllowed reports whether a page of the origin may open a WebSocket.
func (c *Ctx) originAllowed(lines []string, patterns []originPattern) bool {
	if len(lines) == 0 {
		return true // no browser
	}
	scheme, host, ok := splitOrigin(lines[0])
	for _, p := range patterns {
		if p.any {
			return true
		}
		if ok && p.scheme == scheme && (p.host == host || p.below && strings.HasSuffix(host, p.host)) && len(lines) == 1 {
			return true
		}
	}
	return ok && len(lines) == 1 && withoutPort(scheme, c.Host()) == host
}

// serve calls the handler, and returns when it has answered the request or used the
// connection.
func (w *Conn) serve() error {
	go w.run()
	if <-w.hs.turn == turnDone {
		return w.hs.err
	}
	if err := w.admit(); err != nil {
		return err
	}
	c := w.c
	c.rc.Response.SetStatusCode(fasthttp.StatusSwitchingProtocols)
	c.cold.used = true
	c.cold.hijack = w
	return nil
}

// admit asks the OnConnect hooks. If one refuses, or panics, there is no connection.
func (w *Conn) admit() error {
	defer func() {
		if !w.known {
			w.withdraw()
		}
	}()
	if err := w.live.engine.connect(w.c); err != nil {
		return err
	}
	w.known = true
	return nil
}

// farewell runs the OnDisconnect hooks, if those of OnConnect have let the connection in.
// err is what the handler has returned.
func (w *Conn) farewell(err error) {
	if !w.known {
		return
	}
	if e, ok := errors.AsType[*CloseError](w.ended()); ok && !w.failed(err) {
		err = e
		if harmless(e) {
			err = nil
		}
	}
	w.live.engine.disconnected(w.id, w.route.pattern, err)
}

// harmless reports whether a connection has come to its end by itself.
func harmless(e *CloseError) bool {
	switch e.Code {
	case CloseNormal, CloseGoingAway, CloseNoStatus:
		return !errors.Is(e, ErrServerClosed)
	}
	return false
}

// run is the goroutine of the connection. Until the handler uses it, the request waits
// for it; then whoever ends the request, or the engine's drain, does. It ends with the
// connection, also if the handler panics or ends its goroutine.
func (w *Conn) run() {
	err, returned := errGoexit, false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				err = w.c.panicError(v)
			}
		}
		w.conclude(err)
	}()
	err = soundError(w.route.handler(w.c, w))
	returned = true
}

// conclude ends what the handler has left: a request, or a connection. Of a request that
// was refused somebody may have kept the Conn, to whom it says so from now on.
func (w *Conn) conclude(err error) {
	w.once.Do(func() {
		if err == nil && !w.answered() {
			w.take()
			return
		}
		w.refused = true
	})
	if w.refused { // or the first use was in vain
		w.hs.err = err
		w.hs.turn <- turnDone
		return
	}
	w.mu.Lock()
	follows := w.follows
	w.mu.Unlock()
	if follows && err == nil {
		w.stay()
		return
	}
	w.finish(err)
}

// answered reports whether the handler has answered the request itself.
func (w *Conn) answered() bool {
	resp := &w.c.rc.Response
	return resp.StatusCode() != fasthttp.StatusOK || resp.IsBodyStream() || len(resp.Body()) > 0
}

// giveAway asks for the connection, unless somebody has answered in its place.
func (w *Conn) giveAway() bool {
	c := w.c
	if c.rc.Response.StatusCode() != fasthttp.StatusSwitchingProtocols {
		w.withdraw()
		c.cold.hijack = nil
		return false
	}
	h := &c.rc.Response.Header
	for _, name := range [...]string{fasthttp.HeaderContentType, fasthttp.HeaderContentLength, fasthttp.HeaderTransferEncoding} {
		h.Del(name) // of an answer that was replaced
	}
	h.ResetConnectionClose()
	w.hs.head = h.AppendBytes(nil)
	c.handContext()
	c.hijack(w.begin)
	return true
}

// withdraw lets the handler end without a connection. What it returns is of no interest,
// but for what is the server's fault.
func (w *Conn) withdraw() {
	hs := w.hs
	if cancel := w.c.cold.cancel; cancel != nil {
		cancel(ErrRequestDone)
	}
	close(hs.resume)
	<-hs.turn
	err := hs.err
	if err != nil && !errors.Is(err, ErrNotWebSocket) && w.failed(err) {
		w.c.logFailure(w.c.rc.Response.StatusCode(), err)
	}
	if err == nil {
		err = ErrNotWebSocket
	}
	w.farewell(err)
}

// begin makes the connection of what fasthttp has given away, or of nil if that was lost.
// It returns when fasthttp may have it back.
func (w *Conn) begin(conn net.Conn) {
	c := w.c
	if conn == nil {
		w.withdraw()
		c.end()
		return
	}
	inner, owner, rest := takenConn(conn)
	hs := w.hs
	w.socket, w.owner, w.rest = newSocket(inner, w.limits().WriteTimeout), owner, rest
	w.readable = w.tryRead
	w.request = c.freeze(unhijacked(conn))
	var over chan struct{}
	if owner == nil {
		over = make(chan struct{})
		w.over = over
	}
	out := outlet.New((*wire)(w))
	w.out = out
	if c.cold.cancel != nil {
		w.adopt(c.cold.cancel)
	}
	if err := out.Send(hs.head); err == nil {
		w.open()
	}
	close(hs.resume)
	if over != nil {
		<-over
	}
}

// limits returns the settings that apply to the connection.
func (w *Conn) limits() *WebSocketConfig { return &w.live.engine.set.WebSocket }

// open makes the connection known to the engine.
func (w *Conn) open() {
	if d := w.limits().PingInterval; d > 0 {
		w.live.wheel.Set(&w.timer, d, (*wire)(w))
	}
	if !w.live.leavers.add(w, &w.live.closing) {
		w.leave()
	}
}

// leave closes the connection for a drain.
func (w *Conn) leave() {
	w.close(&CloseError{Code: CloseGoingAway, err: ErrServerClosed})
}

// ours reports whether one of our listeners has accepted the connection.
func (w *Conn) ours() bool { return w.owner != nil }

// place is where the connection sits among the leavers.
func (w *Conn) place() *seat { return &w.seat }

// cut ends the connection for a drain whose time is up.
func (w *Conn) cut() {
	_ = w.lost(ErrServerClosed)
	w.out.Cut(ErrServerClosed)
}
