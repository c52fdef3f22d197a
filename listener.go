package geist

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// listener wraps the connections that another listener accepts, registers them and
// bounds them by IP address. It also outlives what only hinders for a while, such
// as a lack of file descriptors: fasthttp would stop serving.
type listener struct {
	net.Listener
	live *server
}

// maxAcceptPause bounds the pause after accepting has failed for want of resources.
const maxAcceptPause = time.Second

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	for pause := time.Duration(0); ; {
		raw, err := l.Listener.Accept()
		if err != nil {
			if !passing(err) || l.live.closing.Load() {
				return nil, err
			}
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			l.live.engine.set.logger().Warn("accepting a connection failed, trying again", "error", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if c := l.admit(raw); c != nil {
			return c, nil
		}
	}
}

// passing reports whether a failure to accept may pass by itself.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit wraps and registers a connection, or refuses it and returns nil.
func (l *listener) admit(raw net.Conn) netConn {
	state := connState{live: l.live}
	if limit := l.live.engine.set.MaxConnsPerIP; limit > 0 {
		state.ip = remoteIP(raw)
		if !l.live.perIP.add(state.ip, limit) {
			refuse(raw)
			return nil
		}
	}
	var c netConn
	switch raw := raw.(type) {
	case *net.TCPConn:
		c = &tcpConn{raw, state}
	case *tls.Conn:
		c = &tlsConn{raw, state}
	default:
		c = &anyConn{raw, state}
	}
	l.live.conns.add(c)
	return c
}

// refuse answers a connection that is one too many for its address. The answer
// fits into an empty socket buffer; on TLS it would need a handshake first.
func refuse(c net.Conn) {
	if _, secure := c.(*tls.Conn); !secure {
		body := appendProblem(nil, fasthttp.StatusTooManyRequests, errTooManyConns, GoJSON())
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = fmt.Fprintf(c, "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	_ = c.Close()
}

var errTooManyConns = NewError(fasthttp.StatusTooManyRequests, "too many connections from this address")

// remoteIP returns the address of a connection's other end; the zero Addr if it has none.
func remoteIP(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// ipCounter counts connections by address.
type ipCounter struct {
	mu sync.Mutex
	n  map[netip.Addr]int // guarded by mu
}

// add counts a connection and reports whether it is within the limit. Connections
// without an address are not counted.
func (k *ipCounter) add(ip netip.Addr, limit int) bool {
	if !ip.IsValid() {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n[ip] >= limit {
		return false
	}
	if k.n == nil {
		k.n = map[netip.Addr]int{}
	}
	k.n[ip]++
	return true
}

// remove ends the count of a connection.
func (k *ipCounter) remove(ip netip.Addr) {
	if !ip.IsValid() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n[ip]--; k.n[ip] <= 0 {
		delete(k.n, ip)
	}
}
