package hub

import (
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

const (
	minBlock = 512      // bytes of a room's first block: most rooms say little
	maxBlock = 16 << 10 // bytes of a busy room's blocks, and of what one write takes at most
	maxSlots = 512      // entries of a block
)

// block is a piece of a tape: encoded entries, one behind the other. Blocks are written
// to by the room, under its lock, and read without it: what lies before n never changes.
// Nothing counts who still needs a block. It lives for as long as the room's history or
// some cursor leads to it, and the garbage collector sees to the rest.
//
//	buf   [entry 7][entry 8][entry 9][unused]      seq 7, n 3
//	ends          ▲        ▲        ▲
type block struct {
	tape  *tape
	seq   uint64 // number of the first entry in the room
	pos   Pos    // position before the first entry: entry i is at pos.Offset + i + 1
	bytes uint64 // bytes of the tape before the first entry
	born  time.Time
	gap   bool   // what is missing before it is lost, and must be told
	buf   []byte // of fixed length
	ends  []uint32
	n     atomic.Uint32
	next  atomic.Pointer[block] // once set, n does not change any more
}

// start returns where in buf entry i begins.
func (b *block) start(i uint32) uint32 {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

// tape is the log of a room in one encoding. It begins when the first subscriber with
// that encoding joins, is extended to the past when one resumes, and ends with the last.
type tape struct {
	enc   hubwire.Encoding
	subs  int           // guarded by room.mu; who reads it
	first *block        // guarded by room.mu; where those who resume may begin
	last  *block        // guarded by room.mu
	bytes atomic.Uint64 // written so far; cursors compare themselves with it
}

func newTape(enc hubwire.Encoding, seq uint64, pos Pos) *tape {
	b := &block{seq: seq, pos: pos}
	b.tape = &tape{enc: enc, first: b, last: b}
	return b.tape
}

// append encodes an entry to the end. room.mu must be held.
func (t *tape) append(e *hubwire.Entry, seq uint64) {
	if t.last.add(t.enc, e) {
		t.written()
		return
	}
	old := t.last
	b := t.newBlock(e, t.nextSize(e))
	b.seq, b.bytes = seq, t.bytes.Load()
	b.pos = Pos{Epoch: e.Epoch, Offset: e.Offset - 1}
	old.next.Store(b)
	t.last = b
	t.written()
}

// written adds up after an entry, the last of t.last.
func (t *tape) written() {
	b := t.last
	t.bytes.Store(b.bytes + uint64(b.start(b.n.Load())))
}

// nextSize returns how long the next block should be: longer than the last if that was
// filled within a second. A room that says little holds little.
func (t *tape) nextSize(e *hubwire.Entry) int {
	size := minBlock
	if time.Since(t.last.born) < time.Second {
		size = min(max(2*len(t.last.buf), minBlock), maxBlock)
	}
	return max(size, len(e.Data)+len(e.Event)+len(e.ID)+64)
}

// cut begins a new block behind pos whose readers are told that something is missing.
// room.mu must be held.
func (t *tape) cut(seq uint64, pos Pos) {
	b := &block{tape: t, seq: seq, pos: pos, bytes: t.bytes.Load(), gap: true}
	t.last.next.Store(b)
	t.first, t.last = b, b
}

// newBlock returns a block with one entry.
func (t *tape) newBlock(e *hubwire.Entry, size int) *block {
	buf := t.enc.AppendEntry(make([]byte, 0, size), e)
	length := len(buf)
	buf = buf[:cap(buf)]
	slots := min(max(1, len(buf)/max(length, 16)), maxSlots)
	b := &block{tape: t, buf: buf, ends: make([]uint32, slots), born: time.Now()}
	b.ends[0] = uint32(length)
	b.n.Store(1)
	return b
}

// add encodes an entry behind the others, and reports false if there is no place.
func (b *block) add(enc hubwire.Encoding, e *hubwire.Entry) bool {
	n := b.n.Load()
	used := b.start(n)
	if int(n) == len(b.ends) || len(b.buf)-int(used) < len(e.Data)+len(e.Event)+len(e.ID) {
		return false
	}
	out := enc.AppendEntry(b.buf[:used], e)
	if len(out) > len(b.buf) || len(out) > 0 && &out[0] != &b.buf[0] {
		return false // it was moved elsewhere; what was written here is behind n
	}
	b.ends[n] = uint32(len(out))
	b.n.Store(n + 1)
	return true
}

// trim forgets blocks that nobody will resume from: those whose entries are all before
// number floor, or behind which lie as many entries or bytes as a room keeps. A history
// with room between its entries would otherwise hold on to all that was not kept.
// room.mu must be held.
func (t *tape) trim(floor, seq uint64, conf *RoomConfig) {
	for b := t.first; b != t.last; b = t.first {
		next := b.next.Load()
		switch {
		case next.seq <= floor:
		case seq-next.seq >= uint64(conf.KeepMessages):
		case t.bytes.Load()-next.bytes >= 2*uint64(conf.KeepBytes):
		default:
			return
		}
		t.first = next
	}
}

// find returns the block and the index in it of entry seq, which must not lie before
// the first block. An entry that was left out gives the one behind it. room.mu must be held.
func (t *tape) find(seq uint64) (*block, uint32) {
	b := t.first
	for next := b.next.Load(); next != nil && next.seq <= seq; next = b.next.Load() {
		b = next
	}
	return b, uint32(min(seq-b.seq, uint64(b.n.Load())))
}
