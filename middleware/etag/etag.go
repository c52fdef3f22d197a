// Package etag gives answers an entity tag, and clients that have the answer already a
// 304 without its body.
//
//	app.Use(compress.New(), etag.New())
//
// The answer is made all the same: what is saved is the transfer. It is for GET and HEAD
// answers of status 200 whose body is in memory. The tag is made of the body alone, by
// SHA-256, so that every node and every process gives the same one, and nobody can make
// two bodies that share it. A tag that the handler has set is left as it is and compared
// with If-None-Match in the same way.
//
// A 304 keeps all header fields, cookies included, but those that describe the body
// that is not there: Content-Type, Content-Encoding and Content-Language.
//
// No tag is made where nobody may keep the answer (Cache-Control: no-store) and for a
// body longer than Config.MaxBytes. Pages with a nonce or a token in them differ each
// time and never match: leave them out. If-Match is the handler's, which alone can tell
// before it changes something.
//
// Behind package compress, as above, the tag is that of the plain body, which compress
// makes weak where it compresses. Before it, the tag is that of the compressed bytes, which
// are made for a 304 in vain. Both are correct.
//
// # WebSockets and streams
//
// They pass by, as do bodies of Ctx.Stream, large files and flushed handlers of net/http:
// none of them is held back to be hashed. So do 404, 405, redirects and answers to OPTIONS.
package etag

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/httpfield"
	"github.com/gogeist/geist/internal/unsafestring"
)

// Config says what is tagged.
type Config struct {
	// MaxBytes is the length of the longest body that a tag is made for. Zero means 1 MiB,
	// which takes less than a millisecond.
	MaxBytes int
	// Weak makes weak tags, W/"…", for handlers whose answers mean the same although
	// something on the way changes their bytes. Ranges cannot be asked for by a weak tag.
	Weak bool
}

const (
	defaultMaxBytes = 1 << 20
	// sumBytes is how much of the hash is in a tag: 128 bits.
	sumBytes = 16
)

// New returns middleware that tags answers. It panics if MaxBytes is negative or there are
// two Configs. It is safe for many goroutines. A tag costs one pass over the body and no
// allocation.
func New(config ...Config) geist.Handler {
	if len(config) > 1 {
		panic("etag: New was given more than one Config: pass one")
	}
	var conf Config
	if len(config) == 1 {
		conf = config[0]
	}
	switch {
	case conf.MaxBytes < 0:
		panic("etag: Config.MaxBytes is negative: give the length of the longest body to tag")
	case conf.MaxBytes == 0:
		conf.MaxBytes = defaultMaxBytes
	}
	return func(c *geist.Ctx) error {
		err := c.Next()
		if err == nil && c.ResponseStatus() == fasthttp.StatusOK {
			if m := c.Method(); m == fasthttp.MethodGet || m == fasthttp.MethodHead {
				conf.answer(c)
			}
		}
		return err
	}
}

// answer tags the answer, or replaces it by a 304.
func (conf *Config) answer(c *geist.Ctx) {
	resp := &c.RawHeader().Response // nothing is changed in the body
	if resp.IsBodyStream() {
		return
	}
	tag := resp.Header.PeekCanonical(headerETag)
	if len(tag) == 0 {
		body := resp.Body()
		if len(body) == 0 || len(body) > conf.MaxBytes || noStore(&resp.Header) {
			return
		}
		var room [sumBytes * 2]byte
		resp.Header.SetCanonical(headerETag, conf.appendTag(room[:0], body))
		tag = resp.Header.PeekCanonical(headerETag)
	}
	sent := &c.RawHeader().Request.Header
	if len(sent.PeekCanonical(headerIfNoneMatch)) == 0 {
		return
	}
	for _, line := range sent.PeekAll(fasthttp.HeaderIfNoneMatch) {
		if httpfield.HasTag(unsafestring.String(line), unsafestring.String(tag), httpfield.WeakMatch) {
			notModified(resp)
			return
		}
	}
}

// Names of fields as fasthttp writes them.
var (
	headerETag         = []byte("Etag")
	headerIfNoneMatch  = []byte(fasthttp.HeaderIfNoneMatch)
	headerCacheControl = []byte(fasthttp.HeaderCacheControl)
)

// appendTag appends the entity tag of a body.
func (conf *Config) appendTag(dst, body []byte) []byte {
	if conf.Weak {
		dst = append(dst, "W/"...)
	}
	sum := sha256.Sum256(body)
	dst = append(dst, '"')
	dst = base64.RawURLEncoding.AppendEncode(dst, sum[:sumBytes])
	return append(dst, '"')
}

// noStore reports whether the answer may not be kept.
func noStore(h *fasthttp.ResponseHeader) bool {
	if len(h.PeekCanonical(headerCacheControl)) == 0 {
		return false
	}
	for _, line := range h.PeekAll(fasthttp.HeaderCacheControl) {
		if httpfield.Contains(unsafestring.String(line), "no-store") {
			return true
		}
	}
	return false
}

// notModified makes the answer a 304 (RFC 9110 §15.4.5).
func notModified(resp *fasthttp.Response) {
	resp.ResetBody()
	resp.SetStatusCode(fasthttp.StatusNotModified)
	resp.Header.SetContentTypeBytes(nil)
	resp.Header.Del(fasthttp.HeaderContentEncoding)
	resp.Header.Del(fasthttp.HeaderContentLanguage)
}
