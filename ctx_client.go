package geist

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// ClientIP returns the client's IP address: that of the connection, unless it
// comes from a proxy in Config.TrustedProxies. Then X-Forwarded-For is read from
// its end, trusted proxies are passed over, and the first other address is the
// client. Where an entry is not an address the search stops at the last trusted
// hop: what a client makes up is never believed. It is "" on a unix socket
// without a trusted proxy in front. SetClientIP replaces all this.
func (c *Ctx) ClientIP() string { return c.addrText(c.ClientAddr()) }

// ClientAddr is ClientIP as an address: the zero Addr where that is "". IPv4 is never in
// the form of IPv6, and there is no zone.
func (c *Ctx) ClientAddr() netip.Addr {
	c.check()
	if c.cold.located {
		addr, _ := clientIPKey.Get(c)
		return addr
	}
	addr, unix := c.peerAddr()
	if c.server.set.proxies.trusts(addr, unix) {
		addr = c.forwardedFor(addr)
	}
	return addr
}

// clientIPKey holds what SetClientIP was given: a field of Ctx would cost every connection.
var clientIPKey = NewKey[netip.Addr]("client IP")

// SetClientIP makes ClientIP return addr for the rest of the request, for middleware that
// knows how the proxies in front tell who the client is. An IPv4 address in IPv6 becomes
// IPv4, and a zone is dropped; the zero Addr says that the client is not known: "".
func (c *Ctx) SetClientIP(addr netip.Addr) {
	c.alive()
	c.cold.located = true
	clientIPKey.Set(c, plainAddr(addr))
}

// clientText is the address of a client as a string.
type clientText struct {
	addr netip.Addr
	text string
}

// forwardedFor says for whom a proxy has asked by an X-Forwarded-For.
type forwardedFor struct {
	peer   netip.Addr
	field  []byte
	client netip.Addr
}

// addrText returns an address as a string that stays valid, or "" for none. The last one is
// remembered: several handlers of a chain ask, and the next request is often of the same client.
func (c *Ctx) addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	if addr == c.client.addr {
		return c.client.text
	}
	c.scratch = addr.AppendTo(c.scratch[:0])
	text := ""
	if c.server.set.UnsafeStrings {
		text = string(c.scratch)
	} else {
		text = c.keep(c.scratch)
	}
	c.client.addr, c.client.text = addr, text
	return text
}

// forwardedFor returns whom the proxy at addr has asked for. The last answer is remembered,
// as in addrText.
func (c *Ctx) forwardedFor(addr netip.Addr) netip.Addr {
	fields := peekAll(&c.rc.Request.Header, fasthttp.HeaderXForwardedFor)
	if len(fields) != 1 || len(fields[0]) > maxForwarded {
		return c.walkForwarded(fields, addr)
	}
	f := &c.forwarded
	if addr != f.peer || !bytes.Equal(fields[0], f.field) {
		f.peer, f.field = addr, append(f.field[:0], fields[0]...)
		f.client = c.walkForwarded(fields, addr)
	}
	return f.client
}

// maxForwarded is the longest X-Forwarded-For that is remembered: two addresses of IPv6.
const maxForwarded = 80

// walkForwarded walks the X-Forwarded-For fields from the nearest hop outwards.
func (c *Ctx) walkForwarded(fields [][]byte, addr netip.Addr) netip.Addr {
	for i := len(fields) - 1; i >= 0; i-- {
		rest := unsafestring.String(fields[i])
		for more := true; more; {
			var hop string
			if j := strings.LastIndexByte(rest, ','); j >= 0 {
				hop, rest = rest[j+1:], rest[:j]
			} else {
				hop, more = rest, false
			}
			ip, ok := parseHop(strings.Trim(hop, " \t"))
			if !ok {
				return addr
			}
			addr = ip
			if !c.server.set.proxies.contains(ip) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an entry of X-Forwarded-For: an address, which some proxies send
// with a port.
func parseHop(s string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return plainAddr(ip), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plainAddr(ap.Addr()), true
	}
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		if ip, err := netip.ParseAddr(s[1 : n-1]); err == nil {
			return plainAddr(ip), true
		}
	}
	return netip.Addr{}, false
}

// peerTrusted reports whether the connection comes from a trusted proxy.
func (c *Ctx) peerTrusted() bool {
	return c.server.set.proxies.trusts(c.peerAddr())
}

// peerAddr returns the address of the connection's other end, and whether the
// connection is a unix socket, which has none.
func (c *Ctx) peerAddr() (addr netip.Addr, unix bool) {
	switch a := c.rc.RemoteAddr().(type) {
	case *net.TCPAddr:
		return plainAddr(a.AddrPort().Addr()), false
	case *net.UnixAddr:
		return netip.Addr{}, true
	}
	return netip.Addr{}, false
}

// plainAddr returns an address without what makes equal ones differ.
func plainAddr(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	return a.WithZone("")
}
