// Package nocache is middleware that forbids every cache to keep an answer: those of
// browsers, proxies and content delivery networks.
//
//	admin := app.Group("/admin", nocache.New())
//
// Answers get Cache-Control: no-store and Expires: 0, whatever the handler has set. Fields
// that are for one kind of cache alone and beat Cache-Control there (CDN-Cache-Control,
// Surrogate-Control) say no-store too if the handler has set them. It runs for 404, 405,
// automatic OPTIONS answers and redirects as for routes.
//
// If-None-Match and If-Modified-Since of GET and HEAD requests are removed before the
// handlers run, so that a client that has an old copy gets the answer anew and not a 304.
// If-Match and If-Unmodified-Since stay: they protect from lost updates.
//
// # WebSockets and streams
//
// The header of a stream gets the fields as any other; that of a stream of events
// forbids caching anyway and keeps its own Cache-Control. No cache keeps the answer to a WebSocket's
// handshake, where the fields do no harm.
package nocache

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// noStore forbids to keep an answer.
const noStore = "no-store"

// targeted are fields for one kind of cache, which beat Cache-Control there (RFC 9213).
var targeted = [...]string{"CDN-Cache-Control", "Surrogate-Control"}

// New returns the middleware. It has no settings, and allocates nothing.
func New() geist.Handler {
	return func(c *geist.Ctx) error {
		if m := c.Method(); m == fasthttp.MethodGet || m == fasthttp.MethodHead {
			h := &c.RawHeader().Request.Header
			h.Del(fasthttp.HeaderIfNoneMatch)
			h.Del(fasthttp.HeaderIfModifiedSince)
		}
		forbid(c) // also for answers to panics, which skip what follows
		err := c.Next()
		forbid(c)
		return err
	}
}

// forbid sets the fields of the answer.
func forbid(c *geist.Ctx) {
	h := &c.RawHeader().Response.Header
	if !storesNothing(h.Peek(fasthttp.HeaderCacheControl)) {
		h.Set(fasthttp.HeaderCacheControl, noStore)
	}
	h.Set(fasthttp.HeaderExpires, "0")
	for _, name := range targeted {
		if len(h.Peek(name)) > 0 {
			h.Set(name, noStore)
		}
	}
}

// storesNothing reports whether a Cache-Control has no-store among its directives.
func storesNothing(value []byte) bool {
	for part := range bytes.SplitSeq(value, []byte{','}) {
		if bytes.EqualFold(bytes.TrimSpace(part), []byte(noStore)) {
			return true
		}
	}
	return false
}
