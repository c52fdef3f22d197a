package logger

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gogeist/geist"
)

// redacted stands for a value that is not logged.
const redacted = "REDACTED"

// hidden are the parts of names, and shortHidden the whole names, of what is never logged.
var (
	hidden = [...]string{
		"token", "password", "passwd", "pwd", "passphrase", "secret", "key", "auth", "cookie",
		"session", "credential", "signature", "jwt",
	}
	shortHidden = [...]string{"code", "sig", "sid", "otp", "pin"}
)

// redactor tells names whose values are not logged.
type redactor struct{ parts []string }

func newRedactor(more []string) redactor {
	r := redactor{parts: hidden[:len(hidden):len(hidden)]}
	for _, s := range more {
		r.parts = append(r.parts, strings.ToLower(s))
	}
	return r
}

// hides reports whether the value of that name is not logged.
func (r redactor) hides(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(shortHidden[:], name) ||
		slices.ContainsFunc(r.parts, func(part string) bool { return strings.Contains(name, part) })
}

// hidesPattern reports whether a pattern has a parameter whose value is not logged.
func (r redactor) hidesPattern(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case ':', '*':
			n := i + 1
			for n < len(pattern) && nameByte(pattern[n]) {
				n++
			}
			if r.hides(pattern[i+1 : n]) {
				return true
			}
		}
	}
	return false
}

func nameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// path returns the path of the request escaped as in a URL, with its query if that is asked
// for.
func (l *accessLog) path(c *geist.Ctx) string {
	pattern := c.Pattern()
	hides := l.redact.hidesPattern(pattern)
	var query []byte
	if l.conf.Query {
		query = c.RawHeader().URI().QueryString()
	}
	if hides && len(query) == 0 {
		return pattern
	}
	var b []byte
	if hides {
		b = append(b, pattern...)
	} else {
		b = appendPath(make([]byte, 0, 64), c.Path())
	}
	if len(query) > 0 {
		b = l.redact.appendQuery(append(b, '?'), query)
	}
	return string(b)
}

// appendPath escapes a path. An encoded slash stands as %2F in it already.
func appendPath(dst []byte, path string) []byte {
	for i := range len(path) {
		switch b := path[i]; {
		case b == '%' && strings.HasPrefix(path[i:], "%2F"):
			dst = append(dst, b)
		case b == '%', b == '?', b == '#':
			dst = appendEscaped(dst, b)
		default:
			dst = appendURLByte(dst, b)
		}
	}
	return dst
}

// appendQuery escapes a query as it was sent, without the values that are not logged. A
// semicolon separates fields here, too: somebody may take it for that.
func (r redactor) appendQuery(dst, query []byte) []byte {
	for len(query) > 0 {
		n := bytes.IndexAny(query, "&;")
		if n < 0 {
			n = len(query)
		}
		name, value, found := bytes.Cut(query[:n], []byte{'='})
		for _, b := range name {
			dst = appendURLByte(dst, b)
		}
		if found {
			dst = append(dst, '=')
		}
		if found && r.hides(unescapeName(name)) {
			value = []byte(redacted)
		}
		for _, b := range value {
			dst = appendURLByte(dst, b)
		}
		if n < len(query) {
			dst = append(dst, query[n])
			n++
		}
		query = query[n:]
	}
	return dst
}

// unescapeName decodes the name of a query field; a malformed escape stands for itself.
func unescapeName(name []byte) string {
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			if x, err := strconv.ParseUint(string(name[i+1:i+3]), 16, 8); err == nil {
				b = append(b, byte(x))
				i += 2
				continue
			}
		}
		b = append(b, name[i])
	}
	return string(b)
}

// appendURLByte appends a byte, escaped if it is no visible ASCII or needs quotes in logs.
func appendURLByte(dst []byte, b byte) []byte {
	if b <= ' ' || b >= 0x7f || b == '"' || b == '\\' || b == '<' || b == '>' {
		return appendEscaped(dst, b)
	}
	return append(dst, b)
}

const upperHex = "0123456789ABCDEF"

func appendEscaped(dst []byte, b byte) []byte {
	return append(dst, '%', upperHex[b>>4], upperHex[b&15])
}

// visible returns a text as it is if every character of it can be seen, else with escapes as
// in a Go string. Handlers of slog that leave some characters alone then do no harm.
func visible(s string) string {
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// appendQuoted appends a text for Apache's formats: visible ASCII, the rest as \xhh.
func appendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"', b == '\\':
			dst = append(dst, '\\', b)
		case b < ' ', b >= 0x7f:
			dst = append(dst, '\\', 'x', lowerHex[b>>4], lowerHex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

const lowerHex = "0123456789abcdef"
