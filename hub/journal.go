package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrJournal means that the journal could not be read or written; the error is
// ErrBackplane, too. What was to be published has been delivered to nobody.
var ErrJournal = errors.New("hub: journal")

// Journal keeps the logs of rooms for longer than a process: with it, clients resume
// after a restart, and lose and repeat nothing. Package hub/hubtest has one in memory, and
// checks any. Its methods may be called by many goroutines, but for one room by one at a
// time. It belongs to the application, which closes it after the hub.
//
// It is asked for every room, and decides how much it keeps of which. The hub keeps the
// newest in memory, as RoomConfig says, and reads them when the first joins.
type Journal interface {
	// Append keeps p, a packet for the room p.Name, at p.Pos: behind all others of its
	// room, or as the first of another epoch. It does not keep the memory of p. Of a
	// packet with NoLog it may leave out the Message, but not the place. On an error the
	// packet may have been kept or not.
	Append(ctx context.Context, p *Packet) error
	// Load returns the newest packets of a room, at most so many, in order and without
	// holes, all of the newest epoch; and the position of the newest, or the zero Pos if
	// there never was one. With most 0 it returns the position alone.
	Load(ctx context.Context, room string, most int) (packets []Packet, head Pos, err error)
}

// journalPlane is a Backplane of one node: the journal gives order, and Append comes
// before delivery.
type journalPlane struct {
	journal Journal
	sink    Sink // frozen by Start

	mu    sync.Mutex
	rooms map[string]*journalRoom // guarded by mu; those that are subscribed to or in use
}

// journalRoom is what is known of a room.
type journalRoom struct {
	uses int           // guarded by journalPlane.mu; subscriptions and calls
	subs int           // guarded by journalPlane.mu
	turn chan struct{} // holds a token while nobody reads or writes the room
	head Pos           // guarded by turn; zero if it has to be loaded

	queue      []Packet // guarded by journalPlane.mu; kept, and not delivered yet
	delivering bool     // guarded by journalPlane.mu; a call of deliver is at it
}

// maxJournalQueue bounds what waits to be delivered in a room, in packets.
const maxJournalQueue = 1 << 16

// What is no fault of the journal's own.
var (
	errJournalWord = errors.New("what was loaded has holes or no epoch")
	errJournalFull = errors.New("too much waits to be delivered")
)

func newJournalPlane(j Journal) *journalPlane {
	return &journalPlane{journal: j, rooms: map[string]*journalRoom{}}
}

// Start notes the hub.
func (j *journalPlane) Start(_ NodeID, sink Sink) error {
	j.sink = sink
	return nil
}

// Subscribe counts the rooms.
func (j *journalPlane) Subscribe(_ context.Context, rooms ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range rooms {
		j.useLocked(name).subs++
	}
	return nil
}

// Unsubscribe counts back.
func (j *journalPlane) Unsubscribe(rooms ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range rooms {
		if r := j.rooms[name]; r != nil {
			r.subs--
			j.doneLocked(name, r)
		}
	}
}

func (j *journalPlane) useLocked(name string) *journalRoom {
	r := j.rooms[name]
	if r == nil {
		r = &journalRoom{turn: make(chan struct{}, 1)}
		r.turn <- struct{}{}
		j.rooms[name] = r
	}
	r.uses++
	return r
}

func (j *journalPlane) doneLocked(name string, r *journalRoom) {
	if r.uses--; r.uses == 0 {
		delete(j.rooms, name)
	}
}

// take returns a room that the caller alone reads and writes until it gives the turn
// back; done must follow.
func (j *journalPlane) take(ctx context.Context, name string) (*journalRoom, error) {
	j.mu.Lock()
	r := j.useLocked(name)
	j.mu.Unlock()
	select {
	case <-r.turn:
		return r, nil
	case <-ctx.Done():
		j.done(name, r)
		return nil, ctx.Err()
	}
}

// done takes back what take has counted.
func (j *journalPlane) done(name string, r *journalRoom) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.doneLocked(name, r)
}

// Publish gives a packet its position, has it kept, and delivers it. After an error the
// journal is asked where it stands: a packet that it has kept all the same leaves a hole
// in what was delivered, which the hub tells as a gap.
func (j *journalPlane) Publish(ctx context.Context, p *Packet) (Pos, error) {
	if p.To != ToRoom {
		return Pos{}, nil // there is no other node
	}
	r, err := j.take(ctx, p.Name)
	if err != nil {
		return Pos{}, err
	}
	defer j.done(p.Name, r)
	pos, err := j.keep(ctx, r, p)
	r.turn <- struct{}{}
	if err != nil {
		return Pos{}, err
	}
	j.deliver(r)
	return pos, nil
}

