// Package secure sets the header fields by which browsers protect the pages of an
// application and its visitors.
//
//	app.Use(secure.New(secure.Config{
//		ContentSecurityPolicy: "default-src 'self'; script-src 'nonce-{nonce}'",
//	}))
//	…
//	page := `<script nonce="` + secure.Nonce(c) + `">…</script>`
//
// The zero Config sends what harms no usual application: no guessing of content types, no frames on
// other sites, windows and resources kept to the own origin, a short Referer, and HTTPS only
// (Strict-Transport-Security) once a request has come over it. A Content-Security-Policy
// depends on the pages, so there is none by default. API answers carry the fields too; they
// do no harm there.
//
// The fields are set before the handlers run. What one sets by SetHeader, or
// middleware of an inner group, takes the place of the field of that name: pages that bring a policy
// of their own, such as those of package swagger/ui, keep it. The fields stay on errors,
// 404, 405 and redirects.
//
// Whether a request came over HTTPS is [geist.Ctx.Scheme]'s word: behind a proxy that
// ends TLS, Config.TrustedProxies must name that proxy, or HSTS is never sent and
// RedirectHTTPS redirects for ever.
//
// # WebSockets and streams
//
// Handshakes and streams have the fields in their header, where most mean nothing. The
// policy of the page decides which of them it may open (connect-src). With RedirectHTTPS a
// handshake over plain HTTP is answered 308, which browsers do not follow: it fails, and
// nothing is sent in the clear.
package secure

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// nonceKey holds the nonce of a request whose policy has one.
var nonceKey = geist.NewKey[string]("secure.nonce")

// New returns the middleware. It panics if a setting is malformed or contradicts another.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("secure: New was given several Configs: give one")
	}
	return newHeader(&conf).handle
}

// Nonce returns the nonce that stands in the request's policy, for the nonce attribute of
// elements of the page: 128 random bits, new for every request, in 22 letters, digits, dashes and
// underscores. It is "" where no policy has a {nonce}. A page with a nonce must not be kept by
// shared caches.
func Nonce(c *geist.Ctx) string {
	nonce, _ := nonceKey.Get(c)
	return nonce
}

func (h *header) handle(c *geist.Ctx) error {
	response := &c.RawHeader().Response.Header
	for _, f := range h.fields {
		response.SetCanonical(f.name, f.value)
	}
	if len(h.policies) > 0 {
		h.setPolicies(c)
	}
	if c.Scheme() != "https" {
		if h.redirect {
			return h.redirectHTTPS(c)
		}
		return c.Next()
	}
	if h.hsts != nil && !isLocalhost(c.Host()) {
		response.SetCanonical(h.hsts.name, h.hsts.value)
	}
	return c.Next()
}

// setPolicies sets the content policies that have a place for a nonce. It is the same in
// all policies of a request: an engine and a group may each have one.
func (h *header) setPolicies(c *geist.Ctx) {
	nonce := Nonce(c)
	if nonce == "" {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails: it ends the process
		nonce = base64.RawURLEncoding.EncodeToString(b[:])
		nonceKey.Set(c, nonce)
	}
	for _, p := range h.policies {
		c.RawHeader().Response.Header.Set(p.name, strings.Join(p.parts, nonce))
	}
}

// errNoHost answers what cannot be redirected, for it names no host.
var errNoHost = geist.NewError(fasthttp.StatusBadRequest, "this service is only served over HTTPS, and the request names no host")

// redirectHTTPS answers with the same target over HTTPS, on the host that is configured
// or else the request's own, which the engine has found to be one.
func (h *header) redirectHTTPS(c *geist.Ctx) error {
	target := h.redirectTo
	if target == "" {
		host := withoutPort(c.Host())
		if host == "" {
			return errNoHost
		}
		target = "https://" + host
	}
	uri := c.RawHeader().URI()
	if path := uri.PathOriginal(); len(path) > 0 && path[0] == '/' { // not of OPTIONS *
		target += string(path)
	}
	if query := uri.QueryString(); len(query) > 0 {
		target += "?" + string(query)
	}
	return c.Redirect(fasthttp.StatusPermanentRedirect, target)
}

// withoutPort returns a host without its port: that of plain HTTP is none of HTTPS.
func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}

// isLocalhost reports whether a host means the developer's own machine. A browser would
// remember for all of its ports that they speak TLS.
func isLocalhost(host string) bool {
	name := strings.TrimSuffix(withoutPort(host), ".")
	return strings.EqualFold(name, "localhost") || len(name) > len(".localhost") && strings.EqualFold(name[len(name)-len(".localhost"):], ".localhost")
}
