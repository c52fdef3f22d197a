package geisttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gogeist/geist"
)

// Response is an answer, read to its end. Methods that take what is wanted assert it and return the
// Response, so that calls chain; their messages name the request and show the body. Status,
// JSON and Problem end the test, since what follows builds on them; the others let it go on.
type Response struct {
	// StatusCode is the status code.
	StatusCode int

	tb    testing.TB
	what  string // method and target
	raw   *http.Response
	head  []byte
	body  []byte
	hints []http.Header
}

// Status asserts the status code.
func (r *Response) Status(want int) *Response {
	r.tb.Helper()
	if r.StatusCode != want {
		r.tb.Fatalf("%s: status = %d, want %d; %s", r.what, r.StatusCode, want, r.show())
	}
	return r
}

// Header returns the first value of a header field, or "".
func (r *Response) Header(name string) string { return r.raw.Header.Get(name) }

// HasHeader asserts that a header field has the value, or that one of several fields of that name has.
func (r *Response) HasHeader(name, want string) *Response {
	r.tb.Helper()
	if got := r.raw.Header.Values(name); !slices.Contains(got, want) {
		r.tb.Errorf("%s: header %s = %q, want %q; status %d, %s", r.what, name, got, want, r.StatusCode, r.show())
	}
	return r
}

// NoHeader asserts that there is no header field of that name.
func (r *Response) NoHeader(name string) *Response {
	r.tb.Helper()
	if got := r.raw.Header.Values(name); len(got) > 0 {
		r.tb.Errorf("%s: header %s = %q, want none; status %d, %s", r.what, name, got, r.StatusCode, r.show())
	}
	return r
}

// Cookie returns the last cookie of that name that the answer sets, or nil.
func (r *Response) Cookie(name string) *http.Cookie {
	for _, c := range slices.Backward(r.raw.Cookies()) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// EarlyHints returns the header of each 103 answer that came before this one.
func (r *Response) EarlyHints() []http.Header { return r.hints }

// Head returns the status line and the header fields byte for byte, with the empty line behind them.
func (r *Response) Head() []byte { return r.head }

// Bytes returns the body.
func (r *Response) Bytes() []byte { return r.body }

// Text returns the body.
func (r *Response) Text() string { return string(r.body) }

// BodyIs asserts the whole body.
func (r *Response) BodyIs(want string) *Response {
	r.tb.Helper()
	if string(r.body) != want {
		r.tb.Errorf("%s: body is not %q; status %d, %s", r.what, want, r.StatusCode, r.show())
	}
	return r
}

// BodyContains asserts a part of the body.
func (r *Response) BodyContains(want string) *Response {
	r.tb.Helper()
	if !bytes.Contains(r.body, []byte(want)) {
		r.tb.Errorf("%s: body does not contain %q; status %d, %s", r.what, want, r.StatusCode, r.show())
	}
	return r
}

// JSON decodes the body into v, a non-nil pointer, and asserts that this succeeds.
func (r *Response) JSON(v any) *Response {
	r.tb.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.tb.Fatalf("%s: decode the body into %T: %v; status %d, %s", r.what, v, err, r.StatusCode, r.show())
	}
	return r
}

// Problem decodes the problem document (RFC 9457) that answers a failed request, and asserts that
// the answer is one. Use JSON for its extension members.
func (r *Response) Problem() geist.Problem {
	r.tb.Helper()
	if t, _, _ := mime.ParseMediaType(r.Header("Content-Type")); t != "application/problem+json" {
		r.tb.Fatalf("%s: Content-Type = %q, want application/problem+json; status %d, %s", r.what, r.Header("Content-Type"), r.StatusCode, r.show())
	}
	var p geist.Problem
	r.JSON(&p)
	return p
}

// Raw returns the answer as net/http knows it, with a body that can be read anew by each caller.
func (r *Response) Raw() *http.Response {
	c := *r.raw
	c.Body = io.NopCloser(bytes.NewReader(r.body))
	return &c
}

// maxShown bounds how much of a body stands in a message.
const maxShown = 4 << 10

// show returns the body for a message.
func (r *Response) show() string {
	b, more := r.body, ""
	if len(b) > maxShown {
		more = fmt.Sprintf("\n… of %d bytes", len(b))
		b = b[:maxShown]
	}
	switch {
	case len(b) == 0:
		return "no body"
	case !utf8.Valid(b) && more == "":
		return fmt.Sprintf("body:\n%q", b)
	default:
		return "body:\n" + strings.ToValidUTF8(string(b), "\uFFFD") + more
	}
}
