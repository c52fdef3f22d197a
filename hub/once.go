package hub

import (
	"context"
	"fmt"
	"sync"
)

// Once makes Publish safe to repeat, for who does not know whether it has worked before. The
// message must have an ID. If the room's history has one of that ID behind since already,
// nothing is published, and the position of that is returned. Since is where the room was
// when the message was sent first, or earlier. The history is looked through: a first
// attempt does without.
//
// If the message is not there, but the history does not have everything behind since, Publish
// returns ErrUnknownOutcome and publishes nothing: the epoch is another one, or too little
// is kept. The zero Pos is for who does not know where the room was. Then the history must
// begin with the first message of its epoch, in a room that keeps messages; but a room that
// was forgotten meanwhile looks like a new one, which a Pos with an Epoch, and maybe no
// Offset, tells apart. With NoLog, or without an ID, the error is ErrMessage.
//
// Of several calls at a time with one ID one publishes. With a Backplane that holds for the
// calls on one node; two nodes may both publish what neither had when it looked. With
// Caps.Ordered, as with a Journal, the history is that of the backplane, and a message may be
// repeated on any node. Otherwise each node has its own, so that a since of another node,
// and the zero Pos, give ErrUnknownOutcome unless the message is found.
func Once(since Pos) PublishOption { return PublishOption{once: true, since: since} }

// repetition is what Once says of a post.
type repetition struct {
	since Pos
	err   error // why it was not published; set by acceptLocked
}

// failed returns why a post was not published, or nil.
func (o *repetition) failed() error {
	if o == nil {
		return nil
	}
	return o.err
}

// checkOnce refuses what no history could tell.
func (p *post) checkOnce() error {
	switch {
	case p.once == nil:
		return nil
	case p.msg.ID == "":
		return fmt.Errorf("%w: Once needs an ID", ErrMessage)
	case p.noLog:
		return fmt.Errorf("%w: Once finds nothing that NoLog has left out", ErrMessage)
	}
	return nil
}

// publishedLocked looks for a message with the ID of p behind p.once.since. It returns its
// position, the zero Pos if there is none, or ErrUnknownOutcome.
func (r *room) publishedLocked(p *post) (Pos, error) {
	from := 0
	if p.once.since.Epoch == r.head.Epoch {
		from = r.hist.after(p.once.since.Offset)
	}
	for i := from; i < r.hist.n; i++ {
		if k := r.hist.at(i); string(k.named()) == p.msg.ID {
			return Pos{Epoch: r.head.Epoch, Offset: k.offset}, nil
		}
	}
	if p.once.since.IsZero() && (r.hub.clustered() || !r.conf.keeps()) || !p.once.since.within(r.hist.floor, r.head) {
		return Pos{}, ErrUnknownOutcome
	}
	return Pos{}, nil
}

// within reports whether a history that has everything from behind floor to head has
// everything behind p. The zero Pos is the beginning.
func (p Pos) within(floor uint64, head Pos) bool {
	if p.IsZero() {
		return floor == 0
	}
	return p.Epoch == head.Epoch && p.Offset >= floor && p.Offset <= head.Offset
}

// publishedFar does what publishedLocked does, where there is a backplane. The message must
// be under way, so that no other attempt is.
func (h *Hub) publishedFar(ctx context.Context, name string, p *post) (Pos, error) {
	if h.ordered() {
		return h.publishedOrdered(ctx, name, p)
	}
	r := h.lookup(name)
	if r == nil {
		return Pos{}, ErrUnknownOutcome
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.publishedLocked(p)
}

// publishedOrdered looks through what the backplane keeps: this node may not have received
// it yet.
func (h *Hub) publishedOrdered(ctx context.Context, name string, p *post) (Pos, error) {
	conf, err := h.roomConfig(name)
	if err != nil {
		return Pos{}, err
	}
	packets, head, err := h.replay(ctx, name, conf.KeepMessages)
	if err != nil {
		return Pos{}, fmt.Errorf("%w: %w", ErrBackplane, err)
	}
	for i := range packets {
		q := &packets[i]
		before := p.once.since.Epoch == q.Pos.Epoch && q.Pos.Offset <= p.once.since.Offset
		if q.ID == p.msg.ID && !q.NoLog && !before {
			return q.Pos, nil
		}
	}
	if !p.once.since.within(head.Offset-uint64(len(packets)), head) {
		return Pos{}, ErrUnknownOutcome
	}
	return Pos{}, nil
}

// replay asks an ordered backplane for the history of a room.
func (h *Hub) replay(ctx context.Context, room string, most int) ([]Packet, Pos, error) {
	if h.failed != nil {
		return nil, Pos{}, h.failed
	}
	replayer, ok := h.conf.Backplane.(Replayer)
	if !ok {
		return nil, Pos{}, errNoReplay
	}
	return replayer.Replay(ctx, room, most)
}

// flight is a message with an ID that is being published by a backplane.
type flight struct{ room, id string }

// flights are those of a Hub: another attempt to publish the same waits, and then finds
// it. Nothing is kept of those that have ended.
type flights struct {
	mu sync.Mutex
	m  map[flight]chan struct{} // guarded by mu; closed by end
}

// begin waits until f is under way nowhere else. If that is nil, end must follow.
func (w *flights) begin(ctx context.Context, f flight) error {
	for {
		w.mu.Lock()
		other, ok := w.m[f]
		if !ok {
			if w.m == nil {
				w.m = map[flight]chan struct{}{}
			}
			w.m[f] = make(chan struct{})
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *flights) end(f flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.m[f])
	delete(w.m, f)
}
