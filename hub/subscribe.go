package hub

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

// Delivery is what a Subscription receives: a message, or a gap.
type Delivery struct {
	// Message is what was published, unless there is a gap. Data belongs to the receiver.
	Message
	// Pos is the position of the message, or that behind which it goes on after a gap;
	// Since(Pos) resumes there.
	Pos Pos
	// Gap says that messages are missing: those between From and Pos.
	Gap bool
	// From is the position before a gap, or zero if that is unknown.
	From Pos
}

// Subscription is a place of the application itself in a room. Its methods may be called
// by any goroutine; several loops over All share the messages.
type Subscription struct {
	conn   *Conn
	out    *outlet.Outlet
	joined Joined
	ready  chan struct{} // holds one token if there may be something to receive
	ended  chan struct{} // closed by end

	once sync.Once
	err  error       // why it has ended; frozen by end
	stop func() bool // does not wait for the context any more

	mu   sync.Mutex
	rest []byte // guarded by mu; units that have been handed out
}

// Subscribe puts the application into a room: it receives from now on what a connection
// would, and with the same options, limits and errors as by Join; Show has no effect, for
// it is no member. It lasts until ctx ends or Close is called, without a goroutine, and
// must be read meanwhile: all that the loop has not taken yet counts as lag. A room whose
// OnLag is Disconnect ends what is too far behind, others tell it a gap.
//
//	s, err := h.Subscribe(ctx, "orders", hub.Since(pos))
//	…
//	defer s.Close()
//	for d, err := range s.All() {
//
// It counts as a connection in Stats and RoomInfo. Broadcast, Send and SendUser do not
// reach it.
func (h *Hub) Subscribe(ctx context.Context, room string, opts ...JoinOption) (*Subscription, error) {
	if err := h.check(ctx); err != nil {
		return nil, err
	}
	s := &Subscription{ready: make(chan struct{}, 1), ended: make(chan struct{})}
	s.out = outlet.New((*subscriptionSocket)(s))
	s.conn = NewConn(NewConnID(), s.out, plain{}, s.closed)
	s.conn.inner = true
	s.out.SetSource((*subscriptionBell)(s))
	var err error
	if s.joined, err = h.Join(s.conn, room, opts...); err != nil {
		s.end(err)
		return nil, err
	}
	s.stop = context.AfterFunc(ctx, func() { s.end(ctx.Err()) })
	return s, nil
}

// Joined returns what Join would have.
func (s *Subscription) Joined() Joined { return s.joined }

// Close leaves the room. It may be called more than once, and beside a loop over All.
func (s *Subscription) Close() {
	s.stop()
	s.end(ErrConnClosed)
}

// All returns what is received, one after the other, and waits for it. The last pair has
// an error: that of the context of Subscribe, ErrLagged, ErrClosed when the hub ends, or
// ErrConnClosed after Close.
func (s *Subscription) All() iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		for {
			d, err := s.next()
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

func (s *Subscription) next() (Delivery, error) {
	for {
		if d, ok := s.take(); ok {
			return d, nil
		}
		select {
		case <-s.ready:
		case <-s.ended:
			return Delivery{}, s.err
		}
	}
}

// take returns the next unit, if there is one.
func (s *Subscription) take() (Delivery, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over() {
		return Delivery{}, false
	}
	if len(s.rest) == 0 {
		s.rest = (*source)(s.conn).Next()
	}
	if len(s.rest) == 0 {
		return Delivery{}, false
	}
	r := packetReader{rest: s.rest}
	d := r.delivery()
	s.rest = r.rest
	return d, true
}

// over reports whether it has ended, and what was handed out is not wanted any more or
// has been read: a hub that ends delivers first.
func (s *Subscription) over() bool {
	select {
	case <-s.ended:
		return len(s.rest) == 0 || !errors.Is(s.err, ErrClosed)
	default:
		return false
	}
}

// end leaves the room, for a reason that All will tell.
func (s *Subscription) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
		s.out.Cut(err)
	})
}

// closed is called by the hub.
func (s *Subscription) closed(reason hubwire.CloseReason) {
	if reason == hubwire.Lagging {
		s.end(ErrLagged)
	} else {
		s.end(ErrClosed)
	}
}

// subscriptionBell is what the Outlet of a Subscription asks for bytes: it has none, for
// whoever loops over All takes them itself, but is told so that there are some.
type subscriptionBell Subscription

// Next notes that there may be something to receive.
func (s *subscriptionBell) Next() []byte {
	select {
	case s.ready <- struct{}{}:
	default:
	}
	return nil
}

// subscriptionSocket is the Subscription as its Outlet sees it. Nothing is ever written.
type subscriptionSocket Subscription

// TryWrite has nothing to write.
func (s *subscriptionSocket) TryWrite(p []byte) (int, error) { return len(p), nil }

// Write has nothing to write.
func (s *subscriptionSocket) Write([]byte) error { return nil }

// Cut has nothing to cut.
func (s *subscriptionSocket) Cut() {}

// Ended tells the hub.
func (s *subscriptionSocket) Ended(error) { s.conn.Ended(hubwire.Key{}) }

// plain is the encoding of a Subscription. Two layouts, after a byte that says which:
//
//	entry   epoch offset len event len id len data
//	gap     epoch offset epoch offset
type plain struct{}

const (
	plainText byte = iota
	plainBinary
	plainGap
)

// AppendEntry appends a message.
func (plain) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	kind := plainText
	if e.Binary {
		kind = plainBinary
	}
	dst = appendPlace(append(dst, kind), e.Epoch, e.Offset)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.Event))), e.Event...)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.ID))), e.ID...)
	return append(binary.AppendUvarint(dst, uint64(len(e.Data))), e.Data...)
}

// AppendGap appends a gap.
func (plain) AppendGap(dst []byte, g *hubwire.Gap) []byte {
	dst = appendPlace(append(dst, plainGap), g.Epoch, g.Offset)
	return appendPlace(dst, g.FromEpoch, g.FromOffset)
}

// AppendPositions appends nothing: each unit has its own.
func (plain) AppendPositions(dst []byte, _ []hubwire.Place) []byte { return dst }

// AppendPresence appends nothing: Traits does not promise it.
func (plain) AppendPresence(dst []byte, _ *hubwire.Presence) []byte { return dst }

// Traits says that it can tell gaps.
func (plain) Traits() hubwire.Traits { return hubwire.Traits{Gaps: true} }

func appendPlace(dst []byte, epoch, offset uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, epoch), offset)
}

// delivery reads what plain has written.
func (r *packetReader) delivery() (d Delivery) {
	kind := r.take(1)[0]
	d.Pos = Pos{Epoch: r.uint64(), Offset: r.uint64()}
	if kind == plainGap {
		d.Gap, d.From = true, Pos{Epoch: r.uint64(), Offset: r.uint64()}
		return d
	}
	d.Binary = kind == plainBinary
	d.Event = string(r.take(r.length()))
	d.ID = string(r.take(r.length()))
	d.Data = slices.Clone(r.take(r.length()))
	return d
}
