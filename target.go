package geist

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/httpfield"
	"github.com/gogeist/geist/internal/unsafestring"
)

// What a request with an unsound target or framing is answered with.
var (
	errPathEscape      = NewError(fasthttp.StatusBadRequest, "the path holds a malformed escape")
	errBadTarget       = NewError(fasthttp.StatusBadRequest, "the request target is malformed")
	errNonASCII        = NewError(fasthttp.StatusBadRequest, "the request target holds bytes that must be escaped")
	errFragment        = NewError(fasthttp.StatusBadRequest, "the request target holds a fragment")
	errBadHost         = NewError(fasthttp.StatusBadRequest, "the Host header is malformed")
	errTwoFramings     = NewError(fasthttp.StatusBadRequest, "the body is framed by both Content-Length and Transfer-Encoding")
	errTooManyFields   = NewError(fasthttp.StatusBadRequest, "the query has too many fields")
	errTooManySegments = NewError(fasthttp.StatusBadRequest, "the path has too many empty or dot segments")
	errURITooLong      = NewError(fasthttp.StatusRequestURITooLong, "the request target is too long")
	errHeaderTooLong   = NewError(fasthttp.StatusRequestHeaderFieldsTooLarge, "the header fields are too long")
	errMethodUnknown   = NewError(fasthttp.StatusNotImplemented, "the method is not known")
	errHTTPVersion     = NewError(fasthttp.StatusHTTPVersionNotSupported, "only HTTP/1.0 and HTTP/1.1 are served")
)

// inspect is the slow path of dispatch: it decides what is wrong with a request
// that does not look like the usual one, or that nothing is.
func (c *Ctx) inspect(e *Engine, method int) *Error {
	h := &c.rc.Request.Header
	if !h.IsHTTP11() && string(h.Protocol()) != "HTTP/1.0" {
		closeAfter(c.rc)
		return errHTTPVersion
	}
	var chunked bool
	if mayBeChunked(h.ContentLength()) {
		var length bool
		if length, chunked = framing(h.RawHeaders()); length && chunked {
			closeAfter(c.rc)
			return errTwoFramings
		}
		if length && h.ContentLength() == -1 {
			c.restoreLength(h)
		}
	}
	if err := c.inspectTarget(e, method); err != nil {
		return err
	}
	if chunked && !dropTrailers(h) {
		return errMalformed
	}
	if len(h.RawHeaders()) > e.set.MaxHeaderBytes {
		return errHeaderTooLong
	}
	query := c.rc.URI().QueryString()
	if len(query) >= e.set.MaxFields && bytes.Count(query, []byte{'&'})+1 > e.set.MaxFields {
		return errTooManyFields
	}
	if host := h.Host(); !validHost(host) && (len(host) > 0 || h.IsHTTP11()) {
		return errBadHost
	}
	c.knownHost = append(c.knownHost[:0], h.Host()...)
	return nil
}

// inspectTarget checks the request target and, since it depends on the target's
// form, the method (RFC 9112 §3.2).
func (c *Ctx) inspectTarget(e *Engine, method int) *Error {
	h := &c.rc.Request.Header
	target := h.RequestURI()
	uri := c.rc.URI()
	switch {
	case len(target) > e.set.MaxURIBytes || string(target) == targetTooLong:
		return errURITooLong
	case string(target) == targetTooDeep:
		return errTooManySegments
	case !isASCII(target):
		return errNonASCII
	case bytes.IndexByte(target, '#') >= 0:
		return errFragment
	case method < 0:
		return errMethodUnknown
	case target[0] == '/':
		originForm(h, uri)
		return nil
	case string(target) == "*":
		return c.inspectAsterisk(method)
	case method == methodConnect:
		c.rs = e.routes.Load()
		c.setAllow(c.rs.allMethods())
		return ErrMethodNotAllowed // its authority-form is a proxy's business
	}
	c.absolute = true
	scheme := string(uri.Scheme())
	if scheme != "http" && scheme != "https" || hasUserInfo(target) || !validHost(uri.Host()) {
		return errBadTarget
	}
	if len(uri.PathOriginal()) == 0 {
		uri.SetPath("/")
	}
	return nil
}

// originForm makes the path what was sent. fasthttp takes what stands behind two
// slashes for a host when no Host field was sent or "://" follows anywhere, and
// would have "//x/admin?://" served as "/admin".
func originForm(h *fasthttp.RequestHeader, uri *fasthttp.URI) {
	path, _, _ := bytes.Cut(h.RequestURI(), []byte{'?'})
	if len(path) != len(uri.PathOriginal()) {
		uri.SetPathBytes(path)
		uri.SetHostBytes(h.Host())
	}
}

