package roomwire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Parse reads a frame of a client in JSON. The command is valid as long as the frame is
// not changed. What is refused gives an *Error.
func Parse(frame []byte) (Command, *Error) {
	frame = bytes.TrimSpace(frame)
	if !valid(frame) {
		return Command{}, badFrame(0, "the frame is not JSON, or too deep")
	}
	l, ok := open(frame, '[')
	name, named := text(l.next())
	if !ok || !named {
		return Command{}, badFrame(0, "a frame is an array that begins with a name")
	}
	return parseCommand(name, l)
}

// parseCommand reads what is behind the name.
func parseCommand(name string, l list) (Command, *Error) {
	c := Command{Name: named(name)}
	if c.Name == Hello {
		return c, c.parseHello(l.argument())
	}
	ref, ok := number(l.next())
	if !ok || ref == 0 {
		return c, badFrame(0, "the element behind the name is no positive integer below 2^53")
	}
	c.Ref = ref
	switch c.Name {
	case Join, Leave, Pub, Show, Call:
		if c.Room, ok = text(l.next()); !ok {
			return c, badFrame(ref, "the name of the room, or of what is called, is no string")
		}
	case Auth:
		if c.Token, ok = text(l.next()); !ok {
			return c, badFrame(ref, "the token is no string")
		}
		c.HasToken = true
	case Hello, Answer, Ping:
	default:
		return c, &Error{ref, CodeUnknown, "there is no such command"}
	}
	return c, c.parseRest(l)
}

// parseRest reads what is behind the name of the room.
func (c *Command) parseRest(l list) *Error {
	switch c.Name {
	case Join:
		return c.members(l.argument(), c.joinMember)
	case Show, Call, Answer:
		c.Data = l.argument()
	case Pub:
		data := l.next()
		if err := c.members(l.argument(), c.pubMember); err != nil {
			return err
		}
		return c.setData(data)
	case Hello, Leave, Auth, Ping:
	}
	return nil
}

// parseHello reads the options of hello.
func (c *Command) parseHello(v []byte) *Error {
	return c.members(v, func(name string, v []byte) *Error {
		ok := true
		switch name {
		case "session":
			if c.Session, ok = text(v); !validSecret(c.Session) {
				return &Error{0, CodeBadSession, "a session is 16 to 64 characters from A-Z a-z 0-9 _ -"}
			}
		case "token":
			c.Token, ok = text(v)
			c.HasToken = true
		}
		return c.must(ok, name)
	})
}

// validSecret reports whether s can be a session.
func validSecret(s string) bool {
	for _, b := range []byte(s) {
		if !(b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' || b == '-') {
			return false
		}
	}
	return len(s) >= 16 && len(s) <= 64
}

func (c *Command) joinMember(name string, v []byte) *Error {
	ok := true
	switch name {
	case "since":
		return c.setSince(v)
	case "last":
		var n uint64
		n, ok = number(v)
		c.Last = int(min(n, 1<<31-1))
	case "presence":
		c.Presence, ok = boolean(v)
	case "show":
		c.Data = v
	}
	return c.must(ok, name)
}

func (c *Command) pubMember(name string, v []byte) *Error {
	ok, is := true, false
	switch name {
	case "since":
		return c.setSince(v)
	case "event":
		if c.Event, ok = text(v); ok {
			return c.checkEvent()
		}
	case "as":
		var as string
		as, ok = text(v)
		c.Kind = map[string]Kind{"text": Text, "base64": Bytes}[as]
		ok = ok && (as == "" || c.Kind != JSON)
	case "log":
		is, ok = boolean(v)
		c.NoLog = !is
	case "echo":
		is, ok = boolean(v)
		c.NoEcho = !is
	}
	return c.must(ok, name)
}

// members calls f for each member of an object that is not null; v is nil if there is none.
func (c *Command) members(v []byte, f func(name string, v []byte) *Error) *Error {
	if v == nil {
		return nil
	}
	l, ok := open(v, '{')
	if !ok {
		return badFrame(c.Ref, "the options are no object")
	}
	for {
		name, more := text(l.next())
		if !more {
			return nil
		}
		if v := l.argument(); v != nil {
			if err := f(name, v); err != nil {
				return err
			}
		}
	}
}

func (c *Command) must(ok bool, name string) *Error {
	if ok {
		return nil
	}
	return badFrame(c.Ref, "the option "+name+" has a wrong type")
}

// setSince reads a pair of an epoch and an offset.
func (c *Command) setSince(v []byte) *Error {
	l, ok := open(v, '[')
	var ok1, ok2 bool
	if ok {
		c.Since.Epoch, ok1 = text(l.next())
		c.Since.Offset, ok2 = number(l.next())
	}
	if c.Since.Given = ok1 && ok2; !c.Since.Given {
		return &Error{c.Ref, CodeBadPosition, "since is no pair of an epoch and an offset"}
	}
	return nil
}

func (c *Command) checkEvent() *Error {
	if len(c.Event) > MaxEvent || strings.ContainsAny(c.Event, "\r\n\x00") {
		return &Error{c.Ref, CodeBadEvent, "the name of an event has at most 256 bytes, and no CR, LF or NUL"}
	}
	return nil
}

// setData makes the data of pub what Kind says.
func (c *Command) setData(v []byte) *Error {
	if c.Kind == JSON {
		if c.Data = v; v == nil {
			c.Data = []byte("null")
		}
		return nil
	}
	s, ok := text(v)
	if c.Data = []byte(s); ok && c.Kind == Bytes {
		var err error
		c.Data, err = base64.StdEncoding.Strict().DecodeString(s)
		ok = err == nil && !strings.ContainsAny(s, "\r\n")
	}
	if !ok {
		return badFrame(c.Ref, "the data is no string, or not in base64")
	}
	return nil
}

// The flags of pub in the compact encoding.
const (
	flagNoLog = 1 << iota
	flagNoEcho
	flagSince
	flagsEnd
)

// errCut is for a frame that ends too early, or has a number that is too large.
const errCut = "the frame ends too early, or has a wrong number"

// ParseBinary reads a frame of a client in the compact encoding, as Parse does.
func ParseBinary(frame []byte) (Command, *Error) {
	if len(frame) == 0 || frame[0] > 3 {
		return Command{}, badFrame(0, "the first byte is not from 0 to 3")
	}
	if frame[0] == 0 {
		return Parse(frame[1:])
	}
	r := reader{rest: frame[1:]}
	c := Command{Name: Pub, Kind: Kind(frame[0] - 1), Ref: r.uvarint()}
	if r.bad || c.Ref == 0 {
		return Command{}, badFrame(0, errCut)
	}
	c.Room = r.str()
	flags := r.byte()
	c.Event = r.str()
	if flags&flagSince != 0 {
		c.Since = Since{Given: true, Epoch: r.str(), Offset: r.uvarint()}
	}
	c.NoLog, c.NoEcho = flags&flagNoLog != 0, flags&flagNoEcho != 0
	c.Data = r.rest
	switch {
	case r.bad || flags >= flagsEnd:
		return c, badFrame(c.Ref, errCut)
	case c.Kind == JSON && !valid(c.Data):
		return c, badFrame(c.Ref, "the data is not JSON, or too deep")
	case c.Kind == Text && !utf8.Valid(c.Data):
		return c, badFrame(c.Ref, "the text is not UTF-8")
	}
	return c, c.checkEvent()
}

// reader takes a frame in the compact encoding apart. Once something is missing it is bad
// and gives zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if r.bad || n <= 0 || v >= maxNumber {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) str() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) || !utf8.Valid(r.rest[:n]) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
