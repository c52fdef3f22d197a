package hub

import (
	"encoding/hex"
	"slices"
	"sync/atomic"

	"github.com/gogeist/geist/internal/hubwire"
)

// mostTold is how many members a list has at most that Observe tells.
const mostTold = 1000

// Observe tells the connection who is in the room and how that changes, in the words of its
// transport: first everybody, then changes, one a second at most. Members of other nodes are
// among them, as in Presence. Of a room with more than 1,000 members some are listed, and
// their number is told; when they are so few again, all are. A client that reads too slowly for the
// changes is told everybody again: they count as no lag.
//
// Join returns ErrNoPresence unless RoomConfig.Presence is set for the room, and ErrCannotTell
// if the transport has no words for it: only the protocol geist.v1 has. For the
// application itself there is Watch.
func Observe() JoinOption { return JoinOption{most: mostTold} }

// ObserveUpTo is for transports: it is Observe with lists of so many members at most, and as
// many changes at a time. Zero or less means 1,000.
func ObserveUpTo(_ hubwire.Key, members int) JoinOption {
	if members <= 0 {
		members = mostTold
	}
	return JoinOption{most: members}
}

// view is the presence of a room in the words of one encoding. It is for connections what
// presence.changes is for those who watch, and collected with that. What it tells is
// never queued: each of those who observe has the number of what it knows, and takes what comes
// behind that when it can be written to. Who is further behind is told everybody anew. So
// is who begins, as they are then; what is told next may repeat some of it.
type view struct {
	enc   hubwire.Encoding
	most  int           // members that are told at a time
	subs  int           // guarded by room.mu; who observes
	seq   atomic.Uint64 // of the last unit, from 1 on; written under room.mu
	units [][]byte      // guarded by room.mu; the newest, at most keptChanges
	part  bool          // guarded by room.mu; somebody may have been told a list that was not whole
}

// observeLocked has s told who is there. r.mu and s.conn.mu must be held.
func (r *room) observeLocked(s *sub, most int) {
	p := r.presence
	i := slices.IndexFunc(p.views, func(v *view) bool { return v.enc == s.conn.enc && v.most == most })
	if i < 0 {
		v := &view{enc: s.conn.enc, most: most}
		v.seq.Store(1)
		i, p.views = len(p.views), append(p.views, v)
	}
	v := p.views[i]
	s.extra().view = v
	v.subs++
}

// unobserveLocked takes that back. r.mu must be held.
func (r *room) unobserveLocked(s *sub) {
	if s.extras == nil || s.extras.view == nil {
		return
	}
	gone := s.extras.view
	if gone.subs--; gone.subs == 0 {
		r.presence.views = slices.DeleteFunc(r.presence.views, func(v *view) bool { return v == gone })
		r.presence.forgetLocked()
	}
}

// tellsLocked reports whether there is something to tell of who is in the room.
func (s *sub) tellsLocked() bool {
	x := s.extras
	return x != nil && x.view != nil && x.known != x.view.seq.Load()
}

// presenceLocked hands out what is to be told next of who is in the room, after
// tellsLocked.
func (c *Conn) presenceLocked(s *sub) []byte {
	r, x, v := s.room, s.extras, s.extras.view
	r.mu.Lock()
	seq := v.seq.Load()
	if behind := seq - x.known; x.known > 0 && behind <= uint64(len(v.units)) {
		x.known++
		unit := v.units[len(v.units)-int(behind)]
		r.mu.Unlock()
		return unit
	}
	x.known = seq
	members, count := r.presence.listLocked(v)
	r.mu.Unlock()
	return v.encode(reset(r.name, members, count))
}

// encode writes a unit, into as much memory as it will about need.
func (v *view) encode(p *hubwire.Presence) []byte {
	const around = 64 // what goes around a member
	size := around * (1 + len(p.Left))
	for _, members := range [][]hubwire.Member{p.Joined, p.Updated} {
		for i := range members {
			m := &members[i]
			size += around + len(m.Conn) + len(m.User) + len(m.Shown)
		}
	}
	return v.enc.AppendPresence(make([]byte, 0, size), p)
}

// listLocked returns as many members as may be told, and how many there are.
func (p *presence) listLocked(v *view) (members []*Member, count int) {
	count = p.countLocked()
	v.part = v.part || count > v.most
	return p.someLocked(v.most), count
}

// add adds a unit. The lock of the room must be held.
func (v *view) add(news *hubwire.Presence) {
	if len(v.units) == keptChanges {
		v.units = append(make([][]byte, 0, keptChanges), v.units[1:]...)
	}
	v.units = append(v.units, v.encode(news))
	v.seq.Add(1)
}

// newsLocked returns what has become of those who have changed. It is everybody if these are too
// many to be told, or all can be told now where some could before.
func (p *presence) newsLocked(v *view, room string) *hubwire.Presence {
	count := p.countLocked()
	if len(p.before) > v.most || v.part && count <= v.most {
		v.part = false
		members, count := p.listLocked(v)
		return reset(room, members, count)
	}
	var joined, updated []*Member
	news := &hubwire.Presence{Room: room, Count: count}
	for id, old := range p.before {
		switch m := p.memberLocked(id); {
		case m == nil: // or it came and went, and somebody has begun in between
			news.Left = append(news.Left, id.String())
		case old == nil:
			joined = append(joined, m)
		default:
			updated = append(updated, m)
		}
	}
	news.Joined, news.Updated = onWire(joined), onWire(updated)
	return news
}

// reset tells who is there.
func reset(room string, members []*Member, count int) *hubwire.Presence {
	return &hubwire.Presence{Room: room, Reset: true, Count: count, Joined: onWire(members)}
}

// onWire writes members as encodings see them. Their ids share one piece of memory.
func onWire(members []*Member) []hubwire.Member {
	const size = 2 * len(ConnID{})
	text := make([]byte, 0, size*len(members))
	for _, m := range members {
		text = hex.AppendEncode(text, m.Conn[:])
	}
	ids := string(text)
	all := make([]hubwire.Member, len(members))
	for i, m := range members {
		all[i] = hubwire.Member{Conn: ids[i*size : (i+1)*size], User: m.User, Shown: m.Shown}
	}
	return all
}
