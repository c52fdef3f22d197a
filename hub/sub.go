package hub

import (
	"slices"
	"sync"

	"github.com/gogeist/geist/internal/hubwire"
)

// sub is a connection in a room: a cursor in the room's log. Each connection has one for
// every room, and one for what is broadcast: 64 bytes, of which the last are small fields.
type sub struct {
	conn  *Conn
	room  *room
	chunk *chunk // guarded by room.mu

	// What follows is guarded by conn.mu, but for slot.
	at     *block  // the next entry to hand out is entry i of it, or the one behind it
	next   *sub    // behind it among those that have something to receive
	extras *extras // nil for most
	i      uint32
	index  int32 // in conn.subs
	slot   uint8 // guarded by room.mu
	gapped bool  // a gap has to be told before anything else
	left   bool
	ready  bool // among those of the connection that have something to receive
}

// extras is what few subscriptions need: of those who publish, resume, have missed
// something or observe.
type extras struct {
	skips []uint64 // numbers of entries that are not for this connection, ascending
	from  Pos      // if gapped, the position before the gap
	view  *view
	known uint64 // number of what it was told last of the view; 0: nothing

	// What was in the log when it joined is no lag.
	joined, joinedBytes uint64
}

// extra returns the extras of s, made on first use. s.conn.mu must be held.
func (s *sub) extra() *extras {
	if s.extras == nil {
		s.extras = new(extras)
	}
	return s.extras
}

// tidyLocked does without the extras of which nothing is needed any more.
func (s *sub) tidyLocked() {
	if x := s.extras; len(x.skips) == 0 && x.view == nil && x.joined == 0 {
		s.extras = nil
	}
}

// gapLocked notes that a gap has to be told, which begins behind from.
func (s *sub) gapLocked(from Pos) {
	s.gapped = true
	s.extra().from = from
}

// pos returns where the client stands once it has what was handed out. Only before a
// gap that is still to be told it stands elsewhere, at extras.from.
func (s *sub) pos() Pos {
	return Pos{Epoch: s.at.pos.Epoch, Offset: s.at.pos.Offset + uint64(s.i)}
}

// seq returns the number of the next entry.
func (s *sub) seq() uint64 { return s.at.seq + uint64(s.i) }

// waitsLocked reports whether there is something to hand out. It moves on to the block
// with the next entry; next is loaded before n, which is final once there is a next.
func (s *sub) waitsLocked() bool {
	for !s.gapped {
		next := s.at.next.Load()
		n := s.at.n.Load()
		if s.extras != nil {
			s.skipLocked(n)
		}
		switch {
		case s.i < n:
			return true
		case next == nil:
			return false
		case next.gap:
			s.gapLocked(s.pos())
		}
		s.at, s.i = next, 0
	}
	return true
}

// skipLocked passes over entries of the block, which has n, that are not for the connection.
func (s *sub) skipLocked(n uint32) {
	x := s.extras
	for s.i < n && len(x.skips) > 0 && x.skips[0] <= s.seq() {
		if x.skips[0] == s.seq() {
			s.i++
		}
		x.unskip()
	}
}

// unskip forgets the first of those that are left out. The memory of the last one
// serves the next: senders are left out each time that they publish.
func (x *extras) unskip() {
	if len(x.skips) == 1 {
		x.skips = x.skips[:0]
		return
	}
	x.skips = x.skips[1:]
}

// runLocked hands out up to limit entries that lie together, after waitsLocked.
func (s *sub) runLocked(limit uint32) (p []byte, entries int) {
	b, from := s.at, s.i
	end := b.n.Load()
	if limit < end-from {
		end = from + limit
	}
	if x := s.extras; x != nil && len(x.skips) > 0 {
		end = uint32(min(uint64(end), x.skips[0]-b.seq))
	}
	s.i = end
	return b.buf[b.start(from):b.start(end):b.start(end)], int(end - from)
}

// leaveLocked takes s from its room, and reports whether the room may vanish. The
// caller takes it from the lists of the connection.
func (s *sub) leaveLocked() (useless bool) {
	s.left = true
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaveLocked(s)
	return r.uselessLocked(nanos())
}

// flush lets the connection receive what is new. It does not wait.
func (s *sub) flush() {
	c := s.conn
	c.mu.Lock()
	if s.left || !s.waitsLocked() && !s.tellsLocked() {
		c.mu.Unlock()
		return
	}
	over := s.overLocked()
	c.readyLocked(s)
	c.mu.Unlock()
	c.out.Wake()
	if over && (c.inner || c.out.Waits()) {
		s.enforce() // a burst is no lag: only whose socket takes no more is behind, or the application
	}
}

// overLocked reports whether the connection is too far behind.
func (s *sub) overLocked() bool {
	conf := &s.room.conf
	done, doneBytes := s.seq()-1, s.at.bytes+uint64(s.at.start(s.i))
	if x := s.extras; x != nil {
		done, doneBytes = max(done, x.joined), max(doneBytes, x.joinedBytes)
	}
	if seq := s.room.seq.Load(); seq > done && seq-done > uint64(conf.MaxLagMessages) {
		return true
	}
	written := s.at.tape.bytes.Load()
	return written > doneBytes && written-doneBytes > uint64(conf.MaxLagBytes)
}

