package geist

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// Method returns the request method, such as "GET".
func (c *Ctx) Method() string {
	c.alive()
	if c.rc == nil {
		return methodNames[methodGet] // of a WebSocket
	}
	m := c.rc.Request.Header.Method()
	if i := usualMethod(unsafestring.String(m)); i >= 0 {
		return methodNames[i]
	}
	return c.keep(m)
}

// Path returns the path that was matched: decoded a segment at a time, with an
// encoded slash still written %2F, clean under SlashIgnore and in lower case under
// CaseInsensitive. What is authorised by Path is what is served.
func (c *Ctx) Path() string {
	c.alive()
	if strings.IndexByte(c.path, 0) < 0 {
		return c.keepString(c.path)
	}
	return strings.ReplaceAll(c.path, "\x00", "%2F")
}

// Pattern returns the pattern of the route with the prefixes of its groups and
// mounts, or "" where no route answers: 404, 405, redirects.
func (c *Ctx) Pattern() string {
	c.alive()
	if c.ep == nil {
		return ""
	}
	return c.ep.pattern
}

// URL is [Engine.URL] for the routes that the request sees: those of the engine that answers, with the
// prefix at which it is mounted here, then those of the engine that serves.
func (c *Ctx) URL(name string, params ...any) (string, error) {
	c.alive()
	if c.rs != nil && c.rs.named[name] != nil {
		return c.rs.url(name, params)
	}
	return c.server.URL(name, params...)
}

// Kind returns what the matched route answers with, which nothing in a request can feign:
// a route of WS is one whether or not an upgrade is asked for. It is RouteHTTP where no
// route answers.
func (c *Ctx) Kind() RouteKind {
	c.alive()
	if c.ep == nil {
		return RouteHTTP
	}
	return c.ep.kind
}

// Param returns the decoded value of a path parameter, or "" if the route has no
// parameter of that name or, being optional, it was not sent. A value that was
// sent is never empty.
func (c *Ctx) Param(name string) string {
	c.alive()
	if c.ep != nil {
		for i, n := range c.ep.names {
			if n == name {
				s := c.caps.at(i)
				return c.keepParam(c.orig[s.off : int(s.off)+int(s.len)])
			}
		}
	}
	if name == c.hostParam {
		return c.keepString(c.hostValue)
	}
	return ""
}

// keepParam keeps a captured value. An encoded slash is a NUL in it.
func (c *Ctx) keepParam(v string) string {
	if (c.single || len(c.decoded) > 0) && strings.IndexByte(v, 0) >= 0 {
		return paramValue(v)
	}
	return c.keepString(v)
}

// Query returns the first value of a query field, decoded, or "" if there is none.
// "+" is a space; a malformed escape is kept as it was sent.
func (c *Ctx) Query(name string) string {
	v, _ := c.query(name)
	return v
}

func (c *Ctx) query(name string) (value string, ok bool) {
	c.check()
	rest := c.rc.URI().QueryString()
	for len(rest) > 0 {
		var key, v []byte
		key, v, rest = nextField(rest)
		if c.sameKey(key, name) {
			return c.unescape(v), true
		}
	}
	return "", false
}

// QueryAll returns every value of a query field in the order sent, or nil.
func (c *Ctx) QueryAll(name string) []string {
	c.check()
	var all []string
	rest := c.rc.URI().QueryString()
	for len(rest) > 0 {
		var key, v []byte
		key, v, rest = nextField(rest)
		if c.sameKey(key, name) {
			all = append(all, c.unescape(v))
		}
	}
	return all
}

// nextField cuts the first field off a query.
func nextField(b []byte) (key, value, rest []byte) {
	eq := -1
	for i, x := range b {
		if x == '=' && eq < 0 {
			eq = i
		}
		if x == '&' {
			b, rest = b[:i], b[i+1:]
			break
		}
	}
	if eq < 0 || eq > len(b) {
		return b, nil, rest
	}
	return b[:eq], b[eq+1:], rest
}

// sameKey compares a key as sent with a name.
func (c *Ctx) sameKey(key []byte, name string) bool {
	if !escaped(key) {
		return unsafestring.String(key) == name
	}
	c.scratch = appendUnescaped(c.scratch[:0], key)
	return string(c.scratch) == name
}

