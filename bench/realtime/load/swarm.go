//go:build linux

package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// A Config describes a swarm.
type Config struct {
	// Name is the server's, for messages.
	Name string
	// Protocol is what it speaks.
	Protocol wire.Protocol
	// Addr is its address: IPv4 and port.
	Addr string
	// Conns is the number of connections. The i-th is in room i mod Rooms.
	Conns, Rooms int
	// Echo makes messages come back in place of joining rooms.
	Echo bool
	// AtOnce is how many connections are on their way at a time. Zero means 64.
	AtOnce int
	// Patience is how long the swarm waits for a server that makes no progress. Zero
	// means 15 s.
	Patience time.Duration
	// StallFirst gives the first connection a receive buffer that fills at once, for
	// Stall.
	StallFirst bool
	// Resume, if it is not nil, is where connections stand: they ask for what is behind it, and
	// Wait for so many messages of each may follow Dial. WebSocket alone knows no places.
	Resume *Place
}

// A Place is a position in a room, and how much has been published since.
type Place struct {
	// Epoch is what the server calls its numbering, in Centrifuge and Geist; LastID the last
	// event, in EventStream.
	Epoch, LastID string
	// Offset is the number of messages up to it, Missed of those behind it.
	Offset, Missed int
}

func (c Config) path(room uint32) string {
	if c.Echo {
		return wire.EchoPath
	}
	return wire.RoomPath + "?room=" + wire.RoomName(room)
}

// A Swarm is many connections to one server.
type Swarm struct {
	loop  *Loop
	cfg   Config
	conns []*conn
	open  int
	lost  int
	bytes uint64
	epoch string // of the room that was joined last
	// lastID is the id of the event that was read last.
	lastID string
	run    run
}

// Epoch is what the server calls the numbering of the room, where the protocol has one.
func (s *Swarm) Epoch() string { return s.epoch }

// LastID is the id of the event that was read last, where the protocol has one. When
// every connection of one room has everything, it is that of all.
func (s *Swarm) LastID() string { return s.lastID }

// run is what is being received.
type run struct {
	each  int // deliveries that end a step
	left  int // of the step at hand
	steps int // that are left
	step  func() error
	first int64 // when the first message was published
	hist  *Hist
	got   int
	done  bool

	echo   int   // size of the messages that go back and forth; 0 if none do
	flying int   // that have not come back
	until  int64 // when no more are sent
}

// A Result is what a swarm has received.
type Result struct {
	// Deliveries is the number of messages, Bytes that of bytes on the wire.
	Deliveries int
	Bytes      uint64
	// Wall is the time from the first publication to the last delivery.
	Wall time.Duration
	// Latency is the time from a publication to a read of the client.
	Latency *Hist
}

// Dial opens a swarm and returns when every connection is in its room.
func (l *Loop) Dial(cfg Config) (*Swarm, error) {
	addr, err := netip.ParseAddrPort(cfg.Addr)
	if err != nil || !addr.Addr().Is4() {
		return nil, fmt.Errorf("address %q: want IPv4 and a port", cfg.Addr)
	}
	s := &Swarm{loop: l, cfg: cfg, conns: make([]*conn, 0, cfg.Conns)}
	atOnce := cmp.Or(cfg.AtOnce, 64)
	cfg.Patience = cmp.Or(cfg.Patience, 15*time.Second)
	s.cfg = cfg
	if r := cfg.Resume; r != nil && r.Missed > 0 {
		s.Begin(1, cfg.Conns*r.Missed, nil)
	}
	last, since := 0, time.Now()
	for s.open < cfg.Conns {
		for len(s.conns) < cfg.Conns && len(s.conns)-s.open < atOnce {
			if err := s.connect(&unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
				s.Close(true)
				return nil, fmt.Errorf("%s: connection %d: %w", cfg.Name, len(s.conns), err)
			}
		}
		if err := l.Poll(100 * time.Millisecond); err != nil {
			s.Close(true)
			return nil, err
		}
		if s.open > last {
			last, since = s.open, time.Now()
		} else if time.Since(since) > cfg.Patience {
			s.Close(true)
			return nil, fmt.Errorf("%s: %d of %d connections are open, and no more for %v", cfg.Name, s.open, cfg.Conns, cfg.Patience)
		}
	}
	return s, nil
}

func (s *Swarm) connect(addr unix.Sockaddr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c := &conn{fd: int32(fd), swarm: s}
	if s.cfg.Resume != nil {
		c.next = uint32(s.cfg.Resume.Offset)
	}
	if !s.cfg.Echo {
		c.room = uint32(len(s.conns) % max(s.cfg.Rooms, 1))
	} else {
		c.room = uint32(len(s.conns)) // tells whose message has come back
	}
	if s.cfg.StallFirst && len(s.conns) == 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, addr); err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return err
	}
	s.conns = append(s.conns, c)
	return s.loop.add(c, unix.EPOLLOUT)
}

// Len is the number of connections that are open and read.
func (s *Swarm) Len() int {
	n := 0
	for _, c := range s.conns {
		if c.state == open {
			n++
		}
	}
	return n
}

// Close closes every connection, with resets if abrupt, as when a network goes away.
func (s *Swarm) Close(abrupt bool) {
	for _, c := range s.conns {
		if c.state != closed {
			s.loop.drop(c, abrupt)
		}
	}
}

// Begin prepares for steps of so many deliveries each, with what calls step after each.
// The connections go on with the numbers that they have come to. What arrives is counted
// in Poll; Wait polls.
func (s *Swarm) Begin(steps, each int, step func() error) {
	s.bytes = 0
	s.run = run{steps: steps, each: each, left: each, step: step, hist: new(Hist)}
}

// Wait polls until all that Begin has announced is here.
func (s *Swarm) Wait() (Result, error) {
	last, since := -1, time.Now()
	for !s.run.done {
		if err := s.loop.Poll(100 * time.Millisecond); err != nil {
			return Result{}, err
		}
		if s.run.got > last {
			last, since = s.run.got, time.Now()
		} else if time.Since(since) > s.cfg.Patience {
			return Result{}, s.missing()
		}
	}
	r := &s.run
	return Result{Deliveries: r.got, Bytes: s.bytes, Wall: time.Duration(s.loop.now - r.first), Latency: r.hist}, nil
}

func (s *Swarm) missing() error {
	lo, hi := ^uint32(0), uint32(0)
	for _, c := range s.conns {
		if c.state == open {
			lo, hi = min(lo, c.next), max(hi, c.next)
		}
	}
	return fmt.Errorf("%s: %d deliveries of a step are missing after %v, %d steps to go; connections have between %d and %d messages",
		s.cfg.Name, s.run.left, s.cfg.Patience, s.run.steps, lo, hi)
}

// delivered counts a message of c.
func (s *Swarm) delivered(l *Loop, c *conn, latency int64) error {
	r := &s.run
	if r.hist == nil || r.done {
		return fmt.Errorf("message %d is one too many", c.next-1)
	}
	if r.got == 0 {
		r.first = l.now - latency
	}
	r.got++
	r.hist.Add(latency)
	if r.echo > 0 {
		return s.echoed(c)
	}
	if r.left--; r.left > 0 {
		return nil
	}
	r.left = r.each
	if r.steps--; r.steps == 0 {
		r.done = true
	}
	if r.step != nil {
		return r.step()
	}
	return nil
}
