package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"
	"unicode/utf8"
)

// Member is a connection that is in a room. A user with several connections is several
// members, which have the same User: each comes and goes on its own.
type Member struct {
	// Conn is its id, for Send.
	Conn ConnID `json:"conn"`
	// User is what Attach was told with As, or "".
	User string `json:"user,omitempty"`
	// Shown is what Show was told, as JSON; nil if nothing. It must not be written to.
	Shown json.RawMessage `json:"shown,omitempty"`
	// Since is when it joined the room, by the clock of its node.
	Since time.Time `json:"since"`
}

// Change is what has become of the members of a room. Its slices are in no order, are
// shared by all who watch, and must not be written to.
type Change struct {
	// Reset says that Joined is everybody: what was known before is to be forgotten.
	Reset bool `json:"reset,omitempty"`
	// Joined are those who have come.
	Joined []Member `json:"joined,omitempty"`
	// Updated are those whose User or Shown has changed, or who have come again.
	Updated []Member `json:"updated,omitempty"`
	// Left are those who have gone, as they were last known.
	Left []Member `json:"left,omitempty"`
}

// Show tells who looks at the presence of the room something about the connection: v,
// as JSON, and as it is now. It is an error if the room keeps no presence, v cannot be
// marshalled, or its JSON is longer than Config.MaxShown. Unlike what Attach is told with
// Meta, it leaves the process if there are several nodes.
func Show(v any) JoinOption {
	shown, err := json.Marshal(v)
	return JoinOption{shown: shown, err: err}
}

// Show changes what the option of that name has said. It returns ErrNotJoined,
// ErrNoPresence, ErrShown or ErrClosed.
func (h *Hub) Show(sub Subscriber, room string, v any) error {
	if h.closed.Load() {
		return ErrClosed
	}
	o := Show(v)
	if err := h.checkShown(&o); err != nil {
		return err
	}
	r := h.lookup(room)
	if r == nil {
		return ErrNotJoined
	}
	c := sub.HubConn()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.subLocked(r) == nil:
		return ErrNotJoined
	case r.presence == nil:
		return ErrNoPresence
	}
	r.changeMember(c, func(m *Member) { m.Shown = o.shown })
	return nil
}

// checkShown refuses what cannot be shown.
func (h *Hub) checkShown(o *JoinOption) error {
	switch {
	case o.err != nil:
		return fmt.Errorf("%w: %w", ErrShown, o.err)
	case len(o.shown) > h.conf.MaxShown:
		return fmt.Errorf("%w: %d bytes of JSON, %d are allowed", ErrShown, len(o.shown), h.conf.MaxShown)
	case !utf8.Valid(o.shown): // a json.RawMessage may be so
		return fmt.Errorf("%w: it is not UTF-8", ErrShown)
	}
	return nil
}

// Presence returns who is in a room, those who have been there longest first. It looks
// at every member: for what changes often, Watch is cheaper.
//
// With a Backplane members of other nodes are among them, as these have said last: within
// a second or two. Those of a node that vanishes stay for 40 seconds. The first call for
// a room that nobody on this node is in waits for the backplane, and then for answers:
// somewhat more than a second.
//
// It returns ErrNoPresence unless RoomConfig.Presence is set for the room, ErrRoomName,
// ErrClosed, ErrTooManyRooms, a *PanicError of Config.Room, ErrBackplane, or the error of ctx.
func (h *Hub) Presence(ctx context.Context, room string) ([]Member, error) {
	if err := h.mayWatch(ctx, room); err != nil {
		return nil, err
	}
	r, err := h.visit(ctx, room)
	if r == nil || err != nil {
		return nil, err
	}
	r.mu.Lock()
	there := r.presence.everybodyLocked()
	r.mu.Unlock()
	if h.clustered() {
		h.unpin(r)
	}
	members := values(there)
	slices.SortFunc(members, func(a, b Member) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return bytes.Compare(a.Conn[:], b.Conn[:])
	})
	return members, nil
}

