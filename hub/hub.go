package hub

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shards  = 256 // of rooms; a power of two
	stripes = 64  // of connections and of users; a power of two
)

// Hub has rooms, and connections in them. Make one with New; its methods may be called
// by any goroutine.
//
// A Hub that nobody uses has no goroutine. Timers end by themselves, so that one which
// is dropped without Shutdown leaks nothing.
type Hub struct {
	conf    Config // frozen by New
	node    NodeID
	seed    maphash.Seed
	all     *room // everybody, for Broadcast
	flush   flushers
	flights flights
	total   totals

	rooms    [shards]shard
	conns    [stripes]stripe
	users    [stripes]userStripe
	roomN    atomic.Int64 // rooms in the shards
	connN    atomic.Int64 // connections in the stripes
	kept     atomic.Int64 // bytes of all histories
	sweeping atomic.Bool  // the sweep has been put off, and will come

	closed  atomic.Bool
	ending  chan struct{} // closed once closed is set
	mu      sync.Mutex
	sweeper *time.Timer   // guarded by mu
	done    chan struct{} // guarded by mu; closed when Shutdown is through; nil before it
	gone    chan struct{} // guarded by mu; closed when the last connection has ended; nil if nobody waits
	failed  error         // frozen by New; what Backplane.Start returned
}

// shard is a part of the rooms.
type shard struct {
	mu sync.RWMutex
	m  map[string]*room // guarded by mu
	_  [24]byte         // apart from the next one's lock
}

// New returns a Hub. It panics on a Config that makes no sense. A Backplane is started
// here and connects on its own: until it has, what needs it returns ErrBackplane.
func New(conf Config) *Hub {
	h := &Hub{conf: conf.resolve(), seed: maphash.MakeSeed(), node: NodeID(NewConnID()), ending: make(chan struct{})}
	h.flush.max = runtime.GOMAXPROCS(0)
	h.all = newRoom(h, "", RoomConfig{KeepMessages: -1}.resolve())
	h.all.all = true
	if h.conf.Backplane != nil {
		h.failed = h.conf.Backplane.Start(h.node, (*sink)(h))
	}
	return h
}

func (h *Hub) shardOf(name string) *shard {
	return &h.rooms[maphash.String(h.seed, name)&(shards-1)]
}

// checkName refuses names of rooms that are no such.
func (h *Hub) checkName(name string) error {
	if name != "" && name[:1] == presencePrefix {
		return fmt.Errorf("%w: it begins with NUL", ErrRoomName)
	}
	if name == "" || len(name) > h.conf.MaxRoomName {
		return fmt.Errorf("%w: %d bytes, from 1 to %d are allowed", ErrRoomName, len(name), h.conf.MaxRoomName)
	}
	return nil
}

// lookup returns a room, or nil.
func (h *Hub) lookup(name string) *room {
	d := h.shardOf(name)
	d.mu.RLock()
	r := d.m[name]
	d.mu.RUnlock()
	return r
}

// pin returns a room that will not vanish before unpin, made now if need be.
func (h *Hub) pin(name string) (*room, error) {
	d := h.shardOf(name)
	d.mu.RLock()
	r := d.m[name].pinned()
	d.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	conf, err := h.roomConfig(name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r = d.m[name].pinned(); r != nil {
		return r, nil
	}
	if h.roomN.Add(1) > int64(h.conf.MaxRooms) {
		h.roomN.Add(-1)
		return nil, fmt.Errorf("%w: %d exist", ErrTooManyRooms, h.conf.MaxRooms)
	}
	if d.m == nil {
		d.m = make(map[string]*room)
	}
	r = newRoom(h, name, conf)
	r.pins = 1
	d.m[name] = r
	return r, nil
}

// pinned pins a room that is there, and returns it. The lock of its shard must be held.
func (r *room) pinned() *room {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	r.pins++
	r.mu.Unlock()
	return r
}

// unpin takes a pin back; the room may vanish then.
func (h *Hub) unpin(r *room) {
	r.mu.Lock()
	r.pins--
	useless := r.uselessLocked(nanos())
	empty := r.members.n == 0
	r.mu.Unlock()
	switch {
	case useless:
		h.reap(r)
	case empty:
		h.sweepLater(r.conf.KeepFor)
	}
}

// reap makes a room vanish, if it is still useless.
func (h *Hub) reap(r *room) {
	d := h.shardOf(r.name)
	d.mu.Lock()
	gone := r.reapLocked(d, nanos())
	d.mu.Unlock()
	h.reaped(gone)
}

// reapLocked takes a useless room from its shard and returns it. d.mu must be held.
func (r *room) reapLocked(d *shard, now int64) *room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead || !r.uselessLocked(now) {
		return nil
	}
	r.dead = true
	r.hist.clear(0, &r.hub.kept)
	delete(d.m, r.name)
	r.hub.roomN.Add(-1)
	return r
}

// reaped tells the backplane of a room that nobody on this node is in any more.
func (h *Hub) reaped(r *room) {
	if r == nil {
		return
	}
	if l := r.linked(); l != nil && l.subscribed() {
		h.conf.Backplane.Unsubscribe(append(h.presenceNames(r), r.name)...)
	}
}

// The pause between two sweeps, which look at every room: no room is found so late that
// it matters, none so exactly that it costs.
const (
	minSweep = time.Second
	maxSweep = 15 * time.Second
)

// sweepLater sees to it that what is too old is found, about in time.
func (h *Hub) sweepLater(after time.Duration) {
	if after <= 0 || h.sweeping.Load() || h.sweeping.Swap(true) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done != nil {
		return
	}
	h.sweeper = time.AfterFunc(min(max(after, minSweep), maxSweep), h.sweep)
}

// sweep forgets messages and rooms that are too old. It runs in the goroutine of a
// timer, ends at once, and comes again only if something is left to grow old.
func (h *Hub) sweep() {
	h.sweeping.Store(false)
	now := nanos()
	again := time.Duration(0)
	for i := range h.rooms {
		if left := h.sweepShard(&h.rooms[i], now); left > 0 && (again == 0 || left < again) {
			again = left
		}
	}
	h.sweepLater(again)
}

// sweepShard returns after how long to come again, or 0.
func (h *Hub) sweepShard(d *shard, now int64) (again time.Duration) {
	for _, r := range d.all() {
		r.mu.Lock()
		r.hist.trim(&r.conf, now, &h.kept)
		useless := r.uselessLocked(now)
		ages := r.conf.KeepFor > 0 && (r.hist.n > 0 || r.members.n == 0)
		r.mu.Unlock()
		if useless {
			h.reap(r)
		} else if ages && (again == 0 || r.conf.KeepFor < again) {
			again = r.conf.KeepFor
		}
	}
	return again
}

// all returns the rooms of a shard.
func (d *shard) all() []*room {
	d.mu.RLock()
	defer d.mu.RUnlock()
	rooms := make([]*room, 0, len(d.m))
	for _, r := range d.m {
		rooms = append(rooms, r)
	}
	return rooms
}

// check returns why the hub takes no orders, or nil.
func (h *Hub) check(ctx context.Context) error {
	if h.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}
