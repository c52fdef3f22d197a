// Package eventstream writes and reads text/event-stream, the format of Server-Sent
// Events (WHATWG HTML, section 9.2).
//
//	retry: 3000        how long the client waits before it connects again
//	id: 7              what it then sends as Last-Event-ID
//	event: tick        the event's name; "message" without it
//	data: one          the lines of its data
//	data: two
//	                   an empty line ends the event
//	: still here       a comment, which no client shows
//
// Whoever may choose a value must not be able to begin a field, or an event, of his own.
// So line ends, of which the format knows three (CR LF, LF and CR), are taken apart where
// several lines are possible, and refused where they are not.
package eventstream

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Errors of Append.
var (
	ErrID    = errors.New("the id of an event holds CR, LF or NUL")
	ErrName  = errors.New("the name of an event holds CR or LF")
	ErrRetry = errors.New("the retry of an event is negative")
)

// Event is one event. The zero Event is a message without data.
type Event struct {
	ID      string        // "" sends none: the client keeps the last one
	Name    string        // "" is a message
	Data    []byte        // see hasData
	Retry   time.Duration // in milliseconds, rounded up; 0 sends none
	Comment string
}

// hasData reports whether the client is to see the event: one that says nothing but its
// id, retry or comment is none.
func (e *Event) hasData() bool {
	return e.Data != nil || e.Name != "" || e.ID == "" && e.Retry == 0 && e.Comment == ""
}

// Append appends e as it goes over the wire, or returns dst and an error. It allocates
// only to make dst longer. Line ends in Data reach the client as LF, whatever they were.
func Append(dst []byte, e *Event) ([]byte, error) {
	switch {
	case !ValidID(e.ID):
		return dst, ErrID
	case strings.ContainsAny(e.Name, "\r\n"):
		return dst, ErrName
	case e.Retry < 0:
		return dst, ErrRetry
	}
	if e.Comment != "" {
		dst = appendComment(dst, e.Comment)
	}
	if e.Retry > 0 {
		dst = appendRetry(dst, e.Retry)
	}
	if e.ID != "" {
		dst = appendField(dst, "id: ", e.ID)
	}
	if e.Name != "" {
		dst = appendField(dst, "event: ", e.Name)
	}
	if e.hasData() {
		dst = appendData(dst, e.Data)
	}
	return append(dst, '\n'), nil
}

// ValidID reports whether s can be the id of an event: clients ignore one with NUL.
func ValidID(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }

// AppendRetry appends a block that says nothing but how long to wait before connecting
// again. d must not be negative.
func AppendRetry(dst []byte, d time.Duration) []byte { return append(appendRetry(dst, d), '\n') }

// Heartbeat is a comment that says nothing: the shortest block there is.
const Heartbeat = ":\n\n"

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

// appendRetry rounds up: less than a millisecond is not "at once".
func appendRetry(dst []byte, d time.Duration) []byte {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, ms, 10)
	return append(dst, '\n')
}

// appendData appends a data field for each line. No line is a line too: an event whose
// data is empty has one.
func appendData(dst, data []byte) []byte {
	for {
		dst = append(dst, "data: "...)
		n := lineEnd(data)
		if n < 0 {
			dst = append(dst, data...)
			return append(dst, '\n')
		}
		dst = append(dst, data[:n]...)
		dst = append(dst, '\n')
		if data[n] == '\r' && n+1 < len(data) && data[n+1] == '\n' {
			n++
		}
		data = data[n+1:]
	}
}

// lineEnd returns the place of the first CR or LF, or -1. Two searches for a byte are
// several times as fast as a loop over all (BenchmarkAppend).
func lineEnd(p []byte) int {
	end := bytes.IndexByte(p, '\n')
	if end >= 0 {
		p = p[:end]
	}
	if n := bytes.IndexByte(p, '\r'); n >= 0 {
		return n
	}
	return end
}

// AppendComment appends a comment for each line of text, and an empty line, which makes
// a block of them.
func AppendComment(dst []byte, text string) []byte { return append(appendComment(dst, text), '\n') }

func appendComment(dst []byte, text string) []byte {
	for {
		dst = append(dst, ": "...)
		n := strings.IndexAny(text, "\r\n")
		if n < 0 {
			dst = append(dst, text...)
			return append(dst, '\n')
		}
		dst = append(dst, text[:n]...)
		dst = append(dst, '\n')
		text = text[n+1:] // of CR LF, LF then begins an empty line, which does no harm
	}
}
