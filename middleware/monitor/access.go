package monitor

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gogeist/geist"
)

var (
	errNotAllowed     = geist.NewError(403, "you may not see the monitor from here")
	errOtherOrigin    = geist.NewError(403, "the monitor is not for pages of other origins")
	errTooManyViewers = geist.NewError(503, "too many pages follow the monitor: close one, or try again later")
)

// policy is the Content-Security-Policy of the page: its own files and feed, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard stands before everything that Mount registers.
func (m *Monitor) guard(c *geist.Ctx) error {
	ownKey.Set(c, true)
	c.SetHeader("Cache-Control", "no-store")
	c.SetHeader("Content-Security-Policy", policy)
	c.SetHeader("X-Content-Type-Options", "nosniff")
	c.SetHeader("X-Frame-Options", "DENY")
	c.SetHeader("Referrer-Policy", "no-referrer")
	c.SetHeader("Cross-Origin-Resource-Policy", "same-origin")
	if !m.allowed(c) {
		return errNotAllowed
	}
	if otherOrigin(c) {
		return errOtherOrigin
	}
	return c.Next()
}

func (m *Monitor) allowed(c *geist.Ctx) bool {
	if m.conf.Allow != nil {
		return m.conf.Allow(c)
	}
	return fromHere(c.RawHeader().RemoteAddr()) && !forwarded(c) && loopbackHost(c.Host())
}

// fromHere reports whether a connection comes from this machine. Of a unix socket nobody
// knows who is at its other end: mostly a proxy.
func fromHere(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.AddrPort().Addr().Unmap().IsLoopback()
}

// forwarded reports whether a proxy says that it has passed the request on.
func forwarded(c *geist.Ctx) bool {
	for _, name := range [...]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"} {
		if len(c.RawHeader().Request.Header.Peek(name)) > 0 {
			return true
		}
	}
	return false
}

// loopbackHost reports whether a Host, maybe with a port, is this machine by a name that no
// DNS server decides.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// otherOrigin reports whether a page of another origin has made the request, other than by a
// link to here. What CORS middleware allows the whole service does not count here.
func otherOrigin(c *geist.Ctx) bool {
	switch c.Header("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return c.Header("Sec-Fetch-Mode") != "navigate" || c.Header("Sec-Fetch-Dest") != "document"
	}
	origin := c.Header("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, c.Host())
}
