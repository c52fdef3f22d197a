package hub

import (
	"encoding/json"
	"maps"
	"time"
)

const (
	changePause  = time.Second           // between two changes of a room that are told
	changeGather = 50 * time.Millisecond // before the first, so that it is not one of many
	keptChanges  = 4                     // who is further behind begins anew
)

// presence is who is in a room. All of it is guarded by the lock of the room. A Member
// never changes: another takes its place.
//
// Changes are collected once for all who watch, as what was there before, and become a
// Change when the timer fires. What is told first to one who begins to watch is the state
// of the last Change: everybody, and before in place of what has changed since.
type presence struct {
	near map[ConnID]*Member // on this node
	far  far                // on others

	watchers int
	before   map[ConnID]*Member // what those who have changed were; nil: not there
	changes  []Change           // the newest, at most keptChanges
	seq      uint64             // of the last of them
	told     chan struct{}      // closed with the next
	last     int64              // when that was, in nanoseconds
	armed    bool               // timer will tell
	timer    *time.Timer
}

func newPresence(conf *RoomConfig) *presence {
	if !conf.Presence {
		return nil
	}
	return &presence{told: make(chan struct{})}
}

// arriveLocked notes that s is in the room. r.mu and s.conn.mu must be held.
func (r *room) arriveLocked(s *sub, shown json.RawMessage) {
	c := s.conn
	if r.presence == nil || c.inner {
		return
	}
	r.setMemberLocked(c.id, &Member{Conn: c.id, User: c.user, Shown: shown, Since: time.Now().Round(0).UTC()})
}

// departLocked takes that back. r.mu must be held.
func (r *room) departLocked(c *Conn) {
	if r.presence != nil {
		r.setMemberLocked(c.id, nil)
	}
}

// changeMember changes what is known of a connection that is in the room. c.mu must be
// held.
func (r *room) changeMember(c *Conn, change func(*Member)) {
	if r.presence == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.presence.near[c.id]; old != nil {
		m := *old
		change(&m)
		r.setMemberLocked(c.id, &m)
	}
}

// setMemberLocked puts m in the place of what was known of a connection of this node.
func (r *room) setMemberLocked(id ConnID, m *Member) {
	p := r.presence
	old := p.near[id]
	p.near = put(p.near, id, m)
	if m != nil {
		r.dirtyLocked(m)
	} else if old != nil {
		r.dirtyLocked(old)
	}
	if p.noteLocked(id, old, m) {
		r.armLocked()
	}
}

// put returns members with m in it, or without it if m is nil.
func put(members map[ConnID]*Member, id ConnID, m *Member) map[ConnID]*Member {
	if m == nil {
		if delete(members, id); len(members) == 0 {
			return nil // maps do not shrink
		}
		return members
	}
	if members == nil {
		members = map[ConnID]*Member{}
	}
	members[id] = m
	return members
}

// noteLocked collects a change, and reports whether there is something to tell.
func (p *presence) noteLocked(id ConnID, old, m *Member) bool {
	if p.watchers == 0 || old == m {
		return false
	}
	if p.before == nil {
		p.before = map[ConnID]*Member{}
	}
	first, noted := p.before[id]
	switch {
	case !noted:
		p.before[id] = old
	case first == m:
		delete(p.before, id) // it came and went
	}
	return len(p.before) > 0
}

// armLocked sees to it that changes are told, not too soon after the last.
func (r *room) armLocked() {
	p := r.presence
	if p.armed {
		return
	}
	p.armed = true
	wait := max(changeGather, changePause-time.Duration(nanos()-p.last))
	if p.timer == nil {
		p.timer = time.AfterFunc(min(wait, changePause), r.tellChanges)
	} else {
		p.timer.Reset(min(wait, changePause)) // the clock may have been set
	}
}

// tellChanges tells what has changed. It runs in the goroutine of a timer, and does not
// wait.
func (r *room) tellChanges() {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.presence
	p.armed = false
	if len(p.before) == 0 {
		return
	}
	if len(p.changes) == keptChanges {
		p.changes = append(make([]Change, 0, keptChanges), p.changes[1:]...)
	}
	p.changes = append(p.changes, p.changeLocked())
	p.before = nil
	p.seq++
	p.last = nanos()
	close(p.told)
	p.told = make(chan struct{})
}

// changeLocked compares what is with what was.
func (p *presence) changeLocked() (c Change) {
	for id, old := range p.before {
		switch m := p.memberLocked(id); {
		case m == nil:
			c.Left = append(c.Left, *old)
		case old == nil:
			c.Joined = append(c.Joined, *m)
		default:
			c.Updated = append(c.Updated, *m)
		}
	}
	return c
}

// memberLocked returns what is known of a connection, or nil.
func (p *presence) memberLocked(id ConnID) *Member {
	if m := p.near[id]; m != nil {
		return m
	}
	if l := p.far.members[id]; l != nil {
		return l.Member
	}
	return nil
}

// everybodyLocked returns all members, in no order.
func (p *presence) everybodyLocked() []*Member {
	all := make([]*Member, 0, len(p.near)+len(p.far.members))
	for _, m := range p.near {
		all = append(all, m)
	}
	for _, l := range p.far.members {
		all = append(all, l.Member)
	}
	return all
}

// toldLocked returns all members as they were with the last change.
func (p *presence) toldLocked() []Member {
	var all []Member
	for _, m := range p.everybodyLocked() {
		if _, changed := p.before[m.Conn]; !changed {
			all = append(all, *m)
		}
	}
	for m := range maps.Values(p.before) {
		if m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// nextLocked returns what w should be told next, if there is something.
func (p *presence) nextLocked(w *watcher) (Change, bool) {
	behind := p.seq - w.seq
	switch {
	case !w.begun || behind > uint64(len(p.changes)):
		w.begun, w.seq = true, p.seq
		return Change{Reset: true, Joined: p.toldLocked()}, true
	case behind == 0:
		return Change{}, false
	}
	w.seq++
	return p.changes[len(p.changes)-int(behind)], true
}

// unwatchLocked forgets what nobody wants to know any more.
func (p *presence) unwatchLocked() {
	if p.watchers--; p.watchers == 0 {
		p.before, p.changes = nil, nil
	}
}
