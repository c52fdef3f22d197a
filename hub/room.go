package hub

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// room is one log and those who read it. It lives in its shard for as long as somebody
// is in it, it has a history, or it is pinned.
//
// Entries are numbered twice: seq counts in this room's life and never jumps, which is
// what cursors need; positions are what clients see, and belong to an epoch that ends
// when entries have been lost on the way from another node.
type room struct {
	hub      *Hub
	name     string
	conf     RoomConfig
	presence *presence     // guarded by mu, but for being nil; nil if none is kept
	all      bool          // the room that everybody is in: no name, no positions
	seq      atomic.Uint64 // entries so far; written under mu

	mu      sync.Mutex
	head    Pos     // guarded by mu; position of the newest entry
	tapes   []*tape // guarded by mu; one for each encoding in use
	hist    history // guarded by mu
	members members // guarded by mu, see there
	pins    int     // guarded by mu; calls that are about to use the room
	dead    bool    // guarded by mu; not in its shard any more
	armed   bool    // guarded by mu; timer will flush
	idle    int64   // guarded by mu; when somebody was in it or something was kept for the last time, in nanoseconds; 0: never
	timer   *time.Timer
	sent    Pos      // guarded by mu; of what an ordered backplane was given here
	early   []Packet // guarded by mu; came while the room learns its history
	priming bool     // guarded by mu; it does
	link    *link    // guarded by mu; how the backplane knows it; nil without one
}

func newRoom(h *Hub, name string, conf RoomConfig) *room {
	return &room{hub: h, name: name, conf: conf, presence: newPresence(&conf), head: Pos{Epoch: newEpoch()}}
}

// newEpoch returns a random epoch; 0 is none.
func newEpoch() uint64 { return rand.Uint64N(1<<63) + 1 }

// post is a message on its way into a room.
type post struct {
	msg    Message
	except ConnID
	noLog  bool
	pos    Pos         // given by a backplane that orders; otherwise zero
	once   *repetition // nil for a first attempt: few are not
}

// appendLocked adds an entry to the log, and returns its position.
func (r *room) appendLocked(p *post) Pos {
	if p.pos.IsZero() {
		r.head.Offset++
	} else {
		r.head = p.pos
	}
	seq := r.seq.Load() + 1
	r.encodeLocked(&p.msg, seq)
	r.seq.Store(seq)
	if !r.all {
		r.keepLocked(p, seq)
	}
	floor := r.hist.oldest(seq + 1)
	for _, t := range r.tapes {
		t.trim(floor, seq, &r.conf)
	}
	return r.head
}

// entryPool has entries on their way to an Encoding: a call by an interface would put
// each on the heap.
var entryPool = sync.Pool{New: func() any { return new(hubwire.Entry) }}

func putEntry(e *hubwire.Entry) {
	*e = hubwire.Entry{}
	entryPool.Put(e)
}

// encodeLocked adds a message to every tape.
func (r *room) encodeLocked(m *Message, seq uint64) {
	e := entryPool.Get().(*hubwire.Entry)
	defer putEntry(e)
	e.Room, e.Epoch, e.Offset = r.name, r.head.Epoch, r.head.Offset
	e.Event, e.Data, e.Binary, e.ID = m.Event, m.Data, m.Binary, m.ID
	if r.all {
		e.Epoch = 0
	}
	for _, t := range r.tapes {
		t.append(e, seq)
	}
}

// keepLocked puts a message into the history, if it belongs there.
func (r *room) keepLocked(p *post, seq uint64) {
	if p.noLog {
		return
	}
	size := p.msg.size()
	if !r.conf.keeps() || size > r.conf.KeepBytes {
		r.hist.clear(r.head.Offset, &r.hub.kept)
		return
	}
	if r.hub.kept.Add(int64(size)) > r.hub.conf.MaxHistory {
		r.hub.kept.Add(int64(-size))
		r.hub.count(&r.hub.total.historyFull, 1)
		r.hist.clear(r.head.Offset, &r.hub.kept)
		return
	}
	now := nanos()
	r.idle = now
	r.hist.push(kept{seq: seq, offset: r.head.Offset, at: now, except: p.except}, &p.msg)
	r.hist.trim(&r.conf, now, &r.hub.kept)
	r.hub.sweepLater(r.conf.KeepFor)
}

