package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

func TestHub_roomsAreApart(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		a, b, both := join(t, h, lines{}, "a"), join(t, h, lines{}, "b"), join(t, h, lines{}, "a", "b")
		publish(t, h, "a", "one", "two")
		publish(t, h, "b", "three")
		publish(t, h, "c", "four")
		a.wants(t, "a 1 one", "a 2 two")
		b.wants(t, "b 1 three")
		both.wants(t, "a 1 one", "a 2 two", "b 1 three")
	})
}

func TestHub_eventsAndBinary(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		data := []byte("\xff\n")
		if _, err := h.Publish(t.Context(), "a", Message{Event: "tick", Data: data, Binary: true}); err != nil {
			t.Fatal(err)
		}
		data[0] = 'x' // the hub has copied it
		publish(t, h, "a", "")
		p.wants(t, "a/tick 1 \xff\n", "a 2 ")
	})
}

// TestHub_id follows the ID of a message wherever it goes: to who is there, to who
// resumes, in another encoding, on another node, and outside of rooms.
func TestHub_id(t *testing.T) {
	for name, ordered := range map[string]bool{"unordered": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			bus := &Bus{Ordered: ordered}
			bubble(t, Config{Backplane: bus.Node()}, func(t *testing.T, h *Hub) {
				other := New(Config{Backplane: bus.Node()})
				p, far := join(t, h, lines{}, "a"), join(t, other, lines{}, "a")
				m := Message{Event: "e", ID: "ann.1", Data: []byte("x")}
				pos, err := h.Publish(t.Context(), "a", m)
				wantError(t, "Publish", err, nil)
				synctest.Wait() // an ordered bus brings it back
				pos.Offset--
				late := newPeer(lines{vector: true})
				if j, err := h.Join(late, "a", Since(pos)); err != nil || !j.Recovered {
					t.Errorf("Join = %+v, %v", j, err)
				}
				wantError(t, "Send", h.Send(t.Context(), p.ID(), m), nil)
				wantError(t, "Broadcast", h.Broadcast(t.Context(), m), nil)
				pos.Offset++
				p.wants(t, "a/e#ann.1 1 x", "-/e#ann.1 0 x", "-/e#ann.1 0 x")
				far.wants(t, "a/e#ann.1 1 x", "-/e#ann.1 0 x")
				late.wants(t, "id "+pos.String(), "a/e#ann.1 1 x", "-/e#ann.1 0 x")
				wantError(t, "Shutdown", other.Shutdown(t.Context()), nil)
			})
		})
	}
}

func TestHub_leave(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a", "b", "c")
		release := p.stall()
		publish(t, h, "a", "handed over")
		publish(t, h, "b", "waits")
		publish(t, h, "c", "waits")
		publish(t, h, "a", "too late")
		synctest.Wait()
		if !h.Leave(p, "b") || !h.Leave(p, "a") || h.Leave(p, "a") || h.Leave(p, "nowhere") {
			t.Error("Leave does not tell whether it was joined")
		}
		publish(t, h, "b", "after")
		release()
		p.wants(t, "a 1 handed over", "c 1 waits")
		if got := p.Rooms(); !slices.Equal(got, []string{"c"}) {
			t.Errorf("rooms = %q, want c", got)
		}
	})
}

func TestHub_except(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		a, b := join(t, h, lines{}, "a"), join(t, h, lines{}, "a")
		release := a.stall()
		except := func(text string) {
			if _, err := h.Publish(t.Context(), "a", Message{Data: []byte(text)}, Except(a.ID())); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, h, "a", "1")
		except("2")
		publish(t, h, "a", "3")
		except("4")
		except("5")
		publish(t, h, "a", "6")
		release()
		a.wants(t, "a 1 1", "a 3 3", "a 6 6")
		b.wants(t, "a 1 1", "a 2 2", "a 3 3", "a 4 4", "a 5 5", "a 6 6")

		h.Leave(a, "a")
		pos := publish(t, h, "a", "7")
		except("8")
		if _, err := h.Join(a, "a", Since(Pos{Epoch: pos.Epoch, Offset: 2})); err != nil {
			t.Fatal(err)
		}
		a.wants(t, "a 3 3", "a 6 6", "a 7 7") // what was not for it is not replayed either
	})
}

