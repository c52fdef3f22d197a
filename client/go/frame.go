package geistclient

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
)

// The names of the subprotocols.
const (
	protocolJSON   = "geist.v1"
	protocolBinary = "geist.v1.bin"
)

// The first bytes of binary messages.
const (
	binaryOther byte = iota // the rest is JSON
	binaryJSON
	binaryText
	binaryBytes
)

// The flags of a binary pub.
const (
	flagNoLog  = 1
	flagNoEcho = 2
	flagSince  = 4
)

var errFrame = errors.New("geistclient: the server has sent a malformed frame")

// frame is one that the server has sent: its name and what is behind it. One of the compact
// encoding's messages has its parts in message instead.
type frame struct {
	name    string
	args    []json.RawMessage
	message *Message
}

// parseFrame reads a frame of either encoding.
func parseFrame(p []byte, compact bool) (frame, error) {
	if !compact {
		return parseJSON(p)
	}
	if len(p) == 0 {
		return frame{}, errFrame
	}
	switch p[0] {
	case binaryOther:
		return parseJSON(p[1:])
	case binaryJSON, binaryText, binaryBytes:
		return parseBinary(p)
	}
	return frame{}, nil // of a later version
}

func parseJSON(p []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(p, &f.args); err != nil || len(f.args) == 0 {
		return frame{}, errFrame
	}
	if err := json.Unmarshal(f.args[0], &f.name); err != nil {
		return frame{}, errFrame
	}
	f.args = f.args[1:]
	return f, nil
}

func parseBinary(p []byte) (frame, error) {
	m := &Message{Kind: Kind(p[0] - binaryJSON)}
	r := reader{rest: p[1:]}
	m.Room = r.str()
	m.Position.Offset = r.uvarint()
	m.ID = r.str()
	m.Event = r.str()
	if r.bad {
		return frame{}, errFrame
	}
	m.Data = r.rest
	return frame{name: kindNames[m.Kind], message: m}, nil
}

// kindNames are the names of the frames with messages, by kind.
var kindNames = [...]string{JSON: "m", Text: "t", Bytes: "b"}

// reader takes a compact frame apart.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) str() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// arg decodes the element with that number into v. One that is missing or null leaves v as it is.
func (f *frame) arg(i int, v any) error {
	if i >= len(f.args) {
		return nil
	}
	if err := json.Unmarshal(f.args[i], v); err != nil {
		return errFrame
	}
	return nil
}

// received returns the message that f brings.
func (f *frame) received() (Message, error) {
	if f.message != nil {
		return *f.message, nil
	}
	var m Message
	err := errors.Join(f.arg(0, &m.Room), f.arg(1, &m.Position.Offset), f.arg(3, &m.ID), f.arg(4, &m.Event))
	var text string
	switch f.name {
	case "t":
		m.Kind = Text
		err = errors.Join(err, f.arg(2, &text))
		m.Data = []byte(text)
	case "b":
		m.Kind = Bytes
		err = errors.Join(err, f.arg(2, &m.Data)) // encoding/json reads base64
	default:
		m.Data = []byte("null")
		if len(f.args) > 2 {
			m.Data = f.args[2]
		}
	}
	if err != nil {
		return Message{}, errFrame
	}
	return m, nil
}

// The members of the objects in frames.
type (
	welcomeFrame struct {
		Conn   string
		Author string
		User   string
		TTL    float64
	}
	joinedFrame struct {
		Position
		Recovered bool
	}
	gapFrame struct {
		Position
		Missed *int64
	}
	presenceFrame struct {
		Reset   bool
		Count   int
		Joined  []Member
		Updated []Member
		Left    []string
	}
	retryFrame struct{ Retry float64 }
	ttlFrame   struct{ TTL float64 }
)

// millis returns a number of milliseconds as a duration, between 0 and a year.
func millis(ms float64) time.Duration {
	const most = 365 * 24 * time.Hour
	if ms <= 0 {
		return 0
	}
	return time.Duration(min(ms, float64(most/time.Millisecond)) * float64(time.Millisecond))
}

// array returns the frame of JSON with those elements, without the ones at the end that are nil. All
// of them can be marshalled.
func array(elements ...any) []byte {
	for len(elements) > 0 && elements[len(elements)-1] == nil {
		elements = elements[:len(elements)-1]
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(elements); err != nil {
		return []byte("[]") // cannot be: what users give was checked
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// encode returns a frame in the encoding of a connection.
func encode(compact bool, elements ...any) []byte {
	p := array(elements...)
	if compact {
		p = append([]byte{binaryOther}, p...)
	}
	return p
}

// pub is a publish as it is sent. since is of a repeated attempt: where the client stood at the first
// one, zero if it was not in the room.
type pub struct {
	ref   uint64
	room  string
	msg   *Message
	again bool
	since Position
}

func (p *pub) encode(compact bool) []byte {
	if compact {
		return p.binary()
	}
	var options struct {
		Event string `json:"event,omitempty"`
		As    string `json:"as,omitempty"`
		Since []any  `json:"since,omitempty"`
		Log   *bool  `json:"log,omitempty"`
		Echo  *bool  `json:"echo,omitempty"`
	}
	no := new(bool)
	options.Event = p.msg.Event
	var data any = json.RawMessage(p.msg.Data)
	switch {
	case p.msg.Kind == Text:
		options.As, data = "text", string(p.msg.Data)
	case p.msg.Kind == Bytes:
		options.As, data = "base64", base64.StdEncoding.EncodeToString(p.msg.Data)
	case p.msg.Data == nil:
		data = json.RawMessage("null")
	}
	if p.again {
		options.Since = p.since.pair()
	}
	if p.msg.NoLog {
		options.Log = no
	}
	if p.msg.NoEcho {
		options.Echo = no
	}
	if !p.again && p.msg.Event == "" && p.msg.Kind == JSON && !p.msg.NoLog && !p.msg.NoEcho {
		return array("pub", p.ref, p.room, data)
	}
	return array("pub", p.ref, p.room, data, options)
}

func (p *pub) binary() []byte {
	dst := binary.AppendUvarint([]byte{binaryJSON + byte(p.msg.Kind)}, p.ref)
	dst = appendString(dst, p.room)
	var flags byte
	if p.msg.NoLog {
		flags |= flagNoLog
	}
	if p.msg.NoEcho {
		flags |= flagNoEcho
	}
	if p.again {
		flags |= flagSince
	}
	dst = append(dst, flags)
	dst = appendString(dst, p.msg.Event)
	if flags&flagSince != 0 {
		dst = appendString(dst, p.since.Epoch)
		dst = binary.AppendUvarint(dst, p.since.Offset)
	}
	if p.msg.Kind == JSON && p.msg.Data == nil {
		return append(dst, "null"...)
	}
	return append(dst, p.msg.Data...)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// pair returns p as frames have it.
func (p Position) pair() []any { return []any{p.Epoch, p.Offset} }
