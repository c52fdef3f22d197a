package roomwire

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf8"
)

// valid reports whether b is one value of JSON in UTF-8 that is not too deep.
func valid(b []byte) bool {
	return utf8.Valid(b) && shallow(b) && json.Valid(b)
}

// shallow reports whether brackets that are not in strings are at most maxDepth deep.
func shallow(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '[', '{':
			if depth++; depth > maxDepth {
				return false
			}
		case ']', '}':
			depth--
		}
	}
	return true
}

// stringEnd returns the length of the string that b begins with; all of b if it has no end.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// list is what has not been looked at of an array, or of an object, whose names and
// values take turns. It is of JSON that is valid, without the first bracket.
type list []byte

// next returns the next value, or nil behind the last.
func (l *list) next() []byte {
	b := bytes.TrimLeft(*l, " \t\r\n,:")
	if len(b) == 0 || b[0] == ']' || b[0] == '}' {
		*l = nil
		return nil
	}
	n := valueEnd(b)
	*l = list(b[n:])
	return b[:n:n]
}

// argument returns the next value, or nil if it is missing or null.
func (l *list) argument() []byte {
	v := l.next()
	if string(v) == "null" {
		return nil
	}
	return v
}

// valueEnd returns the length of the value that b begins with.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
			if depth == 0 {
				return i + 1
			}
		case '[', '{':
			depth++
		case ']', '}':
			switch depth {
			case 0:
				return i
			case 1:
				return i + 1
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// open returns what is behind the first bracket of an array or an object.
func open(v []byte, bracket byte) (list, bool) {
	if len(v) == 0 || v[0] != bracket {
		return nil, false
	}
	return list(v[1:]), true
}

// text returns the string that a value is.
func text(v []byte) (string, bool) {
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err == nil
}

// number returns the integer that a value is, if it is one in its plain spelling and from
// 0 to 2^53-1.
func number(v []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	return n, err == nil && n < maxNumber
}

// boolean returns the truth value that a value is.
func boolean(v []byte) (is, ok bool) {
	is = string(v) == "true"
	return is, is || string(v) == "false"
}

// Split takes an array of JSON apart, the body of a POST: into frames that have not been
// looked at. It reports false for anything else. It makes no list of them, which could be many
// times as long as the body.
func Split(body []byte) (frames iter.Seq[[]byte], ok bool) {
	body = bytes.TrimSpace(body)
	if !valid(body) {
		return nil, false
	}
	all, ok := open(body, '[')
	return func(yield func([]byte) bool) {
		l := all
		for v := l.next(); v != nil && yield(v); v = l.next() {
		}
	}, ok
}
