package compress

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/httpfield"
	"github.com/gogeist/geist/internal/unsafestring"
)

func (m *compressor) handle(c *geist.Ctx) error {
	err := c.Next()
	resp := &c.RawHeader().Response // its body is replaced, not changed
	switch status := resp.StatusCode(); {
	case resp.IsBodyStream():
	case status == fasthttp.StatusNotModified:
		revalidate(c, resp)
	case status >= 200 && status != fasthttp.StatusNoContent && status != fasthttp.StatusPartialContent:
		if m.eligible(resp) {
			m.answer(c, resp)
		}
	}
	return err
}

// eligible reports whether the answer may be compressed for a client that accepts it.
func (m *compressor) eligible(resp *fasthttp.Response) bool {
	h := &resp.Header
	n := len(resp.Body())
	return n >= m.min && n <= m.max && len(h.ContentEncoding()) == 0 && m.compressible(h.ContentType()) &&
		!has(h, fasthttp.HeaderContentRange) && !fixed(h)
}

// fixed reports whether the answer has a field that its body must not be changed under.
func fixed(h *fasthttp.ResponseHeader) bool {
	for _, line := range h.PeekAll(fasthttp.HeaderCacheControl) {
		if httpfield.Contains(unsafestring.String(line), "no-transform") {
			return true
		}
	}
	return has(h, "Content-Digest") || has(h, "Repr-Digest") || has(h, "Digest") || has(h, "Content-Md5")
}

func has(h *fasthttp.ResponseHeader, name string) bool { return len(h.Peek(name)) > 0 }

// compressible reports whether a Content-Type is on the list. It compares without regard
// to case and copies nothing.
func (m *compressor) compressible(contentType []byte) bool {
	media, _, _ := strings.Cut(unsafestring.String(contentType), ";")
	media = strings.TrimRight(media, " \t")
	for i := range m.types {
		t := &m.types[i]
		n := len(t.text)
		switch {
		case len(media) < n:
		case t.begin:
			if httpfield.EqualFold(media[:n], t.text) {
				return true
			}
		case t.end:
			if httpfield.EqualFold(media[len(media)-n:], t.text) {
				return true
			}
		case httpfield.EqualFold(media, t.text):
			return true
		}
	}
	return false
}

// answer compresses the body, if the client accepts it and it becomes shorter.
func (m *compressor) answer(c *geist.Ctx, resp *fasthttp.Response) {
	addVary(&resp.Header)
	coding := m.choose(c.Header(fasthttp.HeaderAcceptEncoding))
	if coding == nil {
		return
	}
	body := resp.Body()
	buf := m.buffers.Get().(*bytes.Buffer)
	defer m.put(buf)
	coding.write(buf, body)
	if n := buf.Len(); n == 0 || n >= len(body) { // nothing at all is what fasthttp writes when it has too much to do
		return
	}
	resp.ResetBody()
	resp.SetBody(buf.Bytes())
	h := &resp.Header
	h.SetContentLength(buf.Len())
	h.SetContentEncoding(coding.name)
	h.Del(fasthttp.HeaderAcceptRanges)
	weaken(h)
}

func (m *compressor) put(buf *bytes.Buffer) {
	if buf.Cap() <= keptBytes {
		buf.Reset()
		m.buffers.Put(buf)
	}
}

// choose returns the coding that an Accept-Encoding field likes best, the first of equal
// ones, or nil for none.
func (m *compressor) choose(accept string) *coding {
	if accept == "" {
		return nil
	}
	var best *coding
	bestQ := 0
	for i := range m.codings {
		if q := httpfield.Coding(accept, m.codings[i].name); q > bestQ {
			best, bestQ = &m.codings[i], q
		}
	}
	if httpfield.NamedCoding(accept, "identity") > bestQ {
		return nil
	}
	return best
}

// revalidate gives a 304 the fields that the answer would have. What that is not known any
// more, but a client that names the weak form of the tag has the compressed one.
func revalidate(c *geist.Ctx, resp *fasthttp.Response) {
	h := &resp.Header
	addVary(h)
	tag := unsafestring.String(h.Peek(fasthttp.HeaderETag))
	if !strings.HasPrefix(tag, `"`) {
		return
	}
	named := func(a, b string) bool { return strings.HasPrefix(a, "W/") && a[len("W/"):] == b }
	if list := c.Header(fasthttp.HeaderIfNoneMatch); list != "*" && httpfield.HasTag(list, tag, named) {
		weaken(h)
	}
}

// weaken makes a strong ETag weak.
func weaken(h *fasthttp.ResponseHeader) {
	tag := h.Peek(fasthttp.HeaderETag)
	if len(tag) == 0 || tag[0] != '"' {
		return
	}
	var room [64]byte
	h.SetCanonical(headerETag, append(append(room[:0], "W/"...), tag...))
}

// headerETag is the name as fasthttp writes it.
var headerETag = []byte("Etag")

// addVary adds Accept-Encoding to Vary unless it is there.
func addVary(h *fasthttp.ResponseHeader) {
	for _, line := range h.PeekAll(fasthttp.HeaderVary) {
		s := unsafestring.String(line)
		if httpfield.Contains(s, fasthttp.HeaderAcceptEncoding) || httpfield.Contains(s, "*") {
			return
		}
	}
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
}
