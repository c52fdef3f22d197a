package geist

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// listener wraps the connections that another listener accepts and registers them.
// A drain ends it in two steps: first it takes what clients have connected already
// and may have written to, which closing at once would reset; then it is closed.
type listener struct {
	net.Listener
	live  *server
	limit int           // most connections of one IP address; 0 means no bound
	ended chan struct{} // closed when nobody accepts any more

	stopping atomic.Bool
	looks    int // owned by Accept: deadlines that have passed while stopping
}

// backlogLook is how long Accept waits, twice, for connections that the kernel has
// made but nobody has accepted. One would do, were goroutines never held up.
const backlogLook = 10 * time.Millisecond

// Accept returns the next connection. It fails with net.ErrClosed once the drain
// has emptied the backlog.
func (l *listener) Accept() (net.Conn, error) {
	for pause := time.Duration(0); ; {
		raw, err := l.Listener.Accept()
		switch {
		case err == nil:
			pause = 0
			if c := l.wrap(raw); c != nil {
				return c, nil
			}
		case passing(err) && !l.stopping.Load():
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			l.live.engine.set.logger().Warn("accepting a connection failed, trying again", "error", err, "pause", pause)
			time.Sleep(pause)
		case l.live.closing.Load() && !isTimeout(err):
			return nil, net.ErrClosed // whatever the listener calls it
		case !l.stopping.Load() || !isTimeout(err):
			return nil, err
		case l.looks == 2:
			return nil, net.ErrClosed
		default:
			l.looks++
			_ = l.deadline().SetDeadline(time.Now().Add(backlogLook))
		}
	}
}

// maxAcceptPause bounds the pause after accepting has failed for want of resources.
const maxAcceptPause = time.Second

// passing reports whether a failure to accept may pass by itself, as a lack of file
// descriptors does. fasthttp would stop serving.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// stop ends accepting: soon where Accept can be told to by a deadline, else at once.
func (l *listener) stop() error {
	d := l.deadline()
	if d == nil {
		return ignoreClosed(l.Close())
	}
	l.stopping.Store(true)
	if d.SetDeadline(expired) != nil {
		return ignoreClosed(l.Close())
	}
	return nil
}

// deadliner is a listener whose Accept a deadline can end: those of TCP and unix.
type deadliner interface{ SetDeadline(time.Time) error }

// deadline returns what can end Accept, or nil. Wrappers, that of crypto/tls above
// all, hide it, but most embed the listener that they wrap.
func (l *listener) deadline() deadliner {
	ln := l.Listener
	for range maxListenerWrappers {
		if d, ok := ln.(deadliner); ok {
			return d
		}
		v := reflect.Indirect(reflect.ValueOf(ln))
		if v.Kind() != reflect.Struct {
			return nil
		}
		f := v.FieldByName("Listener")
		if !f.IsValid() || !f.CanInterface() {
			return nil
		}
		inner, ok := f.Interface().(net.Listener)
		if !ok {
			return nil
		}
		ln = inner
	}
	return nil
}

// maxListenerWrappers bounds the search below a listener.
const maxListenerWrappers = 4

// wrap registers a connection, or refuses it and returns nil.
func (l *listener) wrap(raw net.Conn) net.Conn {
	var c netConn
	switch raw := raw.(type) {
	case *net.TCPConn:
		c = &tcpConn{TCPConn: raw}
	case *tls.Conn:
		c = &tlsConn{Conn: raw}
	default:
		c = newAnyConn(raw)
	}
	st := c.state()
	st.live, st.between = l.live, true
	var addr netip.Addr
	if l.limit > 0 { // only then: to some, such as PROXY protocol's, an address is a matter of reading
		if tcp, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
			addr = tcp.AddrPort().Addr().Unmap()
		}
	}
	if !l.live.conns.add(c, addr, l.limit) {
		refuse(raw)
		return nil
	}
	return c
}

// refuse answers a connection over Config.MaxConnsPerIP. The answer of a TLS
// connection would need a handshake, which must not hold up those that wait.
func refuse(raw net.Conn) {
	if _, ok := raw.(*tls.Conn); !ok {
		body := appendProblem(nil, errTooManyConns.status, errTooManyConns, defaultCodec())
		_ = raw.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // it fits into an empty socket buffer
		_, _ = fmt.Fprintf(raw, "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	_ = raw.Close()
}

var errTooManyConns = NewError(fasthttp.StatusTooManyRequests, "too many connections from this address")

var _ net.Listener = (*listener)(nil)
