package hub

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// subscribe makes a Subscription that is closed at the end.
func subscribe(t *testing.T, h *Hub, room string, opts ...JoinOption) *Subscription {
	t.Helper()
	s, err := h.Subscribe(t.Context(), room, opts...)
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	return s
}

// line says what was delivered: "3 hello", "gap 2 5".
func (d Delivery) line() string {
	switch {
	case d.Gap && d.From.Epoch != d.Pos.Epoch:
		return fmt.Sprint("gap ? ", d.Pos.Offset)
	case d.Gap:
		return fmt.Sprint("gap ", d.From.Offset, " ", d.Pos.Offset)
	}
	return fmt.Sprint(d.Pos.Offset, " ", string(d.Data))
}

// wantLines reads as many deliveries as are wanted.
func (s *Subscription) wantLines(t *testing.T, want ...string) (last Delivery) {
	t.Helper()
	for _, w := range want {
		d, err := s.next()
		if got := d.line(); got != w || err != nil {
			t.Fatalf("received %q, %v, want %q", got, err, w)
		}
		last = d
	}
	return last
}

func TestSubscription_receives(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		publish(t, h, "room", "before")
		before := goroutines()
		s := subscribe(t, h, "room")
		defer s.Close()
		publish(t, h, "room", "a", "b")
		wantError(t, "Broadcast", h.Broadcast(t.Context(), Message{Data: []byte("all")}), nil)
		last := s.wantLines(t, "2 a", "3 b")
		if n := goroutines(); n != before {
			t.Errorf("%d goroutines, want %d as before", n, before)
		}
		if want := h.lookup("room").head; last.Pos != want {
			t.Errorf("Pos = %v, want %v", last.Pos, want)
		}
		time.AfterFunc(time.Second, func() { publish(t, h, "room", "later") })
		s.wantLines(t, "4 later")

		again := subscribe(t, h, "room", Since(last.Pos))
		defer again.Close()
		again.wantLines(t, "4 later")
		if j := again.Joined(); !j.Recovered || j.Replayed != 1 {
			t.Errorf("Joined = %+v, want one message again", j)
		}
		lost := subscribe(t, h, "room", Since(Pos{Epoch: 1, Offset: 1}))
		defer lost.Close()
		publish(t, h, "room", "c")
		lost.wantLines(t, "gap ? 4", "5 c")
	})
}

