package geist

import (
	"fmt"
	"io"
	"strings"

	"github.com/valyala/fasthttp"
)

// Map is a JSON object.
type Map map[string]any

// Content types that this package sets.
const (
	mimeText = "text/plain; charset=utf-8"
	mimeHTML = "text/html; charset=utf-8"
	mimeJSON = "application/json"
)

// Content types that requests are sent in, too.
const (
	mimeXML       = "application/xml"
	mimeXMLUTF8   = "application/xml; charset=utf-8" // as it is sent
	mimeTextXML   = "text/xml"
	mimeForm      = "application/x-www-form-urlencoded"
	mimeMultipart = "multipart/form-data"
	mimeProblem   = "application/problem+json"
)

// Status sets the response's status code and returns c, for answers that set none
// themselves. A code outside 100 to 999 becomes 500 and is logged.
func (c *Ctx) Status(code int) *Ctx {
	c.check()
	c.setStatus(code)
	return c
}

func (c *Ctx) setStatus(code int) {
	if code < 100 || code > 999 {
		c.Logger().Error("invalid status code, 500 is sent", "code", code)
		code = fasthttp.StatusInternalServerError
	}
	c.rc.Response.SetStatusCode(code)
}

// SetHeader sets a response header field, in place of any that is set. CR, LF, NUL
// and other control characters in the value become spaces, so that a value can
// never end the field; a name that is no token is not sent and logged.
func (c *Ctx) SetHeader(name, value string) {
	c.check()
	if c.fieldName(name) {
		h := &c.rc.Response.Header
		if c.repeats && len(h.PeekAll(name)) > 1 {
			h.Del(name) // Set replaces the first alone
		}
		h.Set(name, fieldValue(value))
	}
}

// AddHeader adds a response header field beside those of the same name. Name and
// value are treated as SetHeader does.
func (c *Ctx) AddHeader(name, value string) {
	c.check()
	if c.fieldName(name) {
		c.repeats = true
		c.rc.Response.Header.Add(name, fieldValue(value))
	}
}

func (c *Ctx) fieldName(name string) bool {
	if validToken(name) {
		return true
	}
	c.Logger().Error("invalid header field name, it is not sent", "name", name)
	return false
}

// fieldValue returns value with its control characters replaced by spaces.
func fieldValue(value string) string {
	if validFieldValue(value) {
		return value
	}
	b := []byte(value)
	for i, x := range b {
		if x < ' ' && x != '\t' || x == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}

// ResponseStatus returns the status code as it is set now, 200 by default. After
// c.Next it is final, also when the handler failed.
func (c *Ctx) ResponseStatus() int {
	c.check()
	return c.rc.Response.StatusCode()
}

// ResponseHeader returns a header field of the response as it is set now, or "".
func (c *Ctx) ResponseHeader(name string) string {
	c.check()
	return c.keep(c.rc.Response.Header.Peek(name))
}

// RawResponse returns the answer as fasthttp holds it, for middleware that works on what a
// handler has answered. Unlike Raw it leaves the request's body unread. All that it
// returns is borrowed: valid until the request ends. The body of an answer may be a stream
// (IsBodyStream), which asking for its bytes would run to its end: ask first. Any other is
// the answer's own and may be changed: of a file that is sent from memory it is a copy.
// [Ctx.RawHeader], which copies nothing, is for those that only look.
func (c *Ctx) RawResponse() *fasthttp.Response {
	c.check()
	c.expose()
	return &c.rc.Response
}

// Text answers with a status and plain text in UTF-8.
func (c *Ctx) Text(code int, s string) error {
	c.check()
	c.begin(code, mimeText)
	c.lendBody(len(s))
	c.rc.Response.SetBodyString(s)
	return nil
}

// HTML answers with a status and a page. Values that stand in it must have been
// escaped, which html/template does.
func (c *Ctx) HTML(code int, s string) error {
	c.check()
	c.begin(code, mimeHTML)
	c.lendBody(len(s))
	c.rc.Response.SetBodyString(s)
	return nil
}

// Bytes answers with a status, a content type and a copy of b, which the caller may change
// again at once. Long ones that never change are faster without the copy, by [Ctx.Raw] and
// fasthttp's SetBodyRaw.
func (c *Ctx) Bytes(code int, contentType string, b []byte) error {
	c.check()
	c.begin(code, fieldValue(contentType))
	c.lendBody(len(b))
	c.rc.Response.SetBody(b)
	return nil
}

// JSON answers with a status and v, encoded by Config.JSON straight into the
// response. On an error nothing of it is sent and the error is returned.
func (c *Ctx) JSON(code int, v any) error {
	c.check()
	return c.encode(c.codec(), code, mimeJSON, v)
}

// XML answers with a status and v as an XML document in UTF-8 with its declaration,
// encoded by [XML] or the codec that Config.Codecs has for application/xml. What
// is no single element, such as a slice, a map or nil, is an error. On an error
// nothing of it is sent.
func (c *Ctx) XML(code int, v any) error {
	c.check()
	return c.encode(c.engine.set.Codecs[mimeXML], code, mimeXMLUTF8, v)
}

// encode answers with what codec makes of v.
func (c *Ctx) encode(codec Codec, code int, contentType string, v any) error {
	resp := &c.rc.Response
	resp.ResetBody()
	c.encoded = bodyWriter{c: c, whole: contentType != mimeJSON && contentType != mimeProblem}
	if err := codec.Encode(&c.encoded, v); err != nil {
		resp.ResetBody()
		media, _, _ := strings.Cut(contentType, ";")
		return fmt.Errorf("geist: encode %T as %s: %w", v, media, err)
	}
	c.begin(code, contentType)
	return nil
}

// NoContent answers 204, or the status set before if it is not 200, without a body.
func (c *Ctx) NoContent() error {
	c.check()
	resp := &c.rc.Response
	if resp.StatusCode() == fasthttp.StatusOK {
		resp.SetStatusCode(fasthttp.StatusNoContent)
	}
	resp.ResetBody()
	resp.Header.SetContentTypeBytes(nil)
	return nil
}

func (c *Ctx) begin(code int, contentType string) {
	if code != fasthttp.StatusOK {
		c.setStatus(code)
	} else {
		c.rc.Response.SetStatusCode(code)
	}
	c.rc.Response.Header.SetContentType(contentType)
}

// errUnsafeRedirect answers where a redirect would leave the host unannounced.
var errUnsafeRedirect = NewError(fasthttp.StatusBadRequest, "the redirect's target is refused")

// Redirect answers with a 3xx status and a Location: an absolute http or https URL
// or a path on this host. Targets that browsers take for another host although they
// look like a path ("//host", "/\host"), other schemes and control characters are
// refused with an [Error] of status 400, since they come from requests. A
// redirect to a URL that a request names is an open redirect all the same: check it.
func (c *Ctx) Redirect(code int, url string) error {
	c.check()
	if code < 300 || code > 308 || code == fasthttp.StatusNotModified {
		return fmt.Errorf("geist: Redirect with status %d: use 301, 302, 303, 307 or 308", code)
	}
	if !safeRedirect(url) {
		return errUnsafeRedirect
	}
	c.rc.Response.ResetBody()
	c.setStatus(code)
	c.rc.Response.Header.Set(fasthttp.HeaderLocation, escapeNonASCII(url))
	return nil
}

func safeRedirect(url string) bool {
	if url == "" || !validFieldValue(url) || strings.ContainsAny(url, "\t\\ ") {
		return false
	}
	if strings.HasPrefix(url, "//") {
		return false
	}
	end := strings.IndexAny(url, "/?#")
	if end < 0 {
		end = len(url)
	}
	scheme, _, absolute := strings.Cut(url[:end], ":")
	if !absolute {
		return true
	}
	if !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return false
	}
	rest := url[len(scheme)+1:]
	return strings.HasPrefix(rest, "//") && len(rest) > 2 && rest[2] != '/'
}

