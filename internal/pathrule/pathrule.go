// Package pathrule turns paths into other paths by rules, for rewriting and redirects.
// What it makes of a path can always stand in a request and in a Location: it begins with
// exactly one slash and holds no escape that was not sent or written in the rule.
package pathrule

import (
	"errors"
	"fmt"
	"strings"
)

// Rule is a pattern and what becomes of a path that has it.
//
//	"/v1/users/:id"  "/users/:id"        a parameter is one segment
//	"/old/*path"     "/new/*path"        a wildcard is the rest, never empty
//	"/blog/:id"      "/posts/:id.html"   in the target both may stand anywhere
//
// Text is compared with the decoded segments of a path, as the router does; what a
// parameter captures is put into the target as it was sent, escapes and all, so that
// nothing is decoded twice. A path with an empty or a dot segment, a backslash, or an
// escape that is none, has no rule: what the router makes of it is the router's business.
type Rule struct {
	from []segment
	to   []part
}

// segment is one of a pattern: text, or a parameter's index with wild for a wildcard.
type segment struct {
	text  string // decoded
	param int    // -1 for text
	wild  bool
}

// part is one of a target: text, escaped, or a parameter's index.
type part struct {
	text  string
	param int
}

// maxParams bounds the parameters of a rule.
const maxParams = 8

var errNoPath = errors.New("is no path: begin with one slash, without empty or dot segments, and escape what a path cannot hold")

// Parse makes a rule. Its error is a sentence without the name of the package.
func Parse(from, to string) (Rule, error) {
	names, segments, err := parseFrom(from)
	if err != nil {
		return Rule{}, fmt.Errorf("the pattern %q %w", from, err)
	}
	if !Plain(to) {
		return Rule{}, fmt.Errorf("the target %q %w", to, errNoPath)
	}
	r := Rule{from: segments}
	for to != "" {
		i := strings.IndexAny(to, ":*")
		if i < 0 {
			i = len(to)
		}
		if i > 0 {
			r.to = append(r.to, part{to[:i], -1})
			to = to[i:]
			continue
		}
		name := nameOf(to[1:])
		param := -1
		for i, n := range names {
			if n == name {
				param = i
			}
		}
		if name == "" || param < 0 {
			return Rule{}, fmt.Errorf("the target names %q, which the pattern %q does not have", to[:1+len(name)], from)
		}
		r.to = append(r.to, part{"", param})
		to = to[1+len(name):]
	}
	return r, nil
}

func parseFrom(from string) (names []string, segments []segment, err error) {
	if !sound(from) {
		return nil, nil, errNoPath
	}
	rest := strings.Split(from[1:], "/")
	for i, s := range rest {
		if s == "" || s[0] != ':' && s[0] != '*' {
			if strings.ContainsAny(s, ":*<>") {
				return nil, nil, fmt.Errorf("has %q: a parameter is a whole segment, and has no constraint", s)
			}
			text, ok := decode(s)
			if !ok || s == "" && i < len(rest)-1 || isDots(text) {
				return nil, nil, fmt.Errorf("has the segment %q, which no path has", s)
			}
			segments = append(segments, segment{text, -1, false})
			continue
		}
		wild := s[0] == '*'
		switch name := nameOf(s[1:]); {
		case name == "" || len(name) != len(s)-1:
			return nil, nil, fmt.Errorf("has %q: a parameter is a whole segment with a name of letters, digits and _, and has no constraint", s)
		case wild && i < len(rest)-1:
			return nil, nil, fmt.Errorf("has %q before its end: a wildcard is the last segment", s)
		case len(names) == maxParams:
			return nil, nil, fmt.Errorf("has more than %d parameters", maxParams)
		default:
			for _, n := range names {
				if n == name {
					return nil, nil, fmt.Errorf("has two parameters named %q", name)
				}
			}
			segments = append(segments, segment{"", len(names), wild})
			names = append(names, name)
		}
	}
	return names, segments, nil
}

// nameOf returns the name of a parameter that s begins with, or "".
func nameOf(s string) string {
	for i := range len(s) {
		b := s[i]
		if !('a' <= b|0x20 && b|0x20 <= 'z' || b == '_' || i > 0 && '0' <= b && b <= '9') {
			return s[:i]
		}
	}
	return s
}

// Append appends to dst what becomes of a raw path, and reports whether the rule
// applies. A trailing slash is a segment like any other.
func (r *Rule) Append(dst []byte, path string) ([]byte, bool) {
	if !Plain(path) {
		return dst, false
	}
	var params [maxParams]string
	rest, more := path[1:], true
	for i := range r.from {
		s := &r.from[i]
		if !more {
			return dst, false
		}
		if s.wild {
			if rest == "" {
				return dst, false
			}
			params[s.param], more = rest, false
			break
		}
		var sent string
		sent, rest, more = strings.Cut(rest, "/")
		if s.param < 0 {
			if !equalDecoded(sent, s.text) {
				return dst, false
			}
			continue
		}
		if sent == "" {
			return dst, false
		}
		params[s.param] = sent
	}
	if more {
		return dst, false
	}
	for _, p := range r.to {
		if p.param < 0 {
			dst = append(dst, p.text...)
		} else {
			dst = append(dst, params[p.param]...)
		}
	}
	return dst, true
}

// Plain reports whether a raw path begins with exactly one slash, has no empty segment
// before its end and no dot segment, and may stand in a request and in a Location.
func Plain(path string) bool { return sound(path) && !hasOddSegment(path) }

// sound reports whether path begins with exactly one slash and may stand in a request
// and in a Location.
func sound(path string) bool {
	if path == "" || path[0] != '/' || strings.HasPrefix(path, "//") {
		return false
	}
	for i := range len(path) {
		switch b := path[i]; {
		case b <= ' ', b >= 0x7f, b == '\\', b == '?', b == '#':
			return false
		case b == '%':
			if _, ok := unescape(path[i:]); !ok {
				return false
			}
		}
	}
	return true
}

// hasOddSegment reports whether a path has an empty segment before its end, or a dot
// segment, encoded or not.
func hasOddSegment(path string) bool {
	for rest, more := path[1:], true; more; {
		var s string
		s, rest, more = strings.Cut(rest, "/")
		if s == "" && more || equalDecoded(s, ".") || equalDecoded(s, "..") {
			return true
		}
	}
	return false
}

func isDots(s string) bool { return s == "." || s == ".." }

// equalDecoded compares a segment whose escapes are sound, decoded, with text.
func equalDecoded(sent, text string) bool {
	for i := range len(text) {
		if sent == "" {
			return false
		}
		b, n := sent[0], 1
		if b == '%' {
			b, _ = unescape(sent)
			n = 3
		}
		if b != text[i] {
			return false
		}
		sent = sent[n:]
	}
	return sent == ""
}

// decode returns a segment of a pattern without its escapes.
func decode(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for s != "" {
		if s[0] != '%' {
			b, s = append(b, s[0]), s[1:]
			continue
		}
		x, ok := unescape(s)
		if !ok {
			return "", false
		}
		b, s = append(b, x), s[3:]
	}
	return string(b), true
}

// unescape decodes the escape that s begins with. NUL is none.
func unescape(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	high, ok1 := hex(s[1])
	low, ok2 := hex(s[2])
	b := high<<4 | low
	return b, ok1 && ok2 && b != 0
}

func hex(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return b | 0x20 - 'a' + 10, true
	}
	return 0, false
}
