package geist

import "sync"

// longLived is a WebSocket or a stream of events on a connection that a foreign server
// has accepted.
type longLived interface {
	// cut ends it at once. It does not wait.
	cut()
}

// socketRegistry is the set of those that a drain has to wait for, and to cut: it knows
// our own listeners' connections anyway. The zero one is ready.
type socketRegistry struct {
	mu    sync.Mutex
	set   map[longLived]struct{} // guarded by mu
	empty chan struct{}          // guarded by mu; closed when the last one goes, if somebody waits
}

// add registers c.
func (r *socketRegistry) add(c longLived) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set == nil {
		r.set = map[longLived]struct{}{}
	}
	r.set[c] = struct{}{}
}

// remove forgets c.
func (r *socketRegistry) remove(c longLived) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.set, c)
	if len(r.set) == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
}

// wait returns a channel that is closed once the set is empty.
func (r *socketRegistry) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.empty != nil {
		return r.empty
	}
	done := make(chan struct{})
	if len(r.set) == 0 {
		close(done)
	} else {
		r.empty = done
	}
	return done
}

// all returns the connections.
func (r *socketRegistry) all() []longLived {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]longLived, 0, len(r.set))
	for c := range r.set {
		all = append(all, c)
	}
	return all
}

// roomForSocket returns why a request must not become a long-lived connection, or nil.
func (s *server) roomForSocket() error {
	if s.draining.Load() {
		return errDraining
	}
	if s.leavers.len() >= s.engine.set.MaxConns {
		return errTooManySockets
	}
	return nil
}
