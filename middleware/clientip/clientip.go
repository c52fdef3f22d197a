// Package clientip is middleware that finds out a client's address where proxies are in
// front that tell it by another field than X-Forwarded-For, and that lets in or refuses
// clients by their address.
//
//	app.Use(clientip.New(clientip.Config{
//		Header:  "CF-Connecting-IP",
//		Trusted: []string{"173.245.48.0/20", "2400:cb00::/32"},
//	}))
//
// [From] returns the address, and [geist.Ctx.ClientIP] says the same from then on, so that
// logs, limits and keys of other middleware agree. Without a Header the address is what the
// engine finds by [geist.Config].TrustedProxies and X-Forwarded-For, which is what most
// services need.
//
// A field is believed only if the connection comes from a proxy in Trusted; of anybody
// else the connection's own address counts. Where a trusted proxy's field is missing, sent
// more than once or no address, the client is not known: From finds nothing, ClientIP is "",
// and Allow and Deny refuse the request. Clients can make some proxies drop the field, so
// that the proxy's own address must not stand in for it.
//
// It runs for 404, 405, automatic OPTIONS answers and redirects as for routes.
//
// # WebSockets and streams
//
// The request that opens a connection is judged, once. Its address holds as long as the Ctx.
package clientip

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
)

// Fields that single proxies and networks send, for Config.Header.
const (
	// XRealIP is what nginx is usually told to send.
	XRealIP = "X-Real-IP"
	// CFConnectingIP is Cloudflare's.
	CFConnectingIP = "CF-Connecting-IP"
	// TrueClientIP is Akamai's, and Cloudflare's for some customers.
	TrueClientIP = "True-Client-IP"
	// Forwarded is that of RFC 7239, a list of hops.
	Forwarded = "Forwarded"
)

// Config holds the settings. The zero Config reports what the engine knows.
type Config struct {
	// Header is the field by which the nearest proxy tells the client's address, replacing
	// what the client has sent of it. Of Forwarded, to which each proxy adds, the for
	// parameters are read from the end: trusted proxies are passed over, and the first
	// other address is the client. Every other field must hold one address, which may have a port.
	// Empty means the engine's own way.
	Header string

	// Trusted lists the proxies whose Header is believed: CIDRs, single addresses, and
	// "unix" for connections over a unix socket. It must be set if Header is, and only then.
	Trusted []string

	// Allow lists the addresses (CIDRs or single ones) that are let in; others get 403. Empty
	// lets in all that Deny does not list. An address of a proxy itself does not belong in it.
	Allow []string

	// Deny lists the addresses that are refused with 403, also if Allow has them.
	Deny []string
}

// key holds the address of a request's client.
var key = geist.NewKey[netip.Addr]("client address")

// errRefused answers clients that Allow and Deny do not let in.
var errRefused = geist.NewError(fasthttp.StatusForbidden, "requests from this address are not accepted")

