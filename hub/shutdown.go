package hub

import (
	"context"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

const (
	closeStep  = 10 * time.Millisecond // between two groups of connections that are closed
	closeSteps = 200                   // at most; more connections make larger groups
	minGroup   = 64
	maxEcho    = 2 * time.Second // for the backplane to bring back what was published
)

// Shutdown ends the hub: from now on nothing can be published or joined. What has been
// published is delivered first, as far as clients take it within ctx. Then connections
// are closed in groups, so that not all of them come back at the same moment, and the
// backplane last. It returns when the last connection has ended, or with the error of
// ctx when that ends: then every connection has been told to close.
//
// All calls do the same work once and wait for it, each for as long as its own ctx
// allows. Without a deadline slow clients are waited for as long as two seconds.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	first := h.done == nil
	if first {
		h.done = make(chan struct{})
		if h.sweeper != nil {
			h.sweeper.Stop()
		}
	}
	done := h.done
	h.mu.Unlock()
	if first {
		h.closed.Store(true)
		close(h.ending)
		return h.shutdown(ctx, done)
	}
	select {
	case <-done:
		return h.waitGone(ctx) // the first may have given up
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shutdown does the work. done is closed when it is over, however it went.
func (h *Hub) shutdown(ctx context.Context, done chan struct{}) error {
	defer close(done)
	h.awaitEcho(ctx)
	h.flushAll()
	select {
	case <-h.flush.settled():
	case <-ctx.Done():
	}
	h.closeConns(ctx)
	err := h.waitGone(ctx)
	h.tellLast(ctx)
	if h.conf.Backplane != nil {
		if e := h.conf.Backplane.Close(ctx); err == nil {
			err = e
		}
	}
	return err
}

// flushAll wakes the subscribers of rooms that gather messages.
func (h *Hub) flushAll() {
	for i := range h.rooms {
		for _, r := range h.rooms[i].all() {
			if r.conf.Coalesce > 0 {
				r.flushNow() // also if its timer is just doing so: that may not be through in time
			}
		}
	}
}

// awaitEcho waits for what an ordered backplane has been given and not brought back yet.
func (h *Hub) awaitEcho(ctx context.Context) {
	if !h.ordered() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxEcho)
	defer cancel()
	for i := range h.rooms {
		for _, r := range h.rooms[i].all() {
			for r.awaited() && ctx.Err() == nil {
				select {
				case <-time.After(time.Millisecond):
				case <-ctx.Done():
				}
			}
		}
	}
}

// closeConns closes every connection, those that have received everything first.
func (h *Hub) closeConns(ctx context.Context) {
	conns := h.everybody()
	group := max(minGroup, len(conns)/closeSteps)
	pause := time.NewTicker(closeStep)
	defer pause.Stop()
	for step := 0; len(conns) > 0; step++ {
		conns = closeGroup(conns, group, step >= closeSteps || ctx.Err() != nil)
		if len(conns) == 0 {
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			group = len(conns)
		}
	}
}

// closeGroup closes as many connections as a group has, but leaves those out that are
// still receiving unless all must go. It returns the rest.
func closeGroup(conns []*Conn, group int, all bool) []*Conn {
	rest := conns[:0]
	for _, c := range conns {
		c.mu.Lock()
		pending := c.pendingLocked()
		c.mu.Unlock()
		if !all && (group == 0 || pending) {
			rest = append(rest, c)
			continue
		}
		c.fail(hubwire.Shutdown)
		group--
	}
	clear(conns[len(rest):])
	return rest
}

// waitGone waits until the last connection has ended.
func (h *Hub) waitGone(ctx context.Context) error {
	h.mu.Lock()
	if h.gone == nil {
		h.gone = make(chan struct{})
	}
	gone := h.gone
	if h.connN.Load() == 0 {
		close(gone)
		h.gone = nil
	}
	h.mu.Unlock()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
