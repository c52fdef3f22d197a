package hub

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gogeist/geist/internal/hubwire"
)

// JoinOption is an option of Join.
type JoinOption struct {
	since since
	shown json.RawMessage
	err   error // why there is nothing to show
	reply joinReply
	most  int // members that are told, at most; 0: it does not observe
}

// joinReply appends a unit that answers a Join.
type joinReply func(dst []byte, j Joined) []byte

// JoinReply is for transports: what f appends, one whole unit, is queued at the moment of
// joining, behind what was sent to the connection alone before, and before anything of
// the room. f is called once, if Join succeeds, under locks: it only appends.
func JoinReply(_ hubwire.Key, f func(dst []byte, j Joined) []byte) JoinOption {
	return JoinOption{reply: f}
}

// Since resumes: the connection gets what was published behind pos, if the room still
// has all of it, before what comes. If it has not, Joined.Recovered is false and the
// connection is told of a gap, if it can be. The zero Pos asks for nothing.
func Since(pos Pos) JoinOption { return JoinOption{since: since{pos: pos}} }

// Last asks for the newest n messages that the room has kept, before what comes. With a
// Since that is not zero it has no effect.
func Last(n int) JoinOption { return JoinOption{since: since{last: n}} }

// Joined is what Join returns.
type Joined struct {
	// From is where the connection begins: it will receive what is behind it, or be
	// told of a gap.
	From Pos
	// Head is the position of the newest message at the moment of joining.
	Head Pos
	// Recovered reports that nothing is missing behind what Since has named. Without
	// Since it is true.
	Recovered bool
	// Replayed is the number of kept messages that come first.
	Replayed int
}

// AttachOption is an option of Attach.
type AttachOption struct {
	user    string
	meta    any
	hasUser bool
	hasMeta bool
}

// As says whose connection it is, for SendUser. One user may have many connections; ""
// is nobody.
func As(userID string) AttachOption { return AttachOption{user: userID, hasUser: true} }

// Meta adds what the application wants to know of a connection: Conn.Meta returns it.
func Meta(v any) AttachOption { return AttachOption{meta: v, hasMeta: true} }

// Attach makes a connection known to the hub: Send, SendUser and Broadcast reach it
// from now on. Join attaches by itself, without options. To attach again changes what
// the options say. It returns ErrClosed, ErrConnClosed or ErrOtherHub; or ErrTooManyConns, of
// As: then the connection is known, and stays whose it was.
func (h *Hub) Attach(sub Subscriber, opts ...AttachOption) error {
	if h.closed.Load() {
		return ErrClosed
	}
	c := sub.HubConn()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := h.attachLocked(c); err != nil {
		return err
	}
	for _, o := range opts {
		if o.hasMeta {
			c.identityLocked().meta = o.meta
		}
		if o.hasUser && o.user != c.userLocked() {
			if err := h.setUserLocked(c, o.user); err != nil {
				return err
			}
			c.renamedLocked()
		}
	}
	return nil
}

// renamedLocked tells the rooms that keep presence whose connection c is now. c.mu must
// be held.
func (c *Conn) renamedLocked() {
	for _, s := range c.subs {
		s.room.changeMember(c, func(m *Member) { m.User = c.userLocked() })
	}
}

// attachLocked registers c once. c.mu must be held.
func (h *Hub) attachLocked(c *Conn) error {
	switch {
	case c.state != connOpen:
		return ErrConnClosed
	case c.hub == h:
		return nil
	case c.hub != nil:
		return ErrOtherHub
	}
	if !h.register(c) {
		return ErrClosed
	}
	c.hub = h
	if c.inner {
		return nil
	}
	c.all = &sub{conn: c, room: h.all}
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	h.all.joinLocked(c.all, since{})
	return nil
}

// Join puts a connection into a room, which comes to life if need be. What is published
// after Join has returned, and nothing before, will be received; options ask for more.
// A connection is told only what its transport has words for: see Joined.
//
// It returns ErrJoined if the connection is in the room, ErrRoomName, ErrTooManyRooms,
// ErrCannotTell, ErrNoPresence, ErrShown, ErrConnClosed, ErrClosed, ErrOtherHub, a *PanicError of Config.Room,
// or ErrBackplane; then nothing has changed. Without a Backplane it does not wait.
func (h *Hub) Join(sub Subscriber, room string, opts ...JoinOption) (Joined, error) {
	var v vector
	for _, o := range opts {
		if err := h.checkShown(&o); err != nil {
			return Joined{}, err
		}
		v.apply(&o)
	}
	if err := h.checkName(room); err != nil {
		return Joined{}, err // before the transport is asked: that may commit an answer
	}
	if h.closed.Load() {
		return Joined{}, ErrClosed
	}
	var joined [1]Joined
	if err := h.joinAll(sub.HubConn(), []string{room}, &v, joined[:]); err != nil {
		return Joined{}, err
	}
	return joined[0], nil
}

// Follow joins several rooms, or none if one of them cannot be joined, and resumes from
// the id of the last event that the client has received: a Last-Event-ID header, or "".
// Rooms that it does not know, and all if it is no such id, give a gap each. However long
// or forged it is, it costs no more than a good one. The results are in the order of the
// rooms; the errors are those of Join.
func (h *Hub) Follow(sub Subscriber, rooms []string, lastEventID string) ([]Joined, error) {
	joined := make([]Joined, len(rooms))
	if err := h.joinAll(sub.HubConn(), rooms, parseVector(lastEventID), joined); err != nil {
		return nil, err
	}
	return joined, nil
}

// maxVector is how many rooms have a place in an id.
const maxVector = 16

