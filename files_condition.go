package geist

import (
	"net/http"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/httpfield"
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
	if matches, sent := r.anyTag(h, fasthttp.HeaderIfMatch, httpfield.StrongMatch); sent {
		if !matches {
			return conditionFailed
		}
	} else if since := h.Peek(fasthttp.HeaderIfUnmodifiedSince); len(since) > 0 && r.modifiedSince(since) == yes {
		return conditionFailed
	}
	if matches, sent := r.anyTag(h, fasthttp.HeaderIfNoneMatch, httpfield.WeakMatch); sent {
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
		if httpfield.HasTag(unsafestring.String(field), r.etag, match) {
			return true, true
		}
	}
	return false, true
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
	if tag, _ := httpfield.CutTag(unsafestring.String(field)); tag != "" {
		return httpfield.StrongMatch(tag, r.etag)
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
