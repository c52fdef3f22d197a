package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var withPresence = Config{Rooms: RoomConfig{Presence: true}}

// names returns members as "user=shown", in the order of users.
func names(members []Member) string {
	var all []string
	for _, m := range members {
		text := m.User
		if m.Shown != nil {
			text += "=" + string(m.Shown)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// String makes changes readable in tests: "reset +ann ~bob=1 -carl".
func (c Change) String() string {
	text := "+" + names(c.Joined) + " ~" + names(c.Updated) + " -" + names(c.Left)
	if c.Reset {
		text = "reset " + text
	}
	return text
}

// user joins rooms as somebody.
func user(t testing.TB, h *Hub, name, room string, opts ...JoinOption) *peer {
	t.Helper()
	p := quiet(lines{})
	if err := h.Attach(p, As(name)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(p, room, opts...); err != nil {
		t.Fatal(err)
	}
	return p
}

func wantPresence(t *testing.T, h *Hub, room, want string) {
	t.Helper()
	members, err := h.Presence(t.Context(), room)
	if got := names(members); got != want || err != nil {
		t.Errorf("Presence(%q) = %q, %v, want %q", room, got, err, want)
	}
}

// observe runs Watch by hand.
type observe struct {
	next func() (Change, error, bool)
	stop func()
}

func watchRoom(t *testing.T, h *Hub, room string) *observe {
	next, stop := iter.Pull2(h.Watch(t.Context(), room))
	t.Cleanup(stop)
	return &observe{next, stop}
}

func (o *observe) wants(t *testing.T, want string) {
	t.Helper()
	c, err, ok := o.next()
	if got := c.String(); got != want || err != nil || !ok {
		t.Errorf("told %q, %v, %v, want %q", got, err, ok, want)
	}
}

func TestPresence_list(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		wantPresence(t, h, "room", "")
		ann := user(t, h, "ann", "room", Show(map[string]int{"x": 1}))
		time.Sleep(time.Second)
		phone := user(t, h, "bob", "room")
		time.Sleep(time.Second)
		user(t, h, "bob", "room")
		user(t, h, "carl", "other")
		wantPresence(t, h, "room", `ann={"x":1} bob bob`)
		members, _ := h.Presence(t.Context(), "room")
		if members[0].Conn != ann.ID() || members[1].Conn != phone.ID() {
			t.Errorf("Presence = %v, want those first that came first", members)
		}
		if d := members[2].Since.Sub(members[0].Since); d != 2*time.Second {
			t.Errorf("the last came %v after the first, want 2s", d)
		}
		wantError(t, "Show", h.Show(ann, "room", "busy"), nil)
		wantError(t, "Attach", h.Attach(phone, As("bert")), nil)
		wantPresence(t, h, "room", `ann="busy" bert bob`)
		h.Leave(ann, "room")
		wantPresence(t, h, "room", "bert bob")
		phone.gone()
		synctest.Wait()
		wantPresence(t, h, "room", "bob")
	})
}

func TestPresence_errors(t *testing.T) {
	conf := Config{MaxShown: 8, Room: func(name string) RoomConfig { return RoomConfig{Presence: name == "room"} }}
	h := New(conf)
	p := newPeer(lines{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	of := func(_ any, err error) error { return err }
	wantError(t, "Presence of a room without", of(h.Presence(t.Context(), "none")), ErrNoPresence)
	wantError(t, "Presence of no name", of(h.Presence(t.Context(), "")), ErrRoomName)
	wantError(t, "Presence with a context that is over", of(h.Presence(ctx, "room")), context.Canceled)
	wantError(t, "Join that shows where nobody looks", of(h.Join(p, "none", Show(1))), ErrNoPresence)
	wantError(t, "Join that shows much", of(h.Join(p, "room", Show("1234567"))), ErrShown)
	wantError(t, "Join that shows a function", of(h.Join(p, "room", Show(func() {}))), ErrShown)
	wantError(t, "Join that shows no text", of(h.Join(p, "room", Show(json.RawMessage("\"\xff\"")))), ErrShown)
	wantError(t, "Show outside", h.Show(p, "room", 1), ErrNotJoined)
	if rooms := p.Rooms(); len(rooms) > 0 {
		t.Errorf("it is in %q, want nothing to have changed", rooms)
	}
	wantError(t, "Join", of(h.Join(p, "room", Show(123456))), nil)
	wantError(t, "Join", of(h.Join(p, "none")), nil)
	wantError(t, "Show much", h.Show(p, "room", "1234567"), ErrShown)
	wantError(t, "Show where nobody looks", h.Show(p, "none", 1), ErrNoPresence)
	wantError(t, "Show elsewhere", h.Show(p, "no room", 1), ErrNotJoined)
	wantPresence(t, h, "room", "=123456")
	for _, err := range h.Watch(t.Context(), "none") {
		wantError(t, "Watch of a room without", err, ErrNoPresence)
	}
	p.gone()
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, "Presence of a hub that is closed", of(h.Presence(t.Context(), "room")), ErrClosed)
	wantError(t, "Show of a hub that is closed", h.Show(p, "room", 1), ErrClosed)
}

func TestWatch_changes(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		ann := user(t, h, "ann", "room")
		w := watchRoom(t, h, "room")
		start := time.Now()
		w.wants(t, "reset +ann ~ -")
		bob := user(t, h, "bob", "room")
		w.wants(t, "+bob ~ -")
		if d := time.Since(start); d != changeGather {
			t.Errorf("told after %v, want %v", d, changeGather)
		}
		carl := user(t, h, "carl", "room") // comes and goes: not told
		wantError(t, "Show", h.Show(bob, "room", 1), nil)
		wantError(t, "Show", h.Show(bob, "room", 2), nil)
		user(t, h, "dora", "room")
		h.Leave(carl, "room")
		h.Leave(ann, "room")
		w.wants(t, "+dora ~bob=2 -ann")
		if d := time.Since(start); d != changeGather+changePause {
			t.Errorf("told after %v, want %v: one a second", d, changeGather+changePause)
		}
		if _, err := h.Join(ann, "room"); err != nil {
			t.Error(err)
		}
		h.Leave(bob, "room")
		if _, err := h.Join(bob, "room"); err != nil {
			t.Error(err)
		}
		w.wants(t, "+ann ~bob -")
	})
}

// TestWatch_late begins to watch between two changes: the state is that of the first.
func TestWatch_late(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		ann := user(t, h, "ann", "room")
		first := watchRoom(t, h, "room")
		first.wants(t, "reset +ann ~ -")
		user(t, h, "bob", "room")
		h.Leave(ann, "room")
		second := watchRoom(t, h, "room")
		second.wants(t, "reset +ann ~ -")
		first.wants(t, "+bob ~ -ann")
		second.wants(t, "+bob ~ -ann")
		first.stop()
		second.stop()
		user(t, h, "carl", "room")
		watchRoom(t, h, "room").wants(t, "reset +bob carl ~ -")
	})
}