// vector says where to begin in each of several rooms. A position tells its room: no
// two have the same epoch.
type vector struct {
	all    since // for each room, if asked is not set
	asked  bool  // a position for each room that is known, a gap in the others
	places []Pos
	shown  json.RawMessage // in each room, not nil only if that keeps presence
	reply  joinReply       // for each room, unless nil
	most   int             // members of each room that are told, at most; 0: it does not observe
}

// apply notes what an option asks for.
func (v *vector) apply(o *JoinOption) {
	v.all.last = max(v.all.last, o.since.last)
	if !o.since.pos.IsZero() {
		v.all.pos = o.since.pos
	}
	if o.shown != nil {
		v.shown = o.shown
	}
	if o.reply != nil {
		v.reply = o.reply
	}
	if o.most > 0 {
		v.most = o.most
	}
}

// parseVector reads what hubwire.AppendPos and AppendVector write.
func parseVector(id string) *vector {
	v := &vector{asked: id != ""}
	if id == "" || len(id) > maxVector*(maxPosText+1) {
		return v
	}
	for part := range strings.SplitSeq(id, ".") {
		pos, err := ParsePos(part)
		if err != nil || len(v.places) == maxVector {
			v.places = nil
			return v
		}
		v.places = append(v.places, pos)
	}
	return v
}

// sinceLocked returns where to begin in a room. r.mu must be held.
func (v *vector) sinceLocked(r *room) since {
	if !v.asked {
		return v.all
	}
	for _, pos := range v.places {
		if pos.Epoch == r.head.Epoch {
			return since{pos: pos}
		}
	}
	return since{lost: true}
}

// joinAll puts a connection into rooms, or into none.
func (h *Hub) joinAll(c *Conn, names []string, from *vector, joined []Joined) error {
	if h.closed.Load() {
		return ErrClosed
	}
	if err := h.checkNames(c, names); err != nil {
		return err
	}
	rooms := make([]*room, 0, len(names))
	defer func() {
		for _, r := range rooms {
			h.unpin(r)
		}
	}()
	for _, name := range names {
		r, err := h.pin(name)
		if err != nil {
			return err
		}
		rooms = append(rooms, r)
	}
	if h.conf.Backplane != nil {
		if err := h.linkAll(rooms); err != nil {
			return err
		}
	}
	return h.joinPinned(c, rooms, from, joined)
}

func (h *Hub) checkNames(c *Conn, names []string) error {
	if most := h.maxRoomsOf(c); len(names) > most {
		return fmt.Errorf("%w: %d is what a connection may be in", ErrTooManyRooms, most)
	}
	for _, name := range names {
		if err := h.checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// maxRoomsOf returns how many rooms a connection may be in.
func (h *Hub) maxRoomsOf(c *Conn) int {
	if c.can.Rooms > 0 {
		return min(int(c.can.Rooms), h.conf.MaxRoomsPerConn)
	}
	return h.conf.MaxRoomsPerConn
}

// joinPinned does the joining: what can fail first, then the rest.
func (h *Hub) joinPinned(c *Conn, rooms []*room, from *vector, joined []Joined) error {
	c.mu.Lock()
	if err := h.mayJoinLocked(c, rooms, from); err != nil {
		c.mu.Unlock()
		return err
	}
	over := false
	for i, r := range rooms {
		s := &sub{conn: c, room: r}
		r.mu.Lock()
		joined[i] = r.joinLocked(s, from.sinceLocked(r))
		r.arriveLocked(s, from.shown)
		if from.most > 0 {
			r.observeLocked(s, from.most)
		}
		r.mu.Unlock()
		if from.reply != nil {
			over = c.queueLocked(from.reply(nil, joined[i]))
		}
		c.addLocked(s)
		if s.waitsLocked() || s.tellsLocked() {
			c.readyLocked(s)
		}
	}
	pending := c.pendingLocked()
	c.mu.Unlock()
	if pending {
		c.wake(over)
	}
	return nil
}

func (h *Hub) mayJoinLocked(c *Conn, rooms []*room, from *vector) error {
	if err := h.attachLocked(c); err != nil {
		return err
	}
	if most := h.maxRoomsOf(c); len(c.subs)+len(rooms) > most {
		return fmt.Errorf("%w: %d is what a connection may be in", ErrTooManyRooms, most)
	}
	for i, r := range rooms {
		if c.subLocked(r) != nil {
			return ErrJoined
		}
		for _, other := range rooms[:i] {
			if other == r {
				return ErrJoined
			}
		}
		if (from.shown != nil || from.most > 0) && r.presence == nil {
			return ErrNoPresence
		}
		if from.most > 0 && !c.can.Presence {
			return fmt.Errorf("%w who is there", ErrCannotTell)
		}
		if r.conf.OnLag != Disconnect && !c.can.Gaps {
			return fmt.Errorf("%w of gaps, which the policy %v makes", ErrCannotTell, r.conf.OnLag)
		}
	}
	return nil
}

// Leave takes a connection from a room, and reports whether it was in it. After Leave
// has returned nothing of the room is handed to the connection any more; what had been
// handed over before may still be on its way.
func (h *Hub) Leave(sub Subscriber, room string) bool {
	c := sub.HubConn()
	r := h.lookup(room)
	if r == nil {
		return false
	}
	c.mu.Lock()
	s := c.subLocked(r)
	if s == nil {
		c.mu.Unlock()
		return false
	}
	useless := s.leaveLocked()
	c.unreadyLocked(s)
	c.removeLocked(s)
	c.mu.Unlock()
	if useless {
		h.reap(r)
	}
	return true
}
