package geist

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// leaver holds a connection for longer than an answer takes, and can be asked to give it
// up. leave may be called by any goroutine and does not wait.
type leaver interface{ leave() }

// leavers are those of one server. The zero value is ready to use.
type leavers struct {
	mu  sync.Mutex
	set map[leaver]struct{} // guarded by mu
}

// add registers x until remove is called. It reports false, and does not, once closing:
// Shutdown sets that first and asks the registered ones then, so that none is missed.
func (l *leavers) add(x leaver, closing *atomic.Bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if closing.Load() {
		return false
	}
	if l.set == nil {
		l.set = map[leaver]struct{}{}
	}
	l.set[x] = struct{}{}
	return true
}

func (l *leavers) remove(x leaver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.set, x)
}

func (l *leavers) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.set)
}

func (l *leavers) all() []leaver {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]leaver, 0, len(l.set))
	for x := range l.set {
		all = append(all, x)
	}
	return all
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
