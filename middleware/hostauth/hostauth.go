// Package hostauth answers only requests for hosts that the application knows.
//
//	app.Use(hostauth.New(hostauth.Config{
//		AllowHosts: []string{"example.com", "*.example.com", "localhost:8080"},
//	}))
//
// A page can point a name of its own at the address of any server, its visitor's machine
// among them, and is then of one origin with it (DNS rebinding). Links and redirects that are
// made of the host lead to wherever the client said. Both end where foreign hosts are
// refused: with 421 Misdirected Request, whatever the path, before anything else has run.
// The refusal does not say which hosts there are.
//
// What is judged is [geist.Ctx.Host]: that of an absolute target, else the Host field, or
// X-Forwarded-Host if a proxy of geist's Config.TrustedProxies sent it, and never otherwise.
// Case does not matter, nor does a final dot. Probes that name an address in place of a host
// are served if the address is listed.
//
// # WebSockets and streams
//
// A handshake and a request for a stream are judged as any other request, before
// they become a connection. What is open already is not judged again.
package hostauth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/weborigin"
)

// Config says which hosts the application answers for. It must name at least one, or have
// a function.
type Config struct {
	// AllowHosts lists the hosts: exact ones ("example.com", "192.0.2.7", "[::1]") and all
	// below a name at any depth ("*.example.com", which is not example.com itself). With a
	// port ("localhost:8080") only that port is served, else every port is. A request
	// that names none means that of its scheme.
	AllowHosts []string

	// AllowHostFunc is asked for hosts that AllowHosts does not name, such as domains of
	// customers. It is given the name in lower case, without port and final dot. It runs on
	// the request's goroutine, for many requests at once. Nil allows no further ones.
	AllowHostFunc func(c *geist.Ctx, name string) bool
}

// New returns the middleware. It panics if there is no Config, or it allows no host or is
// malformed.
func New(config ...Config) geist.Handler {
	switch {
	case len(config) > 1:
		panic("hostauth: New was given several Configs: give one")
	case len(config) == 0 || len(config[0].AllowHosts) == 0 && config[0].AllowHostFunc == nil:
		panic("hostauth: Config.AllowHosts is empty: name the hosts that the application answers for")
	}
	p := &policy{ask: config[0].AllowHostFunc}
	for _, text := range config[0].AllowHosts {
		h, ok := parse(text)
		if !ok {
			panic(fmt.Sprintf(`hostauth: Config.AllowHosts has %q: write "example.com", "*.example.com" (of two labels at least), "[::1]", each with a port or without`, text))
		}
		p.hosts = append(p.hosts, h)
	}
	return p.handle
}

// errForeignHost answers requests for other hosts.
var errForeignHost = geist.NewError(fasthttp.StatusMisdirectedRequest, "this server does not answer for that host")

// policy is a Config made ready for requests.
type policy struct {
	hosts []host
	ask   func(c *geist.Ctx, name string) bool
}

// host is one of AllowHosts:
//
//	"example.com"          name "example.com"
//	"*.example.com:8443"   name ".example.com", below, port "8443"
//	"[::1]"                name "[::1]"
type host struct {
	name, port string // an empty port is any
	below      bool
}

func (p *policy) handle(c *geist.Ctx) error {
	name, port, ok := split(c.Host())
	if !ok {
		return errForeignHost
	}
	if port == "" {
		port = "80"
		if c.Scheme() == "https" {
			port = "443"
		}
	}
	match := func(h host) bool { return h.match(name, port) }
	if slices.ContainsFunc(p.hosts, match) || p.ask != nil && p.ask(c, name) {
		return c.Next()
	}
	return errForeignHost
}

func (h *host) match(name, port string) bool {
	if h.port != "" && h.port != port {
		return false
	}
	if h.below {
		return len(name) > len(h.name) && strings.HasSuffix(name, h.name)
	}
	return name == h.name
}

// parse reads one of AllowHosts.
func parse(text string) (h host, ok bool) {
	text, h.below = strings.CutPrefix(text, "*.")
	if h.name, h.port, ok = split(text); ok && h.below {
		ok = weborigin.HasBelow(h.name)
		h.name = "." + h.name
	}
	return h, ok
}

// split takes a host apart, into its name in the form that is compared and its port, which
// may be empty. It reports false for what is none.
func split(s string) (name, port string, ok bool) {
	if ip, rest, bracketed := strings.Cut(s, "]"); bracketed {
		addr, err := netip.ParseAddr(strings.TrimPrefix(ip, "["))
		if err != nil || !addr.Is6() || addr.Zone() != "" || ip[0] != '[' {
			return "", "", false
		}
		name, port = "["+addr.String()+"]", rest
	} else {
		if i := strings.IndexByte(s, ':'); i >= 0 {
			s, port = s[:i], s[i:]
		}
		name = strings.ToLower(strings.TrimSuffix(s, "."))
		if !weborigin.ValidName(name) {
			return "", "", false
		}
	}
	if port == ":" {
		port = "" // RFC 3986 allows it
	}
	return name, strings.TrimPrefix(port, ":"), weborigin.ValidPort(port)
}
