package generator

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// An Exchange is a request and its answer.
type Exchange struct {
	// Name is for messages.
	Name string
	// Request is the request as it is on the wire, without a Connection field.
	Request []byte
	// Status and Body are those of the answer, whose length the server must tell.
	Status int
	Body   []byte
}

// headLimit is the most that the header of an answer may have, in bytes.
const headLimit = 16 << 10

// answer reads one answer after the other.
type answer struct {
	left   []byte // of the expected body
	inBody bool
}

// feed reads of b what belongs to the answer of e. It returns the rest of b and whether the
// answer is complete; if not, the rest is the beginning of a header and must come again.
func (a *answer) feed(e *Exchange, b []byte) (rest []byte, done bool, err error) {
	if !a.inBody {
		i := bytes.Index(b, headEnd)
		if i < 0 {
			if len(b) > headLimit {
				return b, false, fmt.Errorf("%s: a header of more than %d bytes", e.Name, headLimit)
			}
			return b, false, nil
		}
		if err := e.checkHead(b[:i+2]); err != nil {
			return b, false, err
		}
		a.left, a.inBody, b = e.Body, true, b[i+len(headEnd):]
	}
	n := min(len(a.left), len(b))
	if !bytes.Equal(a.left[:n], b[:n]) {
		return b, false, fmt.Errorf("%s: answered with a body that has %.100q, want %.100q", e.Name, b[:n], a.left[:n])
	}
	a.left, b = a.left[n:], b[n:]
	if len(a.left) > 0 {
		return b, false, nil
	}
	a.inBody = false
	return b, true, nil
}

var (
	headEnd    = []byte("\r\n\r\n")
	lineEnd    = []byte("\r\n")
	headBegin  = []byte("HTTP/1.1 ")
	lengthName = []byte("content-length")
)

// checkHead checks the status and the length in a header, whose lines all have their end.
func (e *Exchange) checkHead(head []byte) error {
	line, fields, _ := bytes.Cut(head, lineEnd)
	code, ok := bytes.CutPrefix(line, headBegin)
	if !ok || len(code) < 3 {
		return fmt.Errorf("%s: answered with %.100q", e.Name, line)
	}
	if status, err := strconv.Atoi(string(code[:3])); err != nil || status != e.Status {
		return fmt.Errorf("%s: answered %.100q, want %d", e.Name, code, e.Status)
	}
	length, err := contentLength(fields)
	if err != nil {
		if e.Status == 204 && errors.Is(err, errNoLength) {
			return nil
		}
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if length != len(e.Body) {
		return fmt.Errorf("%s: answered %d bytes, want %d", e.Name, length, len(e.Body))
	}
	return nil
}

var errNoLength = errors.New("answered without Content-Length")

func contentLength(fields []byte) (int, error) {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, lineEnd)
		if len(line) > len(lengthName) && line[len(lengthName)] == ':' && bytes.EqualFold(line[:len(lengthName)], lengthName) {
			return strconv.Atoi(string(bytes.TrimSpace(line[len(lengthName)+1:])))
		}
	}
	return 0, errNoLength
}

// closing returns a request that asks the server to close the connection behind its answer.
func closing(request []byte) []byte {
	return bytes.Replace(request, headEnd, []byte("\r\nConnection: close\r\n\r\n"), 1)
}
