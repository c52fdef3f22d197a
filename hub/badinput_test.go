package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBadInput_roomNames(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		for _, name := range []string{"", strings.Repeat("x", 257), strings.Repeat("x", 1<<20), "\x00", "\x00room"} {
			_, err := h.Join(p, name)
			wantError(t, fmt.Sprintf("Join %d bytes", len(name)), err, ErrRoomName)
			_, err = h.Publish(t.Context(), name, Message{})
			wantError(t, fmt.Sprintf("Publish to %d bytes", len(name)), err, ErrRoomName)
			if h.Leave(p, name) {
				t.Errorf("left a room of %d bytes", len(name))
			}
			if len(err.Error()) > 100 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		}
		if _, err := h.Join(p, "x"+strings.Repeat("\x00", 255)); err != nil {
			t.Errorf("Join 256 bytes: %v", err)
		}
	})
}

func TestBadInput_aMillionRooms(t *testing.T) {
	bubble(t, Config{MaxRooms: 1000}, func(t *testing.T, h *Hub) {
		before, ctx := heap(), t.Context()
		refused := 0
		for i := range manyRooms {
			_, err := h.Publish(ctx, fmt.Sprint("room", i), Message{Data: []byte("x")})
			if errors.Is(err, ErrTooManyRooms) {
				refused++
			}
		}
		if want := manyRooms - 1000; refused != want {
			t.Errorf("%d refused, want %d", refused, want)
		}
		if grown := heap() - before; grown > 3<<20 {
			t.Errorf("1,000 rooms take %d bytes", grown)
		}
		_, err := h.Join(newPeer(lines{}), "one more")
		wantError(t, "Join", err, ErrTooManyRooms)
	})
}

func TestBadInput_roomsOfAConnection(t *testing.T) {
	bubble(t, Config{MaxRoomsPerConn: 40}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		for i := range 40 { // beyond what is found by a scan
			if _, err := h.Join(p, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := h.Join(p, "40")
		wantError(t, "Join", err, ErrTooManyRooms)
		_, err = h.Join(p, "17")
		wantError(t, "Join twice", err, ErrTooManyRooms)
		for i := range 40 {
			publish(t, h, fmt.Sprint(i), "x")
			p.wants(t, fmt.Sprint(i)+" 1 x")
			if !h.Leave(p, fmt.Sprint(i)) {
				t.Errorf("not in room %d", i)
			}
		}
		stream := newPeer(lines{vector: true, rooms: 2})
		for i, want := range []error{nil, nil, ErrTooManyRooms} {
			_, err := h.Join(stream, fmt.Sprint(i))
			wantError(t, fmt.Sprint("Join ", i), err, want)
		}
		h.Leave(stream, "0")
		x := publish(t, h, "1", "x")
		stream.wants(t, "id "+x.String(), "1 2 x")
	})
}

func TestBadInput_messages(t *testing.T) {
	bubble(t, Config{MaxMessage: 10}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		for _, m := range []Message{
			{Data: make([]byte, 11)}, {Data: []byte("\xff")}, {Event: "a\nb"}, {Event: "a\rb"}, {Event: "a\x00"}, {Event: "\xff"},
			{Event: strings.Repeat("x", 257)}, {ID: strings.Repeat("x", 129)}, {ID: "a\nb"}, {ID: "a\rb"}, {ID: "a\x00"}, {ID: "\xff"},
		} {
			_, err := h.Publish(t.Context(), "a", m)
			wantError(t, "Publish", err, ErrMessage)
			wantError(t, "Broadcast", h.Broadcast(t.Context(), m), ErrMessage)
			wantError(t, "Send", h.Send(t.Context(), p.ID(), m), ErrMessage)
			wantError(t, "SendUser", h.SendUser(t.Context(), "x", m), ErrMessage)
		}
		for _, m := range []Message{{}, {Data: []byte("\xff"), Binary: true}, {Event: strings.Repeat("é", 128), Data: make([]byte, 10)}, {ID: strings.Repeat("é", 64)}} {
			_, err := h.Publish(t.Context(), "a", m)
			wantError(t, "Publish", err, nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.Publish(ctx, "a", Message{})
		wantError(t, "Publish", err, context.Canceled)
		if got := h.Stats().Published; got != 4 {
			t.Errorf("Published = %d, want 4", got)
		}
	})
}

func TestBadInput_order(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		if pos, err := h.Publish(t.Context(), "nobody", Message{}, NoLog()); err != nil || !pos.IsZero() {
			t.Errorf("Publish to nobody = %v, %v, want zero", pos, err)
		}
		if got := h.Stats().Rooms; got != 0 {
			t.Errorf("%d rooms, want 0", got)
		}
		p := join(t, h, lines{}, "a")
		_, err := h.Join(p, "a")
		wantError(t, "Join twice", err, ErrJoined)
		other := New(Config{})
		_, err = other.Join(p, "a")
		wantError(t, "Join of another hub", err, ErrOtherHub)
		wantError(t, "Attach to another hub", other.Attach(p), ErrOtherHub)
		p.gone()
		p.gone()
		synctest.Wait()
		_, err = h.Join(p, "b")
		wantError(t, "Join of a closed connection", err, ErrConnClosed)
		wantError(t, "Attach of a closed connection", h.Attach(p), ErrConnClosed)
		if h.Leave(p, "a") {
			t.Error("a closed connection has left a room")
		}
		if p.ended != 1 || len(p.reasons()) != 0 {
			t.Errorf("ended %d times, closed for %v", p.ended, p.reasons())
		}
	})
}

