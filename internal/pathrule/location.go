package pathrule

import "bytes"

// AppendQuery appends the query of a request to a Location, behind one that it may have.
func AppendQuery(b []byte, query string) []byte {
	if query == "" {
		return b
	}
	mark := byte('?')
	if bytes.IndexByte(b, '?') >= 0 {
		mark = '&'
	}
	return AppendEscaped(append(b, mark), query)
}

// AppendEscaped appends what was sent in a request's target, with what a Location should
// not hold escaped: browsers take a backslash for a slash.
func AppendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch x := s[i]; {
		case x <= ' ', x >= 0x7f, x == '\\', x == '"', x == '<', x == '>', x == '#':
			b = append(b, '%', hex[x>>4], hex[x&15])
		default:
			b = append(b, x)
		}
	}
	return b
}
