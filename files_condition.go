package geist

import (
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// condition is the outcome of a request's preconditions.
type condition uint8

const (
	conditionSend condition = iota
	conditionNotModified
	conditionFailed
)

// precondition evaluates the preconditions of a GET or HEAD request in the order of
// RFC 9110 §13.2.2.
func (r *representation) precondition(h *fasthttp.RequestHeader) condition {
	if matches, sent := r.anyTag(h, fasthttp.HeaderIfMatch, strongMatch); sent {
		if !matches {
			return conditionFailed
		}
	} else if since := h.Peek(fasthttp.HeaderIfUnmodifiedSince); len(since) > 0 && r.modifiedSince(since) == yes {
		return conditionFailed
	}
	if matches, sent := r.anyTag(h, fasthttp.HeaderIfNoneMatch, weakMatch); sent {
		if matches {
			return conditionNotModified
		}
	} else if since := h.Peek(fasthttp.HeaderIfModifiedSince); len(since) > 0 && r.modifiedSince(since) == no {
		return conditionNotModified
	}
	return conditionSend
}

// anyTag reports whether a list of entity tags was sent, and whether the one of r, or "*", is in it.
func (r *representation) anyTag(h *fasthttp.RequestHeader, name string, match func(a, b string) bool) (matches, sent bool) {
	if len(h.Peek(name)) == 0 {
		return false, false
	}
	for _, field := range h.PeekAll(name) {
		rest := unsafestring.String(field)
		for {
			if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
				break
			}
			if rest[0] == '*' {
				return true, true
			}
			var tag string
			if tag, rest = cutTag(rest); tag == "" {
				break
			}
			if match(tag, r.etag) {
				return true, true
			}
		}
	}
	return false, true
}

// cutTag cuts the entity tag off that s begins with, or returns "".
func cutTag(s string) (tag, rest string) {
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

func strongMatch(a, b string) bool { return a == b && strings.HasPrefix(a, `"`) }

func weakMatch(a, b string) bool {
	return b != "" && strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

// verdict is yes, no, or that nobody knows.
type verdict uint8

const (
	unknown verdict = iota
	yes
	no
)

// modifiedSince tells whether r was modified after a date that was sent. It is not
// known if the date is none or r has none.
func (r *representation) modifiedSince(date []byte) verdict {
	if r.lastModified == "" {
		return unknown
	}
	if string(date) == r.lastModified {
		return no
	}
	t, err := parseDate(date)
	switch {
	case err != nil:
		return unknown
	case r.seconds > t.Unix():
		return yes
	}
	return no
}

// rangeApplies evaluates If-Range: without it, or if it names r, a range may be sent.
func (r *representation) rangeApplies(h *fasthttp.RequestHeader) bool {
	field := h.Peek(fasthttp.HeaderIfRange)
	if len(field) == 0 {
		return true
	}
	if tag, _ := cutTag(unsafestring.String(field)); tag != "" {
		return strongMatch(tag, r.etag)
	}
	if r.lastModified == "" {
		return false
	}
	t, err := parseDate(field)
	return err == nil && t.Unix() == r.seconds
}

// parseDate reads an HTTP-date, in the usual form first, for which fasthttp is fast.
func parseDate(date []byte) (time.Time, error) {
	if t, err := fasthttp.ParseHTTPDate(date); err == nil {
		return t, nil
	}
	return http.ParseTime(unsafestring.String(date))
}
