package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// onceHubs are the kinds of hub that Once must do with.
func onceHubs(t *testing.T, test func(t *testing.T, h *Hub)) {
	t.Helper()
	for name, conf := range map[string]Config{
		"alone":     {},
		"journal":   {Journal: &memory{}},
		"ordered":   {Backplane: (&Bus{Ordered: true}).Node()},
		"unordered": {Backplane: (&Bus{}).Node()},
	} {
		t.Run(name, func(t *testing.T) { bubble(t, conf, test) })
	}
}

// once publishes a message by its ID, which is its text, too.
func once(t *testing.T, h *Hub, id string, since Pos) (Pos, error) {
	t.Helper()
	return h.Publish(t.Context(), "a", Message{ID: id, Data: []byte(id)}, Once(since))
}

func TestOnce_repeats(t *testing.T) {
	onceHubs(t, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		j, err := h.Join(newPeer(lines{}), "a")
		wantError(t, "Join", err, nil)
		first, err := once(t, h, "x", j.Head)
		if err != nil || first.Offset != 1 {
			t.Errorf("Publish = %v, %v, want the first position", first, err)
		}
		publish(t, h, "a", "other")
		for _, since := range []Pos{j.Head, {}, {Epoch: 1, Offset: 7}} { // it is found wherever it may be
			if pos, err := once(t, h, "x", since); pos != first || err != nil {
				t.Errorf("Publish once since %v = %v, %v, want %v", since, pos, err, first)
			}
		}
		second, err := once(t, h, "x", first) // behind which there is none of that ID
		if want := (Pos{first.Epoch, 3}); second != want || err != nil {
			t.Errorf("Publish once since %v = %v, %v, want %v", first, second, err, want)
		}
		p.wants(t, "a#x 1 x", "a 2 other", "a#x 3 x")
	})
}

// TestOnce_unknown publishes nothing if the history cannot tell.
func TestOnce_unknown(t *testing.T) {
	for name, ordered := range map[string]bool{"alone": false, "journal": true} {
		conf := Config{Rooms: RoomConfig{KeepMessages: 2}}
		if ordered {
			conf.Journal = &memory{}
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, conf, func(t *testing.T, h *Hub) {
				p := join(t, h, lines{}, "a")
				pos := publish(t, h, "a", "1", "2", "3")
				p.text()
				for _, since := range []Pos{{pos.Epoch, 0}, {pos.Epoch, 4}, {pos.Epoch + 1, 3}, {}} {
					pos, err := once(t, h, "x", since)
					wantError(t, fmt.Sprint("Publish once since ", since), err, ErrUnknownOutcome)
					if !pos.IsZero() {
						t.Errorf("Publish = %v, want no position", pos)
					}
				}
				p.wants(t)
				if _, err := once(t, h, "x", Pos{pos.Epoch, 1}); err != nil { // all that is needed is there
					t.Error(err)
				}
				p.wants(t, "a#x 4 x")
			})
		})
	}
}

func TestOnce_refused(t *testing.T) {
	onceHubs(t, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		_, err := h.Publish(t.Context(), "a", Message{}, Once(Pos{}))
		wantError(t, "Publish once without an ID", err, ErrMessage)
		_, err = h.Publish(t.Context(), "a", Message{ID: "x"}, Once(Pos{}), NoLog())
		wantError(t, "Publish once, without log", err, ErrMessage)
		p.wants(t)
	})
}

// TestOnce_noRoom asks where nobody is: what was never there, or is forgotten.
func TestOnce_noRoom(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		_, err := once(t, h, "x", Pos{1, 0})
		wantError(t, "Publish", err, ErrUnknownOutcome)
		if n := h.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms, want none to be left", n)
		}
		pos, err := once(t, h, "x", Pos{})
		wantError(t, "Publish", err, nil)
		time.Sleep(time.Hour) // it is forgotten
		_, err = once(t, h, "x", Pos{pos.Epoch, 0})
		wantError(t, "Publish", err, ErrUnknownOutcome)
	})
	bubble(t, Config{Rooms: RoomConfig{KeepMessages: -1}}, func(t *testing.T, h *Hub) {
		pos := join(t, h, lines{}, "a").roomHead(h)
		first, err := once(t, h, "x", pos)
		wantError(t, "Publish to a room that keeps nothing", err, nil)
		_, err = once(t, h, "x", pos)
		wantError(t, "Publish to it again", err, ErrUnknownOutcome)
		_, err = once(t, h, "y", first)
		wantError(t, "Publish to it when nothing has come since", err, nil)
		_, err = h.Publish(t.Context(), "b", Message{ID: "x"}, Once(Pos{}))
		wantError(t, "Publish to another, where nobody is", err, ErrUnknownOutcome)
	})
	bubble(t, Config{Rooms: RoomConfig{KeepBytes: 1}}, func(t *testing.T, h *Hub) {
		for _, want := range []error{nil, ErrUnknownOutcome} {
			_, err := once(t, h, "too long to be kept", Pos{})
			wantError(t, "Publish", err, want)
		}
		time.Sleep(time.Hour)
		if n := h.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms, want none to be left", n)
		}
	})
}

// roomHead returns where the only room of the peer is.
func (p *peer) roomHead(h *Hub) Pos {
	r := h.lookup(p.Rooms()[0])
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head
}