// hasUserInfo reports whether an absolute target names a user, even an empty one.
func hasUserInfo(target []byte) bool {
	_, rest, _ := bytes.Cut(target, []byte("://"))
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return bytes.IndexByte(rest, '@') >= 0
}

// inspectAsterisk answers OPTIONS *, which asks about the server as a whole. Other
// methods have no asterisk-form.
func (c *Ctx) inspectAsterisk(method int) *Error {
	if method != methodOptions {
		return errBadTarget
	}
	c.asterisk = true
	return nil
}

const (
	highBits = 0x8080808080808080 // the top bit of each byte of a word
	lowBits  = 0x0101010101010101
	percents = '%' * lowBits
)

// scan reports whether path holds no escape, and whether it has no byte above
// 0x7f. It takes eight bytes a step (BenchmarkScan): a zero byte of x, which marks
// a '%', is what borrows from its top bit in x-lowBits.
func scan(path []byte) (plain, ascii bool) {
	var high, escape uint64
	n := len(path)
	for i := 0; i+8 <= n; i += 8 {
		w := binary.LittleEndian.Uint64(path[i:])
		x := w ^ percents
		high |= w
		escape |= (x - lowBits) &^ x
	}
	// The rest, in words that overlap what was seen, or that are filled up.
	var w uint64
	switch {
	case n >= 8:
		w = binary.LittleEndian.Uint64(path[n-8:])
	case n >= 4:
		w = uint64(binary.LittleEndian.Uint32(path)) | uint64(binary.LittleEndian.Uint32(path[n-4:]))<<32
	default:
		for _, b := range path {
			w = w<<8 | uint64(b)
		}
	}
	x := w ^ percents
	high |= w
	escape |= (x - lowBits) &^ x
	return escape&highBits == 0, high&highBits == 0
}

// isASCII reports whether b has no byte above 0x7f.
func isASCII(b []byte) bool {
	_, ascii := scan(b)
	return ascii
}

// mayBeChunked reports whether the body of a request may have been chunked. A
// chunked body that was empty has the length 0 once fasthttp has read it.
func mayBeChunked(length int) bool {
	return length == 0 || length == -1
}

// framing tells which framings raw header fields name. fasthttp drops
// Content-Length when the body is chunked, and Transfer-Encoding when the body was
// empty, so that only the raw fields tell.
func framing(raw []byte) (length, chunked bool) {
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		if len(line) == 0 || line[0]|0x20 != 'c' && line[0]|0x20 != 't' {
			continue
		}
		name, _, _ := bytes.Cut(line, []byte{':'})
		switch {
		case equalFold(unsafestring.String(name), fasthttp.HeaderContentLength):
			length = true
		case equalFold(unsafestring.String(name), fasthttp.HeaderTransferEncoding):
			chunked = true
		}
	}
	return length, chunked
}

// declaredLength returns the Content-Length of raw header fields, in which fasthttp has
// found one.
func declaredLength(raw []byte) int {
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		name, value, _ := bytes.Cut(line, []byte{':'})
		if equalFold(unsafestring.String(name), fasthttp.HeaderContentLength) {
			n, err := fasthttp.ParseUint(bytes.TrimSpace(value))
			if err == nil {
				return n
			}
		}
	}
	return math.MaxInt
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool { return httpfield.EqualFold(a, b) }

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// validHost reports whether host is a name, an IPv4 address or an IPv6 address in
// brackets, with an optional port up to 65535 (RFC 9110 §7.2). User information,
// escapes and everything else that a host name never holds is refused.
func validHost(host []byte) bool {
	if len(host) == 0 {
		return false
	}
	if host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		return end > 2 && validBytes(host[1:end], isIPv6Byte) && validPort(host[end+1:])
	}
	name := host
	if i := bytes.IndexByte(host, ':'); i >= 0 {
		name = host[:i]
		if !validPort(host[i:]) {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 255 && validBytes(name, isHostByte)
}

func validBytes(b []byte, ok func(byte) bool) bool {
	for _, x := range b {
		if !ok(x) {
			return false
		}
	}
	return true
}

func isHostByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '.' || b == '_'
}

func isIPv6Byte(b byte) bool {
	return 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F' || '0' <= b && b <= '9' || b == ':' || b == '.'
}

// validPort accepts nothing, or a colon and a number up to 65535 (or none, as RFC
// 3986 allows).
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) > 6 {
		return false
	}
	n := 0
	for _, x := range b[1:] {
		if x < '0' || x > '9' {
			return false
		}
		n = n*10 + int(x-'0')
	}
	return n <= 65535
}

// validToken reports whether s is a token of RFC 9110 §5.6.2: a method or a field name.
func validToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// validFieldValue reports whether s can be sent as a header field's value: it
// holds no CR, LF, NUL or other control character but the tab.
func validFieldValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