// cutLocked says that what leads to pos has been lost: nobody can resume from before,
// and all who are here are told.
func (r *room) cutLocked(pos Pos) {
	r.head = pos
	r.hist.clear(pos.Offset, &r.hub.kept)
	for _, t := range r.tapes {
		t.cut(r.seq.Load()+1, pos)
	}
}

// tapeLocked returns the log in an encoding, made now if nobody has used it yet.
func (r *room) tapeLocked(enc hubwire.Encoding) *tape {
	for _, t := range r.tapes {
		if t.enc == enc {
			return t
		}
	}
	pos := r.head
	t := newTape(enc, r.seq.Load()+1, pos)
	r.tapes = append(r.tapes, t)
	return t
}

// since says where a subscriber begins.
type since struct {
	pos  Pos
	last int
	lost bool // it has been here, nobody knows how far
}

// joinLocked makes s read the log, from where it has asked to if that is possible.
// s.conn.mu must be held too.
func (r *room) joinLocked(s *sub, from since) Joined {
	t := r.tapeLocked(s.conn.enc)
	t.subs++
	j := Joined{Head: r.head, Recovered: true}
	now := nanos()
	r.hist.trim(&r.conf, now, &r.hub.kept)
	begin := r.hist.n
	switch {
	case from.lost || !from.pos.IsZero() && !r.recoversLocked(from.pos):
		j.Recovered = false
		if s.conn.can.Gaps {
			s.gapLocked(r.believableLocked(from.pos))
		}
		r.hub.count(&r.hub.total.notResumed, 1)
	case !from.pos.IsZero():
		begin = r.hist.after(from.pos.Offset)
		r.hub.count(&r.hub.total.resumed, 1)
	case from.last > 0:
		begin = max(0, r.hist.n-from.last)
	}
	j.Replayed = r.hist.n - begin
	s.at, s.i = r.beginLocked(t, begin)
	if j.Replayed > 0 {
		x := s.extra()
		x.joined, x.joinedBytes = r.seq.Load(), t.bytes.Load()
		r.skipOwnLocked(s, begin)
	}
	j.From = s.pos()
	r.members.add(s)
	r.idle = now
	return j
}

// recoversLocked reports whether everything behind pos that should be kept is there.
func (r *room) recoversLocked(pos Pos) bool {
	return pos.within(r.hist.floor, r.head)
}

// believableLocked returns a position that a client claims to have, or none if the log
// has not come that far.
func (r *room) believableLocked(pos Pos) Pos {
	if pos.Epoch == r.head.Epoch && pos.Offset > r.head.Offset {
		return Pos{}
	}
	return pos
}

// beginLocked returns the place in a tape of the kept message of an index, or the end.
func (r *room) beginLocked(t *tape, index int) (*block, uint32) {
	if index == r.hist.n {
		return t.last, t.last.n.Load()
	}
	seq := r.hist.at(index).seq
	if seq < t.first.seq {
		r.hist.extend(t, r.name, r.head.Epoch)
	}
	return t.find(seq)
}

// skipOwnLocked leaves out of what is replayed what was published except for s.
func (r *room) skipOwnLocked(s *sub, begin int) {
	for i := begin; i < r.hist.n; i++ {
		if k := r.hist.at(i); k.except == s.conn.id {
			s.extras.skips = append(s.extras.skips, k.seq)
		}
	}
}

// leaveLocked makes s read no more. s.conn.mu must be held too.
func (r *room) leaveLocked(s *sub) {
	r.members.remove(s)
	r.departLocked(s.conn)
	r.unobserveLocked(s)
	read := s.at.tape
	if read.subs--; read.subs == 0 {
		r.tapes = slices.DeleteFunc(r.tapes, func(t *tape) bool { return t == read })
	}
	if r.members.n == 0 {
		r.idle = nanos()
		r.hub.sweepLater(r.conf.KeepFor)
	}
}

// uselessLocked reports whether nothing would be lost with the room: nobody is in it,
// and it keeps nothing, or has done so for long enough for all who may come back.
func (r *room) uselessLocked(now int64) bool {
	if r.members.n > 0 || r.pins > 0 || r.all {
		return false
	}
	if !r.conf.keeps() || r.idle == 0 {
		return true
	}
	return r.conf.KeepFor > 0 && now-r.idle > int64(r.conf.KeepFor)
}
