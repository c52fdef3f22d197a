// Package cors lets pages of other origins read what an application answers: Cross-Origin
// Resource Sharing, as the Fetch standard has it.
//
//	app.Use(cors.New(cors.Config{
//		AllowOrigins:     []string{"https://app.example.com", "https://*.example.org"},
//		AllowCredentials: true,
//	}))
//
// New without a Config lets pages of every origin read the answers, without credentials:
// right for what the whole web may read, wrong for a service that trusts whoever can reach
// it. A Config must name its origins, so that a list that is empty by mistake is found at
// start.
//
// CORS takes a browser's restriction back; it restricts nobody. A request from a page of
// another origin is served as any other, but its answer lacks the fields without which the
// browser keeps it from the page. What such requests may change is the concern of package
// csrf. Preflights, by which a browser asks beforehand, are answered here and reach no
// endpoint: 204, or 403 for an origin that is not allowed. They carry all that is allowed,
// whatever they ask for; the browser compares.
//
// Vary: Origin is in every answer that depends on the origin, also where none was sent and
// where the endpoint has set a Vary of its own. The fields stay on errors, 404 and 405,
// whose text a page may need.
//
// Use it on an engine or a group. Preflights have the method OPTIONS: they run through the
// middleware of the engine and of the group whose prefix they have, whether a route has
// their path or not, but not through that of a route for another method. Where one stands
// above another, the inner decides about answers and the outer about preflights.
//
// # WebSockets and streams
//
// Browsers apply no CORS to WebSockets: a handshake passes, from whatever origin, and
// [geist.Origins] of the route decides. Streams and Server-Sent Events have the fields in
// their header. An EventSource that was made withCredentials needs AllowCredentials; it sends no
// preflight.
package cors

import (
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/internal/weborigin"
)

// Config says which origins may do what. It must name them, by AllowOrigins or
// AllowOriginFunc; everything else may stay zero.
type Config struct {
	// AllowOrigins lists the origins whose pages may read answers: exact ones
	// ("https://app.example.com", with a port if it has one), all below a name at any depth
	// ("https://*.example.com", which is not example.com itself), "null" for pages without an
	// origin, such as files and sandboxed frames of anybody, or "*" alone for every page of the web.
	AllowOrigins []string

	// AllowOriginFunc is asked for origins that AllowOrigins does not name. It is given none
	// that a browser would not write, and never null. It runs on the request's goroutine,
	// for many requests at once. Nil allows no further ones.
	AllowOriginFunc func(c *geist.Ctx, origin string) bool

	// AllowMethods are the methods that pages may use beyond GET, HEAD and POST, which
	// browsers allow in any case. Empty means GET, HEAD, POST, PUT, PATCH and DELETE. "*" alone
	// allows all, but not with credentials.
	AllowMethods []string

	// AllowHeaders are the request header fields that pages may set beyond those that
	// browsers allow in any case. Empty means Content-Type, which JSON needs. "*" allows all but
	// Authorization, which may stand beside it; it cannot be used with credentials.
	AllowHeaders []string

	// ExposeHeaders are the response header fields that pages may read beyond those that
	// browsers show in any case. Empty means none. "*" alone shows all, but not with credentials.
	ExposeHeaders []string

	// AllowCredentials lets requests carry cookies, and pages read what is answered to them.
	// It cannot stand beside "*" or null.
	AllowCredentials bool

	// MaxAge is how long browsers may keep the answer to a preflight, in whole seconds; they
	// have limits of their own, from two hours on. Zero sends nothing, which they take for 5
	// seconds; negative forbids it.
	MaxAge time.Duration

	// AllowPrivateNetwork lets pages of the internet reach this service in a private network,
	// where the browser asks for that (Access-Control-Request-Private-Network). It cannot
	// stand beside "*".
	AllowPrivateNetwork bool
}

// New returns the middleware. Without a Config it allows every origin. It panics if a
// Config names no origins, or is malformed or dangerous.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
		conf.AllowOrigins = []string{"*"}
	case 1:
		conf = config[0]
	default:
		panic("cors: New was given several Configs: give one")
	}
	return newPolicy(&conf).handle
}

// allowOrigin is the field that lets a page read the answer.
var allowOrigin = []byte(fasthttp.HeaderAccessControlAllowOrigin)