func TestHub_direct(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		ann, ann2, bob := newPeer(lines{}), newPeer(lines{}), newPeer(lines{vector: true})
		for p, user := range map[*peer]string{ann: "ann", ann2: "ann", bob: "x"} {
			if err := h.Attach(p, As(user), Meta(user+"!")); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Attach(bob, As("bob")); err != nil {
			t.Fatal(err)
		}
		if bob.User() != "bob" || bob.Meta() != "x!" {
			t.Errorf("user, meta = %q, %v, want bob, x!", bob.User(), bob.Meta())
		}
		ctx := t.Context()
		wantError(t, "Send", h.Send(ctx, bob.ID(), Message{Data: []byte("1")}), nil)
		wantError(t, "SendUser", h.SendUser(ctx, "ann", Message{Data: []byte("2")}), nil)
		wantError(t, "Broadcast", h.Broadcast(ctx, Message{Event: "e", Data: []byte("3")}, Except(ann2.ID())), nil)
		wantError(t, "Send to nobody", h.Send(ctx, NewConnID(), Message{}), ErrNoConn)
		wantError(t, "SendUser to nobody", h.SendUser(ctx, "x", Message{}), ErrNoConn)
		ann.wants(t, "- 0 2", "-/e 0 3")
		ann2.wants(t, "- 0 2")
		bob.wants(t, "- 0 1", "-/e 0 3")
		ann.gone()
		ann2.gone()
		synctest.Wait()
		wantError(t, "SendUser to who has left", h.SendUser(ctx, "ann", Message{}), ErrNoConn)
		if got := h.connsOf("ann"); len(got) != 0 {
			t.Errorf("ann still has connections: %v", got)
		}
		if ann.User() != "ann" {
			t.Errorf("user of an ended connection = %q, want ann", ann.User())
		}
	})
}

func TestHub_resume(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		a := join(t, h, lines{}, "a")
		pos := publish(t, h, "a", "1", "2")
		a.gone()
		synctest.Wait()
		publish(t, h, "a", "3", "4")
		b := newPeer(lines{})
		got, err := h.Join(b, "a", Since(pos), Last(1))
		want := Joined{From: pos, Head: Pos{pos.Epoch, 4}, Recovered: true, Replayed: 2}
		if err != nil || got != want {
			t.Errorf("Join = %+v, %v, want %+v", got, err, want)
		}
		publish(t, h, "a", "5")
		b.wants(t, "a 3 3", "a 4 4", "a 5 5")
		c := newPeer(lines{})
		if got, err = h.Join(c, "a", Last(2)); err != nil || got.Replayed != 2 || !got.Recovered || got.From.Offset != 3 {
			t.Errorf("Join with Last = %+v, %v", got, err)
		}
		c.wants(t, "a 4 4", "a 5 5")
		d := newPeer(lines{vector: true}) // an encoding that nobody used before
		if _, err = h.Join(d, "a", Last(1000)); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "a", "6")
		d.wants(t, idLines("a", pos.Epoch, 1, 6)...)
	})
}

// idLines returns the lines of a client that gets positions, of messages that are numbers.
func idLines(room string, epoch uint64, from, to uint64) (want []string) {
	for i := from; i <= to; i++ {
		want = append(want, "id "+Pos{epoch, i}.String(), fmt.Sprintf("%s %d %d", room, i, i))
	}
	return want
}

func TestHub_resumeNotPossible(t *testing.T) {
	conf := Config{Rooms: RoomConfig{KeepMessages: 3, KeepFor: time.Minute}}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		stay := join(t, h, lines{}, "a")
		head := publish(t, h, "a", "1", "2", "3", "4", "5")
		stay.text()
		try := func(name string, enc lines, pos Pos, recovered bool, want ...string) {
			t.Helper()
			p := newPeer(enc)
			j, err := h.Join(p, "a", Since(pos))
			if err != nil || j.Recovered != recovered || j.Head.Offset != 5 {
				t.Errorf("%s: Join = %+v, %v, want Recovered %v, Head 5", name, j, err, recovered)
			}
			p.wants(t, want...)
			h.Leave(p, "a")
		}
		try("the oldest", lines{}, Pos{head.Epoch, 2}, true, "a 3 3", "a 4 4", "a 5 5")
		try("older", lines{}, Pos{head.Epoch, 1}, false, "a gap 1 5")
		try("head", lines{}, head, true)
		try("beyond", lines{}, Pos{head.Epoch, 6}, false, "a gap ? 5")
		try("far beyond", lines{}, Pos{head.Epoch, 1<<64 - 1}, false, "a gap ? 5")
		try("another epoch", lines{}, Pos{head.Epoch + 1, 3}, false, "a gap ? 5")
		try("mute", lines{mute: true}, Pos{head.Epoch, 1}, false)
		try("vector", lines{vector: true}, Pos{head.Epoch, 1}, false, "id "+head.String(), "a gap 1 5")
		time.Sleep(61 * time.Second)
		try("too old", lines{}, Pos{head.Epoch, 2}, false, "a gap 2 5")
		try("none", lines{}, Pos{}, true)
	})
}

