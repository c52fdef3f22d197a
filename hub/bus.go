package hub

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// What nodes of a Bus get that cannot publish.
var (
	errBusDown = errors.New("hub: the bus is down")
	errBusFull = errors.New("hub: a node of the bus has too much to read")
)

// maxBusQueue bounds what waits for a node, in packets.
const maxBusQueue = 1 << 16

// Bus connects hubs of one process, as a broker connects those of several: for tests,
// and for programs that want more than one hub. Its methods may be called by many
// goroutines. The zero Bus is ready; it must not be copied.
type Bus struct {
	// Ordered gives messages their positions here, and keeps 100 of each room, so that
	// clients resume on any hub. Set it before the first Node.
	Ordered bool

	mu    sync.Mutex
	nodes map[*busNode]struct{} // guarded by mu
	rooms map[string]*busRoom   // guarded by mu; for Ordered
	down  bool                  // guarded by mu
}

// busKeep is how many messages of a room an ordered Bus keeps.
const busKeep = 100

// busRoom is what an ordered Bus knows of a room.
type busRoom struct {
	head    Pos
	packets []Packet
}

// Node returns a Backplane for one more hub.
func (b *Bus) Node() Backplane { return &busNode{bus: b, rooms: map[string]int{}} }

// SetDown breaks the connections to all nodes, or mends them. While they are broken
// Publish and Subscribe fail; afterwards nodes are told that they may have lost packets.
func (b *Bus) SetDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down == down {
		return
	}
	b.down = down
	for n := range b.nodes {
		if !down {
			n.enqueueLocked(nil)
		}
	}
}

// busNode is a node of a Bus.
type busNode struct {
	bus   *Bus
	sink  Sink           // frozen by Start
	rooms map[string]int // guarded by bus.mu
	queue []*Packet      // guarded by bus.mu; nil stands for what is lost
	ended chan struct{}  // guarded by bus.mu; nil unless deliver runs, which closes it
}

// enqueueLocked leaves a packet to be delivered. bus.mu must be held.
func (n *busNode) enqueueLocked(p *Packet) {
	n.queue = append(n.queue, p)
	if n.ended == nil {
		n.ended = make(chan struct{})
		go n.deliver(n.ended)
	}
}

// deliver hands packets to the hub in their order, and ends when none is left.
func (n *busNode) deliver(ended chan struct{}) {
	defer close(ended)
	for {
		n.bus.mu.Lock()
		queue := n.queue
		n.queue = nil
		if len(queue) == 0 {
			n.ended = nil
			n.bus.mu.Unlock()
			return
		}
		n.bus.mu.Unlock()
		for _, p := range queue {
			if p == nil {
				n.sink.Lost()
			} else {
				n.sink.Deliver(p)
			}
		}
	}
}

// Start joins the others.
func (n *busNode) Start(_ NodeID, sink Sink) error {
	b := n.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nodes == nil {
		b.nodes = map[*busNode]struct{}{}
		b.rooms = map[string]*busRoom{}
	}
	n.sink = sink
	b.nodes[n] = struct{}{}
	return nil
}

// usableLocked returns why the node can do nothing. bus.mu must be held.
func (n *busNode) usableLocked() error {
	if _, ok := n.bus.nodes[n]; !ok {
		return ErrClosed
	}
	if n.bus.down {
		return errBusDown
	}
	return nil
}

// Subscribe counts the rooms.
func (n *busNode) Subscribe(_ context.Context, rooms ...string) error {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	if err := n.usableLocked(); err != nil {
		return err
	}
	for _, room := range rooms {
		n.rooms[room]++
	}
	return nil
}

// Unsubscribe counts back.
func (n *busNode) Unsubscribe(rooms ...string) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	for _, room := range rooms {
		if n.rooms[room]--; n.rooms[room] <= 0 {
			delete(n.rooms, room)
		}
	}
}

// Publish queues the packet for every node that is concerned, under the lock of the bus:
// that makes one order for all.
func (n *busNode) Publish(ctx context.Context, p *Packet) (Pos, error) {
	if err := ctx.Err(); err != nil {
		return Pos{}, err
	}
	b := n.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := n.usableLocked(); err != nil {
		return Pos{}, err
	}
	for node := range b.nodes {
		if len(node.queue) >= maxBusQueue {
			return Pos{}, errBusFull
		}
	}
	sent := p.clone()
	if b.Ordered && p.To == ToRoom && !strings.HasPrefix(p.Name, presencePrefix) {
		sent.Pos = b.roomLocked(p.Name).add(&sent)
	}
	for node := range b.nodes {
		if p.To != ToRoom || node.rooms[p.Name] > 0 {
			node.enqueueLocked(&sent)
		}
	}
	return sent.Pos, nil
}

func (b *Bus) roomLocked(name string) *busRoom {
	r := b.rooms[name]
	if r == nil {
		r = &busRoom{head: Pos{Epoch: newEpoch()}}
		b.rooms[name] = r
	}
	return r
}

func (r *busRoom) add(p *Packet) Pos {
	r.head.Offset++
	kept := *p
	kept.Pos = r.head
	if r.packets = append(r.packets, kept); len(r.packets) > busKeep {
		r.packets = r.packets[1:]
	}
	return r.head
}

// Replay returns what an ordered bus has kept.
func (n *busNode) Replay(_ context.Context, room string, most int) ([]Packet, Pos, error) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	if err := n.usableLocked(); err != nil {
		return nil, Pos{}, err
	}
	r := n.bus.roomLocked(room)
	from := max(0, len(r.packets)-most)
	return append([]Packet(nil), r.packets[from:]...), r.head, nil
}

// Ready says whether the bus is up.
func (n *busNode) Ready() error {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	return n.usableLocked()
}

// Caps depends on the bus.
func (n *busNode) Caps() Caps { return Caps{Ordered: n.bus.Ordered} }

// Close leaves the others. Those of them that have not read everything still do.
func (n *busNode) Close(ctx context.Context) error {
	n.bus.mu.Lock()
	delete(n.bus.nodes, n)
	n.queue = nil
	ended := n.ended
	n.bus.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var _ Replayer = (*busNode)(nil)