// unescape returns a value as a string that stays valid.
func (c *Ctx) unescape(v []byte) string {
	if !escaped(v) {
		return c.keep(v)
	}
	if c.server.set.UnsafeStrings {
		return string(appendUnescaped(nil, v))
	}
	c.scratch = appendUnescaped(c.scratch[:0], v)
	return c.keep(c.scratch)
}

func escaped(b []byte) bool {
	for _, x := range b {
		if x == '%' || x == '+' {
			return true
		}
	}
	return false
}

// appendUnescaped decodes application/x-www-form-urlencoded as the WHATWG URL
// standard does: what is not an escape stands for itself.
func appendUnescaped(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		switch b := src[i]; b {
		case '+':
			dst = append(dst, ' ')
		case '%':
			if x, ok := unescape(unsafestring.String(src[i:])); ok {
				dst = append(dst, x)
				i += 2
				continue
			}
			fallthrough
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// Header returns the first value of a request header field, or "". The name's
// case does not matter.
func (c *Ctx) Header(name string) string {
	c.check()
	return c.keep(c.rc.Request.Header.Peek(name))
}

// HeaderOnce is [Ctx.Header] for fields of which one value decides, such as
// Authorization: ok is false, and the value empty, if the field was sent more than once.
// Of several a proxy may have looked at another one. A field that was not sent is "", true.
func (c *Ctx) HeaderOnce(name string) (value string, ok bool) {
	c.check()
	all := c.rc.Request.Header.PeekAll(name)
	switch len(all) {
	case 0:
		return "", true
	case 1:
		return c.keep(all[0]), true
	}
	return "", false
}

// Cookie returns the value of the first cookie of that name, or "". It is not
// decoded: what SetCookie was given comes back.
func (c *Ctx) Cookie(name string) string {
	c.check()
	return c.keep(c.rc.Request.Header.Cookie(name))
}

// Host returns the host that the request is for, with its port if it names one:
// that of an absolute target, else the Host header, or X-Forwarded-Host if a
// trusted proxy sent it. It is "" for an HTTP/1.0 request without one.
func (c *Ctx) Host() string {
	c.check()
	if !c.server.set.proxies.none() && c.peerTrusted() {
		if h := c.only(fasthttp.HeaderXForwardedHost); validHost(h) {
			return c.keep(h)
		}
	}
	return c.keep(c.requestHost())
}

// Scheme returns "https" on a TLS connection, or if a trusted proxy says so by
// X-Forwarded-Proto, else "http".
func (c *Ctx) Scheme() string {
	c.check()
	if !c.server.set.proxies.none() && c.peerTrusted() {
		switch proto := unsafestring.String(c.only(fasthttp.HeaderXForwardedProto)); {
		case equalFold(proto, "https"):
			return "https"
		case equalFold(proto, "http"):
			return "http"
		}
	}
	if c.rc.IsTLS() {
		return "https"
	}
	return "http"
}

// only returns the value of a header field that was sent once, by its name as fasthttp
// keeps it. Of several, one may be the client's own.
func (c *Ctx) only(name string) []byte {
	h := &c.rc.Request.Header
	if len(h.PeekCanonical(unsafestring.Bytes(name))) == 0 { // as a rule: the look at all of them takes longer
		return nil
	}
	if all := peekAll(h, name); len(all) == 1 {
		return all[0]
	}
	return nil
}

// peekAll returns the values of a header field by its name as fasthttp keeps it. PeekAll
// alone would bring the name into that form, which takes three times as long as the search.
func peekAll(h *fasthttp.RequestHeader, name string) [][]byte {
	was := h.DisableNormalizing()
	all := h.PeekAll(name)
	if !was {
		h.EnableNormalizing()
	}
	return all
}

// ClientIP returns the client's IP address: that of the connection, unless it
// comes from a proxy in Config.TrustedProxies. Then X-Forwarded-For is read from
// its end, trusted proxies are passed over, and the first other address is the
// client. Where an entry is not an address the search stops at the last trusted
// hop: what a client makes up is never believed. It is "" on a unix socket
// without a trusted proxy in front. SetClientIP replaces all this.
func (c *Ctx) ClientIP() string { return c.addrText(c.ClientAddr()) }

// ClientAddr is ClientIP as an address: the zero Addr where that is "". IPv4 is never in
// the form of IPv6, and there is no zone.
func (c *Ctx) ClientAddr() netip.Addr {
	c.check()
	if c.cold.located {
		addr, _ := clientIPKey.Get(c)
		return addr
	}
	addr, unix := c.peerAddr()
	if c.server.set.proxies.trusts(addr, unix) {
		addr = c.forwardedFor(addr)
	}
	return addr
}

// clientIPKey holds what SetClientIP was given: a field of Ctx would cost every connection.
var clientIPKey = NewKey[netip.Addr]("client IP")

// SetClientIP makes ClientIP return addr for the rest of the request, for middleware that
// knows how the proxies in front tell who the client is. An IPv4 address in IPv6 becomes
// IPv4, and a zone is dropped; the zero Addr says that the client is not known: "".
func (c *Ctx) SetClientIP(addr netip.Addr) {
	c.alive()
	c.cold.located = true
	clientIPKey.Set(c, plainAddr(addr))
}

// addrText returns an address as a string that stays valid, or "" for none. The last one is
// remembered: several handlers of a chain ask, and the next request is often of the same client.
func (c *Ctx) addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	if addr == c.client.addr {
		return c.client.text
	}
	c.scratch = addr.AppendTo(c.scratch[:0])
	text := ""
	if c.server.set.UnsafeStrings {
		text = string(c.scratch)
	} else {
		text = c.keep(c.scratch)
	}
	c.client.addr, c.client.text = addr, text
	return text
}

// forwardedFor returns whom the proxy at addr has asked for. The last answer is remembered,
// as in addrText.
func (c *Ctx) forwardedFor(addr netip.Addr) netip.Addr {
	fields := peekAll(&c.rc.Request.Header, fasthttp.HeaderXForwardedFor)
	if len(fields) != 1 || len(fields[0]) > maxForwarded {
		return c.walkForwarded(fields, addr)
	}
	f := &c.forwarded
	if addr != f.peer || !bytes.Equal(fields[0], f.field) {
		f.peer, f.field = addr, append(f.field[:0], fields[0]...)
		f.client = c.walkForwarded(fields, addr)
	}
	return f.client
}

// maxForwarded is the longest X-Forwarded-For that is remembered: two addresses of IPv6.
const maxForwarded = 80

// walkForwarded walks the X-Forwarded-For fields from the nearest hop outwards.
func (c *Ctx) walkForwarded(fields [][]byte, addr netip.Addr) netip.Addr {
	for i := len(fields) - 1; i >= 0; i-- {
		rest := unsafestring.String(fields[i])
		for more := true; more; {
			var hop string
			if j := strings.LastIndexByte(rest, ','); j >= 0 {
				hop, rest = rest[j+1:], rest[:j]
			} else {
				hop, more = rest, false
			}
			ip, ok := parseHop(strings.Trim(hop, " \t"))
			if !ok {
				return addr
			}
			addr = ip
			if !c.server.set.proxies.contains(ip) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an entry of X-Forwarded-For: an address, which some proxies send
// with a port.
func parseHop(s string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return plainAddr(ip), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plainAddr(ap.Addr()), true
	}
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		if ip, err := netip.ParseAddr(s[1 : n-1]); err == nil {
			return plainAddr(ip), true
		}
	}
	return netip.Addr{}, false
}

// peerTrusted reports whether the connection comes from a trusted proxy.
func (c *Ctx) peerTrusted() bool {
	return c.server.set.proxies.trusts(c.peerAddr())
}

// peerAddr returns the address of the connection's other end, and whether the
// connection is a unix socket, which has none.
func (c *Ctx) peerAddr() (addr netip.Addr, unix bool) {
	switch a := c.rc.RemoteAddr().(type) {
	case *net.TCPAddr:
		return plainAddr(a.AddrPort().Addr()), false
	case *net.UnixAddr:
		return netip.Addr{}, true
	}
	return netip.Addr{}, false
}

// plainAddr returns an address without what makes equal ones differ.
func plainAddr(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	return a.WithZone("")
}
