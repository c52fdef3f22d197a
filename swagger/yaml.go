package swagger

import (
	"strconv"
	"strings"
)

// appendYAML appends v, an object, as a YAML document: block style, strings plain where
// YAML 1.1 and 1.2 both read them as the string that they are, else quoted as in JSON.
func appendYAML(dst []byte, v *object) []byte { return appendBlock(dst, v, 0, false) }

// appendBlock appends the members or items of v, each on lines of its own. inline says
// that the first one continues a line.
//
//	paths:              depth 0
//	  /users:           depth 1
//	    - name: a       an item at depth 2, whose members are at depth 3
//	      in: query
func appendBlock(dst []byte, v any, depth int, inline bool) []byte {
	switch v := v.(type) {
	case *object:
		for i, name := range v.names {
			if i > 0 || !inline {
				dst = appendIndent(dst, depth)
			}
			dst = append(appendText(dst, name), ':')
			dst = appendMember(dst, v.values[i], depth)
		}
	case []any:
		for i, item := range v {
			if i > 0 || !inline {
				dst = appendIndent(dst, depth)
			}
			dst = append(dst, '-')
			if hasBlock(item) {
				dst = appendBlock(append(dst, ' '), item, depth+1, true)
				continue
			}
			dst = appendFlow(append(dst, ' '), item)
		}
	}
	return dst
}

// appendMember appends what stands behind the colon of a member.
func appendMember(dst []byte, v any, depth int) []byte {
	if hasBlock(v) {
		return appendBlock(append(dst, '\n'), v, depth+1, false)
	}
	return appendFlow(append(dst, ' '), v)
}

// hasBlock reports whether v takes lines of its own.
func hasBlock(v any) bool {
	switch v := v.(type) {
	case *object:
		return v.len() > 0
	case []any:
		return len(v) > 0
	}
	return false
}

// appendFlow appends what fits on the line.
func appendFlow(dst []byte, v any) []byte {
	switch v := v.(type) {
	case *object:
		dst = append(dst, "{}"...)
	case []any:
		dst = append(dst, "[]"...)
	case string:
		dst = appendText(dst, v)
	default:
		dst = appendScalar(dst, v)
	}
	return append(dst, '\n')
}

func appendIndent(dst []byte, depth int) []byte {
	return append(dst, strings.Repeat("  ", depth)...)
}

// appendText appends a string.
func appendText(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(dst, s...)
	}
	return appendQuoted(dst, s)
}

// isPlain reports whether YAML reads s, without quotes, as the same string. It says no
// more often than it must: what begins with a letter or a slash, has no character of
// meaning, and is no word for a boolean or null.
func isPlain(s string) bool {
	if s == "" || s[len(s)-1] == ' ' {
		return false
	}
	if c := s[0]; c != '/' && (c|0x20 < 'a' || c|0x20 > 'z') {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte("/_-. ()+;=$", c) >= 0:
		default:
			return false
		}
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	_, err := strconv.ParseFloat(s, 64) // inf, nan
	return err != nil
}
