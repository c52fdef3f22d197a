package geist

import (
	"encoding"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

// appendProblem appends the problem document of e, which may be nil.
func appendProblem(dst []byte, status int, e *Error, codec Codec) []byte {
	if i := status - firstError; i >= 0 && i < len(problemHeads) && (e == nil || len(e.members) == 0) {
		dst = append(dst, problemHeads[i]...)
	} else {
		dst = appendProblemHead(dst, e.standard("title", fasthttp.StatusMessage(status)), status)
	}
	if e != nil && e.detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = appendJSONString(dst, e.detail)
	}
	if e != nil {
		dst = e.appendMembers(dst, codec)
	}
	return append(dst, '}')
}

// appendProblemHead appends how a problem document begins.
func appendProblemHead(dst []byte, title string, status int) []byte {
	dst = append(dst, `{"title":`...)
	dst = appendJSONString(dst, title)
	dst = append(dst, `,"status":`...)
	return strconv.AppendInt(dst, int64(status), 10)
}

// firstError is the least status of an Error.
const firstError = 400

// problemHeads are the beginnings of documents whose title is the usual one, from 400 on.
var problemHeads = func() (heads [200]string) {
	for i := range heads {
		status := firstError + i
		heads[i] = string(appendProblemHead(nil, fasthttp.StatusMessage(status), status))
	}
	return heads
}()

// standard returns the text of a standard member that With has replaced, else fallback.
func (e *Error) standard(name, fallback string) string {
	if e != nil {
		for i := len(e.members) - 1; i >= 0; i-- {
			if e.members[i].name == name {
				return memberText(e.members[i].value)
			}
		}
	}
	return fallback
}

// appendMembers appends the extension members, the last of each name. A value that
// cannot be encoded is sent as null, so that the rest of the answer survives.
func (e *Error) appendMembers(dst []byte, codec Codec) []byte {
	for i, m := range e.members {
		if m.name == "title" || shadowed(e.members[i+1:], m.name) {
			continue
		}
		dst = append(dst, ',')
		dst = appendJSONString(dst, m.name)
		dst = append(dst, ':')
		if m.name == "type" || m.name == "instance" {
			dst = appendJSONString(dst, memberText(m.value))
			continue
		}
		w := sliceWriter{b: dst}
		if err := codec.Encode(&w, m.value); err != nil {
			dst = append(dst, "null"...)
			continue
		}
		dst = trimNewline(w.b)
	}
	return dst
}

func shadowed(later []member, name string) bool {
	for _, m := range later {
		if m.name == name {
			return true
		}
	}
	return false
}

func memberText(v any) string {
	if t, ok := v.(encoding.TextMarshaler); ok {
		if b, err := t.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(v)
}

// sliceWriter appends what is written to b.
type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD; <, > and & are escaped, so that the document is harmless inside HTML.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0 // s[:done] has been appended
	for i := 0; i < len(s); {
		b := s[i]
		if plainJSON[b] {
			i++
			continue
		}
		dst = append(dst, s[done:i]...)
		size := 1
		switch {
		case b >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
		i += size
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// plainJSON tells which bytes appendJSONString appends as they are. A look here takes a third of
// the comparisons that it stands for, and a 404 is half of such text.
var plainJSON = func() (plain [256]bool) {
	for b := byte(' '); b < 0x7f; b++ {
		plain[b] = b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return plain
}()
