package httpfield

import "strings"

// HasTag reports whether a line of If-Match or If-None-Match is "*", or has an entity
// tag that match says is etag. Tags behind one that is malformed are not read.
func HasTag(line, etag string, match func(a, b string) bool) bool {
	for {
		if line = strings.TrimLeft(line, " \t,"); line == "" {
			return false
		}
		if line[0] == '*' {
			return true
		}
		var tag string
		if tag, line = CutTag(line); tag == "" {
			return false
		}
		if match(tag, etag) {
			return true
		}
	}
}

// CutTag cuts the entity tag off that s begins with, or returns "".
func CutTag(s string) (tag, rest string) {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s)-start < 2 || s[start] != '"' {
		return "", ""
	}
	for i := start + 1; i < len(s); i++ {
		switch b := s[i]; {
		case b == '"':
			return s[:i+1], s[i+1:]
		case b <= ' ' || b == 0x7f:
			return "", ""
		}
	}
	return "", ""
}

// StrongMatch compares entity tags for equality of every byte (RFC 9110 §8.8.3.2).
func StrongMatch(a, b string) bool { return a == b && strings.HasPrefix(a, `"`) }

// WeakMatch compares entity tags for equivalence. Nothing matches an empty b.
func WeakMatch(a, b string) bool {
	return b != "" && strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}
