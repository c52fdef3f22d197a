package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeBus is a Backplane that a test plays by hand.
type fakeBus struct {
	sink  Sink
	caps  Caps
	start error

	mu        sync.Mutex
	calls     []string
	subscribe func(ctx context.Context) error
	replay    func() ([]Packet, Pos, error)
	publish   func(p *Packet) (Pos, error)
}

func (f *fakeBus) Start(_ NodeID, sink Sink) error {
	f.sink = sink
	return f.start
}

func (f *fakeBus) call(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeBus) Subscribe(ctx context.Context, rooms ...string) error {
	f.call("subscribe %q", rooms)
	if f.subscribe != nil {
		return f.subscribe(ctx)
	}
	return nil
}

func (f *fakeBus) Unsubscribe(rooms ...string) { f.call("unsubscribe %q", rooms) }

func (f *fakeBus) Publish(_ context.Context, p *Packet) (Pos, error) {
	f.call("publish %s", p.Data)
	if f.publish != nil {
		return f.publish(p)
	}
	return Pos{}, nil
}

func (f *fakeBus) Replay(context.Context, string, int) ([]Packet, Pos, error) { return f.replay() }
func (f *fakeBus) Ready() error                                               { return nil }
func (f *fakeBus) Caps() Caps                                                 { return f.caps }
func (f *fakeBus) Close(context.Context) error                                { return nil }

// onlyPlain hides Replay.
type onlyPlain struct{ Backplane }

func (f *fakeBus) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.calls, want) {
		t.Errorf("calls %q, want %q", f.calls, want)
	}
	f.calls = nil
}

// packet returns message n of an ordered room.
func packet(epoch, n uint64) *Packet {
	return &Packet{Name: "a", Message: Message{Data: []byte("x")}, Pos: Pos{epoch, n}}
}

func TestBackplane_subscribesOnce(t *testing.T) {
	f := &fakeBus{}
	bubble(t, Config{Backplane: f, Rooms: RoomConfig{KeepMessages: -1}}, func(t *testing.T, h *Hub) {
		slow := make(chan struct{})
		f.subscribe = func(context.Context) error { <-slow; return nil }
		var joins sync.WaitGroup
		for range 5 {
			joins.Go(func() {
				if _, err := h.Follow(newPeer(lines{}), []string{"a", "b"}, ""); err != nil {
					t.Errorf("Follow: %v", err)
				}
			})
		}
		synctest.Wait()
		close(slow)
		joins.Wait()
		f.wantCalls(t, `subscribe ["a" "b"]`)
		for _, c := range h.everybody() {
			c.out.Cut(errReset)
		}
		synctest.Wait()
		f.mu.Lock()
		slices.Sort(f.calls)
		f.mu.Unlock()
		f.wantCalls(t, `unsubscribe ["a"]`, `unsubscribe ["b"]`)
	})
}

func TestBackplane_subscribeFails(t *testing.T) {
	f := &fakeBus{}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		f.subscribe = func(context.Context) error { return errReset }
		p := newPeer(lines{})
		_, err := h.Join(p, "a")
		wantError(t, "Join", err, ErrBackplane)
		wantError(t, "Join", err, errReset)
		f.subscribe = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		_, err = h.Join(p, "a")
		wantError(t, "Join of a backplane that hangs", err, ErrBackplane)
		if took := time.Since(began); took != defaultBusTimeout {
			t.Errorf("took %v, want %v", took, defaultBusTimeout)
		}
		f.subscribe = nil
		if _, err = h.Join(p, "a"); err != nil {
			t.Errorf("Join afterwards: %v", err)
		}
		f.wantCalls(t, `subscribe ["a"]`, `subscribe ["a"]`, `subscribe ["a"]`)
	})
}

func TestBackplane_startFails(t *testing.T) {
	f := &fakeBus{start: errReset}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		_, err := h.Join(newPeer(lines{}), "a")
		wantError(t, "Join", err, ErrBackplane)
		_, err = h.Publish(t.Context(), "a", Message{})
		wantError(t, "Publish", err, errReset)
		wantError(t, "Broadcast", h.Broadcast(t.Context(), Message{}), ErrBackplane)
		wantError(t, "Ready", h.Ready(), ErrBackplane)
		f.wantCalls(t)
	})
}

// TestBackplane_publishFails delivers to nobody what the others did not get.
func TestBackplane_publishFails(t *testing.T) {
	f := &fakeBus{}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		f.publish = func(*Packet) (Pos, error) { return Pos{}, errReset }
		_, err := h.Publish(t.Context(), "a", Message{Data: []byte("x")})
		wantError(t, "Publish", err, ErrBackplane)
		wantError(t, "Send", h.Send(t.Context(), p.ID(), Message{}), ErrBackplane)
		p.wants(t)
		f.publish = nil
		publish(t, h, "a", "y")
		p.wants(t, "a 1 y")
	})
}

