package memconn

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Listener is a net.Listener whose connections come from Dial. Its methods may be called from any
// goroutine.
type Listener struct {
	addr    net.Addr
	backlog chan *Conn    // unbuffered: a dialled connection has been accepted
	done    chan struct{} // closed by Close

	accepting     chan struct{}
	acceptingOnce sync.Once

	mu     sync.Mutex
	ended  sync.Cond // open has become smaller
	open   int       // guarded by mu; server ends that have not been closed
	closed bool      // guarded by mu
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a listener with an address, which is that of the server ends.
func Listen(addr net.Addr) *Listener {
	l := &Listener{addr: addr, backlog: make(chan *Conn), done: make(chan struct{}), accepting: make(chan struct{})}
	l.ended.L = &l.mu
	return l
}

// Accept returns the server's end of the next connection, or net.ErrClosed in a *net.OpError once
// the listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	l.acceptingOnce.Do(func() { close(l.accepting) })
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, l.opError("accept", net.ErrClosed)
	}
}

// Dial connects from an address and returns the client's end once it has been accepted. It fails
// with syscall.ECONNREFUSED when the listener is closed and with the cause of ctx when that ends
// first, each in a *net.OpError.
func (l *Listener) Dial(ctx context.Context, from net.Addr) (*Conn, error) {
	client, server := Pipe(from, l.addr)
	server.onClose = l.end
	if !l.begin() {
		return nil, l.opError("dial", syscall.ECONNREFUSED)
	}
	select {
	case l.backlog <- server:
		return client, nil
	case <-l.done:
		l.end()
		return nil, l.opError("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		l.end()
		return nil, l.opError("dial", context.Cause(ctx))
	}
}

// begin counts a server end, or reports that the listener is closed.
func (l *Listener) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open++
	return true
}

func (l *Listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.ended.Broadcast()
}

func (l *Listener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}

// Accepting returns a channel that is closed by the first call of Accept.
func (l *Listener) Accepting() <-chan struct{} { return l.accepting }

// Wait returns when every server end has been closed. Close the listener first.
func (l *Listener) Wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open > 0 {
		l.ended.Wait()
	}
}

// Close ends Accept and Dial. Connections that were accepted stay. Later calls do nothing.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	return nil
}

// Addr returns the listener's address.
func (l *Listener) Addr() net.Addr { return l.addr }
