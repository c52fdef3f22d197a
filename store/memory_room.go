package store

import "hash/maphash"

// How room is made. Entries that die stand in a heap, by the time of their death. Entries
// that may be dropped stand in two queues, as in S3-FIFO:
//
//	written ──▶ small ──read twice──▶ main ──▶ head … tail ──not read──▶ dropped
//	              └──not read──▶ ghost    ▲            └──read──▶ to the head, once less
//	                               └ written again
//
// Most of what comes is never read again, and leaves by the small queue without pushing out
// anything better. A read is a count under the lock that is held anyway; it moves nothing.

const (
	maxFreq      = 3  // reads that are remembered of an entry
	smallShare   = 10 // the small queue is a tenth of what may be dropped
	stepsWriting = 2  // entries that each write looks at, whether they are dead
	stepsHeld    = 64 // entries that are seen to while a lock is held, to make room
	sweepEvery   = 16 // writes for each look into another shard
)

// makeRoom removes what may be removed until n bytes are free, from s on. If nothing is
// left to remove it returns ErrFull. No lock may be held.
func (c *memory) makeRoom(s *shard, n int64) error {
	for removed := n <= c.conf.MaxBytes; removed; {
		removed = false
		for i := range c.shards {
			at := &c.shards[(s.index+i)%memoryShards]
			at.mu.Lock()
			removed = at.expireLocked(c.now(), stepsHeld) || removed
			if !c.fits(n) {
				removed = at.evictLocked(n) || removed
			}
			at.mu.Unlock()
			if c.fits(n) {
				return nil
			}
		}
	}
	s.mu.Lock()
	s.full++
	s.mu.Unlock()
	return ErrFull
}