func TestHub_noLog(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		a := join(t, h, lines{}, "a")
		typing := func() Pos {
			pos, err := h.Publish(t.Context(), "a", Message{Data: []byte("typing")}, NoLog())
			if err != nil {
				t.Fatal(err)
			}
			return pos
		}
		pos := publish(t, h, "a", "1")
		typing()
		publish(t, h, "a", "3", "4")
		typing()
		publish(t, h, "a", "6")
		a.wants(t, "a 1 1", "a 2 typing", "a 3 3", "a 4 4", "a 5 typing", "a 6 6")
		b := newPeer(lines{rooms: 1})
		if j, err := h.Join(b, "a", Since(pos)); err != nil || !j.Recovered || j.Replayed != 3 {
			t.Errorf("Join = %+v, %v", j, err)
		}
		b.wants(t, "a 3 3", "a 4 4", "a 6 6")
		if pos := typing(); pos.Offset != 7 {
			t.Errorf("offset = %d, want 7", pos.Offset)
		}
		b.wants(t, "a 7 typing")
		for range 5000 { // must not hold on to what is not kept
			typing()
		}
		blocks := 0
		r := h.lookup("a")
		for x := r.tapes[0].first; x != nil; x = x.next.Load() {
			blocks++
		}
		if blocks > 3 {
			t.Errorf("%d blocks for 4 kept messages", blocks)
		}
	})
}

func TestHub_follow(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		a := newPeer(lines{vector: true, rooms: 16})
		if _, err := h.Follow(a, []string{"x", "y"}, ""); err != nil {
			t.Fatal(err)
		}
		x := publish(t, h, "x", "1")
		y := publish(t, h, "y", "2")
		x2 := publish(t, h, "x", "3")
		a.wants(t,
			"id "+x.String()+"."+Pos{y.Epoch, 0}.String(), "x 1 1",
			"id "+x.String()+"."+y.String(), "y 1 2",
			"id "+x2.String()+"."+y.String(), "x 2 3")
		a.gone()
		synctest.Wait()
		y2 := publish(t, h, "y", "4")
		b := newPeer(lines{vector: true, rooms: 16})
		got, err := h.Follow(b, []string{"y", "z", "x"}, x.String()+"."+y.String())
		if err != nil || !got[0].Recovered || got[1].Recovered || !got[2].Recovered {
			t.Errorf("Follow = %+v, %v, want y and x recovered", got, err)
		}
		z := got[1].Head
		b.wants(t,
			"id "+y2.String()+".0-0."+x.String(), "y 2 4", // where it stands in z it has not been told yet
			"id "+y2.String()+"."+z.String()+"."+x.String(), "z gap ? 0",
			"id "+y2.String()+"."+z.String()+"."+x2.String(), "x 2 3")
	})
}

func TestHub_followForged(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		stay := join(t, h, lines{}, "a", "b")
		pos := publish(t, h, "a", "1", "2")
		stay.text()
		long := strings.Repeat(pos.String()+".", 17)
		for _, id := range []string{"x", ".", "1-1", "-", "1-", long, long[:len(long)-1], strings.Repeat("9", 1<<20), "1-1.1-2." + pos.String() + "x"} {
			p := newPeer(lines{vector: true, rooms: 16})
			got, err := h.Follow(p, []string{"a", "b"}, id)
			if err != nil || got[0].Recovered || got[1].Recovered {
				t.Errorf("Follow(%.30q) = %+v, %v, want nothing recovered", id, got, err)
			}
			synctest.Wait()
			if n := strings.Count(p.text(), " gap ? "); n != 2 {
				t.Errorf("Follow(%.30q) told %d gaps, want 2", id, n)
			}
			p.gone()
		}
	})
}