// New returns the middleware. It takes at most one Config, and panics if a list holds what is
// no address, if everybody is trusted, or if Header and Trusted do not go together.
// It allocates nothing.
func New(config ...Config) geist.Handler {
	var conf Config
	if len(config) > 1 {
		panic("clientip: New was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	f := newFinder(&conf)
	allow, deny := mustParse("Allow", conf.Allow), mustParse("Deny", conf.Deny)
	return func(c *geist.Ctx) error {
		addr := f.find(c)
		if addr.IsValid() {
			key.Set(c, addr)
		}
		if deny.contains(addr) || len(allow) > 0 && !allow.contains(addr) || len(deny) > 0 && !addr.IsValid() {
			return errRefused
		}
		return c.Next()
	}
}

// From returns the address of the client, and whether it is known. IPv4 is never in the form
// of IPv6, and there is no zone.
func From(c *geist.Ctx) (netip.Addr, bool) { return key.Get(c) }

// finder finds addresses in one way.
type finder struct {
	header  string
	trusted prefixes
	unix    bool
}

func newFinder(conf *Config) *finder {
	switch {
	case strings.EqualFold(conf.Header, fasthttp.HeaderXForwardedFor):
		panic("clientip: Config.Header is X-Forwarded-For: leave it empty, and list the proxies in geist.Config.TrustedProxies")
	case conf.Header != "" && len(conf.Trusted) == 0:
		panic("clientip: Config.Trusted is empty: list the proxies that set " + conf.Header)
	case conf.Header == "" && len(conf.Trusted) > 0:
		panic("clientip: Config.Trusted without a Header: name the field that they set, or list them in geist.Config.TrustedProxies")
	}
	f := &finder{header: conf.Header}
	var addrs []string
	for _, s := range conf.Trusted {
		if s == "unix" {
			f.unix = true
		} else {
			addrs = append(addrs, s)
		}
	}
	f.trusted = mustParse("Trusted", addrs)
	for _, p := range f.trusted {
		if p.Bits() == 0 {
			panic("clientip: Config.Trusted holds " + p.String() + ": then every client could choose its address")
		}
	}
	return f
}

// find returns the address of the client, or the zero Addr if it is not known.
func (f *finder) find(c *geist.Ctx) netip.Addr {
	if f.header == "" {
		return c.ClientAddr()
	}
	rc := c.RawHeader()
	addr, trusted := f.peer(rc)
	if trusted {
		lines := rc.Request.Header.PeekAll(f.header)
		if strings.EqualFold(f.header, Forwarded) {
			addr = f.forwarded(lines)
		} else {
			addr = single(lines)
		}
	}
	c.SetClientIP(addr)
	return addr
}

// peer returns the address of the connection's other end, and whether its fields are believed.
func (f *finder) peer(rc *fasthttp.RequestCtx) (addr netip.Addr, trusted bool) {
	switch a := rc.RemoteAddr().(type) {
	case *net.TCPAddr:
		addr = plain(a.AddrPort().Addr())
		return addr, f.trusted.contains(addr)
	case *net.UnixAddr:
		return addr, f.unix
	}
	return addr, false
}

// single returns the address in a field that must have been sent once.
func single(lines [][]byte) netip.Addr {
	if len(lines) != 1 {
		return netip.Addr{}
	}
	return parse(lines[0])
}

// maxText is the longest text that is read as an address: an IPv6 address with a zone and
// a port.
const maxText = 80

// parse reads an address, which may have a port and, in IPv6, brackets. What is none, and
// the unspecified address, gives the zero Addr.
func parse(b []byte) netip.Addr {
	if len(b) > maxText {
		return netip.Addr{}
	}
	s := strings.Trim(unsafestring.String(b), " \t")
	host, port, ported := s, "", false
	if strings.HasPrefix(s, "[") {
		var after string
		host, after, _ = strings.Cut(s[1:], "]")
		port, ported = strings.CutPrefix(after, ":")
		if !strings.Contains(host, ":") || !strings.Contains(s, "]") || after != "" && !ported {
			return netip.Addr{}
		}
	} else if strings.Count(s, ":") == 1 {
		host, port, ported = strings.Cut(s, ":")
	}
	addr, err := netip.ParseAddr(host)
	if addr = plain(addr); err != nil || addr.IsUnspecified() || ported && !validPort(port) {
		return netip.Addr{}
	}
	return addr
}

func validPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// plain returns an address without what makes equal ones differ.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// prefixes is a list of addresses.
type prefixes []netip.Prefix

func (list prefixes) contains(a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func mustParse(field string, texts []string) prefixes {
	list := make(prefixes, 0, len(texts))
	for _, s := range texts {
		p, err := parsePrefix(s)
		if err != nil {
			panic(fmt.Sprintf("clientip: Config.%s holds %q: use a CIDR such as 10.0.0.0/8, or an IP address", field, s))
		}
		list = append(list, p)
	}
	return list
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = plain(a)
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if a := p.Addr(); err == nil && a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}
