// Package redirect answers requests for what is elsewhere with a redirect: paths that
// have moved, hosts that have another name, and http where https is wanted.
//
//	app.Use(redirect.New(redirect.Config{
//		HTTPS:   true,
//		Hosts:   []string{"example.com", "*.shops.example.com"},
//		Aliases: map[string]string{"www.example.com": "example.com"},
//		Rules: []redirect.Rule{
//			{From: "/blog/:id", To: "/posts/:id"},
//			{From: "/docs/*path", To: "https://docs.example.com/*path"},
//		},
//	}))
//
// It is middleware. Given to Engine.Use it also answers for paths that have no route,
// which those that have moved usually lack. It comes before what should not see requests
// over http, such as sessions.
//
// The query is kept. A redirect never leads to a host that a request names unless the
// configuration lists it, and what a rule captures never becomes part of a host, since
// a path with empty segments, dot segments or backslashes has no rule.
//
// Whether a request came over https is what Ctx.Scheme says: behind a proxy that ends
// TLS, Config.TrustedProxies of the engine must list it, or the redirect to https leads
// to itself. Over https nothing but the host is looked at; Strict-Transport-Security is
// the business of package secure.
//
// # WebSockets and streams
//
// A handshake is answered by the redirect, too. Browsers do not follow it, so that a
// WebSocket over http where https is wanted fails; a browser's EventSource follows.
// Rules leave OPTIONS alone, since browsers refuse a redirected preflight.
package redirect

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/pathrule"
)

// Config says what is redirected. One that redirects nothing is refused.
type Config struct {
	// HTTPS redirects every request that came over http to https. It needs Hosts or
	// Aliases; a request for another host is answered 421.
	HTTPS bool
	// Hosts are the names that redirects to https may lead to: "example.com", with a port
	// if https is not on 443, or "*.example.com" for any name below that one. A port of the
	// request counts for nothing.
	Hosts []string
	// Aliases are names, without port, and the host that requests for them are redirected
	// to, which may have a port: {"www.example.com": "example.com"}. The scheme stays,
	// unless HTTPS is set. A host that is redirected to must not be an alias itself.
	Aliases map[string]string
	// Status is that of redirects to another scheme or host: 308 or 307. Zero means 308,
	// which browsers remember for good.
	Status int
	// Rules are for paths. They are tried in their order when the scheme and host are
	// right; the first that fits answers.
	Rules []Rule
}

// Rule is a pattern and where what it matches has gone.
type Rule struct {
	// From is a pattern of text and of parameters that are a whole segment: ":id", never
	// empty, and at the end "*path" for the rest, never empty. At most eight; constraints
	// and optional parameters are not understood.
	From string
	// To is a path, escaped, in which the parameters of From stand anywhere, alone or
	// behind "https://host" or "http://host". It may end in a query without parameters,
	// before that of the request.
	To string
	// Status is 308 or 307, which keep the method, or 301 or 302, for which only GET and
	// HEAD are redirected, other methods passing by. Zero means 308.
	Status int
}

// errMisdirected answers a request over http for a host that nobody vouches for.
var errMisdirected = geist.NewError(fasthttp.StatusMisdirectedRequest, "this host is not served here")

// New returns middleware that redirects. It panics if the Config says nothing, or
// something that cannot be meant: a rule that is malformed or leads back to itself, a
// status that is none of a redirect, HTTPS without a host to lead to. It is safe for many
// goroutines; a request that is not redirected costs no allocation.
func New(config ...Config) geist.Handler {
	if len(config) != 1 {
		panic("redirect: give New one Config")
	}
	r := compile(config[0])
	return r.handle
}

// redirector is a Config that has been checked.
type redirector struct {
	https   bool
	status  int
	hosts   hosts
	aliases map[string]string
	rules   []rule
}

func (r *redirector) handle(c *geist.Ctx) error {
	if r.https || len(r.aliases) > 0 {
		if to, err := r.origin(c); to != "" || err != nil {
			if err != nil {
				return err
			}
			return r.move(c, to)
		}
	}
	if len(r.rules) == 0 || c.Method() == fasthttp.MethodOptions {
		return c.Next()
	}
	path := c.RawPath()
	var room [128]byte
	for i := range r.rules {
		rule := &r.rules[i]
		if b, ok := rule.path.Append(append(room[:0], rule.origin...), path); ok {
			if !rule.keepsMethod() && c.Method() != fasthttp.MethodGet && c.Method() != fasthttp.MethodHead {
				return c.Next()
			}
			return c.Redirect(rule.status, string(pathrule.AppendQuery(append(b, rule.query...), c.RawQuery())))
		}
	}
	return c.Next()
}

// origin returns the scheme and host that the request should have been for, or "" if it
// was.
func (r *redirector) origin(c *geist.Ctx) (string, error) {
	host := normalHost(c.Host())
	scheme := c.Scheme()
	to, alias := r.aliases[host]
	switch {
	case !r.https && !alias, scheme == "https" && !alias:
		return "", nil
	case !alias:
		if to = r.hosts.find(host); to == "" {
			return "", errMisdirected
		}
	}
	if r.https {
		scheme = "https"
	}
	return scheme + "://" + to, nil
}

// move redirects to the same path at another origin.
func (r *redirector) move(c *geist.Ctx, origin string) error {
	path := c.RawPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" // of OPTIONS *
	}
	b := append(make([]byte, 0, 128), origin...)
	return c.Redirect(r.status, string(pathrule.AppendQuery(pathrule.AppendEscaped(b, path), c.RawQuery())))
}

// rule is a Rule that has been checked.
//
//	To "https://docs.example.com/*path?v=1" → origin "https://docs.example.com", query "?v=1"
type rule struct {
	path   pathrule.Rule
	origin string
	query  string
	status int
}

// keepsMethod reports whether clients repeat the request with its method.
func (r *rule) keepsMethod() bool {
	return r.status == fasthttp.StatusPermanentRedirect || r.status == fasthttp.StatusTemporaryRedirect
}
