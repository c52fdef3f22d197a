package hub

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// memory is a Journal that a test plays by hand.
type memory struct {
	mu     sync.Mutex
	rooms  map[string][]Packet
	append func(p *Packet) (keep bool, err error)
	load   func(packets []Packet, head Pos) ([]Packet, Pos, error)
}

func (m *memory) Append(_ context.Context, p *Packet) (err error) {
	keep := true
	if m.append != nil {
		keep, err = m.append(p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rooms == nil {
		m.rooms = map[string][]Packet{}
	}
	if keep {
		m.rooms[p.Name] = append(m.rooms[p.Name], p.clone())
	}
	return err
}

func (m *memory) Load(_ context.Context, room string, most int) (packets []Packet, head Pos, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if all := m.rooms[room]; len(all) > 0 {
		packets, head = slices.Clone(all[max(0, len(all)-most):]), all[len(all)-1].Pos
	}
	if m.load != nil {
		return m.load(packets, head)
	}
	return packets, head, nil
}

func TestJournal_resumesAfterRestart(t *testing.T) {
	m := &memory{}
	var pos Pos
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "room")
		pos = publish(t, h, "room", "a")
		publish(t, h, "room", "b")
		if _, err := h.Publish(t.Context(), "room", Message{Data: []byte("typing")}, NoLog()); err != nil {
			t.Error(err)
		}
		p.wants(t, "room 1 a", "room 2 b", "room 3 typing")
	})
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		publish(t, h, "room", "c") // before anybody is there
		p := newPeer(lines{})
		joined, err := h.Join(p, "room", Since(pos))
		if err != nil || !joined.Recovered || joined.Replayed != 2 {
			t.Errorf("Join = %+v, %v, want two messages again", joined, err)
		}
		publish(t, h, "room", "d")
		p.wants(t, "room 2 b", "room 4 c", "room 5 d")
		if n := len(h.conf.Backplane.(*journalPlane).rooms); n != 1 {
			t.Errorf("%d rooms are known, want 1", n)
		}
		if err := h.Send(t.Context(), NewConnID(), Message{}); !errors.Is(err, ErrNoConn) {
			t.Errorf("Send = %v, want %v as without a journal", err, ErrNoConn)
		}
	})
}

// TestJournal_errors fails before or after a packet was kept: nothing is delivered, and
// nobody gets a message twice or misses one unawares.
func TestJournal_errors(t *testing.T) {
	full := errors.New("disk full")
	m := &memory{}
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "room")
		publish(t, h, "room", "a")
		for _, kept := range []bool{false, true} {
			m.append = func(*Packet) (bool, error) { return kept, full }
			_, err := h.Publish(t.Context(), "room", Message{Data: []byte("b")})
			for _, want := range []error{full, ErrJournal, ErrBackplane} {
				wantError(t, "Publish", err, want)
			}
			p.wants(t, map[bool][]string{false: {"room 1 a"}}[kept]...)
		}
		m.append = nil
		publish(t, h, "room", "c") // behind what was kept all the same
		p.wants(t, "room gap 1 2", "room 3 c")

		m.load = func([]Packet, Pos) ([]Packet, Pos, error) { return nil, Pos{}, full }
		_, err := h.Join(p, "other")
		wantError(t, "Join", err, ErrJournal)
		_, err = h.Publish(t.Context(), "third", Message{})
		wantError(t, "Publish", err, ErrJournal)
		m.load = nil
		_, err = h.Join(p, "other")
		wantError(t, "Join", err, nil)
	})
}

// TestJournal_panics has a journal panic at each of its methods, after it has done what it
// was asked for. The room goes on as after an error.
func TestJournal_panics(t *testing.T) {
	m := &memory{}
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "room")
		publish(t, h, "room", "a")
		m.append = func(p *Packet) (bool, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.rooms["room"] = append(m.rooms["room"], p.clone())
			panic(errReset)
		}
		_, err := h.Publish(t.Context(), "room", Message{Data: []byte("b")})
		wantJournalPanic(t, err, "Journal.Append")
		m.append = nil
		publish(t, h, "room", "c")
		p.wants(t, "room 1 a", "room gap 1 2", "room 3 c")

		m.load = func([]Packet, Pos) ([]Packet, Pos, error) { panic(errReset) }
		_, err = h.Join(p, "other")
		wantJournalPanic(t, err, "Journal.Load")
		m.load = nil
		_, err = h.Join(p, "other")
		wantError(t, "Join", err, nil)
	})
}