// visit returns a room whose members are known, nil if it has none. If there may be other
// nodes it is pinned, and they have had time to say who is there.
func (h *Hub) visit(ctx context.Context, name string) (*room, error) {
	if !h.clustered() {
		r := h.lookup(name)
		if r != nil && r.presence == nil { // Config.Room has changed its mind
			return nil, ErrNoPresence
		}
		return r, nil
	}
	return h.pinPresence(ctx, name)
}

// pinPresence pins a room with presence, whose members are known.
func (h *Hub) pinPresence(ctx context.Context, name string) (*room, error) {
	r, err := h.pin(name)
	if err != nil {
		return nil, err
	}
	if r.presence == nil { // Config.Room has changed its mind
		h.unpin(r)
		return nil, ErrNoPresence
	}
	if h.clustered() {
		err := h.linkAll([]*room{r})
		if err == nil {
			err = r.awaitNodes(ctx)
		}
		if err != nil {
			h.unpin(r)
			return nil, err
		}
	}
	return r, nil
}

// awaitNodes gives other nodes the time to say who is in a room that is new here.
func (r *room) awaitNodes(ctx context.Context) error {
	r.mu.Lock()
	wait := askPause - time.Duration(nanos()-r.presence.far.asked)
	r.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	select {
	case <-time.After(min(wait, askPause)): // the clock may have been set
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.hub.ending:
		return ErrClosed
	}
}

// mayWatch returns why nobody can look at the presence of a room, or nil.
func (h *Hub) mayWatch(ctx context.Context, room string) error {
	if err := h.check(ctx); err != nil {
		return err
	}
	if err := h.checkName(room); err != nil {
		return err
	}
	conf, err := h.roomConfig(room)
	if err == nil && !conf.Presence {
		err = ErrNoPresence
	}
	return err
}

// values copies members out, when no lock is held any more.
func values(members []*Member) []Member {
	all := make([]Member, len(members))
	for i, m := range members {
		all[i] = *m
	}
	return all
}

// Watch tells who is in a room and how that changes: first everybody, with Reset, then
// changes, one a second at most. What cancels out within that time is not told. A loop
// body that takes longer than that for several changes gets everybody again, with Reset.
//
//	for change, err := range h.Watch(ctx, "lobby") {
//
// It ends when ctx does, and leaves no goroutine behind. The last pair has an error:
// that of ctx, ErrClosed, or one of Presence.
func (h *Hub) Watch(ctx context.Context, room string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		w, err := h.watch(ctx, room)
		if err != nil {
			yield(Change{}, err)
			return
		}
		defer w.end()
		for {
			change, err := w.next(ctx)
			if !yield(change, err) || err != nil {
				return
			}
		}
	}
}

// watcher is a call of Watch.
type watcher struct {
	room  *room
	begun bool
	seq   uint64 // of the change that was told last
}

// watch pins a room and has its changes collected.
func (h *Hub) watch(ctx context.Context, name string) (*watcher, error) {
	if err := h.mayWatch(ctx, name); err != nil {
		return nil, err
	}
	r, err := h.pinPresence(ctx, name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence.watchers++
	return &watcher{room: r}, nil
}

// next waits for something to tell.
func (w *watcher) next(ctx context.Context) (Change, error) {
	r := w.room
	for {
		r.mu.Lock()
		change, ok := r.presence.nextLocked(w)
		told := r.presence.told
		r.mu.Unlock()
		if ok {
			return change, nil
		}
		select {
		case <-told:
		case <-ctx.Done():
			return Change{}, ctx.Err()
		case <-r.hub.ending:
			return Change{}, ErrClosed
		}
	}
}

func (w *watcher) end() {
	r := w.room
	r.mu.Lock()
	r.presence.unwatchLocked()
	r.mu.Unlock()
	r.hub.unpin(r)
}
