// Package csrf refuses requests that a page of another origin has made a visitor's browser
// send, with the cookies of the visitor: cross-site request forgery.
//
//	app.Use(csrf.New())
//
// GET, HEAD and OPTIONS always pass: handlers of these must change nothing. Others pass
// if the browser says that they come from the own origin (Sec-Fetch-Site, which all
// have sent over HTTPS since 2023), or, where it does not say, if Origin names the host of the
// request. Requests with neither come from no browser of today and pass. What comes from
// elsewhere is answered 403, but for Config.TrustedOrigins. No state is kept and no cookie is set.
//
// # Tokens
//
// With Config.Keys a request must carry a token besides, which only pages of the
// application can know: protection for browsers too old to say where a request comes from.
//
//	app.Use(session.New(session.Config{Store: store}), csrf.New(csrf.Config{
//		Keys: [][]byte{key},
//		Session: func(c *geist.Ctx) string {
//			s, err := session.From(c)
//			if err != nil {
//				return ""
//			}
//			return s.User()
//		},
//	}))
//	…
//	form := `<input type="hidden" name="csrf_token" value="` + csrf.Token(c) + `">`
//
// A cookie holds a secret that is signed together with the session, and the token is that secret
// under a mask that is new each time, so that compression gives nothing away of it. The
// token comes back in the field X-CSRF-Token, or in csrf_token of a form. It is good for as
// often as the session sends it, and for no other session: renew the id of the session at
// login.
//
// What Session looks at must have been set by middleware that runs before. It must say the same
// when a form is made and when that comes back: the cookie of a session does not, since the first
// page is made before its client has one. Where it returns "", visitors who are not known share
// what is signed; a cookie of the attacker's is then kept out by its name alone, which begins with
// __Host- over HTTPS.
//
// On routes with [geist.StreamBody] send the header field: looking for the form's would
// read the body before the handler does.
//
// # WebSockets and streams
//
// A handshake is a GET and passes. Browsers send cookies with it, whatever page it comes from, and
// therefore the engine itself refuses pages of other hosts: see [geist.Origins]. What is
// sent over the open connection needs no token. Streams and Server-Sent Events are
// GETs that change nothing. 404 and 405 are refused alike.
package csrf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/internal/weborigin"
)

// What refused requests are answered with; test for them with errors.Is.
var (
	// ErrCrossOrigin answers a request of a page of another origin: status 403.
	ErrCrossOrigin = geist.NewError(fasthttp.StatusForbidden, "the request comes from a page of another origin")

	// ErrToken answers a request whose token is missing, forged, of another session, or
	// without its cookie: status 403.
	ErrToken = geist.NewError(fasthttp.StatusForbidden, "the CSRF token is missing or not valid: reload the page")
)

// Config extends the protection. The zero Config needs no state and trusts no other origin.
type Config struct {
	// TrustedOrigins lists other origins whose pages may send requests, exactly:
	// "https://app.example.com", with a port if it has one. They need no token. Empty trusts none.
	TrustedOrigins []string

	// Keys turns tokens on. The first key signs, all are accepted: to change keys, put the new
	// one in front, and remove the old one when the pages with its tokens are gone. Each
	// has 32 random bytes at least. Empty means no tokens.
	Keys [][]byte

	// Session returns what a token is bound to: the id of the visitor's session or of the
	// user, or "" for visitors who have neither. A session that begins while a page is made has no
	// id yet when that page's token is: bind tokens to the user where this may happen. It is required
	// with Keys. It runs on the request's goroutine, for many requests at once.
	Session func(c *geist.Ctx) string

	// CookieName is the name of the secret's cookie; over HTTPS __Host- stands before it. Empty
	// means csrf.
	CookieName string

	// HeaderName is the header field that a token comes in. Empty means X-CSRF-Token.
	HeaderName string

	// FieldName is the field of a form that a token comes in where the header has none. Empty
	// means csrf_token.
	FieldName string
}

// New returns the middleware. It panics if a setting is malformed, a key is short, or there
// are keys without Session.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("csrf: New was given several Configs: give one")
	}
	g := &guard{trusted: map[string]bool{}, tokens: newTokens(&conf)}
	for _, text := range conf.TrustedOrigins {
		origin, ok := weborigin.Canonical(text)
		if !ok {
			panic(fmt.Sprintf(`csrf: Config.TrustedOrigins has %q: write whole origins such as "https://app.example.com"`, text))
		}
		g.trusted[origin] = true
	}
	return g.handle
}

// guard is a Config made ready for requests.
type guard struct {
	trusted map[string]bool
	tokens  *tokens // nil without keys
}

func (g *guard) handle(c *geist.Ctx) error {
	if g.tokens != nil {
		stateKey.Set(c, state{tokens: g.tokens})
	}
	if slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, c.Method()) {
		return c.Next()
	}
	header := &c.RawHeader().Request.Header
	origin := sent(header, fasthttp.HeaderOrigin)
	switch {
	case g.trusted[origin]:
		return c.Next()
	case !fromHere(c, sent(header, headerFetchSite), origin):
		return ErrCrossOrigin
	case g.tokens != nil && !g.tokens.verify(c):
		return ErrToken
	}
	return c.Next()
}

// headerFetchSite tells how the page that sends a request and its target belong together.
const headerFetchSite = "Sec-Fetch-Site"

// sent returns a header field of the request, or "". It is a view. Several of one name,
// which no browser sends, are none that means anything.
func sent(h *fasthttp.RequestHeader, name string) string {
	switch all := h.PeekAll(name); len(all) {
	case 0:
		return ""
	case 1:
		return unsafestring.String(all[0])
	}
	return "several"
}

// fromHere reports whether a request comes from a page of its own origin, or from no page.
func fromHere(c *geist.Ctx, site, origin string) bool {
	switch site {
	case "same-origin", "none": // none: the user's own doing
		return true
	case "":
		return origin == "" || sameOrigin(c, origin)
	}
	return false
}

// sameOrigin reports whether an origin is that of the request. Where TLS ends before a
// proxy that nobody has named, the request seems to come over plain HTTP although the
// page did not: that much is let pass, but never a page of plain HTTP over HTTPS.
func sameOrigin(c *geist.Ctx, origin string) bool {
	scheme, host, _ := strings.Cut(origin, "://")
	port := ":443"
	if scheme == "http" && c.Scheme() == "http" {
		port = ":80"
	} else if scheme != "https" {
		return false
	}
	return host != "" && strings.EqualFold(host, strings.TrimSuffix(c.Host(), port))
}
