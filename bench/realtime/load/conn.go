//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// A state is how far a connection has come.
type state uint8

const (
	connecting state = iota
	answering        // the request is sent, its response is not here
	greeting         // of protocols that greet after the response
	open
	stalled // open, not read
	closed
)

// restLimit is the most that a connection keeps of what it cannot read yet: more than the
// largest frame of any peer.
const restLimit = 128 << 10

// conn is one connection of a swarm.
type conn struct {
	fd    int32
	state state
	room  uint32
	next  uint32 // number of the next message
	swarm *Swarm
	rest  []byte // what was read and is not a whole unit yet
	sse   events
}

// ready handles what epoll reports. It does not matter what: reading says more.
func (c *conn) ready(l *Loop) {
	var err error
	if c.state == connecting {
		err = c.connected(l)
	} else {
		err = c.read(l)
	}
	if err != nil {
		c.fail(l, err)
	}
}

// fail ends the connection: the loop's next Poll returns why.
func (c *conn) fail(l *Loop, err error) {
	was := c.state
	l.drop(c, true)
	c.swarm.lost++
	if l.err == nil {
		l.err = fmt.Errorf("%s, connection to room %x, %s, after %d messages: %w", c.swarm.cfg.Name, c.room, was, c.next, err)
	}
}

func (s state) String() string {
	return [...]string{"connecting", "before the response", "before the greeting", "open", "stalled", "closed"}[s]
}

// connected sends the request.
func (c *conn) connected(l *Loop) error {
	if code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		return fmt.Errorf("connect: %w", errors.Join(err, unix.Errno(code)))
	}
	if err := c.write(c.request()); err != nil {
		return err
	}
	c.state = answering
	return l.watch(c, unix.EPOLLIN)
}

// request opens the connection. Who comes back to a stream says in it what it has.
func (c *conn) request() []byte {
	cfg, lastID := c.swarm.cfg, ""
	if cfg.Resume != nil && cfg.Protocol == wire.EventStream {
		lastID = cfg.Resume.LastID
	}
	path := cfg.path(c.room)
	if cfg.Protocol == wire.CentrifugeStream {
		path += "&cf_connect=" + url.QueryEscape(string(c.connectCommand()))
	}
	return wire.Request(cfg.Protocol, cfg.Addr, path, lastID)
}

// write sends all of b at once: what a client sends is small, and what does not fit into
// its socket means that the server has stopped reading.
func (c *conn) write(b []byte) error {
	n, err := unix.Write(int(c.fd), b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// read takes what is there and handles the whole units in it.
func (c *conn) read(l *Loop) error {
	kept := copy(l.buf[:], c.rest)
	n, err := unix.Read(int(c.fd), l.buf[kept:kept+readSize])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	c.swarm.bytes += uint64(n)
	left, err := c.units(l, l.buf[:kept+n])
	if err != nil {
		return err
	}
	if len(left) > restLimit {
		return fmt.Errorf("a unit of more than %d bytes", restLimit)
	}
	if len(left) == 0 && cap(c.rest) <= 4<<10 {
		c.rest = c.rest[:0]
		return nil
	}
	c.rest = append(c.rest[:0], left...)
	return nil
}

// units handles the whole units in b and returns what is left.
func (c *conn) units(l *Loop, b []byte) ([]byte, error) {
	if c.state == answering {
		rest, ok, err := wire.ReadResponse(c.swarm.cfg.Protocol, b)
		if !ok || err != nil {
			return rest, err
		}
		b = rest
		if err := c.answered(); err != nil {
			return b, err
		}
	}
	if c.swarm.cfg.Protocol.Streams() {
		return c.sse.feed(b, func(p []byte) error { return c.event(l, p) })
	}
	for {
		op, p, rest, ok, err := wire.ReadFrame(b)
		if !ok || err != nil {
			return b, err
		}
		if err := c.frame(l, op, p); err != nil {
			return b, err
		}
		b = rest
	}
}

// answered follows the response.
func (c *conn) answered() error {
	switch c.swarm.cfg.Protocol {
	case wire.Centrifuge:
		c.state = greeting
		return c.write(wire.AppendMasked(nil, wire.Text, c.connectCommand()))
	case wire.CentrifugeStream:
		c.state = greeting
		return nil
	case wire.Geist:
		c.state = greeting
		hello := wire.AppendMasked(nil, wire.Text, []byte(geistHello))
		return c.write(wire.AppendMasked(hello, wire.Text, c.joinCommand()))
	default:
		c.opened()
		return nil
	}
}

func (c *conn) opened() {
	c.state = open
	c.swarm.open++
}

// frame handles one frame of a WebSocket.
func (c *conn) frame(l *Loop, op byte, p []byte) error {
	switch op {
	case wire.Text, wire.Binary:
		switch c.swarm.cfg.Protocol {
		case wire.Centrifuge:
			return c.lines(l, p)
		case wire.Geist:
			return c.array(l, p)
		default:
			return c.message(l, p)
		}
	case wire.Ping:
		return c.write(wire.AppendMasked(nil, wire.Pong, p))
	case wire.Pong:
		return nil
	case wire.Close:
		return fmt.Errorf("closed by the server: %q", p)
	}
	return fmt.Errorf("frame with the opcode %#x", op)
}

// event handles the data of one event.
func (c *conn) event(l *Loop, p []byte) error {
	if c.swarm.cfg.Protocol == wire.CentrifugeStream {
		return c.lines(l, p)
	}
	if string(c.sse.id) != c.swarm.lastID {
		c.swarm.lastID = string(c.sse.id)
	}
	return c.message(l, p)
}

// message handles one message, which must be the next of its room.
func (c *conn) message(l *Loop, p []byte) error {
	at, err := wire.Check(p, c.room, c.next)
	if err != nil {
		return err
	}
	c.next++
	return c.swarm.delivered(l, c, l.now-at)
}