func TestBackplane_lost(t *testing.T) {
	f := &fakeBus{}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		p, mute, other := join(t, h, lines{}, "a"), join(t, h, lines{mute: true}, "a"), join(t, h, lines{}, "b")
		late := newPeer(lines{})
		pos := publish(t, h, "a", "1", "2")
		release := p.stall()
		publish(t, h, "a", "3", "4")
		f.sink.Lost("a", "nowhere")
		publish(t, h, "a", "5")
		release()
		p.wants(t, "a 1 1", "a 2 2", "a 3 3", "a 4 4", "a gap ? 0", "a 1 5")
		mute.wants(t, "a 1 1", "a 2 2", "a 3 3", "a 4 4", "close 1") // it could not be told
		other.wants(t)
		if j, err := h.Join(late, "a", Since(pos)); err != nil || j.Recovered {
			t.Errorf("Join = %+v, %v, want a gap", j, err)
		}
		f.sink.Lost()
		other.wants(t, "b gap ? 0")
		if got := h.Stats().Lost; got != 3 {
			t.Errorf("Lost = %d, want 3", got)
		}
	})
}

func TestBackplane_ordered(t *testing.T) {
	f := &fakeBus{caps: Caps{Ordered: true}}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		f.replay = func() ([]Packet, Pos, error) {
			for n := uint64(3); n <= 6; n++ { // while the room learns of the first four
				f.sink.Deliver(packet(7, n))
			}
			return []Packet{*packet(7, 3), *packet(7, 4)}, Pos{7, 4}, nil
		}
		p := newPeer(lines{})
		j, err := h.Join(p, "a", Since(Pos{7, 2}))
		if want := (Joined{From: Pos{7, 2}, Head: Pos{7, 6}, Recovered: true, Replayed: 4}); err != nil || j != want {
			t.Errorf("Join = %+v, %v, want %+v", j, err, want)
		}
		for _, pos := range []Pos{{7, 7}, {7, 6}, {7, 7}, {}, {7, 0}, {7, 9}, {8, 1}, {8, 2}} {
			f.sink.Deliver(packet(pos.Epoch, pos.Offset))
		}
		f.sink.Lost() // says nothing that positions do not
		p.wants(t, "a 3 x", "a 4 x", "a 5 x", "a 6 x", "a 7 x", "a gap 7 8", "a 9 x", "a gap ? 0", "a 1 x", "a 2 x")
		if got := h.Stats(); got.Duplicates != 4 || got.Lost != 2 {
			t.Errorf("duplicates, lost = %d, %d, want 4, 2", got.Duplicates, got.Lost)
		}
		f.publish = func(p *Packet) (Pos, error) {
			back := p.clone()
			back.Pos = Pos{8, 3}
			time.AfterFunc(time.Second, func() { f.sink.Deliver(&back) })
			return back.Pos, nil
		}
		if pos := publish(t, h, "a", "slow"); pos != (Pos{8, 3}) {
			t.Errorf("Publish = %v, want 8-3", pos)
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.wants(t, "a 3 slow", "close 2")
	})
}

func TestBackplane_orderedWithoutHistory(t *testing.T) {
	f := &fakeBus{caps: Caps{Ordered: true}}
	bubble(t, Config{Backplane: onlyPlain{f}}, func(t *testing.T, h *Hub) {
		_, err := h.Join(newPeer(lines{}), "a")
		wantError(t, "Join", err, errNoReplay)
		f.wantCalls(t, `subscribe ["a"]`, `unsubscribe ["a"]`)
	})
	f.replay = func() ([]Packet, Pos, error) { return nil, Pos{}, errReset }
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		_, err := h.Join(newPeer(lines{}), "a")
		if !errors.Is(err, errReset) || !errors.Is(err, ErrBackplane) {
			t.Errorf("Join = %v, want ErrBackplane for the reason given", err)
		}
	})
}

// TestBackplane_badPackets gives the hub what no hub has sent.
func TestBackplane_badPackets(t *testing.T) {
	f := &fakeBus{}
	bubble(t, Config{Backplane: f, MaxMessage: 10}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		for _, bad := range []*Packet{
			{Name: "a", Message: Message{Data: []byte("\xff")}}, {Name: "a", Message: Message{Data: make([]byte, 11)}},
			{Name: "a", Message: Message{Event: "x\ny"}}, {Name: "a", Message: Message{ID: "x\ny"}}, {To: ToConn}, {To: ToUser}, {To: ToUser, Name: "x"}, {To: 200}, {},
		} {
			f.sink.Deliver(bad)
		}
		p.wants(t)
		if got := h.Stats().Refused; got != 5 {
			t.Errorf("Refused = %d, want 5", got)
		}
		f.sink.Deliver(&Packet{To: ToAll, Message: Message{Data: []byte("x")}})
		p.wants(t, "- 0 x")
	})
}
