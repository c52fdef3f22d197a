package generator

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A state is how far a connection has come.
type state uint8

const (
	connecting state = iota
	waiting          // nothing is on its way
	sending          // requests are
	ending           // all is answered, the server is to close
)

// conn is one connection of a worker.
type conn struct {
	w        *worker
	fd       int32
	state    state
	at       int      // index of the next exchange to send, modulo their number
	sent     int      // requests on this connection
	out      []byte   // what is to be written
	batch    []byte   // the memory of out, if Depth is above 1
	flying   []flight // requests without an answer, oldest first
	answer   answer
	rest     []byte // the beginning of a header
	watching uint32
	opened   func() // in Dial
}

// flight is a request that is on its way.
type flight struct {
	e     *Exchange
	since int64
}

// connect begins to connect.
func (c *conn) connect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, c.w.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return fmt.Errorf("connect: %w", err)
	}
	c.fd, c.state, c.sent, c.watching = int32(fd), connecting, 0, unix.EPOLLOUT
	c.w.conns[c.fd] = c
	return unix.EpollCtl(c.w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: c.watching, Fd: c.fd})
}

// event handles what epoll reports.
func (c *conn) event(what uint32) error {
	if c.state == connecting {
		return c.connected()
	}
	if what&unix.EPOLLOUT != 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if what&^unix.EPOLLOUT != 0 {
		return c.read()
	}
	return nil
}

func (c *conn) connected() error {
	if code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		return fmt.Errorf("connect: %w", errors.Join(err, unix.Errno(code)))
	}
	c.state = waiting
	c.w.moved++
	if c.opened != nil {
		c.opened()
	} else {
		c.w.made++
	}
	return c.flush() // what next has prepared
}

// next sends the requests of a closed loop, whose turn it is.
func (c *conn) next(now int64) error {
	w := c.w
	if now >= w.until {
		return nil
	}
	c.batch = c.batch[:0]
	for range w.cfg.Depth {
		c.add(now)
	}
	return c.flush()
}

// add puts a request behind those that are to be sent.
func (c *conn) add(since int64) {
	w := c.w
	from := w.exchanges
	if c.sent++; c.sent == w.cfg.PerConn {
		from = w.last
	}
	e := &from[c.at%len(from)]
	c.at++
	c.flying = append(c.flying, flight{e, since})
	w.flying++
	if w.cfg.Depth == 1 {
		c.out = e.Request
		return
	}
	c.batch = append(c.batch, e.Request...)
	c.out = c.batch
}

// flush writes what the socket takes. What is there before it is connected, connected writes.
func (c *conn) flush() error {
	if c.state == connecting {
		return nil
	}
	for len(c.out) > 0 {
		c.state = sending
		n, err := unix.Write(int(c.fd), c.out)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return c.watch(unix.EPOLLIN | unix.EPOLLOUT)
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return broken("write", err)
		}
		c.out = c.out[n:]
		c.w.moved++
	}
	return c.watch(unix.EPOLLIN)
}

func (c *conn) watch(events uint32) error {
	if c.watching == events {
		return nil
	}
	c.watching = events
	return unix.EpollCtl(c.w.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.fd})
}

// read takes what is there. Epoll reports again what one read leaves.
func (c *conn) read() error {
	w := c.w
	kept := copy(w.buf[:], c.rest)
	n, err := unix.Read(int(c.fd), w.buf[kept:kept+readSize])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return broken("read", err)
	case n == 0 && c.state == ending:
		return c.again()
	case n == 0:
		return errEarly
	}
	w.moved++
	return c.answers(w.buf[:kept+n])
}

// broken says that a server has closed a connection, where the error of a system call does: it
// had not read all that was sent, or was gone.
func broken(call string, err error) error {
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		call = "the server closed the connection"
	}
	return fmt.Errorf("%s: %w", call, err)
}

// answers handles the answers in b.
func (c *conn) answers(b []byte) error {
	w := c.w
	for len(b) > 0 {
		if len(c.flying) == 0 {
			return fmt.Errorf("%.100q came unasked", b)
		}
		rest, done, err := c.answer.feed(c.flying[0].e, b)
		if err != nil {
			return err
		}
		b = rest
		if !done {
			break
		}
		w.hist.Add(w.clock.Now() - c.flying[0].since)
		c.flying = append(c.flying[:0], c.flying[1:]...)
		w.answered++
		w.flying--
	}
	c.rest = append(c.rest[:0], b...)
	if len(c.flying) > 0 {
		return nil
	}
	return c.idle()
}

// idle follows the last answer.
func (c *conn) idle() error {
	w := c.w
	if len(c.out) > 0 {
		return fmt.Errorf("answered %d bytes before the end of the request", len(c.out))
	}
	if w.cfg.PerConn > 0 && c.sent >= w.cfg.PerConn {
		c.state = ending
		w.flying++ // the end of the connection is waited for like an answer
		return nil
	}
	c.state = waiting
	if w.schedule != nil {
		w.schedule.free = append(w.schedule.free, c)
		return nil
	}
	return c.next(w.clock.Now())
}

// again connects anew, once the server has closed: so it, and not the client, waits in
// TIME_WAIT, and no port of the client is lost.
func (c *conn) again() error {
	w := c.w
	w.flying--
	delete(w.conns, c.fd)
	_ = unix.Close(int(c.fd))
	if err := c.connect(); err != nil {
		return err
	}
	return c.next(w.clock.Now())
}

// explain says where an error came from.
func (c *conn) explain(err error) error {
	return fmt.Errorf("after %d requests on a connection, %d of them without an answer: %w", c.sent, len(c.flying), err)
}
