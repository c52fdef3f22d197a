//go:build linux

package load

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// The JSON protocol of centrifuge, as far as its server uses it here. Replies and pushes
// are lines of a frame; the server pings with an empty object and wants one back.
const (
	centrifugeConnect = `{"id":1,"connect":{}}`
	centrifugeReply   = `{"id":1,"connect":{`
	centrifugePush    = `{"push":{"channel":"`
	centrifugePub     = `","pub":{"data":`
	centrifugePubEnd  = `}}}`
	centrifugeData    = `{"data":`
	centrifugeMissed  = `"publications":[`
	centrifugeYes     = `"recovered":true`
	centrifugeRPC     = `,"rpc":{"data":`
	centrifugeRPCEnd  = `}}`
)

func (c *conn) lines(l *Loop, p []byte) error {
	for line := range bytes.SplitSeq(p, []byte("\n")) {
		if len(line) > 0 {
			if err := c.line(l, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conn) line(l *Loop, p []byte) error {
	if rest, ok := bytes.CutPrefix(p, []byte(centrifugePush)); ok {
		return c.push(l, rest)
	}
	switch {
	case string(p) == "{}" && c.swarm.cfg.Protocol == wire.CentrifugeStream:
		return nil // the answer is a request of its own, and due long after the scene
	case string(p) == "{}":
		return c.write(wire.AppendMasked(nil, wire.Text, p))
	case c.state == greeting && bytes.HasPrefix(p, []byte(centrifugeReply)):
		c.opened()
		return c.recovered(l, p)
	}
	if i := bytes.Index(p, []byte(centrifugeRPC)); i > 0 && bytes.HasSuffix(p, []byte(centrifugeRPCEnd)) {
		return c.message(l, p[i+len(centrifugeRPC):len(p)-len(centrifugeRPCEnd)])
	}
	return fmt.Errorf("unexpected line %.200q", p)
}

// push handles what follows the beginning of a push: the channel's name, and a
// publication or a word that the connection has joined or left another room.
func (c *conn) push(l *Loop, p []byte) error {
	i := bytes.IndexByte(p, '"')
	if i < 0 {
		return fmt.Errorf("push without a channel: %.200q", p)
	}
	rest := p[i:]
	if data, ok := bytes.CutPrefix(rest, []byte(centrifugePub)); ok {
		data, rest, ok := object(data)
		ok = ok && bytes.HasSuffix(rest, []byte(centrifugePubEnd))
		room, err := wire.ReadRoom(string(p[:i]))
		if !ok || err != nil || room != c.room {
			return fmt.Errorf("publication %.200q in room %x", p, c.room)
		}
		return c.message(l, data)
	}
	if bytes.HasPrefix(rest, []byte(`","subscribe":`)) || bytes.HasPrefix(rest, []byte(`","unsubscribe":`)) {
		return nil
	}
	return fmt.Errorf("unexpected push %.200q", p)
}

// connectCommand is the first that a client of centrifuge says. Who comes back says from
// where on it has missed messages.
func (c *conn) connectCommand() []byte {
	r := c.swarm.cfg.Resume
	if r == nil {
		return []byte(centrifugeConnect)
	}
	return fmt.Appendf(nil, `{"id":1,"connect":{"subs":{%q:{"recover":true,"epoch":%q,"offset":%d}}}}`, wire.RoomName(c.room), r.Epoch, r.Offset)
}

// recovered handles the reply to it, which has what was missed.
func (c *conn) recovered(l *Loop, p []byte) error {
	c.noteEpoch(p)
	if c.swarm.cfg.Resume == nil {
		return nil
	}
	if !bytes.Contains(p, []byte(centrifugeYes)) {
		return fmt.Errorf("not recovered: %.300q", p)
	}
	_, rest, _ := bytes.Cut(p, []byte(centrifugeMissed))
	for {
		data, ok := bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(",")), []byte(centrifugeData))
		if !ok {
			return nil
		}
		if data, rest, ok = object(data); !ok {
			return fmt.Errorf("unexpected publication %.200q", rest)
		}
		if err := c.message(l, data); err != nil {
			return err
		}
		_, rest, _ = bytes.Cut(rest, []byte("}")) // what follows the data: an offset
	}
}

// object splits the first object off b. Messages of this suite have no objects and no braces
// within.
func object(b []byte) (data, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '}')
	if i < 0 {
		return nil, b, false
	}
	return b[:i+1], b[i+1:], true
}

