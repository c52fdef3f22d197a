package hub

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"time"
	"unicode/utf8"
)

const (
	presencePrefix = "\x00"                             // of the backplane's name for the presence of a room: no room has it
	renewPause     = 15 * time.Second                   // after which a node names all its members again
	leaseTime      = 40 * time.Second                   // after which members that were not named are forgotten: two may be lost
	askPause       = changePause + 250*time.Millisecond // for answers: a node may just have said something
	maxPart        = 32 << 10                           // bytes of a packet, about
	maxFar         = 100_000                            // members on other nodes that a room knows; more are refused
)

// far is what a room knows of members on other nodes, and what it tells these. Guarded by
// the lock of the room.
//
// Each node names its own members: those that have changed, once a second at most, and all
// every renewPause, or when one asks that has just come. A member is known until leaseTime
// after it was named last. So whatever is lost on the way heals by itself.
type far struct {
	members map[ConnID]*lease
	dirty   map[ConnID]int64 // own ones to name, or to say of that they have left, and since when they were there
	all     bool             // name every own one
	ask     bool             // ask the others for theirs
	at      int64            // when timer will call tellNodes, in nanoseconds; 0: not
	renew   int64            // when to name all again, in nanoseconds
	sending bool             // tellNodes is at it
	asked   int64            // when, in nanoseconds; 0: never
	last    int64            // when something was sent, in nanoseconds
	timer   *time.Timer
}

// lease is a member on another node.
type lease struct {
	*Member
	node  NodeID
	until int64
}

// clustered reports whether there may be other nodes.
func (h *Hub) clustered() bool { return h.conf.Backplane != nil && h.conf.Journal == nil }

// presenceNames returns what to subscribe to for rooms, beside their names.
func (h *Hub) presenceNames(rooms ...*room) (names []string) {
	for _, r := range rooms {
		if r.presence != nil && h.clustered() {
			names = append(names, presencePrefix+r.name)
		}
	}
	return names
}

// meetNodes asks the other nodes who is in a room, now that their answers will come.
func (r *room) meetNodes() {
	if r.presence == nil || !r.hub.clustered() {
		return
	}
	r.mu.Lock()
	r.presence.far.ask, r.presence.far.asked = true, nanos()
	r.mu.Unlock()
	r.tellNodes()
}

// remeetLocked does so again, and names its own, when packets may have been lost. r.mu
// must be held.
func (r *room) remeetLocked() {
	if r.presence == nil || !r.hub.clustered() {
		return
	}
	r.presence.far.ask, r.presence.far.all = true, true
	r.armFarLocked(changeGather)
}

// dirtyLocked has the other nodes told of a member of this one. r.mu must be held.
func (r *room) dirtyLocked(m *Member) {
	if !r.hub.clustered() {
		return
	}
	f := &r.presence.far
	if f.dirty == nil {
		f.dirty = map[ConnID]int64{}
	}
	f.dirty[m.Conn] = m.Since.UnixNano()
	r.armFarLocked(changeGather)
}

// armFarLocked has tellNodes called after a while, not too soon after the last time.
func (r *room) armFarLocked(wait time.Duration) {
	f := &r.presence.far
	now := nanos()
	wait = min(max(wait, changePause-time.Duration(now-f.last)), renewPause) // the clock may have been set
	at := now + int64(wait)
	switch {
	case f.at != 0 && f.at <= at:
		return
	case f.timer == nil:
		f.timer = time.AfterFunc(wait, r.tellNodes)
	default:
		f.timer.Reset(wait)
	}
	f.at = at
}

// tellNodes tells the other nodes, in the goroutine of a timer, and ends within
// Config.BackplaneTimeout. What cannot be sent is said by the next renewal.
func (r *room) tellNodes() { _ = r.tell(context.Background()) }

// tell sends what other nodes should know, and forgets those of them who are silent.
func (r *room) tell(ctx context.Context) error {
	r.mu.Lock()
	f := &r.presence.far
	f.at = 0
	if f.sending {
		r.armFarLocked(changePause)
		r.mu.Unlock()
		return nil
	}
	now := nanos()
	f.sending, f.last = true, now
	r.expireLocked(now)
	parts := r.partsLocked(now)
	r.mu.Unlock()

	err := r.sendParts(ctx, parts)
	r.mu.Lock()
	defer r.mu.Unlock()
	f.sending = false
	if err != nil {
		f.all, f.ask = true, true
	}
	if !r.dead && !r.hub.closed.Load() && (err != nil || len(r.presence.near)+len(f.members) > 0) {
		r.armFarLocked(renewPause)
	}
	return err
}

func (r *room) sendParts(ctx context.Context, parts [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, r.hub.conf.BackplaneTimeout)
	defer cancel()
	for _, part := range parts {
		p := Packet{To: ToRoom, Name: presencePrefix + r.name, Message: Message{Data: part, Binary: true}, NoLog: true}
		if _, err := r.hub.transmit(ctx, &p); err != nil {
			return err
		}
	}
	return nil
}

