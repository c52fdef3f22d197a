package geist

import (
	"context"
	"sync"
	"time"
)

// longLived is a connection that has outlived its request: a WebSocket or a stream of
// events.
type longLived interface {
	// goAway begins to end it, for a drain. It does not wait.
	goAway()
	// cut ends it at once. It does not wait.
	cut()
}

// socketRegistry is the set of connections that a drain must tell to go: those that no
// request ends any more. The zero one is ready.
type socketRegistry struct {
	mu      sync.Mutex
	set     map[longLived]struct{} // guarded by mu
	leaving bool                   // guarded by mu; those that come now are told at once
	empty   chan struct{}          // guarded by mu; closed when the last one goes, if somebody waits
}

// add registers c.
func (r *socketRegistry) add(c longLived) {
	r.mu.Lock()
	if r.set == nil {
		r.set = map[longLived]struct{}{}
	}
	r.set[c] = struct{}{}
	leaving := r.leaving
	r.mu.Unlock()
	if leaving {
		c.goAway()
	}
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

func (r *socketRegistry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.set)
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

// leave returns the connections that are to be told to go, and has later ones told at
// once.
func (r *socketRegistry) leave() []longLived {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
	all := make([]longLived, 0, len(r.set))
	for c := range r.set {
		all = append(all, c)
	}
	return all
}

// The pace at which a drain tells connections to go: those of a large server would come
// back elsewhere all at once.
const (
	paceStep  = 10 * time.Millisecond
	paceLeast = 64 // in one step
)

// sendAway tells all long-lived connections to go, spread over at most window.
func (s *server) sendAway(ctx context.Context, window time.Duration) {
	all := s.sockets.leave()
	if deadline, ok := ctx.Deadline(); ok {
		window = min(window, time.Until(deadline)/2)
	}
	batch := max(paceLeast, len(all)/max(int(window/paceStep), 1)+1)
	for len(all) > 0 {
		n := min(batch, len(all))
		for _, c := range all[:n] {
			c.goAway()
		}
		if all = all[n:]; len(all) > 0 {
			sleep(ctx, paceStep)
		}
	}
}

// roomForSocket returns why a request must not become a long-lived connection, or nil.
func (s *server) roomForSocket() error {
	if s.draining.Load() {
		return errDraining
	}
	if s.sockets.len() >= s.engine.set.MaxConns {
		return errTooManySockets
	}
	return nil
}