// errForeignOrigin answers the preflight of an origin that is not allowed.
var errForeignOrigin = geist.NewError(fasthttp.StatusForbidden, "pages of that origin may not send this request")

func (p *policy) handle(c *geist.Ctx) error {
	rc := c.RawHeader()
	if rc.IsOptions() && isPreflight(&rc.Request.Header) {
		return p.preflight(c)
	}
	h := &rc.Response.Header
	if len(h.PeekCanonical(allowOrigin)) > 0 {
		takeBack(h)
	}
	if p.any {
		set(h, p.answer)
		return c.Next()
	}
	addVary(h)
	if origin := sentOrigin(&rc.Request.Header); p.allows(c, origin) {
		h.SetCanonical(allowOrigin, origin)
		set(h, p.answer)
	}
	err := c.Next()
	addVary(h) // an endpoint that sets Vary has replaced it
	return err
}

// takeBack removes what the middleware of an engine has allowed: that of a group decides.
func takeBack(h *fasthttp.ResponseHeader) {
	h.Del(fasthttp.HeaderAccessControlAllowOrigin)
	h.Del(fasthttp.HeaderAccessControlAllowCredentials)
	h.Del(fasthttp.HeaderAccessControlExposeHeaders)
}

// isPreflight reports whether a request with the method OPTIONS is one.
func isPreflight(h *fasthttp.RequestHeader) bool {
	return len(h.Peek(fasthttp.HeaderOrigin)) > 0 && len(h.Peek(fasthttp.HeaderAccessControlRequestMethod)) > 0
}

// preflight answers what a browser asks before a request.
func (p *policy) preflight(c *geist.Ctx) error {
	rc := c.RawHeader()
	h := &rc.Response.Header
	h.Add(fasthttp.HeaderVary, p.varyPreflight)
	if !p.any {
		origin := sentOrigin(&rc.Request.Header)
		if !p.allows(c, origin) {
			return errForeignOrigin
		}
		h.SetCanonical(allowOrigin, origin)
	}
	set(h, p.permission)
	if p.privateNetwork && string(rc.Request.Header.Peek(headerRequestPrivate)) == "true" {
		h.Set(headerAllowPrivate, "true")
	}
	return c.Status(fasthttp.StatusNoContent).NoContent()
}

// headerOrigin is the name as fasthttp keeps it.
var headerOrigin = []byte(fasthttp.HeaderOrigin)

// sentOrigin returns the request's Origin, or nothing. Several, which no browser sends, are none.
func sentOrigin(h *fasthttp.RequestHeader) []byte {
	if len(h.PeekCanonical(headerOrigin)) == 0 { // most requests: the look at all of them takes longer
		return nil
	}
	was := h.DisableNormalizing() // the name is as it is kept: PeekAll would make it so once more
	all := h.PeekAll(fasthttp.HeaderOrigin)
	if !was {
		h.EnableNormalizing()
	}
	if len(all) == 1 {
		return all[0]
	}
	return nil
}

// set sets fields that were made by newPolicy.
func set(h *fasthttp.ResponseHeader, fields []field) {
	for _, f := range fields {
		h.SetCanonical(f.name, f.value)
	}
}

// allows reports whether pages of the origin may read the answer.
func (p *policy) allows(c *geist.Ctx, origin []byte) bool {
	if len(origin) == 0 {
		return false
	}
	if p.exact[string(origin)] {
		return true
	}
	s := unsafestring.String(origin)
	for i := range p.below {
		if p.below[i].match(s) {
			return true
		}
	}
	return p.ask != nil && weborigin.Valid(s) && p.ask(c, string(origin))
}

// headerVary is the name as fasthttp writes it.
var headerVary = []byte(fasthttp.HeaderVary)

// addVary adds Origin to the Vary field unless it is there.
func addVary(h *fasthttp.ResponseHeader) {
	switch first := h.PeekCanonical(headerVary); string(first) {
	case "":
		h.SetCanonical(headerVary, headerOrigin)
		return
	case fasthttp.HeaderOrigin:
		return
	}
	for _, line := range h.PeekAll(fasthttp.HeaderVary) {
		for item := range strings.SplitSeq(unsafestring.String(line), ",") {
			if item = strings.Trim(item, " \t"); item == "*" || strings.EqualFold(item, fasthttp.HeaderOrigin) {
				return
			}
		}
	}
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
}