// TestOnce_restart repeats after a restart, in a room that nobody is in any more.
func TestOnce_restart(t *testing.T) {
	m := &memory{}
	var first Pos
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		var err error
		first, err = once(t, h, "x", Pos{}) // never written to
		wantError(t, "Publish", err, nil)
		_, err = h.Publish(t.Context(), "a", Message{ID: "n"}, NoLog())
		wantError(t, "Publish", err, nil)
	})
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		if pos, err := once(t, h, "x", Pos{first.Epoch, 0}); pos != first || err != nil {
			t.Errorf("Publish = %v, %v, want %v", pos, err, first)
		}
		if pos, err := once(t, h, "n", first); pos.Offset != 3 || err != nil { // NoLog is nowhere to be found
			t.Errorf("Publish = %v, %v, want offset 3", pos, err)
		}
		m.load = func([]Packet, Pos) ([]Packet, Pos, error) { return nil, Pos{}, errReset }
		_, err := once(t, h, "y", first)
		wantError(t, "Publish", err, ErrJournal)
		wantError(t, "Publish", err, ErrBackplane)
	})
}

// TestOnce_nodes repeats on another node than that which has published.
func TestOnce_nodes(t *testing.T) {
	for name, ordered := range map[string]bool{"ordered": true, "unordered": false} {
		t.Run(name, func(t *testing.T) {
			nodes(t, ordered, func(t *testing.T, _ *Bus, a, b *Hub) {
				p := join(t, b, lines{}, "a")
				since := join(t, a, lines{}, "a").roomHead(a)
				first, err := once(t, a, "x", since)
				wantError(t, "Publish", err, nil)
				synctest.Wait()
				pos, err := once(t, b, "x", since)
				if err != nil || ordered && pos != first {
					t.Errorf("Publish = %v, %v, want %v", pos, err, first)
				}
				_, err = once(t, b, "y", since)
				wantError(t, "Publish of what is not there", err, map[bool]error{false: ErrUnknownOutcome}[ordered])
				_, err = once(t, b, "z", Pos{})
				wantError(t, "Publish of what is not there", err, map[bool]error{false: ErrUnknownOutcome}[ordered])
				p.wants(t, map[bool][]string{true: {"a#x 1 x", "a#y 2 y", "a#z 3 z"}, false: {"a#x 1 x"}}[ordered]...)
			})
		})
	}
}

// TestOnce_concurrent repeats from many sides at once, whether there was a first attempt or
// not: each message is there once, and all learn where.
func TestOnce_concurrent(t *testing.T) {
	onceHubs(t, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		var want []string
		for round := range 50 {
			id := fmt.Sprint("m", round)
			since := p.roomHead(h)
			if round%2 == 0 {
				_, err := h.Publish(t.Context(), "a", Message{ID: id, Data: []byte(id)})
				wantError(t, "Publish", err, nil)
			}
			var mu sync.Mutex
			at := map[Pos]int{}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					pos, err := once(t, h, id, since)
					wantError(t, "Publish once", err, nil)
					mu.Lock()
					at[pos]++
					mu.Unlock()
				})
			}
			all.Wait()
			if len(at) != 1 {
				t.Errorf("%s is at %v, want one place", id, at)
			}
			want = append(want, fmt.Sprintf("a#%s %d %s", id, round+1, id))
			synctest.Wait()
		}
		p.wants(t, want...)
	})
}

// TestOnce_underWay waits for a first attempt that the journal is still writing, as long as
// its context allows.
func TestOnce_underWay(t *testing.T) {
	m := &memory{}
	bubble(t, Config{Journal: m}, func(t *testing.T, h *Hub) {
		wait := make(chan struct{})
		p := join(t, h, lines{}, "a")
		since := p.roomHead(h)
		m.append = func(*Packet) (bool, error) { <-wait; return true, nil }
		first := make(chan Pos, 1)
		go func() {
			pos, err := h.Publish(t.Context(), "a", Message{ID: "x", Data: []byte("x")})
			wantError(t, "Publish", err, nil)
			first <- pos
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Publish(ctx, "a", Message{ID: "x"}, Once(since))
		wantError(t, "Publish", err, context.DeadlineExceeded)
		time.AfterFunc(time.Second, func() { close(wait) })
		pos, err := once(t, h, "x", since)
		if want := <-first; err != nil || pos != want || pos.Offset != 1 {
			t.Errorf("Publish = %v, %v, want %v", pos, err, want)
		}
		p.wants(t, "a#x 1 x")
		if n := len(h.flights.m); n != 0 {
			t.Errorf("%d are under way, want none", n)
		}
	})
}

// TestOnce_backplane has the errors of one that cannot be asked.
func TestOnce_backplane(t *testing.T) {
	f := &fakeBus{caps: Caps{Ordered: true}, start: errReset}
	bubble(t, Config{Backplane: f}, func(t *testing.T, h *Hub) {
		_, err := once(t, h, "x", Pos{})
		wantError(t, "Publish with one that has not begun", err, errReset)
	})
	f = &fakeBus{caps: Caps{Ordered: true}}
	bubble(t, Config{Backplane: onlyPlain{f}}, func(t *testing.T, h *Hub) {
		_, err := once(t, h, "x", Pos{})
		if !errors.Is(err, ErrBackplane) || !errors.Is(err, errNoReplay) {
			t.Errorf("Publish = %v, want ErrBackplane for the reason given", err)
		}
		f.wantCalls(t)
	})
}
