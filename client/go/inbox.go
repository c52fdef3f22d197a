package geistclient

import (
	"context"
	"sync"
)

// inbox holds what was received until somebody reads it. All methods may be called by several
// goroutines. Its memory is bounded:
//
//	a room's    refuses what is too much: the room is left and joined again later
//	lossy       counts what is too much, and hands out a Gap in its place
type inbox struct {
	limit int
	lossy bool
	wake  chan struct{} // holds one element while there is something to take

	mu    sync.Mutex
	items []Message // guarded by mu
	lost  int64     // guarded by mu
	end   error     // guarded by mu; once set, nothing is put any more
}

func newInbox(limit int, lossy bool) *inbox {
	return &inbox{limit: limit, lossy: lossy, wake: make(chan struct{}, 1)}
}

// put adds m, and reports false if there is no space for it.
func (b *inbox) put(m Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end != nil {
		return true
	}
	if len(b.items) >= b.limit || b.lost > 0 {
		if !b.lossy {
			return false
		}
		b.lost++
		return true
	}
	b.items = append(b.items, m)
	b.signal()
	return true
}

// close lets receive return err once everything is taken.
func (b *inbox) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == nil {
		b.end = err
		b.signal()
	}
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// receive waits for a message. low reports that at least half of the space is free again.
func (b *inbox) receive(ctx context.Context) (m Message, low bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return Message{}, false, err
		}
		m, low, ok, err := b.take()
		if ok || err != nil {
			return m, low, err
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
	}
}

func (b *inbox) take() (m Message, low, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.items) > 0:
		m = b.items[0]
		b.items[0] = Message{}
		b.items = b.items[1:]
	case b.lost > 0:
		m = Message{Gap: &Gap{Missed: b.lost}}
		b.lost = 0
	case b.end != nil:
		b.signal() // for the next who asks
		return Message{}, false, false, b.end
	default:
		return Message{}, false, false, nil
	}
	if len(b.items) > 0 || b.lost > 0 || b.end != nil {
		b.signal()
	}
	return m, len(b.items) <= b.limit/2, true, nil
}
