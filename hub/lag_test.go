package hub

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gogeist/geist/internal/hubwire"
)

// numbers returns the lines of messages first to last of a room.
func numbers(room string, first, last int) (want []string) {
	for i := first; i <= last; i++ {
		want = append(want, fmt.Sprintf("%s %d x", room, i))
	}
	return want
}

func TestLag_policies(t *testing.T) {
	tests := []struct {
		name string
		conf RoomConfig
		n    int
		want []string
		lag  []hubwire.CloseReason
	}{
		{"disconnect, not yet", RoomConfig{MaxLagMessages: 10}, 11, numbers("a", 1, 11), nil},
		{"disconnect", RoomConfig{MaxLagMessages: 10}, 12, []string{"a 1 x", "close 1"}, []hubwire.CloseReason{hubwire.Lagging}},
		{"disconnect by bytes", RoomConfig{MaxLagBytes: 30}, 8, []string{"a 1 x", "close 1"}, []hubwire.CloseReason{hubwire.Lagging}},
		{"bytes, not yet", RoomConfig{MaxLagBytes: 30}, 6, numbers("a", 1, 6), nil},
		{"skip", RoomConfig{MaxLagMessages: 10, OnLag: SkipToHead}, 12, []string{"a 1 x", "a gap 1 12"}, nil},
		{"skip, then more", RoomConfig{MaxLagMessages: 10, OnLag: SkipToHead}, 14, []string{"a 1 x", "a gap 1 12", "a 13 x", "a 14 x"}, nil},
		{"drop", RoomConfig{MaxLagMessages: 10, OnLag: DropOldest}, 12, append([]string{"a 1 x", "a gap 1 2"}, numbers("a", 3, 12)...), nil},
		{"drop many", RoomConfig{MaxLagMessages: 10, OnLag: DropOldest}, 500, append([]string{"a 1 x", "a gap 1 490"}, numbers("a", 491, 500)...), nil},
		{"drop by bytes", RoomConfig{MaxLagBytes: 30, OnLag: DropOldest}, 9, append([]string{"a 1 x", "a gap 1 4"}, numbers("a", 5, 9)...), nil},
		{"skip often", RoomConfig{MaxLagMessages: 10, OnLag: SkipToHead}, 1000, append([]string{"a 1 x", "a gap 1 991"}, numbers("a", 992, 1000)...), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{Rooms: tt.conf}, func(t *testing.T, h *Hub) {
				p := join(t, h, lines{}, "a")
				release := p.stall()
				for range tt.n {
					publish(t, h, "a", "x")
				}
				release()
				p.wants(t, tt.want...)
				if got := p.reasons(); !slices.Equal(got, tt.lag) {
					t.Errorf("closed for %v, want %v", got, tt.lag)
				}
				if got := h.Stats(); got.Disconnected != uint64(len(tt.lag)) {
					t.Errorf("Disconnected = %d, want %d", got.Disconnected, len(tt.lag))
				}
			})
		})
	}
}

// TestLag_burstIsNone publishes more at once than anybody may lag: who reads gets it all.
func TestLag_burstIsNone(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{MaxLagMessages: 5}}, func(t *testing.T, h *Hub) {
		peers := make([]*peer, 3*inlineFlush)
		for i := range peers {
			peers[i] = join(t, h, lines{}, "a")
		}
		for range 300 {
			publish(t, h, "a", "x")
		}
		for _, p := range peers {
			p.wants(t, numbers("a", 1, 300)...)
		}
	})
}

// TestLag_writerThatIsHeldUp has more published than anybody may lag while somebody is at
// work on a socket that takes everything: that is no fault of the client.
func TestLag_writerThatIsHeldUp(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{MaxLagMessages: 5, MaxLagBytes: 40}}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		p.hold = make(chan struct{})
		if _, err := h.Join(p, "a"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = h.Publish(t.Context(), "a", Message{Data: []byte("x")}) }()
		synctest.Wait()
		for range 20 {
			publish(t, h, "a", "x")
		}
		for range 20 {
			if err := h.Send(t.Context(), p.ID(), Message{Data: []byte("direct")}); err != nil {
				t.Fatal(err)
			}
		}
		close(p.hold)
		synctest.Wait()
		if got := p.reasons(); len(got) != 0 {
			t.Errorf("closed for %v", got)
		}
		if got := strings.Count(p.text(), "\n"); got != 41 {
			t.Errorf("received %d messages, want 41", got)
		}
	})
}

