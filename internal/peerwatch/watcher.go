package peerwatch

import (
	"sync"
	"sync/atomic"
	"time"
)

// defaultDelay is long enough that most handlers end sooner and short enough that, with the tick
// (a watch waits for one to one and a half delays), a leave is told well within 10 ms.
const defaultDelay = 4 * time.Millisecond

// A Watcher watches connections. The zero value is ready; an Engine owns one. There is nothing to
// close: goroutine, timer and descriptor go when the last watch has ended.
//
// All methods may be called from any goroutine. A Watcher must not be copied after first use.
type Watcher struct {
	// Delay is how long a watch is left alone before it is registered with the system: what ends
	// sooner makes no system call. A watch is registered after at least Delay and usually at most
	// 1.5 × Delay. Zero means 4ms, a negative value as soon as possible; it must not change after the first Watch.
	Delay time.Duration

	// fresh holds the watches of the current tick, newest first, linked by Watch.next. Lock-free,
	// because every request that asks comes by here.
	fresh atomic.Pointer[Watch]

	mu      sync.Mutex
	timer   *time.Timer // guarded by mu; runs tick
	ticking bool        // guarded by mu; the timer is armed or tick is running
	aging   [2]*Watch   // guarded by mu; lists of earlier ticks, the older one last
	poll    poller      // guarded by mu

	peekOnly bool // set by tests to use the portable way everywhere
}

// push makes t part of the current tick.
func (w *Watcher) push(t *Watch) {
	for {
		head := w.fresh.Load()
		t.next = head
		if w.fresh.CompareAndSwap(head, t) {
			if head == nil { // the first of a tick answers for the clock, the others pay nothing
				w.arm()
			}
			return
		}
	}
}

// arm starts the clock unless it runs.
func (w *Watcher) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ticking {
		return
	}
	w.ticking = true
	if w.timer == nil {
		w.timer = time.AfterFunc(w.interval(), w.tick)
		return
	}
	w.timer.Reset(w.interval())
}

// interval is half the delay: two full ticks of aging make one delay.
func (w *Watcher) interval() time.Duration {
	if w.Delay == 0 {
		return defaultDelay / 2
	}
	return w.Delay / 2
}

// tick advances and arms the timer again while anything is waiting. Two ticks never overlap.
func (w *Watcher) tick() {
	w.advance()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.aging[0] == nil && w.aging[1] == nil && w.fresh.Load() == nil {
		w.ticking = false
		return
	}
	w.timer.Reset(w.interval())
}

// advance ages every list by one tick and registers the watches of the oldest that still run.
func (w *Watcher) advance() {
	w.mu.Lock()
	due := w.aging[1]
	w.aging[1] = w.aging[0]
	w.aging[0] = w.fresh.Swap(nil)
	w.mu.Unlock()

	for due != nil {
		t := due
		due, t.next = t.next, nil // a stopped watch must not keep its neighbours alive
		t.begin()
	}
}