// escapeNonASCII percent-encodes the bytes above 0x7f, as a URL in a header needs.
func escapeNonASCII(s string) string {
	n := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if x := s[i]; x >= 0x80 {
			b = append(b, '%', upperHex[x>>4], upperHex[x&15])
		} else {
			b = append(b, x)
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// EarlyHints sends a 103 answer at once, so that the client can load what the page will
// need while the handler still works on it (RFC 8297). Each link is the value of a
// Link field, such as "</style.css>; rel=preload; as=style", treated as SetHeader
// does. The links, and those set before, are part of the final answer too.
//
// Only the final answer has them where a 103 could do harm: on HTTP/1.0, in a
// pipeline behind an answer that has not been sent, and on connections that the
// engine has not accepted itself. Within a stream or a WebSocket nothing is sent. An error says that the connection is broken.
func (c *Ctx) EarlyHints(links ...string) error {
	c.check()
	for _, link := range links {
		if link != "" {
			c.rc.Response.Header.Add(fasthttp.HeaderLink, fieldValue(link))
		}
	}
	return c.sendHints()
}

// sendHints sends a 103 with the Link fields of the answer, where it does no harm.
func (c *Ctx) sendHints() error {
	st := stateOf(c.rc.Conn())
	if st == nil || !st.flushed || st.hijacked || c.cold.stream != nil && c.cold.stream.ran || !c.rc.Request.Header.IsHTTP11() {
		return nil
	}
	// The answer that follows, maybe much later, has the whole WriteTimeout for itself.
	st.written = false
	err := c.rc.EarlyHints()
	st.written = false
	return err
}

// redirectClean answers a path that nearly matched: 308 to the path that does,
// which dispatch has left in c.raw. It begins with one slash and stays on the host.
func (c *Ctx) redirectClean() error {
	c.scratch = append(c.scratch[:0], c.raw...)
	if q := c.rc.URI().QueryString(); len(q) > 0 {
		c.scratch = append(append(c.scratch, '?'), q...)
	}
	c.rc.Response.SetStatusCode(fasthttp.StatusPermanentRedirect)
	c.rc.Response.Header.SetBytesV(fasthttp.HeaderLocation, c.scratch)
	return nil
}

// bodyWriter appends to a response's body, but for the newline that encoders of JSON
// write at the end.
type bodyWriter struct {
	c       *Ctx
	whole   bool // not JSON: in CBOR, say, the byte 10 at the end is a number
	newline bool // one is held back
}

var _ io.Writer = (*bodyWriter)(nil)

func (w *bodyWriter) Write(p []byte) (int, error) {
	n := len(p)
	if n == 0 {
		return 0, nil
	}
	resp := &w.c.rc.Response
	if n > 1<<leastLarge && len(resp.Body()) == 0 {
		w.c.lendLarge(n + 1)
	}
	if w.whole {
		resp.AppendBody(p)
		return n, nil
	}
	if w.newline {
		resp.AppendBodyString("\n")
	}
	w.newline = p[n-1] == '\n'
	if w.newline {
		p = p[:n-1]
	}
	resp.AppendBody(p)
	return n, nil
}
