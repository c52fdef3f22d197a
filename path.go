package geist

import (
	"errors"
	"strings"
)

// Paths are matched segment by segment in decoded form. A raw path without '%' is its own decoded
// form. Otherwise decodePath writes one, in which NUL stands for a slash that was encoded, so that
// it does not separate segments:
//
//	"/a%2Fb/caf%C3%A9"  →  "/a\x00b/café"     two segments, values "a/b" and "café"
//
// Nothing else can put a NUL there: decodePath refuses %00, and the caller refuses control bytes
// in the raw path before it comes here.

var errBadEscape = errors.New("geist: malformed percent escape in path")

// decodePath appends the decoded form of the raw path to dst. It fails on a '%' that two
// hexadecimal digits do not follow, and on NUL, raw or encoded.
func decodePath(dst []byte, raw string) ([]byte, error) {
	for {
		i := strings.IndexByte(raw, '%')
		if i < 0 {
			i = len(raw)
		}
		if strings.IndexByte(raw[:i], 0) >= 0 {
			return dst, errBadEscape
		}
		dst = append(dst, raw[:i]...)
		if i == len(raw) {
			return dst, nil
		}
		c, ok := unescape(raw[i:])
		if !ok || c == 0 {
			return dst, errBadEscape
		}
		if c == '/' {
			c = 0
		}
		dst = append(dst, c)
		raw = raw[i+3:]
	}
}

// unescape decodes the escape that s begins with.
func unescape(s string) (byte, bool) {
	if len(s) < 3 || !isHex(s[1]) || !isHex(s[2]) {
		return 0, false
	}
	return fromHex(s[1])<<4 | fromHex(s[2]), true
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// paramValue turns a captured part of a decoded path into what the user sees: NUL becomes the
// slash it stands for. It allocates only when there is one.
func paramValue(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "/")
}

// hasDotSegment reports whether a decoded path has a segment "." or "..". An encoded slash does
// not end a segment. Paths without a dot cost one IndexByte.
func hasDotSegment(path string) bool {
	for i := 0; ; {
		j := strings.IndexByte(path[i:], '.')
		if j < 0 {
			return false
		}
		i += j
		if (i == 0 || path[i-1] == '/') && startsWithDotSegment(path[i:]) {
			return true
		}
		i++
	}
}

// startsWithDotSegment reports whether s, which begins with a dot, begins with "." or ".." and
// then ends or has a slash.
func startsWithDotSegment(s string) bool {
	n := 1
	if len(s) > 1 && s[1] == '.' {
		n = 2
	}
	return len(s) == n || s[n] == '/'
}

// cleanPath appends to dst the raw path without dot segments, encoded ones included, and without
// empty segments; a trailing slash stays. What it appends is fit for a Location header: it begins
// with exactly one slash, so that it never names another host, and bytes that a header or a browser
// would read differently (backslash, controls, space, non-ASCII) are escaped.
//
//	"//a/./b/../c//"  →  "/a/c/"
//	"/a/%2e%2e"       →  "/"
//	"/\evil.example"  →  "/%5Cevil.example"
func cleanPath(dst []byte, path string) []byte {
	start := len(dst)
	dst = append(dst, '/')
	for path != "" {
		seg := path
		i := strings.IndexByte(path, '/')
		if i >= 0 {
			seg, path = path[:i], path[i+1:]
		} else {
			path = ""
		}
		switch dotSegment(seg) {
		case 1:
			continue
		case 2:
			dst = dropSegment(dst, start)
			continue
		}
		if seg == "" {
			continue
		}
		dst = appendLocation(dst, seg)
		if i >= 0 {
			dst = append(dst, '/')
		}
	}
	return dst
}

// dropSegment removes the last segment of dst[start:], which ends with a slash.
func dropSegment(dst []byte, start int) []byte {
	for i := len(dst) - 2; i >= start; i-- {
		if dst[i] == '/' {
			return dst[:i+1]
		}
	}
	return dst[:start+1]
}

// dotSegment returns 1 for a raw segment that means ".", 2 for "..", else 0.
func dotSegment(seg string) int {
	n := 0
	for seg != "" {
		switch {
		case seg[0] == '.':
			seg = seg[1:]
		case len(seg) >= 3 && seg[0] == '%' && seg[1] == '2' && seg[2]|0x20 == 'e':
			seg = seg[3:]
		default:
			return 0
		}
		if n++; n > 2 {
			return 0
		}
	}
	return n
}

// hasEncodedDots reports whether a raw path has a dot segment that was sent encoded.
func hasEncodedDots(raw string) bool {
	for seg := range strings.SplitSeq(raw, "/") {
		if strings.IndexByte(seg, '%') >= 0 && dotSegment(seg) > 0 {
			return true
		}
	}
	return false
}

// appendLocation appends a raw segment, escaping what must not stand in a Location header.
func appendLocation(dst []byte, seg string) []byte {
	for i := range len(seg) {
		switch c := seg[i]; {
		case c <= ' ' || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' || c == '#' || c == '?':
			dst = appendEscaped(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '%', hex[c>>4], hex[c&15])
}

// appendPathEscaped appends a decoded segment, escaping all bytes that RFC 3986 does not allow in
// a segment; a slash becomes %2F.
func appendPathEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; isPathChar(c) {
			dst = append(dst, c)
		} else {
			dst = appendEscaped(dst, c)
		}
	}
	return dst
}

// isPathChar reports whether c is a pchar of RFC 3986 that needs no escape.
func isPathChar(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

// foldASCII appends s in lower case to dst, ASCII letters only, so that offsets stay the same.
func foldASCII(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
