package geisttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Request is a request in the making. Its methods change it and return it, so that calls chain; it
// is used by one goroutine. It may be sent again, unless its body is a reader.
type Request struct {
	client *Client
	ctx    context.Context
	method string
	target string
	host   string
	remote string
	fields []field
	query  []byte

	body   []byte    // with hasBody
	reader io.Reader // in place of body, sent in chunks
	sends  bool      // there is a body, maybe an empty one
	err    error     // the first mistake of the builder
	free   bool      // Config.Checker is not asked
}

type field struct{ name, value string }

// Header adds a header field, beside those of the same name. The name's case is kept. Host replaces
// the request's host; Content-Length and Transfer-Encoding replace what the body would say.
func (r *Request) Header(name, value string) *Request {
	if strings.EqualFold(name, "Host") {
		return r.Host(value)
	}
	if name == "" || strings.ContainsAny(name, ": \t\r\n") || strings.ContainsAny(value, "\r\n") {
		r.fail("Header(%q, %q) would break the header: write it to the connection of Dial", name, value)
	}
	r.fields = append(r.fields, field{name, value})
	return r
}

// Query adds a query field, escaped, behind those in the path.
func (r *Request) Query(name, value string) *Request {
	if len(r.query) > 0 {
		r.query = append(r.query, '&')
	}
	r.query = append(r.query, url.QueryEscape(name)+"="+url.QueryEscape(value)...)
	return r
}

// Cookie adds a cookie. The value is sent unchanged.
func (r *Request) Cookie(name, value string) *Request { return r.Header("Cookie", name+"="+value) }

// Body sets the body. It says nothing of its type.
func (r *Request) Body(b []byte) *Request {
	r.body, r.reader, r.sends = b, nil, true
	return r
}

// BodyString is Body with a string.
func (r *Request) BodyString(s string) *Request { return r.Body([]byte(s)) }

// BodyReader sets a body of unknown length, which is sent in chunks as it is read. If it is an
// io.Closer it is closed in the end. If reading it fails, the connection is closed, and the
// request has failed with that error, whatever the server has answered by then.
func (r *Request) BodyReader(b io.Reader) *Request {
	r.body, r.reader, r.sends = nil, b, true
	return r
}

// JSON sets the body to the JSON encoding of v and the Content-Type to application/json.
func (r *Request) JSON(v any) *Request {
	b, err := json.Marshal(v)
	if err != nil {
		r.fail("JSON: %w", err)
	}
	return r.Header("Content-Type", "application/json").Body(b)
}

// Form sets the body and the Content-Type to those of a submitted HTML form.
func (r *Request) Form(values url.Values) *Request {
	return r.Header("Content-Type", "application/x-www-form-urlencoded").BodyString(values.Encode())
}

// Multipart sets the body and the Content-Type to those of a form with files, which write fills in.
func (r *Request) Multipart(write func(w *multipart.Writer) error) *Request {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err := write(w)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		r.fail("Multipart: %w", err)
	}
	return r.Header("Content-Type", w.FormDataContentType()).Body(b.Bytes())
}

// Host sets the Host header, with a port if it is to name one.
func (r *Request) Host(host string) *Request {
	if strings.ContainsAny(host, "\r\n") {
		r.fail("Host(%q) would break the header: write it to the connection of Dial", host)
	}
	r.host = host
	return r
}

// RemoteAddr sets the address that the request comes from: an IP address, one with a port
// ("[2001:db8::1]:4711"), or "unix" for a connection without an address.
func (r *Request) RemoteAddr(addr string) *Request {
	if _, err := parseAddr(addr); err != nil {
		r.fail("RemoteAddr: %w", err)
	}
	r.remote = addr
	return r
}

