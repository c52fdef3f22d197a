package geist

import (
	"net"
	"net/netip"
	"sync"
)

// connRegistry is the set of open connections.
type connRegistry struct {
	mu      sync.Mutex
	conns   seated[netConn]           // guarded by mu
	perAddr map[netip.Addr]*addrConns // guarded by mu; where the connections of an IP address are bounded
	empty   chan struct{}             // guarded by mu; closed when the last connection goes, if somebody waits
}

// addrConns are the connections of one IP address.
type addrConns struct {
	addr netip.Addr
	n    int // guarded by connRegistry.mu
}

// add registers c, of an address or of the zero one. It reports false, and does not, if the
// address has as many others as it may.
func (r *connRegistry) add(c netConn, addr netip.Addr, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if addr.IsValid() {
		a := r.addrLocked(addr)
		if a.n >= limit {
			return false
		}
		a.n++
		c.state().addr = a
	}
	r.conns.add(c)
	return true
}

// addrLocked returns what is known of an address. r.mu must be held.
func (r *connRegistry) addrLocked(addr netip.Addr) *addrConns {
	if r.perAddr == nil {
		r.perAddr = map[netip.Addr]*addrConns{}
	}
	a := r.perAddr[addr]
	if a == nil {
		a = &addrConns{addr: addr}
		r.perAddr[addr] = a
	}
	return a
}

// shed returns what takes the place of c, which is detached, and whose connection goes on
// without it.
func (r *connRegistry) shed(c *tcpConn) netConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := &tcpConn{TCPConn: new(net.TCPConn), connState: connState{live: c.live, addr: c.addr, hijacked: true, detached: true}}
	if r.conns.remove(c) {
		r.conns.add(rest)
	}
	return rest
}

func (r *connRegistry) remove(c netConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.conns.remove(c) {
		return
	}
	if a := c.state().addr; a != nil {
		if a.n--; a.n == 0 {
			delete(r.perAddr, a.addr)
		}
	}
	if r.conns.len() == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
}

func (r *connRegistry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns.len()
}

// wait returns a channel that is closed once there is no connection.
func (r *connRegistry) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	if r.conns.len() == 0 {
		close(done)
		return done
	}
	if r.empty == nil {
		r.empty = done
	}
	return r.empty
}

// all returns the open connections.
func (r *connRegistry) all() []netConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns.all()
}