// sweep looks for dead entries in the next shard, for some versions that a write was
// given: where nothing is written they would stay for ever. No lock may be held.
func (c *memory) sweep(ver uint64) {
	if ver%sweepEvery != 0 {
		return
	}
	s := &c.shards[c.swept.Add(1)%memoryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(c.now(), stepsHeld)
}

func (c *memory) fits(n int64) bool { return c.used.Load()+n <= c.conf.MaxBytes }

// expireAtLocked says when an entry dies. s.mu must be held.
//
// An entry that is to live longer stays where it is in the heap, until it comes to the
// top: sessions are touched with every request.
func (s *shard) expireAtLocked(e *entry, expires int64) {
	before := e.expires
	e.expires = expires
	switch {
	case expires == 0:
		s.due.remove(e)
	case e.pos == 0:
		s.due.push(dueAt{expires, e})
	case expires < before && expires < s.due[e.pos-1].at:
		s.due.fix(int(e.pos-1), dueAt{expires, e})
	}
}

// expireLocked removes dead entries, after so many steps no more, and reports whether it
// has come anywhere. s.mu must be held.
func (s *shard) expireLocked(now int64, steps int) bool {
	moved := false
	for ; steps > 0 && len(s.due) > 0 && s.due[0].at <= now; steps-- {
		moved = true
		if e := s.due[0].e; e.expires > now {
			s.due.fix(0, dueAt{e.expires, e})
		} else {
			s.expired++
			s.removeLocked(e)
		}
	}
	return moved
}

// evictLocked drops entries for n bytes, after some steps no more, and reports whether it
// has come anywhere. s.mu must be held.
func (s *shard) evictLocked(n int64) bool {
	moved := false
	for range stepsHeld {
		if s.core.fits(n) {
			break
		}
		q := &s.main
		if q.head == nil || s.small.bytes*smallShare > s.small.bytes+q.bytes {
			q = &s.small
		}
		e := q.tail()
		if e == nil {
			break
		}
		moved = true
		switch {
		case q == &s.small && e.freq > 1:
			s.small.remove(e)
			e.freq, e.flags = 0, e.flags^inSmall|inMain
			s.main.push(e)
		case q == &s.main && e.freq > 0:
			e.freq--
			s.main.remove(e)
			s.main.push(e)
		default:
			s.dropLocked(e)
		}
	}
	return moved
}

// dropLocked removes an entry before its time. s.mu must be held.
func (s *shard) dropLocked(e *entry) {
	if e.flags&inSmall != 0 {
		s.ghosts = s.ghosts.add(maphash.String(s.core.seed, e.key()), len(s.entries))
	}
	s.evicted++
	s.removeLocked(e)
}

// enqueueLocked puts a new entry among those that may be dropped. s.mu must be held.
func (s *shard) enqueueLocked(e *entry) {
	if s.ghosts.take(maphash.String(s.core.seed, e.key())) {
		e.flags = inMain
	} else {
		e.flags = inSmall
	}
	s.queueOf(e).push(e)
}

// queueOf returns the queue that an entry is in, or nil.
func (s *shard) queueOf(e *entry) *queue {
	switch {
	case e.flags&inSmall != 0:
		return &s.small
	case e.flags&inMain != 0:
		return &s.main
	}
	return nil
}

// queue is a ring of entries; its tail is behind its head.
type queue struct {
	head  *entry
	bytes int64
}

func (q *queue) tail() *entry {
	if q.head == nil {
		return nil
	}
	return q.head.prev
}

// push puts an entry before the head. Its size must not change while it is in the queue
// without bytes changing, too.
func (q *queue) push(e *entry) {
	if q.head == nil {
		e.next, e.prev = e, e
	} else {
		e.next, e.prev = q.head, q.head.prev
		e.prev.next, e.next.prev = e, e
	}
	q.head = e
	q.bytes += e.size()
}

func (q *queue) remove(e *entry) {
	e.prev.next, e.next.prev = e.next, e.prev
	switch {
	case e.next == e:
		q.head = nil
	case q.head == e:
		q.head = e.next
	}
	e.next, e.prev = nil, nil
	q.bytes -= e.size()
}

// ghosts remember entries that were dropped, by a part of their hash: a table without
// chains, in which a newer one takes the place of an older.
type ghosts []uint32

func ghost(hash uint64) uint32 { return uint32(hash>>32) | 1 }

func (g ghosts) slot(hash uint64) *uint32 { return &g[hash/memoryShards%uint64(len(g))] }

// add remembers a hash, among as many as there are entries, and returns the table.
func (g ghosts) add(hash uint64, entries int) ghosts {
	if len(g) < entries {
		g = make(ghosts, 2*entries)
	}
	*g.slot(hash) = ghost(hash)
	return g
}

// take reports whether a hash is remembered, and forgets it.
func (g ghosts) take(hash uint64) bool {
	if len(g) == 0 || *g.slot(hash) != ghost(hash) {
		return false
	}
	*g.slot(hash) = 0
	return true
}

// dueHeap holds the entries that die, the next one first. The time beside an entry may be
// before that of its death, never behind.
type dueHeap []dueAt

type dueAt struct {
	at int64
	e  *entry
}

func (h *dueHeap) push(d dueAt) {
	*h = append(*h, d)
	h.fix(len(*h)-1, d)
}

func (h *dueHeap) remove(e *entry) {
	if e.pos == 0 {
		return
	}
	i, last := int(e.pos-1), len(*h)-1
	moved := (*h)[last]
	(*h)[last] = dueAt{}
	*h = (*h)[:last]
	e.pos = 0
	if i < last {
		h.fix(i, moved)
	}
}

// fix puts d where it belongs, from the place i on, which is free for it.
func (h *dueHeap) fix(i int, d dueAt) {
	a := *h
	for i > 0 && d.at < a[(i-1)/2].at {
		a.place(i, a[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(a) && a[child+1].at < a[child].at {
			child++
		}
		if child >= len(a) || d.at <= a[child].at {
			break
		}
		a.place(i, a[child])
		i = child
	}
	a.place(i, d)
}

func (h dueHeap) place(i int, d dueAt) {
	h[i] = d
	d.e.pos = int32(i + 1)
}
