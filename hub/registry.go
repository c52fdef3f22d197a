package hub

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// stripe is a part of the connections, with the counters that they would otherwise
// fight for.
type stripe struct {
	mu sync.RWMutex
	m  map[ConnID]*Conn // guarded by mu

	delivered atomic.Uint64 // entries handed to outlets
	bytes     atomic.Uint64
	batches   atomic.Uint64 // times that something was handed out
	_         [8]byte       // one cache line and its neighbour in all
}

// userStripe is a part of the users.
type userStripe struct {
	mu sync.RWMutex
	m  map[string][]*Conn // guarded by mu; slices are never written to
}

func (h *Hub) stripeOf(id ConnID) *stripe { return &h.conns[id[0]&(stripes-1)] }

func (h *Hub) userStripeOf(user string) *userStripe {
	return &h.users[maphash.String(h.seed, user)&(stripes-1)]
}

// conn returns a registered connection, or nil.
func (h *Hub) conn(id ConnID) *Conn {
	p := h.stripeOf(id)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.m[id]
}

// register makes c known, unless the hub is closed: Shutdown sets that before it looks
// for connections, so that it finds all. c.mu must be held.
func (h *Hub) register(c *Conn) bool {
	p := h.stripeOf(c.id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.closed.Load() {
		return false
	}
	if p.m == nil {
		p.m = make(map[ConnID]*Conn)
	}
	p.m[c.id] = c
	h.connN.Add(1)
	return true
}

// forget is called once, when a registered connection has ended; its user has lost it
// before, see Conn.end.
func (h *Hub) forget(c *Conn) {
	p := h.stripeOf(c.id)
	p.mu.Lock()
	if p.m[c.id] == c {
		delete(p.m, c.id)
	}
	p.mu.Unlock()
	if h.connN.Add(-1) == 0 {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.gone != nil {
			close(h.gone)
			h.gone = nil
		}
	}
}

// setUserLocked changes whose connection c is, unless that has too many. c.mu must be held.
func (h *Hub) setUserLocked(c *Conn, user string) error {
	if user != "" {
		if err := h.addUserLocked(c, user); err != nil {
			return err
		}
	}
	h.dropUserLocked(c)
	c.identityLocked().user = user
	return nil
}

// addUserLocked puts c among the connections of a user. c.mu must be held.
func (h *Hub) addUserLocked(c *Conn, user string) error {
	p := h.userStripeOf(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	if most := h.conf.MaxConnsPerUser; most > 0 && len(p.m[user]) >= most {
		return fmt.Errorf("%w: %d are allowed", ErrTooManyConns, most)
	}
	if p.m == nil {
		p.m = make(map[string][]*Conn)
	}
	p.m[user] = append(slices.Clip(p.m[user]), c)
	return nil
}

// dropUserLocked takes c from the connections of its user. c.mu must be held.
func (h *Hub) dropUserLocked(c *Conn) {
	user := c.userLocked()
	if user == "" {
		return
	}
	p := h.userStripeOf(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest := without(p.m[user], c); len(rest) > 0 {
		p.m[user] = rest
	} else {
		delete(p.m, user)
	}
}

// without returns a copy of conns that lacks c.
func without(conns []*Conn, c *Conn) []*Conn {
	rest := make([]*Conn, 0, len(conns))
	for _, other := range conns {
		if other != c {
			rest = append(rest, other)
		}
	}
	return rest
}

// connsOf returns the connections of a user. The slice must not be written to.
func (h *Hub) connsOf(user string) []*Conn {
	p := h.userStripeOf(user)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.m[user]
}

// everybody returns all connections.
func (h *Hub) everybody() []*Conn {
	all := make([]*Conn, 0, h.connN.Load())
	for i := range h.conns {
		p := &h.conns[i]
		p.mu.RLock()
		for _, c := range p.m {
			all = append(all, c)
		}
		p.mu.RUnlock()
	}
	return all
}