func TestHub_followAllOrNone(t *testing.T) {
	bubble(t, Config{MaxRooms: 2}, func(t *testing.T, h *Hub) {
		join(t, h, lines{}, "a")
		p := newPeer(lines{vector: true, rooms: 3})
		for _, tt := range []struct {
			rooms []string
			want  error
		}{
			{[]string{"a", "b", "c"}, ErrTooManyRooms},
			{[]string{"a", "b", "a"}, ErrJoined},
			{[]string{"a", ""}, ErrRoomName},
			{[]string{"a", "b", "c", "d"}, ErrTooManyRooms},
		} {
			_, err := h.Follow(p, tt.rooms, "")
			wantError(t, fmt.Sprintf("Follow %q", tt.rooms), err, tt.want)
			if got := p.Rooms(); len(got) != 0 {
				t.Errorf("in rooms %q after an error", got)
			}
		}
		if got := h.lookup("a").members.n; got != 1 {
			t.Errorf("%d members, want 1", got)
		}
	})
}

func TestHub_roomsVanish(t *testing.T) {
	conf := Config{Room: func(name string) RoomConfig {
		return RoomConfig{KeepMessages: map[string]int{"none": -1}[name], KeepFor: time.Minute}
	}}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "none", "some")
		publish(t, h, "none", "1")
		publish(t, h, "some", "1")
		if got := h.Stats(); got.Rooms != 2 || got.Conns != 1 || got.HistoryKept != 1 {
			t.Errorf("stats = %+v, want 2 rooms, 1 connection, 1 byte", got)
		}
		p.gone()
		synctest.Wait()
		if got := h.Stats(); got.Rooms != 1 || got.Conns != 0 {
			t.Errorf("stats = %+v, want 1 room", got)
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if got := h.Stats(); got.Rooms != 0 || got.HistoryKept != 0 {
			t.Errorf("stats = %+v, want nothing", got)
		}
		if h.sweeping.Load() {
			t.Error("the sweep goes on with nothing to sweep")
		}
	})
}

func TestHub_coalesce(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{Coalesce: 5 * time.Millisecond}}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		for i := range 2 {
			publish(t, h, "a", "x", "y", "z")
			p.wants(t)
			time.Sleep(5 * time.Millisecond)
			p.wants(t, fmt.Sprintf("a %d x", 3*i+1), fmt.Sprintf("a %d y", 3*i+2), fmt.Sprintf("a %d z", 3*i+3))
		}
		if p.writes != 2 {
			t.Errorf("%d writes, want 2", p.writes)
		}
		publish(t, h, "a", "last")
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.wants(t, "a 7 last", "close 2")
	})
}

func TestHub_shutdown(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p, slow := join(t, h, lines{}, "a"), join(t, h, lines{}, "a")
		release := slow.stall()
		publish(t, h, "a", "1", "2")
		time.AfterFunc(time.Second, release)
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- h.Shutdown(t.Context()) }()
		}
		for range 3 {
			wantError(t, "Shutdown", <-results, nil)
		}
		p.wants(t, "a 1 1", "a 2 2", "close 2")
		slow.wants(t, "a 1 1", "a 2 2", "close 2")
		_, err := h.Publish(t.Context(), "a", Message{})
		wantError(t, "Publish", err, ErrClosed)
		_, err = h.Join(newPeer(lines{}), "a")
		wantError(t, "Join", err, ErrClosed)
		wantError(t, "Attach", h.Attach(newPeer(lines{})), ErrClosed)
		wantError(t, "Broadcast", h.Broadcast(t.Context(), Message{}), ErrClosed)
		wantError(t, "Ready", h.Ready(), ErrClosed)
	})
}

func TestHub_shutdownDeadline(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		stuck := join(t, h, lines{}, "a")
		stuck.stall()
		publish(t, h, "a", "1", "2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantError(t, "Shutdown", h.Shutdown(ctx), context.DeadlineExceeded)
		if got := stuck.reasons(); !slices.Equal(got, []hubwire.CloseReason{hubwire.Shutdown}) {
			t.Errorf("closed with %v, want Shutdown", got)
		}
		again, cancel2 := context.WithTimeout(t.Context(), time.Second)
		defer cancel2()
		wantError(t, "Shutdown again", h.Shutdown(again), context.DeadlineExceeded)
		stuck.gone()
		wantError(t, "Shutdown when all have gone", h.Shutdown(t.Context()), nil)
	})
}