// TestWatch_slow takes its time: what is collected for it is bounded, and it is told
// everything anew.
func TestWatch_slow(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		w := watchRoom(t, h, "room")
		w.wants(t, "reset + ~ -")
		var peers []*peer
		for i := range 3 * keptChanges {
			peers = append(peers, user(t, h, fmt.Sprint("user", i), "room"))
			if i > 0 {
				h.Leave(peers[i-1], "room")
			}
			time.Sleep(changePause)
		}
		r := h.lookup("room")
		r.mu.Lock()
		n := len(r.presence.changes)
		r.mu.Unlock()
		if n != keptChanges {
			t.Errorf("%d changes are kept, want %d", n, keptChanges)
		}
		w.wants(t, "reset +user11 ~ -")
		user(t, h, "ann", "room")
		w.wants(t, "+ann ~ -")
	})
}

func TestWatch_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Rooms: RoomConfig{Presence: true, KeepMessages: -1}})
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 4)
		loop := func(ctx context.Context) {
			for _, err := range h.Watch(ctx, "room") {
				if err != nil {
					errs <- err
				}
			}
		}
		go loop(ctx)
		synctest.Wait()
		if n := h.Stats().Rooms; n != 1 {
			t.Errorf("%d rooms, want 1: it is watched", n)
		}
		cancel()
		wantError(t, "Watch", <-errs, context.Canceled)
		synctest.Wait()
		if n := h.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms, want 0: nobody is left", n)
		}
		go loop(t.Context())
		synctest.Wait()
		wantError(t, "Shutdown", h.Shutdown(t.Context()), nil)
		wantError(t, "Watch", <-errs, ErrClosed)
		loop(t.Context())
		wantError(t, "Watch of a hub that is closed", <-errs, ErrClosed)
	})
}

// TestWatch_model lets connections come, go and change at random: who applies what is
// told knows who is there.
func TestWatch_model(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		known := map[ConnID]Member{}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			for c, err := range h.Watch(ctx, "room") {
				if err != nil {
					return
				}
				apply(t, known, c)
			}
		}()
		random := rand.New(rand.NewPCG(1, 2))
		peers := make([]*peer, 8)
		for i := range peers {
			peers[i] = quiet(lines{})
		}
		for range 5000 {
			p := peers[random.IntN(len(peers))]
			switch random.IntN(4) {
			case 0:
				_, _ = h.Join(p, "room") // may be in it
			case 1:
				h.Leave(p, "room")
			case 2:
				_ = h.Show(p, "room", random.IntN(3)) // may not be in it
			case 3:
				time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
			}
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		cancel(stop)
		synctest.Wait()
		members, err := h.Presence(t.Context(), "room")
		if err != nil || len(members) != len(known) {
			t.Errorf("%d are known, %d are there, %v", len(known), len(members), err)
		}
		for _, m := range members {
			if got := known[m.Conn]; string(got.Shown) != string(m.Shown) || !got.Since.Equal(m.Since) {
				t.Errorf("known is %+v, want %+v", got, m)
			}
		}
	})
}

// apply does what one who watches does with a change.
func apply(t *testing.T, known map[ConnID]Member, c Change) {
	if c.Reset {
		clear(known)
	}
	for _, m := range c.Joined {
		if _, ok := known[m.Conn]; ok {
			t.Errorf("%v has joined, and was there", m)
		}
		known[m.Conn] = m
	}
	for _, m := range c.Updated {
		if _, ok := known[m.Conn]; !ok {
			t.Errorf("%v has changed, and was not there", m)
		}
		known[m.Conn] = m
	}
	for _, m := range c.Left {
		if _, ok := known[m.Conn]; !ok {
			t.Errorf("%v has left, and was not there", m)
		}
		delete(known, m.Conn)
	}
}
