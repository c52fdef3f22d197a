package hub

import "sync"

// inlineFlush is the number of subscribers up to which a publisher wakes them itself:
// handing them over would take longer.
const inlineFlush = 32

// The states of a chunk as a job. A chunk is in the queue once at most, however often
// something is published meanwhile: that is how bursts become one write.
//
//	idle ──push──▶ queued ──taken──▶ running ──done──▶ idle
//	                 ▲                  │ push
//	                 └──────done────── again
const (
	chunkIdle uint32 = iota
	chunkQueued
	chunkRunning
	chunkAgain
)

// flushers wake the subscribers of large rooms. There are as many goroutines as there
// is work for, at most max; with nothing to do there are none.
type flushers struct {
	max int // frozen by New

	mu      sync.Mutex
	head    *chunk        // guarded by mu
	tail    *chunk        // guarded by mu
	running int           // guarded by mu; goroutines
	quiet   chan struct{} // guarded by mu; closed when the last goroutine ends; nil if nobody waits
}

// push has the subscribers of a chunk woken.
func (f *flushers) push(c *chunk) {
	for {
		switch state := c.state.Load(); state {
		case chunkIdle:
			if c.state.CompareAndSwap(chunkIdle, chunkQueued) {
				f.enqueue(c)
				return
			}
		case chunkRunning:
			if c.state.CompareAndSwap(chunkRunning, chunkAgain) {
				return
			}
		default:
			return
		}
	}
}

func (f *flushers) enqueue(c *chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tail == nil {
		f.head = c
	} else {
		f.tail.next = c
	}
	f.tail = c
	if f.running < f.max {
		f.running++
		go f.run()
	}
}

// run takes chunks from the queue, and ends when it is empty.
func (f *flushers) run() {
	for c := f.take(); c != nil; c = f.take() {
		c.state.Store(chunkRunning)
		c.flush()
		if !c.state.CompareAndSwap(chunkRunning, chunkIdle) {
			c.state.Store(chunkQueued)
			f.enqueue(c)
		}
	}
}

// take returns the next chunk. If there is none the goroutine that asks is over.
func (f *flushers) take() *chunk {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.head
	if c == nil {
		if f.running--; f.running == 0 && f.quiet != nil {
			close(f.quiet)
			f.quiet = nil
		}
		return nil
	}
	if f.head = c.next; f.head == nil {
		f.tail = nil
	}
	c.next = nil
	return c
}

// settled returns a channel that is closed when nobody is at work.
func (f *flushers) settled() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.quiet == nil {
		f.quiet = make(chan struct{})
	}
	quiet := f.quiet
	if f.running == 0 {
		close(quiet)
		f.quiet = nil
	}
	return quiet
}

// wake has the subscribers in chunks receive what is new, of a room of n.
func (f *flushers) wake(chunks []*chunk, n int) {
	if n > inlineFlush {
		for _, c := range chunks {
			f.push(c)
		}
		return
	}
	for _, c := range chunks {
		c.flush()
	}
}