// keep writes a packet to the journal, and leaves it to be delivered. r must have been
// taken.
func (j *journalPlane) keep(ctx context.Context, r *journalRoom, p *Packet) (Pos, error) {
	if err := j.headOf(ctx, r, p.Name); err != nil {
		return Pos{}, err
	}
	j.mu.Lock()
	full := len(r.queue) >= maxJournalQueue
	j.mu.Unlock()
	if full {
		return Pos{}, fmt.Errorf("%w: %w", ErrJournal, errJournalFull)
	}
	kept := p.clone()
	kept.Pos = Pos{Epoch: r.head.Epoch, Offset: r.head.Offset + 1}
	if err := j.append(ctx, &kept); err != nil {
		r.head = Pos{}
		return Pos{}, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	r.head = kept.Pos
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.subs > 0 {
		r.queue = append(r.queue, kept)
	}
	return kept.Pos, nil
}

// append gives a packet to the application's journal, which may panic: whoever waits for
// the room must not wait for ever.
func (j *journalPlane) append(ctx context.Context, p *Packet) (err error) {
	defer catch("Journal.Append", &err)
	return j.journal.Append(ctx, p)
}

// deliver hands the hub what is kept, in order: unless another call is doing so, or this
// one has been made by the hub's doing, from within. So nothing is held meanwhile.
func (j *journalPlane) deliver(r *journalRoom) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.delivering {
		return
	}
	r.delivering = true
	for len(r.queue) > 0 {
		queue := r.queue
		r.queue = nil
		j.mu.Unlock()
		for i := range queue {
			j.sink.Deliver(&queue[i])
		}
		j.mu.Lock()
	}
	r.delivering = false
}

// headOf learns where a room stands. r must have been taken.
func (j *journalPlane) headOf(ctx context.Context, r *journalRoom, name string) error {
	if !r.head.IsZero() {
		return nil
	}
	_, head, err := j.load(ctx, name, 0)
	r.head = head
	return err
}

// load asks the journal. A room that was never written to gets an epoch.
func (j *journalPlane) load(ctx context.Context, name string, most int) ([]Packet, Pos, error) {
	packets, head, err := j.read(ctx, name, most)
	if err == nil {
		err = plausible(packets, head, most)
	}
	if err != nil {
		return nil, Pos{}, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if head.IsZero() {
		head.Epoch = newEpoch()
	}
	return packets, head, nil
}

// read is append's other half.
func (j *journalPlane) read(ctx context.Context, name string, most int) (packets []Packet, head Pos, err error) {
	defer catch("Journal.Load", &err)
	return j.journal.Load(ctx, name, most)
}

// plausible refuses what would make the log of a room lie.
func plausible(packets []Packet, head Pos, most int) error {
	if len(packets) > max(most, 0) || !head.IsZero() && head.Epoch == 0 {
		return errJournalWord
	}
	for i := range packets {
		back := uint64(len(packets) - 1 - i)
		if pos := packets[i].Pos; pos.Epoch != head.Epoch || pos.Offset == 0 || pos.Offset != head.Offset-back {
			return errJournalWord
		}
	}
	return nil
}

// Replay loads what the room keeps in memory.
func (j *journalPlane) Replay(ctx context.Context, room string, most int) ([]Packet, Pos, error) {
	r, err := j.take(ctx, room)
	if err != nil {
		return nil, Pos{}, err
	}
	defer j.done(room, r)
	defer func() { r.turn <- struct{}{} }()
	packets, head, err := j.load(ctx, room, most)
	switch {
	case err != nil:
		return nil, Pos{}, err
	case head.Offset == 0 && !r.head.IsZero():
		head = r.head // the epoch that it was given before
	}
	r.head = head
	return packets, head, nil
}

// Ready has nobody to reach.
func (j *journalPlane) Ready() error { return nil }

// Caps says that the journal orders.
func (j *journalPlane) Caps() Caps { return Caps{Ordered: true} }

// Close leaves the journal to the application.
func (j *journalPlane) Close(context.Context) error { return nil }

var _ Replayer = (*journalPlane)(nil)
