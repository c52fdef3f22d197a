package clientip

import (
	"bytes"
	"net/netip"
)

// forwarded walks the elements of Forwarded from the nearest hop outwards, and returns the
// first address that is no trusted proxy's, or the last one if all are. An element that
// tells no address ends the search: what stands before it may be made up.
//
//	Forwarded: for=198.51.100.1, for="[2001:db8::1]:4711";proto=https
//	           ◄── what the client may have sent     the nearest proxy ──►
//
// Elements are split at every comma, also one within a quoted string. That is safe: what
// follows such a comma has an odd number of quotes, and so is malformed.
func (f *finder) forwarded(lines [][]byte) (addr netip.Addr) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			var element []byte
			if j := bytes.LastIndexByte(rest, ','); j >= 0 {
				element, rest = rest[j+1:], rest[:j]
			} else {
				element, more = rest, false
			}
			if element = bytes.Trim(element, " \t"); len(element) == 0 {
				continue
			}
			if addr = hop(element); !addr.IsValid() || !f.trusted.contains(addr) {
				return addr
			}
		}
	}
	return addr
}

// hop returns the address of an element's for parameter, or the zero Addr if there is none
// or the element is malformed.
func hop(element []byte) (addr netip.Addr) {
	seen := false
	for rest := element; len(rest) > 0; {
		var name, value []byte
		var ok bool
		if name, value, rest, ok = pair(rest); !ok {
			return netip.Addr{}
		}
		if bytes.EqualFold(name, []byte("for")) {
			if seen {
				return netip.Addr{}
			}
			seen = true
			addr = parse(value)
		}
	}
	return addr
}

// pair cuts a parameter off an element: a name, "=" and a token or quoted string. The
// value of a quoted string is what stands between the quotes, escapes and all: an address
// has none.
func pair(b []byte) (name, value, rest []byte, ok bool) {
	name, rest, ok = bytes.Cut(bytes.TrimLeft(b, " \t;"), []byte{'='})
	if !ok || len(name) == 0 || tokenLen(name) < len(name) {
		return nil, nil, nil, len(name) == 0 && !ok // semicolons alone are no fault
	}
	if len(rest) > 0 && rest[0] == '"' {
		n := quotedLen(rest)
		if n == 0 {
			return nil, nil, nil, false
		}
		value, rest = rest[1:n-1], rest[n:]
	} else {
		n := tokenLen(rest)
		if n == 0 {
			return nil, nil, nil, false
		}
		value, rest = rest[:n], rest[n:]
	}
	rest = bytes.TrimLeft(rest, " \t")
	return name, value, rest, len(rest) == 0 || rest[0] == ';'
}

// quotedLen returns the length of the quoted string that b begins with, or 0 if it does
// not end.
func quotedLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// tokenLen returns the length of the token that b begins with. Colons and brackets count as
// characters of tokens, since many proxies leave out the quotes of addresses.
func tokenLen(b []byte) int {
	for i, x := range b {
		switch {
		case 'a' <= x && x <= 'z', 'A' <= x && x <= 'Z', '0' <= x && x <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~:[]"), x) >= 0:
		default:
			return i
		}
	}
	return len(b)
}
