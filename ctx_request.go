package geist

import (
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
	h := &c.rc.Request.Header
	if isCanonical(name) {
		return c.keep(h.PeekCanonical(unsafestring.Bytes(name)))
	}
	return c.keep(h.Peek(name))
}

// isCanonical reports whether the name of a header field is as fasthttp keeps it, as
// Content-Type is, and constants mostly are: to bring a name into that form takes three
// times as long as to see that it is.
func isCanonical(name string) bool {
	first := true
	for i := range len(name) {
		b := name[i]
		if b < ' ' || first && b-'a' < 26 || !first && b-'A' < 26 {
			return false
		}
		first = b == '-'
	}
	return true
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

// Names of header fields as fasthttp keeps them, for PeekCanonical.
var (
	headerAccept          = []byte(fasthttp.HeaderAccept)
	headerContentEncoding = []byte(fasthttp.HeaderContentEncoding)
)

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