// TestSubscription_messages passes on what a message can be, and shares no memory.
func TestSubscription_messages(t *testing.T) {
	h := New(Config{})
	s := subscribe(t, h, "room")
	defer s.Close()
	messages := []Message{
		{}, {Event: "e", Data: []byte("text"), ID: "é"}, {Data: []byte{0xff, 0}, Binary: true},
		{Event: strings.Repeat("e", maxEvent), Data: bytes.Repeat([]byte("x"), 512<<10)},
	}
	for _, m := range messages {
		if _, err := h.Publish(t.Context(), "room", m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range messages {
		d, err := s.next()
		if d.Event != m.Event || d.ID != m.ID || !bytes.Equal(d.Data, m.Data) || d.Binary != m.Binary || err != nil {
			t.Errorf("received %d bytes of %q, %v, %v, want %d of %q, %v", len(d.Data), d.Event, d.Binary, err, len(m.Data), m.Event, m.Binary)
		}
		clear(d.Data)
	}
	publish(t, h, "room", "kept")
	for range 2 { // what is received is the receiver's own
		again := subscribe(t, h, "room", Last(1))
		d, err := again.next()
		if string(d.Data) != "kept" || err != nil {
			t.Errorf("received %q, %v, want %q", d.Data, err, "kept")
		}
		clear(d.Data)
		again.Close()
	}
}

func TestSubscription_lag(t *testing.T) {
	const n = 20
	tests := []struct {
		policy LagPolicy
		want   []string
		err    error
	}{
		{Disconnect, []string{"1 x"}, ErrLagged},
		{SkipToHead, []string{"1 x", "gap 1 12", "13 x", "20 x"}, nil},
		{DropOldest, []string{"1 x", "gap 1 10", "11 x", "20 x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.policy.String(), func(t *testing.T) {
			bubble(t, Config{Rooms: RoomConfig{MaxLagMessages: 10, OnLag: tt.policy}}, func(t *testing.T, h *Hub) {
				s := subscribe(t, h, "room")
				defer s.Close()
				publish(t, h, "room", "x")
				s.wantLines(t, "1 x")
				for range n - 1 {
					publish(t, h, "room", "x")
				}
				got := []string{"1 x"}
				for d, err := s.next(); ; d, err = s.next() {
					if err != nil {
						wantError(t, "All", err, tt.err)
						break
					}
					got = append(got, d.line())
					if d.Pos.Offset == n {
						break
					}
				}
				if len(got) > 4 {
					got = slices.Concat(got[:3], got[len(got)-1:])
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("received %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestSubscription_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Rooms: RoomConfig{KeepMessages: -1}})
		ctx, cancel := context.WithCancel(t.Context())
		byContext, err := h.Subscribe(ctx, "room")
		wantError(t, "Subscribe", err, nil)
		byClose, byBreak, byHub := subscribe(t, h, "room"), subscribe(t, h, "room"), subscribe(t, h, "room")
		last := func(s *Subscription) (err error) {
			for _, err = range s.All() {
			}
			return err
		}
		publish(t, h, "room", "x")
		cancel()
		synctest.Wait()
		wantError(t, "All after the context", last(byContext), context.Canceled)
		time.AfterFunc(time.Second, byClose.Close)
		wantError(t, "All while it is closed", last(byClose), ErrConnClosed)
		byClose.Close()
		for range byBreak.All() {
			break
		}
		byBreak.wantNothingYet(t)
		byBreak.Close()
		if got := h.Stats().Conns; got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
		publish(t, h, "room", "y")
		byHub.wantLines(t, "1 x") // the rest has been handed out, too
		wantError(t, "Shutdown", h.Shutdown(t.Context()), nil)
		byHub.wantLines(t, "2 y")
		wantError(t, "All", last(byHub), ErrClosed)
		_, err = h.Subscribe(t.Context(), "room")
		wantError(t, "Subscribe", err, ErrClosed)
		_, err = h.Subscribe(ctx, "room")
		wantError(t, "Subscribe", err, ErrClosed)
	})
}

// wantNothingYet holds that nothing waits.
func (s *Subscription) wantNothingYet(t *testing.T) {
	t.Helper()
	if d, ok := s.take(); ok {
		t.Errorf("received %q, want nothing yet", d.line())
	}
}

func TestSubscription_errors(t *testing.T) {
	h := New(Config{Rooms: RoomConfig{Presence: true}})
	of := func(_ any, err error) error { return err }
	wantError(t, "Subscribe to no name", of(h.Subscribe(t.Context(), "")), ErrRoomName)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, "Subscribe", of(h.Subscribe(ctx, "room")), context.Canceled)
	s := subscribe(t, h, "room", Show("no member"))
	defer s.Close()
	wantPresence(t, h, "room", "")
	if st := h.Stats(); st.Conns != 1 || st.Rooms != 1 {
		t.Errorf("%d connections in %d rooms, want 1 and 1", st.Conns, st.Rooms)
	}
}

// TestSubscription_many publishes from many sides: every Subscription sees the order of
// the log.
func TestSubscription_many(t *testing.T) {
	const publishers, each = 4, 200
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		subs := []*Subscription{subscribe(t, h, "room"), subscribe(t, h, "room"), subscribe(t, h, "room")}
		done := make(chan int)
		for _, s := range subs {
			go func() {
				offset := uint64(0)
				for d, err := range s.All() {
					if err != nil || d.Gap || d.Pos.Offset != offset+1 {
						t.Errorf("received %q, %v behind %d", d.line(), err, offset)
						break
					}
					if offset++; offset == publishers*each {
						break
					}
				}
				s.Close()
				done <- int(offset)
			}()
		}
		for range publishers {
			go func() {
				for range each {
					publish(t, h, "room", "x")
				}
			}()
		}
		for range subs {
			if got := <-done; got != publishers*each {
				t.Errorf("received %d, want %d", got, publishers*each)
			}
		}
	})
}
