package eventstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
)

// ErrTooLong is what Next returns when a line, or the data of an event, is longer than
// the Decoder's limit.
var ErrTooLong = errors.New("an event is longer than the limit")

// Kind says what a Decoder has read.
type Kind uint8

// The kinds of what a stream holds.
const (
	Message Kind = iota + 1 // an event, as a client shows it
	Comment                 // a comment: one line of them
	Retry                   // a time to wait, which holds from now on
)

// Item is what a Decoder has read: an event, or what says nothing to the application but
// tells a test that the stream is alive.
type Item struct {
	Kind  Kind
	ID    string        // of a Message: the last id that was sent, in this event or before
	Name  string        // of a Message: "message" if none was sent
	Data  string        // of a Message: its lines with LF between; of a Comment: its text
	Retry time.Duration // of a Retry
}

// Decoder reads a stream as a client does. It is for one goroutine.
type Decoder struct {
	r     *bufio.Reader
	limit int
	began bool // a BOM has been looked for
	cr    bool // the last line ended with CR: an LF that follows belongs to it

	line []byte
	data []byte // each line with an LF
	name string
	id   string // of the block that is being read
	last string // of the last block that ended
}

// NewDecoder returns a Decoder of r that holds at most limit bytes of an event.
func NewDecoder(r io.Reader, limit int) *Decoder {
	return &Decoder{r: bufio.NewReader(r), limit: limit}
}

// LastID returns the id that a client would connect again with.
func (d *Decoder) LastID() string { return d.last }

// Next returns what comes next, as soon as its last byte is there. At the end it returns
// the reader's error; what was begun and not ended is no event.
func (d *Decoder) Next() (Item, error) {
	for {
		if err := d.readLine(); err != nil {
			return Item{}, err
		}
		if len(d.line) == 0 {
			if item, ok := d.dispatch(); ok {
				return item, nil
			}
			continue
		}
		if len(d.data)+len(d.line) > d.limit {
			return Item{}, ErrTooLong
		}
		if item, ok := d.field(); ok {
			return item, nil
		}
	}
}

// dispatch ends a block, and reports whether it was an event.
func (d *Decoder) dispatch() (Item, bool) {
	d.last = d.id
	name, data := d.name, d.data
	d.name, d.data = "", d.data[:0]
	if len(data) == 0 {
		return Item{}, false
	}
	if name == "" {
		name = "message"
	}
	return Item{Kind: Message, ID: d.last, Name: name, Data: string(data[:len(data)-1])}, true
}

// field takes a line that is not empty, and reports whether it says something by itself.
func (d *Decoder) field() (Item, bool) {
	name, value, _ := bytes.Cut(d.line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "":
		return Item{Kind: Comment, Data: string(value)}, true
	case "data":
		d.data = append(append(d.data, value...), '\n')
	case "event":
		d.name = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.id = string(value)
		}
	case "retry":
		if wait, ok := parseRetry(value); ok {
			return Item{Kind: Retry, Retry: wait}, true
		}
	}
	return Item{}, false
}

// parseRetry reads digits, and nothing else. What no Duration can hold is the longest one.
func parseRetry(value []byte) (time.Duration, bool) {
	for _, b := range value {
		if b < '0' || b > '9' {
			return 0, false
		}
	}
	if len(value) == 0 {
		return 0, false
	}
	ms, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || ms > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64, true
	}
	return time.Duration(ms) * time.Millisecond, true
}

// readLine reads a line without its end. A CR ends one at once: to wait for an LF behind
// it could be to wait for the next event.
func (d *Decoder) readLine() error {
	if !d.began {
		d.began = true
		if b, _ := d.r.Peek(1); len(b) == 1 && b[0] == 0xEF {
			if b, _ = d.r.Peek(3); string(b) == "\uFEFF" {
				_, _ = d.r.Discard(3)
			}
		}
	}
	d.line = d.line[:0]
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return err
		}
		first := d.cr
		d.cr = b == '\r'
		switch {
		case b == '\n' && first:
			continue
		case b == '\n' || b == '\r':
			return nil
		case len(d.line) == d.limit:
			return ErrTooLong
		}
		d.line = append(d.line, b)
	}
}
