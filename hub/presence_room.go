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
// Changes are collected once for all who watch or observe, as what was there before, and become
// a Change, and a unit of each view, when the timer fires. What is told first to one who begins
// to watch is the state of the last Change: everybody, and before in place of what has changed
// since.
type presence struct {
	near map[ConnID]*Member // on this node
	far  far                // on others

	watchers int
	views    []*view            // of those who observe
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
	r.setMemberLocked(c.id, &Member{Conn: c.id, User: c.userLocked(), Shown: shown, Since: time.Now().Round(0).UTC()})
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

// noteLocked collects a change, and reports whether there is something to tell. Who came
// and went is noted if somebody observes, who may have been told in between.
func (p *presence) noteLocked(id ConnID, old, m *Member) bool {
	if p.watchers == 0 && len(p.views) == 0 || old == m {
		return false
	}
	if p.before == nil {
		p.before = map[ConnID]*Member{}
	}
	first, noted := p.before[id]
	switch {
	case !noted:
		p.before[id] = old
	case first == m && len(p.views) == 0:
		delete(p.before, id)
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
	r.tellLocked()
	var chunks []*chunk
	if len(r.presence.views) > 0 {
		chunks = r.members.chunks
	}
	n := r.members.n
	r.mu.Unlock()
	r.hub.flush.wake(chunks, n)
}

// tellLocked makes what has been collected a Change and units. r.mu must be held.
func (r *room) tellLocked() {
	p := r.presence
	p.armed = false
	if len(p.before) == 0 {
		return
	}
	for _, v := range p.views {
		v.add(p.newsLocked(v, r.name))
	}
	if c := p.changeLocked(); p.watchers > 0 && !c.empty() {
		p.addLocked(c)
	}
	p.before = nil
	p.last = nanos()
}

// addLocked tells those who watch.
func (p *presence) addLocked(c Change) {
	if len(p.changes) == keptChanges {
		p.changes = append(make([]Change, 0, keptChanges), p.changes[1:]...)
	}
	p.changes = append(p.changes, c)
	p.seq++
	close(p.told)
	p.told = make(chan struct{})
}

// empty reports whether everything has cancelled out.
func (c *Change) empty() bool { return len(c.Joined)+len(c.Updated)+len(c.Left) == 0 }

// changeLocked compares what is with what was.
func (p *presence) changeLocked() (c Change) {
	for id, old := range p.before {
		switch m := p.memberLocked(id); {
		case m == old: // it came and went
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

// countLocked returns how many members there are.
func (p *presence) countLocked() int { return len(p.near) + len(p.far.members) }

// everybodyLocked returns all members, in no order.
func (p *presence) everybodyLocked() []*Member { return p.someLocked(p.countLocked()) }

// someLocked returns n members, any of them, or all if they are fewer.
func (p *presence) someLocked(n int) []*Member {
	some := make([]*Member, 0, min(n, p.countLocked()))
	for _, m := range p.near {
		if len(some) == n {
			return some
		}
		some = append(some, m)
	}
	for _, l := range p.far.members {
		if len(some) == n {
			return some
		}
		some = append(some, l.Member)
	}
	return some
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

// unwatchLocked notes that one who watched does so no more.
func (p *presence) unwatchLocked() {
	p.watchers--
	p.forgetLocked()
}

// forgetLocked forgets what nobody wants to know any more.
func (p *presence) forgetLocked() {
	if p.watchers > 0 {
		return
	}
	p.changes = nil
	if len(p.views) == 0 {
		p.before = nil
	}
}