// TestLag_historyIsNone replays more than anybody may lag.
func TestLag_historyIsNone(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{MaxLagMessages: 5, MaxLagBytes: 40}}, func(t *testing.T, h *Hub) {
		stay := join(t, h, lines{}, "a")
		for range 50 {
			publish(t, h, "a", "x")
		}
		stay.text()
		p := newPeer(lines{})
		release := p.stall()
		if _, err := h.Join(p, "a", Last(50)); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "a", "x", "x")
		release()
		p.wants(t, numbers("a", 1, 52)...)
	})
}

func TestLag_direct(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		if err := h.Attach(p); err != nil {
			t.Fatal(err)
		}
		p.stall()
		var err error
		for sent := 0; err == nil; sent++ {
			if sent > defaultLagMessages+2 { // one is handed over, one is too many
				t.Fatalf("%d messages wait for a client that reads nothing", sent)
			}
			err = h.Send(t.Context(), p.ID(), Message{Data: []byte("x")})
		}
		wantError(t, "Send", err, ErrNoConn)
		if got := p.reasons(); !slices.Equal(got, []hubwire.CloseReason{hubwire.Lagging}) {
			t.Errorf("closed for %v, want Lagging", got)
		}
		p.gone()
	})
}

func TestLag_cannotTell(t *testing.T) {
	conf := Config{Room: func(name string) RoomConfig {
		return RoomConfig{OnLag: map[string]LagPolicy{"skip": SkipToHead, "drop": DropOldest}[name]}
	}}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{mute: true}, "a")
		for _, room := range []string{"skip", "drop"} {
			_, err := h.Join(p, room)
			wantError(t, "Join "+room, err, ErrCannotTell)
		}
		if got := len(p.Rooms()); got != 1 {
			t.Errorf("in %d rooms, want 1", got)
		}
	})
}

// TestLag_nobodyWaitsForAStalledClient counts: one of 1,000 reads nothing, and costs one
// goroutine. All others have everything when the flushers are through.
func TestLag_nobodyWaitsForAStalledClient(t *testing.T) {
	const clients, messages = 1000, 50
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		peers := make([]*peer, clients)
		for i := range peers {
			peers[i] = join(t, h, lines{}, "a")
		}
		before := goroutines()
		release := peers[500].stall()
		for range messages {
			publish(t, h, "a", "x")
		}
		<-h.flush.settled() // no flusher is held up
		synctest.Wait()
		if got := goroutines() - before; got != 1 {
			t.Errorf("%d goroutines for a stalled client, want 1", got)
		}
		for i, p := range peers {
			if i != 500 {
				p.wants(t, numbers("a", 1, messages)...)
			}
		}
		peers[500].wants(t)
		release()
		peers[500].wants(t, numbers("a", 1, messages)...)
		if got := goroutines() - before; got != 0 {
			t.Errorf("%d goroutines are left", got)
		}
		if got := h.Stats().Delivered; got != clients*messages {
			t.Errorf("Delivered = %d, want %d", got, clients*messages)
		}
	})
}

// TestLag_memoryIsShared holds that what a thousand stalled clients have not read exists
// once, and is gone with the last of them.
func TestLag_memoryIsShared(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{KeepMessages: -1}}, func(t *testing.T, h *Hub) {
		peers := make([]*peer, 1000)
		for i := range peers {
			peers[i] = join(t, h, lines{}, "a")
			peers[i].stall()
		}
		publish(t, h, "a", "x")
		synctest.Wait()
		before := heap()
		text := strings.Repeat("x", 1000)
		for range 900 {
			publish(t, h, "a", text)
		}
		if grown := heap() - before; grown > 2<<20 {
			t.Errorf("900 KB for 1,000 stalled clients take %d bytes", grown)
		}
		for _, p := range peers {
			p.gone()
		}
		synctest.Wait()
		if grown := heap() - before; grown > 300<<10 {
			t.Errorf("%d bytes are left of what nobody reads", grown)
		}
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