// has reports whether there is a header field of that name.
func (r *Request) has(name string) bool {
	return slices.ContainsFunc(r.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
}

// remove takes the header fields of that name away.
func (r *Request) remove(name string) {
	r.fields = slices.DeleteFunc(r.fields, func(f field) bool { return strings.EqualFold(f.name, name) })
}

// clone returns a copy whose header fields can be changed.
func (r *Request) clone() *Request {
	c := *r
	c.fields = slices.Clone(r.fields)
	return &c
}

// Context sets a context that the client leaves with: when it ends, the connection is closed,
// whatever the handler does, and DoErr returns the cause.
func (r *Request) Context(ctx context.Context) *Request {
	r.ctx = ctx
	return r
}

// Unchecked keeps the request, its answer and the messages that follow from Config.Checker,
// such as a request that means to be answered by what no description tells.
func (r *Request) Unchecked() *Request {
	r.free = true
	return r
}

func (r *Request) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// Do sends the request and returns the answer, whose body has been read. Without one it fails the
// test and ends it.
func (r *Request) Do() *Response {
	r.client.tb.Helper()
	resp, err := r.DoErr()
	if err != nil {
		r.client.tb.Fatal(err)
	}
	return resp
}

// DoErr sends the request and returns the answer, or why there is none; it never fails the test,
// but for what Config.Checker finds.
// Test the error with errors.Is: [ErrNoAnswer] when the server closed the connection, as
// geist.ErrAbort makes it do; [ErrTimeout]; the cause of the context's end; syscall.ECONNREFUSED
// when the engine takes no connections. An answer that was cut off comes with
// io.ErrUnexpectedEOF, and with what arrived of it once its header was complete.
func (r *Request) DoErr() (*Response, error) {
	resp, err := r.client.session.do(r)
	if resp != nil {
		resp.tb, resp.what = r.client.tb, r.String()
	}
	if err != nil {
		return resp, fmt.Errorf("geisttest: %s: %w", r, err)
	}
	r.client.tb.Helper()
	r.checkExchange(resp, false)
	return resp, nil
}

// String returns the method and the target, for messages.
func (r *Request) String() string { return r.method + " " + r.fullTarget() }

func (r *Request) fullTarget() string {
	if len(r.query) == 0 {
		return r.target
	}
	sep := "?"
	if strings.Contains(r.target, "?") {
		sep = "&"
	}
	return r.target + sep + string(r.query)
}

// check returns what keeps the request from being written.
func (r *Request) check() error {
	if r.method == "" || strings.ContainsAny(r.method, " \r\n") || r.target == "" || strings.ContainsAny(r.target, " \r\n") {
		r.fail("the method or the path is empty or holds a space or a line end: escape it, or write it to the connection of Dial")
	}
	return r.err
}

// head returns the request line and the header, with the jar's cookies.
func (r *Request) head(jar string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.fullTarget(), r.hostName())
	framed := false
	for _, f := range r.fields {
		if strings.EqualFold(f.name, "Cookie") && jar != "" {
			f.value, jar = f.value+"; "+jar, "" // servers look at one Cookie field
		}
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
		framed = framed || strings.EqualFold(f.name, "Content-Length") || strings.EqualFold(f.name, "Transfer-Encoding")
	}
	if jar != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", jar)
	}
	switch {
	case framed:
	case r.reader != nil:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.sends || r.method == "POST" || r.method == "PUT" || r.method == "PATCH":
		b.WriteString("Content-Length: " + strconv.Itoa(len(r.body)) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (r *Request) hostName() string {
	if r.host != "" {
		return r.host
	}
	return r.client.session.cfg.Host
}

// writeBody writes the body as the header has framed it.
func (r *Request) writeBody(w io.Writer) error {
	if r.reader == nil {
		_, err := w.Write(r.body)
		return err
	}
	if c, ok := r.reader.(io.Closer); ok {
		defer c.Close()
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := r.reader.Read(buf)
		if n > 0 {
			chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", n, buf[:n])
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		if err == io.EOF {
			_, err = io.WriteString(w, "0\r\n\r\n")
			return err
		}
		if err != nil {
			return &bodyError{err}
		}
	}
}

// bodyError is that of the reader that a request's body comes from.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "reading the request's body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }
