package hub

import (
	"context"
	"fmt"
	"sync/atomic"
)

// NodeID names a hub among those that a backplane connects. It is random.
type NodeID ConnID

// String returns the id as 32 hexadecimal digits.
func (id NodeID) String() string { return ConnID(id).String() }

// Backplane carries messages between the hubs of several nodes. Packages cluster/natsbus
// and cluster/redisbus have some, Bus is one within a process, and package hub/hubtest
// checks any. All methods may be called by many goroutines, after Start.
//
// There are two kinds. Without Caps.Ordered, nodes may see messages of one room that
// come from several nodes in different orders; each hub gives them positions of its own,
// and a client resumes only where it was before. With it, the backplane gives each
// message its position, and clients resume anywhere.
type Backplane interface {
	// Start is called once, by New, and must not wait: the backplane connects on its own,
	// and again whenever the connection breaks. An error is final; it is for a
	// configuration that can never work.
	Start(node NodeID, sink Sink) error
	// Subscribe asks for the packets of rooms. Once it has returned nil, every packet
	// that is published to them on any node is delivered. Rooms are counted: one that was
	// subscribed to twice needs two calls of Unsubscribe. On an error none is counted.
	Subscribe(ctx context.Context, rooms ...string) error
	// Unsubscribe takes Subscribe back. It must not wait. Packets may still come.
	Unsubscribe(rooms ...string)
	// Publish sends a packet to all nodes that it concerns: those that have subscribed to
	// its room, or all if it is not for a room. It does not keep p. With Caps.Ordered it
	// returns the position of a packet for a room, and delivers that to this node too if
	// it has subscribed; without, a packet that comes back to its node is left out there.
	// On an error the packet may have been sent or not.
	//
	// Rooms whose names begin with NUL are the hubs' own: their packets need no positions,
	// and are not asked for again.
	Publish(ctx context.Context, p *Packet) (Pos, error)
	// Ready returns nil while nodes can be reached, else why not. It must not wait.
	Ready() error
	// Caps says what the backplane can do. It never changes.
	Caps() Caps
	// Close sends what was published, and ends: no call of the Sink is made after it has
	// returned. It may be called more than once.
	Close(ctx context.Context) error
}

// Replayer is a Backplane with Caps.Ordered that keeps messages. A hub asks it when the
// first of its connections joins a room.
type Replayer interface {
	// Replay returns the newest packets of a room, at most so many, in order and without
	// holes, and the position of its newest message. If there never was one it makes up
	// the epoch that the first will have.
	Replay(ctx context.Context, room string, most int) (packets []Packet, head Pos, err error)
}

// Caps is what a Backplane can do.
type Caps struct {
	// Ordered: packets of a room have positions, and reach every node in their order.
	// Those that are lost on the way show by a hole, or by another epoch. It needs
	// Replay.
	Ordered bool
}

// Sink is what a Backplane delivers to: a Hub. Its methods do not wait for clients and
// may be called by many goroutines, but for one room by one at a time.
type Sink interface {
	// Deliver hands over a packet from any node. The sink keeps none of it.
	Deliver(p *Packet)
	// Lost says that packets of rooms may have been lost, such as while a connection was
	// broken; without rooms, of all. Clients are told of a gap. With Caps.Ordered it has
	// no effect: there the next packet shows whether something is missing.
	Lost(rooms ...string)
}

// transmit publishes a packet. The error is ErrBackplane, wrapped.
func (h *Hub) transmit(ctx context.Context, p *Packet) (Pos, error) {
	if h.failed != nil {
		return Pos{}, fmt.Errorf("%w: %w", ErrBackplane, h.failed)
	}
	p.Node = h.node
	pos, err := h.conf.Backplane.Publish(ctx, p)
	if err != nil {
		return Pos{}, fmt.Errorf("%w: %w", ErrBackplane, err)
	}
	return pos, nil
}