// The parts of which a packet is made, each behind a byte that says which:
//
//	ask
//	left    conn since
//	member  conn since len user len shown
const (
	partAsk byte = iota + 1
	partLeft
	partMember
)

// partsLocked returns the packets to send now. r.mu must be held.
func (r *room) partsLocked(now int64) (parts [][]byte) {
	f := &r.presence.far
	var part []byte
	if f.ask {
		part = append(part, partAsk)
	}
	if f.all || now >= f.renew {
		f.renew = now + int64(renewPause)
		for id, m := range r.presence.near {
			if f.dirty == nil {
				f.dirty = map[ConnID]int64{}
			}
			f.dirty[id] = m.Since.UnixNano()
		}
	}
	for id, since := range f.dirty {
		if part = r.appendMemberLocked(part, id, since); len(part) >= maxPart {
			parts, part = append(parts, part), nil
		}
	}
	f.ask, f.all, f.dirty = false, false, nil
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

func (r *room) appendMemberLocked(dst []byte, id ConnID, since int64) []byte {
	m := r.presence.near[id]
	if m == nil {
		return binary.BigEndian.AppendUint64(append(append(dst, partLeft), id[:]...), uint64(since))
	}
	dst = append(append(dst, partMember), id[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Since.UnixNano()))
	dst = append(binary.AppendUvarint(dst, uint64(len(m.User))), m.User...)
	return append(binary.AppendUvarint(dst, uint64(len(m.Shown))), m.Shown...)
}

// expireLocked forgets members whose node has been silent. r.mu must be held.
func (r *room) expireLocked(now int64) {
	for id, l := range r.presence.far.members {
		if now > l.until {
			r.setFarLocked(id, nil)
		}
	}
}

// deliverPresence takes what another node says. It reports whether that made sense.
func (h *Hub) deliverPresence(p *Packet) bool {
	r := h.lookup(p.Name[len(presencePrefix):])
	if p.Node == h.node || r == nil || r.presence == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from := packetReader{rest: p.Data}
	for len(from.rest) > 0 && !from.bad {
		switch from.take(1)[0] {
		case partAsk:
			r.presence.far.all = true
			r.armFarLocked(changeGather)
		case partLeft:
			var id ConnID
			copy(id[:], from.take(len(id)))
			since := int64(from.uint64()) // it may have come again, in a room that came to life again
			if l := r.presence.far.members[id]; l != nil && l.node == p.Node && l.Since.UnixNano() == since {
				r.setFarLocked(id, nil)
			}
		case partMember:
			if m := from.member(); m != nil && !r.learnLocked(m, p.Node) {
				return false
			}
		default:
			return false
		}
	}
	return !from.bad
}

// member reads what appendMemberLocked has written behind partMember, nil if it is none.
func (r *packetReader) member() *Member {
	m := &Member{}
	copy(m.Conn[:], r.take(len(m.Conn)))
	m.Since = time.Unix(0, int64(r.uint64())).UTC()
	m.User = string(r.take(r.length()))
	m.Shown = append(m.Shown, r.take(r.length())...)
	if r.bad {
		return nil
	}
	return m
}

// learnLocked notes a member of another node. It reports false if there are too many, or what
// it shows is not JSON.
func (r *room) learnLocked(m *Member, node NodeID) bool {
	members := r.presence.far.members
	old := members[m.Conn]
	switch {
	case r.presence.near[m.Conn] != nil:
		return true // it says so itself
	case old == nil && len(members) >= maxFar:
		return false
	case old != nil && old.User == m.User && bytes.Equal(old.Shown, m.Shown) && old.Since.Equal(m.Since):
		old.node, old.until = node, nanos()+int64(leaseTime)
		return true
	case m.Shown != nil && !(utf8.Valid(m.Shown) && json.Valid(m.Shown)): // it is going to stand in others' JSON
		return false
	}
	r.setFarLocked(m.Conn, &lease{Member: m, node: node, until: nanos() + int64(leaseTime)})
	r.armFarLocked(renewPause)
	return true
}

// setFarLocked puts l in the place of what was known; nil forgets it.
func (r *room) setFarLocked(id ConnID, l *lease) {
	p := r.presence
	old, m := p.memberLocked(id), (*Member)(nil)
	if l == nil {
		delete(p.far.members, id)
	} else {
		if p.far.members == nil {
			p.far.members = map[ConnID]*lease{}
		}
		p.far.members[id], m = l, l.Member
	}
	if p.noteLocked(id, old, m) {
		r.armLocked()
	}
}

// tellLast says who has left, before the hub ends. Rooms that have vanished meanwhile say
// it on their own, or are forgotten. It gives up when one cannot.
func (h *Hub) tellLast(ctx context.Context) {
	if !h.clustered() {
		return
	}
	for i := range h.rooms {
		for _, r := range h.rooms[i].all() {
			if r.presence != nil && r.hasDirty() && r.tell(ctx) != nil {
				return
			}
		}
	}
}

func (r *room) hasDirty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.presence.far.dirty) > 0
}
