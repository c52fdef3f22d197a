package wsproto

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 §4.2.2 asks for it; nothing secret depends on it
	"encoding/base64"
	"strings"
)

// Version is the only version of the protocol that is spoken.
const Version = "13"

// keyBytes is the size of a key before it is encoded, keyChars after.
const (
	keyBytes = 16
	keyChars = 24
)

// ValidKey reports whether a Sec-WebSocket-Key is the base64 form of 16 bytes.
func ValidKey(key string) bool {
	if len(key) != keyChars {
		return false
	}
	var b [keyBytes + 2]byte
	n, err := base64.StdEncoding.Strict().Decode(b[:], []byte(key))
	return err == nil && n == keyBytes
}

// Accept returns the Sec-WebSocket-Accept for a key.
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// HasToken reports whether a header field that is a list of tokens, in one line or in
// several, has that one. Case does not matter.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// Deflate is what was agreed on for permessage-deflate. Neither side uses anything of
// one message in the next, so that connections keep no window.
type Deflate struct {
	// ServerBits is the base-2 logarithm of the window that the server may use, 8 to 15.
	// Zero means that the client has set no bound, which is 15.
	ServerBits int
}

// MaxMessage returns the size of the longest message that the server may compress. The
// compressor knows windows of 32 KiB only, but no message is longer than its window.
// Without a bound it is 0.
func (d Deflate) MaxMessage() int {
	if d.ServerBits == 0 || d.ServerBits == 15 {
		return 0
	}
	return 1 << d.ServerBits
}

// Response returns the Sec-WebSocket-Extensions of the answer.
func (d Deflate) Response() string {
	s := "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	if d.ServerBits != 0 {
		s += "; server_max_window_bits=" + digits[d.ServerBits]
	}
	return s
}

// digits are the numbers of bits as they stand in parameters.
var digits = [...]string{8: "8", 9: "9", 10: "10", 11: "11", 12: "12", 13: "13", 14: "14", 15: "15"}

// Negotiate chooses from the lines of a Sec-WebSocket-Extensions header the first offer
// of permessage-deflate that can be kept; ok reports whether there is one. An offer with a
// parameter that is unknown, stands twice or has a value out of range cannot. Other
// extensions are passed over. wellFormed is false if the header breaks the grammar of
// RFC 6455 §9.1, which means that the client must be refused.
func Negotiate(lines []string) (d Deflate, ok, wellFormed bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		for {
			s.emptyElements()
			if s.rest == "" {
				break
			}
			offer, good, valid := s.offer()
			if !valid {
				return Deflate{}, false, false
			}
			if good && !ok {
				d, ok = offer, true
			}
		}
	}
	return d, ok, true
}

// scanner reads the elements of a Sec-WebSocket-Extensions header.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

// emptyElements skips what a list may hold between its elements (RFC 9110 §5.6.1).
func (s *scanner) emptyElements() { s.rest = strings.TrimLeft(s.rest, " \t,") }

// take takes one byte, if it comes next.
func (s *scanner) take(b byte) bool {
	s.space()
	if s.rest == "" || s.rest[0] != b {
		return false
	}
	s.rest = s.rest[1:]
	s.space()
	return true
}

// token takes a token, which is empty if there is none.
func (s *scanner) token() string {
	n := 0
	for n < len(s.rest) && tokenByte(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

// tokenByte reports whether a token of RFC 9110 may hold b.
func tokenByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// value takes a token or a quoted string, which must be a token without its quotes.
func (s *scanner) value() (v string, valid bool) {
	if !strings.HasPrefix(s.rest, `"`) {
		v = s.token()
		return v, v != ""
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch x := s.rest[i]; {
		case x == '"':
			s.rest = s.rest[i+1:]
			return b.String(), b.Len() > 0
		case x == '\\' && i+1 < len(s.rest) && tokenByte(s.rest[i+1]):
			i++
			b.WriteByte(s.rest[i])
		case tokenByte(x):
			b.WriteByte(x)
		default:
			return "", false
		}
	}
	return "", false
}

// offer takes one element of the list. good reports whether it is an offer of
// permessage-deflate that can be kept.
func (s *scanner) offer() (d Deflate, good, valid bool) {
	name := s.token()
	if name == "" {
		return d, false, false
	}
	good = strings.EqualFold(name, "permessage-deflate")
	seen := map[string]bool{}
	for s.take(';') {
		key := s.token()
		if key == "" {
			return d, false, false
		}
		value, has := "", s.take('=')
		if has {
			if value, valid = s.value(); !valid {
				return d, false, false
			}
		}
		if good {
			good = !seen[key] && d.parameter(key, value, has)
			seen[key] = true
		}
	}
	s.space()
	return d, good, s.rest == "" || s.rest[0] == ','
}

// parameter notes one parameter of an offer and reports whether it can be kept.
func (d *Deflate) parameter(key, value string, has bool) bool {
	switch key {
	case "server_no_context_takeover", "client_no_context_takeover":
		return !has
	case "server_max_window_bits":
		d.ServerBits = windowBits(value)
		return d.ServerBits != 0
	case "client_max_window_bits":
		return !has || windowBits(value) != 0 // any window that a client uses fits into ours
	}
	return false
}

// windowBits reads a number from 8 to 15 without leading zeroes, or returns 0.
func windowBits(s string) int {
	for n := 8; n <= 15; n++ {
		if s == digits[n] {
			return n
		}
	}
	return 0
}