func wantJournalPanic(t *testing.T, err error, where string) {
	t.Helper()
	wantError(t, where, err, ErrJournal)
	wantError(t, where, err, errReset)
	var p *PanicError
	if !errors.As(err, &p) || len(p.Stack) == 0 || !strings.Contains(err.Error(), where+" panicked") {
		t.Errorf("%v, want a PanicError of %s with its stack", err, where)
	}
}

// TestJournal_refusesNonsense loads what no room can have had.
func TestJournal_refusesNonsense(t *testing.T) {
	tests := map[string]struct {
		packets []Packet
		head    Pos
	}{
		"no epoch":   {nil, Pos{0, 3}},
		"a hole":     {[]Packet{{Pos: Pos{1, 1}}, {Pos: Pos{1, 3}}}, Pos{1, 3}},
		"too early":  {[]Packet{{Pos: Pos{1, 1}}}, Pos{1, 3}},
		"two epochs": {[]Packet{{Pos: Pos{2, 2}}, {Pos: Pos{1, 3}}}, Pos{1, 3}},
		"no place":   {[]Packet{{Pos: Pos{1, 0}}}, Pos{1, 0}},
		"too many":   {make([]Packet, 200), Pos{1, 300}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := &memory{load: func([]Packet, Pos) ([]Packet, Pos, error) { return tt.packets, tt.head, nil }}
			bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
				_, err := h.Join(newPeer(lines{}), "room")
				wantError(t, "Join", err, ErrJournal)
			})
		})
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("New with a Backplane and a Journal has not panicked")
			}
		}()
		New(Config{Journal: &memory{}, Backplane: &fakeBus{}})
	}()
}

// TestJournal_order publishes from many sides, and from within a delivery: what is
// delivered is in the order of the journal.
func TestJournal_order(t *testing.T) {
	const publishers, each = 4, 50
	m := &memory{}
	m.append = func(*Packet) (bool, error) {
		time.Sleep(time.Millisecond)
		return true, nil
	}
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		s := subscribe(t, h, "room")
		defer s.Close()
		for range publishers {
			go func() {
				for range each {
					publish(t, h, "room", "x")
				}
			}()
		}
		for i := range publishers * each {
			d, err := s.next()
			if d.Gap || d.Pos.Offset != uint64(i+1) || err != nil {
				t.Fatalf("received %q, %v, want %d", d.line(), err, i+1)
			}
		}
	})
}

// TestJournal_reentrant publishes to the room when somebody in it ends, as applications
// do that say who has left: while the room is being delivered to.
func TestJournal_reentrant(t *testing.T) {
	bubble(t, Config{Journal: &memory{}, Rooms: RoomConfig{MaxLagMessages: 1}}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "room")
		slow := join(t, h, lines{}, "room")
		release := slow.stall()
		end := slow.Conn.close
		slow.Conn.close = func(reason hubwire.CloseReason) {
			publish(t, h, "room", "has left")
			end(reason)
		}
		publish(t, h, "room", "1", "2", "3")
		release()
		p.wants(t, "room 1 1", "room 2 2", "room 3 3", "room 4 has left")
	})
}

// TestJournal_context waits for its turn no longer than it may.
func TestJournal_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		m := &memory{append: func(*Packet) (bool, error) { <-gate; return true, nil }}
		h := New(Config{Journal: m})
		done := make(chan error)
		go func() {
			_, err := h.Publish(t.Context(), "room", Message{})
			done <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Publish(ctx, "room", Message{})
		wantError(t, "Publish", err, context.DeadlineExceeded)
		close(gate)
		wantError(t, "Publish", <-done, nil)
		if n := len(h.conf.Backplane.(*journalPlane).rooms); n != 0 {
			t.Errorf("%d rooms are known, want none", n)
		}
		wantError(t, "Shutdown", h.Shutdown(t.Context()), nil)
	})
}