// noteEpoch keeps what the server calls the numbering of the room.
func (c *conn) noteEpoch(p []byte) {
	if _, rest, ok := bytes.Cut(p, []byte(`"epoch":"`)); ok {
		epoch, _, _ := bytes.Cut(rest, []byte(`"`))
		if string(epoch) != c.swarm.epoch {
			c.swarm.epoch = string(epoch)
		}
	}
}

// geist.v1, as far as its server uses it here. A frame is one array.
const (
	geistHello     = `["hello"]`
	geistWelcome   = `["welcome",`
	geistJoined    = `["joined",1,`
	geistRecovered = `"recovered":true`
	geistMessage   = `["m","`
)

// joinCommand joins the connection's room. Who comes back says since when.
func (c *conn) joinCommand() []byte {
	r := c.swarm.cfg.Resume
	if r == nil {
		return fmt.Appendf(nil, `["join",1,%q]`, wire.RoomName(c.room))
	}
	return fmt.Appendf(nil, `["join",1,%q,{"since":[%q,%d]}]`, wire.RoomName(c.room), r.Epoch, r.Offset)
}

// array handles one frame of geist.v1.
func (c *conn) array(l *Loop, p []byte) error {
	switch rest, ok := bytes.CutPrefix(p, []byte(geistMessage)); {
	case ok:
		return c.roomMessage(l, rest)
	case bytes.HasPrefix(p, []byte(geistWelcome)):
		return nil
	case bytes.HasPrefix(p, []byte(geistJoined)) && c.state == greeting:
		if c.swarm.cfg.Resume != nil && !bytes.Contains(p, []byte(geistRecovered)) {
			return fmt.Errorf("not recovered: %.300q", p)
		}
		c.noteEpoch(p)
		c.opened()
		return nil
	}
	return fmt.Errorf("unexpected frame %.200q", p)
}

// roomMessage handles what follows the beginning of a message: the room's name, the offset and
// the data.
func (c *conn) roomMessage(l *Loop, p []byte) error {
	name, rest, ok1 := bytes.Cut(p, []byte(`",`))
	_, rest, ok2 := bytes.Cut(rest, []byte(","))
	data, end, ok3 := object(rest)
	room, err := wire.ReadRoom(string(name))
	if !ok1 || !ok2 || !ok3 || string(end) != "]" || err != nil || room != c.room {
		return fmt.Errorf("message %.200q in room %x", p, c.room)
	}
	return c.message(l, data)
}

// events reads an event stream in chunks of HTTP/1.1. Units may be split anywhere.
type events struct {
	left int    // bytes of the chunk at hand, with the line end behind it
	line []byte // the beginning of a line
	data []byte // of the event at hand
	id   []byte // of the last event that had one
}

// feed reads b and returns what is left: the beginning of a chunk's head.
func (e *events) feed(b []byte, message func([]byte) error) ([]byte, error) {
	for len(b) > 0 {
		if e.left == 0 {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return b, nil
			}
			size, err := strconv.ParseUint(string(bytes.TrimSuffix(b[:i], []byte("\r"))), 16, 31)
			if err != nil || size == 0 {
				return b, fmt.Errorf("the stream has ended: chunk head %.40q", b[:i])
			}
			e.left, b = int(size)+2, b[i+1:]
		}
		n := min(e.left, len(b))
		text := b[:n]
		if behind := 2 - (e.left - n); behind > 0 { // some of the line end is in b
			text = text[:max(n-behind, 0)]
		}
		if err := e.text(text, message); err != nil {
			return b, err
		}
		e.left -= n
		b = b[n:]
	}
	return nil, nil
}

// text reads what chunks hold.
func (e *events) text(b []byte, message func([]byte) error) error {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			e.line = append(e.line, b...)
			return nil
		}
		line := b[:i]
		if len(e.line) > 0 {
			e.line = append(e.line, line...)
			line = e.line
		}
		b = b[i+1:]
		if err := e.whole(bytes.TrimSuffix(line, []byte("\r")), message); err != nil {
			return err
		}
		e.line = e.line[:0]
	}
	return nil
}

// whole handles one line. Of the fields of an event its data and its id count.
func (e *events) whole(line []byte, message func([]byte) error) error {
	if len(line) == 0 {
		if len(e.data) == 0 {
			return nil
		}
		err := message(e.data)
		e.data = e.data[:0]
		return err
	}
	if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
		e.data = append(e.data, bytes.TrimPrefix(data, []byte(" "))...)
	} else if id, ok := bytes.CutPrefix(line, []byte("id:")); ok {
		e.id = append(e.id[:0], bytes.TrimPrefix(id, []byte(" "))...)
	}
	return nil
}
