// Package weborigin judges origins and the names in them: what middleware is configured
// with, and what browsers send in the header field Origin. Browsers write an origin in one
// form only, so that comparing bytes is comparing origins:
//
//	https://app.example.com        lower case, without the port of the scheme
//	http://localhost:3000          with any other
//	http://[::1]:8080              IPv6 in brackets, in its shortest form
//	capacitor://localhost          whatever the scheme
package weborigin

import (
	"net/netip"
	"strings"
)

// maxBytes bounds an origin: a name of 253 bytes, a port, and more scheme than any has.
const maxBytes = 512

// Canonical returns a configured origin as browsers would write it, and false for what is
// no origin: null, a URL with a path, a name that is not ASCII.
func Canonical(s string) (string, bool) {
	s = strings.ToLower(s)
	scheme, host, _ := strings.Cut(s, "://")
	host = strings.TrimSuffix(host, defaultPort(scheme))
	if name, port, bracketed := cutBrackets(host); bracketed {
		if ip, err := netip.ParseAddr(name); err == nil {
			host = "[" + ip.String() + "]" + port
		}
	}
	s = scheme + "://" + host
	return s, Valid(s)
}

// Valid reports whether s is an origin as browsers write it. It allocates nothing but for
// IPv6.
func Valid(s string) bool {
	scheme, host, ok := strings.Cut(s, "://")
	if !ok || len(s) > maxBytes || !validScheme(scheme) {
		return false
	}
	if d := defaultPort(scheme); d != "" && strings.HasSuffix(host, d) {
		return false
	}
	if ip, port, bracketed := cutBrackets(host); bracketed {
		return validIPv6(ip) && ValidPort(port)
	}
	name, port := host, ""
	if i := strings.IndexByte(host, ':'); i >= 0 {
		name, port = host[:i], host[i:]
	}
	return ValidName(name) && ValidPort(port)
}

// cutBrackets splits "[::1]:8080" into the address and the port with its colon.
func cutBrackets(host string) (ip, port string, ok bool) {
	if !strings.HasPrefix(host, "[") {
		return "", "", false
	}
	return strings.Cut(host[1:], "]")
}

func validScheme(s string) bool {
	for i := range len(s) {
		b := s[i]
		other := '0' <= b && b <= '9' || b == '+' || b == '-' || b == '.'
		if (b < 'a' || b > 'z') && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// defaultPort returns the port that a scheme implies, with its colon, or "".
func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return ":80"
	case "https":
		return ":443"
	}
	return ""
}

func validIPv6(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && !ip.Is4In6() && ip.Zone() == "" && ip.String() == s
}

// ValidName reports whether s is a host name in lower case, without a final dot, or an
// IPv4 address. Other alphabets must be in their ASCII form (xn--).
func ValidName(s string) bool {
	if len(s) > 253 {
		return false
	}
	label, digits := 0, true // of the last label
	for i := range len(s) {
		switch b := s[i]; {
		case b == '.':
			if label == 0 {
				return false
			}
			label, digits = 0, true
			continue
		case '0' <= b && b <= '9':
		case 'a' <= b && b <= 'z' || b == '-' || b == '_':
			digits = false
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	if label > 0 && digits { // browsers take it for an address
		ip, err := netip.ParseAddr(s)
		return err == nil && ip.Is4()
	}
	return label > 0
}

// ValidPort reports whether s is empty or a colon and a port as browsers write it.
func ValidPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > 6 || s[1] == '0' {
		return false
	}
	n := 0
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// HasBelow reports whether what lies below a name can belong to one owner: the name is
// localhost or has two labels at least. Below com is anybody, below an address nobody.
func HasBelow(name string) bool {
	if !ValidName(name) {
		return false
	}
	_, err := netip.ParseAddr(name)
	return err != nil && (name == "localhost" || strings.Contains(name, "."))
}
