// Package memconn is a network of one process: connections that replay a
// request and discard the answers, as the server benchmarks of net/http and
// fasthttp have them. A server under test does all its work except system calls.
package memconn

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A Conn delivers one request many times, or several in turn, and then EOF. One Read returns
// at most what is left of one burst: with a burst of 1 the server sees its buffer empty
// after each request and must flush each answer; with 16 it sees pipelining.
// Deadlines are accepted and ignored. Writes are counted, and kept if asked for.
type Conn struct {
	text  []byte // the requests, which are delivered again and again
	ends  []int  // where bursts end in text
	total int    // bytes still to be delivered
	pos   int    // of the next byte in text
	burst int    // of that byte in ends

	keep    bool
	reads   int
	writes  int
	written int
	kept    []byte

	local, remote net.TCPAddr

	once sync.Once
	done chan struct{}
}

// New returns a connection that delivers req n times, burst at a time.
// With keep, Output returns what was written.
func New(req []byte, n, burst int, keep bool) *Conn {
	c := newConn(keep)
	c.total = n * len(req)
	for range min(burst, n) {
		c.text = append(c.text, req...)
	}
	c.ends = []int{len(c.text)}
	return c
}

// NewTurns returns a connection that delivers n requests one at a time: reqs in turn. With
// keep, Output returns what was written.
func NewTurns(reqs [][]byte, n int, keep bool) *Conn {
	c := newConn(keep)
	for _, req := range reqs {
		c.text = append(c.text, req...)
		c.ends = append(c.ends, len(c.text))
	}
	c.total = n / len(reqs) * len(c.text)
	if rest := n % len(reqs); rest > 0 {
		c.total += c.ends[rest-1]
	}
	return c
}

func newConn(keep bool) *Conn {
	return &Conn{
		keep: keep, done: make(chan struct{}),
		local: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, remote: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000},
	}
}

func (c *Conn) Read(p []byte) (int, error) {
	c.reads++
	if c.total == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.text[c.pos:min(c.ends[c.burst], c.pos+c.total)])
	c.total -= n
	if c.pos += n; c.pos == c.ends[c.burst] {
		if c.burst++; c.burst == len(c.ends) {
			c.burst, c.pos = 0, 0
		}
	}
	return n, nil
}

func (c *Conn) Write(p []byte) (int, error) {
	c.writes++
	c.written += len(p)
	if c.keep {
		c.kept = append(c.kept, p...)
	}
	return len(p), nil
}

// Close ends the connection. It may be called more than once.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

// Done is closed when the server has closed the connection.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Written returns how many bytes the server has written. Call it after Done.
func (c *Conn) Written() int { return c.written }

// Calls returns how often the server has called Read and Write. Call it after Done.
func (c *Conn) Calls() (reads, writes int) { return c.reads, c.writes }

// Output returns what the server has written. Call it after Done.
func (c *Conn) Output() []byte { return c.kept }

// LocalAddr returns an address of the loopback network, as RemoteAddr does:
// servers parse it. As those of a real connection, they are there and not made anew.
func (c *Conn) LocalAddr() net.Addr { return &c.local }

// RemoteAddr returns an address of the loopback network.
func (c *Conn) RemoteAddr() net.Addr { return &c.remote }

func (c *Conn) SetDeadline(time.Time) error      { return nil }
func (c *Conn) SetReadDeadline(time.Time) error  { return nil }
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// A Listener accepts what Push hands over.
type Listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// Listen returns an open listener.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

var errClosed = errors.New("memconn: use of closed listener")

// Push hands c to the server. It waits until the server accepts.
func (l *Listener) Push(c net.Conn) error {
	select {
	case l.conns <- c:
		return nil
	case <-l.done:
		return errClosed
	}
}

// Accept waits for Push.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, errClosed
	}
}

// Close ends Accept.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr returns an address of the loopback network.
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