// TestFlushers_asManyAsProcessors counts goroutines while each of them is held up in a
// write, and when nothing is left to do.
func TestFlushers_asManyAsProcessors(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		h.flush.max = 3
		hold := make(chan struct{})
		peers := crowd(t, h, "a", 8*chunkSize)
		for _, p := range peers {
			p.hold = hold
		}
		before := goroutines()
		for range 10 {
			publish(t, h, "a", "x")
		}
		synctest.Wait()
		if got := goroutines() - before; got != 3 {
			t.Errorf("%d flushers, want 3", got)
		}
		close(hold)
		<-h.flush.settled()
		synctest.Wait()
		if got := goroutines() - before; got != 0 {
			t.Errorf("%d flushers are left", got)
		}
		if got := h.Stats().Delivered; got != 10*8*chunkSize {
			t.Errorf("Delivered = %d, want %d", got, 10*8*chunkSize)
		}
	})
}

func TestHub_shutdownIsPaced(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		peers := make([]*peer, 3*minGroup)
		for i := range peers {
			peers[i] = join(t, h, lines{}, "a")
		}
		go func() { _ = h.Shutdown(t.Context()) }()
		for want := minGroup; want <= len(peers); want += minGroup {
			synctest.Wait()
			closed := 0
			for _, p := range peers {
				closed += len(p.reasons())
			}
			if closed != want {
				t.Errorf("%d closed, want %d", closed, want)
			}
			time.Sleep(closeStep)
		}
	})
}

// TestPublish_touchesItsRoomOnly counts what a publish touches, whatever else exists: the
// chunks of its room, each once, and no more of the others than nothing.
func TestPublish_touchesItsRoomOnly(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		peers := crowd(t, h, "room", 10)
		for i := range 1000 {
			peers = append(peers, crowd(t, h, fmt.Sprint("other", i), 3)...)
		}
		before := h.Stats()
		publish(t, h, "room", "x")
		after := h.Stats()
		if got := after.Batches - before.Batches; got != 10 {
			t.Errorf("%d writes, want 10", got)
		}
		for i := range 1000 {
			if r := h.lookup(fmt.Sprint("other", i)); r.seq.Load() != 0 {
				t.Fatalf("room other%d was written to", i)
			}
		}
		for i, p := range peers[10:] {
			if p.writes != 0 {
				t.Fatalf("client %d of another room was written to", i)
			}
		}
	})
}

// TestMembers_growWhilePublishing lets a room grow through every size of its chunks while
// it is published to: nobody may be forgotten on the way.
func TestMembers_growWhilePublishing(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		const clients, workers, messages = 600, 4, 300
		peers := make([]*peer, clients)
		joined := make([]Joined, clients)
		var work sync.WaitGroup
		for w := range workers {
			work.Go(func() {
				for i := w; i < clients; i += workers {
					peers[i] = newPeer(lines{})
					var err error
					if joined[i], err = h.Join(peers[i], "a"); err != nil {
						t.Error(err)
					}
					if i%3 == 0 {
						h.Leave(peers[i], "a")
					}
				}
			})
		}
		for range 2 {
			work.Go(func() {
				for range messages {
					publish(t, h, "a", "x")
				}
			})
		}
		work.Wait()
		for i, p := range peers {
			if i%3 == 0 {
				continue
			}
			p.wants(t, numbers("a", int(joined[i].From.Offset)+1, 2*messages)...)
		}
		for i := range peers {
			peers[i].gone()
		}
		synctest.Wait()
		if r := h.lookup("a"); r.members.n != 0 || len(r.members.chunks) != 0 {
			t.Errorf("%d members in %d chunks are left", r.members.n, len(r.members.chunks))
		}
	})
}

// TestHub_refusedJoinLeavesNoRoom holds that rooms which nobody ever was in do not stay.
func TestHub_refusedJoinLeavesNoRoom(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{OnLag: SkipToHead, KeepFor: -1}}, func(t *testing.T, h *Hub) {
		_, err := h.Join(newPeer(lines{mute: true}), "a")
		wantError(t, "Join", err, ErrCannotTell)
		if got := h.Stats().Rooms; got != 0 {
			t.Errorf("%d rooms, want 0", got)
		}
		p := join(t, h, lines{}, "a")
		h.Leave(p, "a")
		time.Sleep(time.Hour)
		if got := h.Stats().Rooms; got != 1 {
			t.Errorf("%d rooms after a stay without an end of history, want 1", got)
		}
	})
}
