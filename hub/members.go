package hub

import (
	"slices"
	"sync/atomic"
)

const (
	chunkSize  = 256 // subscribers that one flusher wakes in one go; see sub.slot
	firstChunk = 4   // most rooms are small
)

// members are the subscribers of a room. They sit in chunks, which are read without a
// lock while the room changes: a slot holds a subscriber or nil, and nobody ever moves
// within a chunk. The slice of chunks is never written to; a change makes another.
type members struct {
	n      int
	hint   int // a chunk that may have a free slot
	chunks []*chunk
}

// chunk is a group of subscribers, and a job for the flushers.
type chunk struct {
	slots []atomic.Pointer[sub] // of fixed length
	used  int                   // guarded by room.mu
	free  int                   // guarded by room.mu; a slot that may be free
	state atomic.Uint32         // see flushers
	next  *chunk                // guarded by flushers.mu
}

func newChunk(size int) *chunk { return &chunk{slots: make([]atomic.Pointer[sub], size)} }

// add finds a slot for s. room.mu must be held.
func (m *members) add(s *sub) {
	c := m.roomy()
	for i := range c.slots {
		slot := (c.free + i) % len(c.slots)
		if c.slots[slot].Load() == nil {
			c.slots[slot].Store(s)
			c.used++
			c.free = slot + 1
			s.chunk, s.slot = c, uint8(slot)
			m.n++
			return
		}
	}
}

// roomy returns a chunk with a free slot: the hint, any other, a bigger one or a new one.
func (m *members) roomy() *chunk {
	if m.hint < len(m.chunks) && m.chunks[m.hint].used < len(m.chunks[m.hint].slots) {
		return m.chunks[m.hint]
	}
	for i, c := range m.chunks {
		if c.used < len(c.slots) {
			m.hint = i
			return c
		}
	}
	if len(m.chunks) == 1 && len(m.chunks[0].slots) < chunkSize {
		m.chunks = []*chunk{m.chunks[0].grown()}
		return m.chunks[0]
	}
	size := chunkSize
	if len(m.chunks) == 0 {
		size = firstChunk
	}
	m.hint = len(m.chunks)
	m.chunks = append(slices.Clip(m.chunks), newChunk(size)) // clipped: appended to a copy
	return m.chunks[m.hint]
}

// grown returns a chunk four times as long with the same subscribers. Whoever reads the
// old one at this time wakes them all the same.
func (c *chunk) grown() *chunk {
	big := newChunk(min(4*len(c.slots), chunkSize))
	for i := range c.slots {
		s := c.slots[i].Load()
		big.slots[i].Store(s)
		s.chunk = big
	}
	big.used, big.free = c.used, c.used
	return big
}

// remove empties the slot of s. room.mu must be held.
func (m *members) remove(s *sub) {
	c := s.chunk
	c.slots[s.slot].Store(nil)
	c.used--
	c.free = int(s.slot)
	m.n--
	if c.used == 0 {
		m.chunks = slices.DeleteFunc(slices.Clone(m.chunks), func(other *chunk) bool { return other == c })
	}
}

// flush wakes the subscribers of a chunk.
func (c *chunk) flush() {
	for i := range c.slots {
		if s := c.slots[i].Load(); s != nil {
			s.flush()
		}
	}
}