// Ready returns nil while the other nodes can be reached, or there are none; else
// ErrBackplane with the reason, or ErrClosed. It is for readiness checks.
func (h *Hub) Ready() error {
	switch err := h.failed; {
	case h.closed.Load():
		return ErrClosed
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBackplane, err)
	case h.conf.Backplane == nil || h.conf.Journal != nil:
		return nil
	}
	if err := h.conf.Backplane.Ready(); err != nil {
		return fmt.Errorf("%w: %w", ErrBackplane, err)
	}
	return nil
}

// ordered reports whether positions come from the backplane.
func (h *Hub) ordered() bool { return h.conf.Backplane != nil && h.conf.Backplane.Caps().Ordered }

// publishFar sends a message to all nodes, this one included: by way of the backplane
// if that gives positions, else here once it has been sent.
func (h *Hub) publishFar(ctx context.Context, room string, p *post) (Pos, error) {
	if p.msg.ID != "" {
		f := flight{room: room, id: p.msg.ID}
		if err := h.flights.begin(ctx, f); err != nil {
			return Pos{}, err
		}
		defer h.flights.end(f)
	}
	if p.once != nil {
		if pos, err := h.publishedFar(ctx, room, p); err != nil || !pos.IsZero() {
			return pos, err
		}
		p.once = nil // no other attempt is under way
	}
	pos, err := h.transmit(ctx, &Packet{To: ToRoom, Name: room, Message: p.msg, Except: p.except, NoLog: p.noLog})
	if err != nil {
		return pos, err
	}
	if r := h.lookup(room); r != nil && h.ordered() {
		r.mu.Lock()
		if pos.Epoch != r.sent.Epoch || pos.Offset > r.sent.Offset {
			r.sent = pos
		}
		r.mu.Unlock()
	} else if r != nil {
		pos, _ = r.publish(p)
	}
	return pos, nil
}

// awaited reports whether the backplane has yet to bring back what was published here.
func (r *room) awaited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent.Epoch == r.head.Epoch && r.sent.Offset > r.head.Offset
}

// link is how a room is known to the backplane. Several who join at a time share one.
type link struct {
	done chan struct{} // closed when it is settled
	err  error         // frozen by settle
	ok   atomic.Bool
}

func newLink() *link { return &link{done: make(chan struct{})} }

func (l *link) settle(err error) {
	l.err = err
	l.ok.Store(err == nil)
	close(l.done)
}

func (l *link) subscribed() bool { return l.ok.Load() }

// failed reports whether it is settled, and nothing came of it.
func (l *link) failed() bool {
	select {
	case <-l.done:
		return l.err != nil
	default:
		return false
	}
}

// linkAll subscribes to pinned rooms that are not known to the backplane yet, and waits
// for those that others have begun to subscribe to.
func (h *Hub) linkAll(rooms []*room) error {
	if h.failed != nil {
		return fmt.Errorf("%w: %w", ErrBackplane, h.failed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.conf.BackplaneTimeout)
	defer cancel()
	var mine []*room
	for _, r := range rooms {
		if r.claim() {
			mine = append(mine, r)
		}
	}
	if len(mine) > 0 {
		h.subscribe(ctx, mine)
	}
	for _, r := range rooms {
		l := r.linked()
		select {
		case <-l.done:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBackplane, ctx.Err())
		}
		if l.err != nil {
			return fmt.Errorf("%w: %w", ErrBackplane, l.err)
		}
	}
	return nil
}

// claim reports whether the caller has to subscribe to the room.
func (r *room) claim() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil && !r.link.failed() {
		return false
	}
	r.link = newLink()
	r.early = nil
	r.priming = r.hub.ordered()
	return true
}

func (r *room) linked() *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link
}

// subscribe asks for rooms that the caller has claimed.
func (h *Hub) subscribe(ctx context.Context, rooms []*room) {
	names := h.presenceNames(rooms...)
	for _, r := range rooms {
		names = append(names, r.name)
	}
	err := h.conf.Backplane.Subscribe(ctx, names...)
	for _, r := range rooms {
		one := err
		if err == nil && h.ordered() {
			if one = h.prime(ctx, r); one != nil {
				h.conf.Backplane.Unsubscribe(append(h.presenceNames(r), r.name)...)
			}
		}
		if one == nil {
			r.meetNodes()
		}
		r.linked().settle(one)
	}
}