// enforce does what the room does to those who are too far behind.
func (s *sub) enforce() {
	c := s.conn
	c.mu.Lock()
	if s.left || !s.overLocked() {
		c.mu.Unlock()
		return
	}
	if s.room.conf.OnLag == Disconnect {
		c.mu.Unlock()
		c.fail(hubwire.Lagging)
		return
	}
	before := s.seq()
	if !s.gapped {
		s.gapLocked(s.pos())
	}
	for s.dropLocked() && (s.room.conf.OnLag == SkipToHead || s.overLocked()) {
	}
	x := s.extras
	x.skips = slices.DeleteFunc(x.skips, func(seq uint64) bool { return seq < s.seq() })
	dropped := s.seq() - before
	c.readyLocked(s)
	h := c.hub
	c.mu.Unlock()
	h.count(&h.total.dropped, dropped)
	c.out.Wake()
}

// dropLocked passes over entries, and reports false if there were none: one, or to
// the end of a block if all go.
func (s *sub) dropLocked() bool {
	next := s.at.next.Load()
	n := s.at.n.Load()
	switch {
	case s.i < n && s.room.conf.OnLag == SkipToHead:
		s.i = n
	case s.i < n:
		s.i++
	case next != nil:
		s.at, s.i = next, 0
	default:
		return false
	}
	return true
}

// scratch is where a connection puts units together that are its own: gaps, and entries
// with vectors before them.
type scratch struct {
	buf    []byte
	places []hubwire.Place
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is the capacity of a buffer that is worth keeping.
const maxScratch = 2 * maxBlock

func putScratch(s *scratch) {
	if cap(s.buf) <= maxScratch {
		clear(s.places)
		s.buf, s.places = s.buf[:0], s.places[:0]
		scratchPool.Put(s)
	}
}

// source is the Conn as its Outlet sees it: users do not.
type source Conn

// Next hands out what the connection has not received yet, of one room after the other.
func (o *source) Next() []byte {
	c := (*Conn)(o)
	c.mu.Lock()
	p, ok := c.nextLocked()
	c.mu.Unlock()
	if !ok {
		c.fail(hubwire.Lagging)
		return nil
	}
	return p
}

// nextLocked returns the next units, nil if there are none, and false if there is a gap
// that cannot be told.
func (c *Conn) nextLocked() (p []byte, ok bool) {
	if c.scratch != nil {
		putScratch(c.scratch)
		c.scratch = nil
	}
	if c.direct != nil {
		return c.directLocked(), true
	}
	for c.front != nil {
		s := c.popLocked()
		waits := s.waitsLocked()
		if s.gapped && !c.can.Gaps {
			return nil, false
		}
		entries := 0
		switch {
		case s.tellsLocked() && !s.gapped:
			p = c.presenceLocked(s)
		case waits:
			p, entries = c.takeLocked(s)
		}
		if s.waitsLocked() || s.tellsLocked() {
			c.readyLocked(s) // behind the other rooms: none waits for another's backlog
		}
		if len(p) > 0 {
			c.hub.handedOut(c, entries, len(p))
			return p, true
		}
	}
	return nil, true
}

// directLocked hands out what is for this connection alone, as much as a block holds.
func (c *Conn) directLocked() []byte {
	d := c.direct
	n, size := 1, len(d.units[0])
	for n < len(d.units) && size+len(d.units[n]) <= maxBlock {
		size += len(d.units[n])
		n++
	}
	p := d.units[0]
	if n > 1 {
		c.scratch = scratchPool.Get().(*scratch)
		for _, unit := range d.units[:n] {
			c.scratch.buf = append(c.scratch.buf, unit...)
		}
		p = c.scratch.buf
	}
	clear(d.units[:n])
	d.units = d.units[n:]
	d.bytes -= size
	if len(d.units) == 0 {
		c.direct = nil
	}
	c.hub.handedOut(c, n, size)
	return p
}

// takeLocked hands out a gap, or some of the entries that come next.
func (c *Conn) takeLocked(s *sub) (p []byte, entries int) {
	own := c.can.Vector && !s.room.all
	switch {
	case s.gapped:
		return c.gapLocked(s), 0
	case own:
		return c.composeLocked(s)
	}
	return s.runLocked(maxSlots)
}

// gapLocked puts together what tells a gap.
func (c *Conn) gapLocked(s *sub) []byte {
	c.scratch = scratchPool.Get().(*scratch)
	x, from, to := c.scratch, s.extras.from, s.pos()
	s.gapped = false
	if c.can.Vector {
		x.places = c.placesLocked(x.places)
		x.buf = c.enc.AppendPositions(x.buf, x.places)
	}
	g := hubwire.Gap{Room: s.room.name, FromEpoch: from.Epoch, FromOffset: from.Offset, Epoch: to.Epoch, Offset: to.Offset}
	x.buf = c.enc.AppendGap(x.buf, &g)
	c.hub.count(&c.hub.total.gaps, 1)
	s.tidyLocked()
	return x.buf
}

// composeLocked puts entries together, each behind the positions that it leads to.
func (c *Conn) composeLocked(s *sub) (p []byte, entries int) {
	c.scratch = scratchPool.Get().(*scratch)
	x := c.scratch
	x.places = c.placesLocked(x.places)
	for len(x.buf) < maxBlock && s.waitsLocked() && !s.gapped {
		one, _ := s.runLocked(1)
		x.places[s.index].Epoch, x.places[s.index].Offset = s.at.pos.Epoch, s.pos().Offset
		x.buf = append(c.enc.AppendPositions(x.buf, x.places), one...)
		entries++
	}
	return x.buf, entries
}

// placesLocked appends where the connection stands in each of its rooms.
func (c *Conn) placesLocked(places []hubwire.Place) []hubwire.Place {
	for _, s := range c.subs {
		pos := s.pos()
		if s.gapped {
			pos = s.extras.from
		}
		places = append(places, hubwire.Place{Room: s.room.name, Epoch: pos.Epoch, Offset: pos.Offset})
	}
	return places
}
