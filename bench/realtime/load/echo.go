//go:build linux

package load

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// Echo sends a message of size bytes on every connection and the next when it has come
// back, for as long as d. The swarm was dialled with Echo.
func (s *Swarm) Echo(d time.Duration, size int) (Result, error) {
	s.bytes = 0
	s.loop.now = s.loop.clock.Now()
	s.run = run{hist: new(Hist), echo: size, flying: len(s.conns), until: s.loop.now + int64(d)}
	for _, c := range s.conns {
		if err := c.say(size); err != nil {
			return Result{}, err
		}
	}
	return s.Wait()
}

// echoed follows a message that has come back.
func (s *Swarm) echoed(c *conn) error {
	if s.loop.now < s.run.until {
		return c.say(s.run.echo)
	}
	s.run.flying--
	s.run.done = s.run.flying == 0
	return nil
}

// say sends the next message of c.
func (c *conn) say(size int) error {
	p := wire.NewMessage(c.room, c.next, c.swarm.loop.clock.Now(), size)
	if c.swarm.cfg.Protocol == wire.Centrifuge {
		q := append(strconv.AppendUint([]byte(`{"id":`), uint64(c.next)+2, 10), centrifugeRPC...)
		p = append(append(q, p...), centrifugeRPCEnd...)
	}
	return c.write(wire.AppendMasked(nil, wire.Text, p))
}

// Stall stops reading the first connection, which was dialled with StallFirst: the server
// fills its buffers and then has a client that does not move.
func (s *Swarm) Stall() error {
	c := s.conns[0]
	c.state = stalled
	return s.loop.ignore(c)
}

// Fate is what has become of a stalled connection.
type Fate struct {
	// Bytes were waiting for it.
	Bytes int
	// Closed says that the server has closed it.
	Closed bool
}

// Drain reads what waits for the stalled connection, until nothing has come for d, and
// closes it. It checks nothing: a server may drop what such a client does not read.
func (s *Swarm) Drain(d time.Duration) (f Fate, err error) {
	c := s.conns[0]
	defer s.loop.drop(c, true)
	for quiet := time.Now(); time.Since(quiet) < d; {
		n, err := unix.Read(int(c.fd), s.loop.buf[:])
		switch {
		case n > 0:
			f.Bytes += n
			quiet = time.Now()
			continue
		case err != unix.EAGAIN:
			f.Closed = true
			return f, nil
		}
		if err := s.loop.Poll(time.Millisecond); err != nil {
			return f, err
		}
	}
	return f, nil
}