func TestBadInput_callbackPanics(t *testing.T) {
	conf := Config{Room: func(name string) RoomConfig {
		switch name {
		case "panic":
			panic(errReset)
		case "nonsense":
			return RoomConfig{OnLag: 77}
		}
		return RoomConfig{}
	}}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		for _, name := range []string{"panic", "nonsense"} {
			_, err := h.Join(p, name)
			_, err2 := h.Publish(t.Context(), name, Message{})
			for _, err := range []error{err, err2} {
				var pe *PanicError
				if !errors.As(err, &pe) || !strings.Contains(string(pe.Stack), "roomConfig") {
					t.Errorf("%s: %v, want a PanicError with its stack", name, err)
				}
			}
		}
		_, err := h.Join(p, "panic")
		wantError(t, "Join", err, errReset)
		if _, err := h.Join(p, "fine"); err != nil || h.Stats().Rooms != 1 {
			t.Errorf("Join = %v with %d rooms", err, h.Stats().Rooms)
		}
	})
}

func TestBadInput_config(t *testing.T) {
	for _, conf := range []Config{
		{MaxRooms: -1}, {MaxRoomName: -1}, {MaxRoomsPerConn: -1}, {MaxConnsPerUser: -1}, {MaxMessage: -1}, {MaxMessage: 1 << 30}, {BackplaneTimeout: -1},
		{Rooms: RoomConfig{OnLag: 3}}, {Rooms: RoomConfig{Coalesce: -1}}, {Rooms: RoomConfig{Coalesce: 2e9}},
		{Rooms: RoomConfig{MaxLagBytes: -1}}, {Rooms: RoomConfig{MaxLagMessages: -1}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%+v) did not panic", conf)
				}
			}()
			New(conf)
		}()
	}
}

func TestBadInput_historyIsBounded(t *testing.T) {
	bubble(t, Config{MaxHistory: 1000}, func(t *testing.T, h *Hub) {
		for i := range 100 {
			publish(t, h, fmt.Sprint("room", i), strings.Repeat("x", 100))
		}
		if got := h.Stats(); got.HistoryKept != 1000 || got.HistoryFull != 90 {
			t.Errorf("kept, full = %d, %d, want 1000, 90", got.HistoryKept, got.HistoryFull)
		}
		p := newPeer(lines{})
		r := h.lookup("room0")
		if r.hist.n != 1 {
			t.Fatalf("room0 keeps %d messages, want 1", r.hist.n)
		}
		publish(t, h, "room0", "more") // loses what it had, and says so
		j, err := h.Join(p, "room0", Since(Pos{r.head.Epoch, 1}))
		if err != nil || j.Recovered {
			t.Errorf("Join = %+v, %v, want a gap", j, err)
		}
		p.wants(t, "room0 gap 1 2")
		if got := h.Stats().HistoryKept; got != 900 {
			t.Errorf("kept = %d, want 900", got)
		}
	})
}

func FuzzPos(f *testing.F) {
	for _, s := range []string{"", "-", "0-0", "1-2", "01-2", "zz-zz", "3w5e11264sgsf-3w5e11264sgsf", "3w5e11264sgsg-0", "A-1", "1-2-3", "1.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pos, err := ParsePos(s)
		if err != nil {
			if pos != (Pos{}) || !errors.Is(err, ErrPos) {
				t.Errorf("ParsePos(%q) = %v, %v", s, pos, err)
			}
			return
		}
		if got := pos.String(); got != s {
			t.Errorf("ParsePos(%q).String() = %q", s, got)
		}
	})
}

func FuzzPacket(f *testing.F) {
	full := Packet{Node: NodeID{1}, To: ToConn, Name: "n", Conn: ConnID{2}, Except: ConnID{3}, NoLog: true, Pos: Pos{4, 5},
		Message: Message{Event: "e", Data: []byte("data"), Binary: true, ID: "id"}}
	for _, p := range []Packet{{}, {Message: Message{ID: "id"}}, full} {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		if err := p.UnmarshalBinary(b); err != nil {
			return
		}
		again, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var q Packet
		if err := q.UnmarshalBinary(again); err != nil || fmt.Sprintf("%+v", p) != fmt.Sprintf("%+v", q) {
			t.Errorf("%+v became %+v, %v", p, q, err)
		}
	})
}

func TestConnID_text(t *testing.T) {
	id := NewConnID()
	if id.IsZero() || id == NewConnID() {
		t.Fatal("not random")
	}
	got, err := ParseConnID(id.String())
	if err != nil || got != id {
		t.Errorf("ParseConnID(%q) = %v, %v", id, got, err)
	}
	for _, s := range []string{"", "x", strings.Repeat("g", 32), strings.Repeat("A", 32), strings.Repeat("0", 31), strings.Repeat("0", 1<<20)} {
		if got, err := ParseConnID(s); !errors.Is(err, ErrConnID) || !got.IsZero() {
			t.Errorf("ParseConnID(%.40q) = %v, %v, want ErrConnID", s, got, err)
		}
	}
}
