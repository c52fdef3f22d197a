package geist

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// leaver is a WebSocket or a stream of events, which holds a connection for longer than an
// answer takes, or a handler that goes on without one. Its methods may be called by any goroutine, more than once, and do not
// wait.
type leaver interface {
	seater
	// leave asks it to end.
	leave()
	// cut ends it at once.
	cut()
	// ours reports whether its connection is one of our listeners', which a drain knows
	// anyway.
	ours() bool
}

// leavers are those of one server, each until everything of it has ended: its functions
// for the end, too, for which no client waits. The zero value is ready to use.
type leavers struct {
	mu      sync.Mutex
	set     seated[leaver] // guarded by mu
	sockets int            // guarded by mu; how many of set are WebSockets
	empty   chan struct{}  // guarded by mu; closed when the last one goes, if somebody waits
}

// add registers x until remove is called, and reports whether it may stay. Shutdown sets
// closing first and asks the registered ones to leave then, so that none is missed: who
// comes later is told here, and leaves by itself.
func (l *leavers) add(x leaver, closing *atomic.Bool) (stays bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set.add(x)
	if _, ok := x.(*Conn); ok {
		l.sockets++
	}
	return !closing.Load()
}

func (l *leavers) remove(x leaver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.set.remove(x) {
		return
	}
	if _, ok := x.(*Conn); ok {
		l.sockets--
	}
	if l.set.len() == 0 && l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

func (l *leavers) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set.len()
}

// kinds returns how many of them are WebSockets, and how many streams.
func (l *leavers) kinds() (sockets, streams int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sockets, l.set.len() - l.sockets
}

func (l *leavers) all() []leaver {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set.all()
}

// wait returns a channel that is closed once the last one has gone.
func (l *leavers) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	if l.set.len() == 0 {
		close(empty)
		l.empty = nil
	}
	return empty
}

// A drain asks so many at a time to leave, with such a pause between: their clients come
// back to some other server, which should not meet all of them at once.
const (
	leaveBatch = 64
	leavePause = 10 * time.Millisecond
)

// leave asks everybody to leave, before half of the time that ctx gives is over.
func (l *leavers) leave(ctx context.Context) {
	all := l.all()
	pause := leavePause
	if end, ok := ctx.Deadline(); ok {
		pause = min(pause, time.Until(end)/2/time.Duration(len(all)/leaveBatch+1))
	}
	for i, batch := range slices.Collect(slices.Chunk(all, leaveBatch)) {
		if i > 0 {
			sleep(ctx, pause)
		}
		for _, x := range batch {
			x.leave()
		}
	}
}

// cut ends everybody at once, and returns how many of them are not of our listeners.
func (l *leavers) cut() (foreign int) {
	for _, x := range l.all() {
		x.cut()
		if !x.ours() {
			foreign++
		}
	}
	return foreign
}

// roomForSocket returns why a request must not become a WebSocket, or nil.
func (s *server) roomForSocket() error {
	if s.draining.Load() {
		return errDraining
	}
	if s.leavers.len() >= s.engine.set.MaxConns {
		return errTooManySockets
	}
	return nil
}
