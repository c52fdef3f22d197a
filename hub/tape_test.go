package hub

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// TestTape_readWhileWritten reads a tape without a lock while it is written to, block
// after block: no entry may be passed over at the end of one.
func TestTape_readWhileWritten(t *testing.T) {
	const n = 50_000
	data := strings.Repeat("x", 200) // two in a block
	t1 := newTape(lines{}, 1, Pos{Epoch: 1})
	s := &sub{at: t1.last, room: &room{}}
	var done atomic.Bool
	go func() { // writes n entries, then ends
		defer done.Store(true)
		e := hubwire.Entry{Room: "a", Epoch: 1, Data: []byte(data)}
		for i := uint64(1); i <= n; i++ {
			e.Offset = i
			t1.append(&e, i)
			t1.last.born = t1.last.born.AddDate(-1, 0, 0) // as if it said little: blocks stay short
		}
	}()
	want := uint64(1)
	for over := false; ; over = done.Load() {
		for s.waitsLocked() {
			if got := s.seq(); got != want {
				t.Fatalf("the next entry is %d, want %d", got, want)
			}
			p, entries := s.runLocked(maxSlots)
			if first := fmt.Sprintf("a %d %s\n", want, data); !strings.HasPrefix(string(p), first) || strings.Count(string(p), "\n") != entries {
				t.Fatalf("%d entries are %.20q…, want %q first", entries, p, first)
			}
			want += uint64(entries)
		}
		if over {
			break
		}
		runtime.Gosched()
	}
	if want != n+1 {
		t.Errorf("%d entries were read, want %d", want-1, n)
	}
}

// jumpy is an encoding that needs more space than the entry lets expect, and one that
// returns memory of its own.
type jumpy struct{ own bool }

func (j jumpy) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	if j.own {
		return append(append(make([]byte, 0, 4096), dst...), fmt.Sprintf("%d\n", e.Offset)...)
	}
	return append(fmt.Appendf(dst, "%d", e.Offset), strings.Repeat(".", int(e.Offset*37%1500))+"\n"...)
}
func (jumpy) AppendGap(dst []byte, _ *hubwire.Gap) []byte          { return dst }
func (jumpy) AppendPositions(dst []byte, _ []hubwire.Place) []byte { return dst }

func (jumpy) AppendPresence(dst []byte, _ *hubwire.Presence) []byte { return dst }
func (jumpy) Traits() hubwire.Traits                                { return hubwire.Traits{} }

func TestTape_encodingsOfAnyLength(t *testing.T) {
	for _, enc := range []jumpy{{}, {own: true}} {
		bubble(t, Config{}, func(t *testing.T, h *Hub) {
			p := join(t, h, enc, "a")
			var want []string
			for i := range uint64(500) {
				publish(t, h, "a", "")
				line := string(jumpy{own: enc.own}.AppendEntry(nil, &hubwire.Entry{Offset: i + 1}))
				want = append(want, strings.TrimSuffix(line, "\n"))
			}
			p.wants(t, want...)
		})
	}
}

// TestRoom_reapLooksAgain holds that a room which is in use does not vanish, whatever was
// thought of it a moment before.
func TestRoom_reapLooksAgain(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{KeepMessages: -1}}, func(t *testing.T, h *Hub) {
		p := join(t, h, lines{}, "a")
		r := h.lookup("a")
		h.reap(r)
		if h.lookup("a") != r {
			t.Fatal("a room with a subscriber has vanished")
		}
		pinned, err := h.pin("a")
		if err != nil || pinned != r {
			t.Fatalf("pin = %p, %v, want %p", pinned, err, r)
		}
		h.Leave(p, "a")
		if h.lookup("a") != r {
			t.Fatal("a pinned room has vanished")
		}
		h.unpin(r)
		if h.lookup("a") != nil || h.Stats().Rooms != 0 {
			t.Fatal("a room that is of no use stays")
		}
		if _, ok := r.publish(&post{}); ok {
			t.Error("a dead room has taken a message")
		}
	})
}

// TestRoom_reapForgetsHistory lets a room vanish before the sweep has found what is too old.
func TestRoom_reapForgetsHistory(t *testing.T) {
	bubble(t, Config{Rooms: RoomConfig{OnLag: SkipToHead, KeepFor: 61 * time.Second}}, func(t *testing.T, h *Hub) {
		publish(t, h, "a", "x")
		time.Sleep(62 * time.Second)
		if got := h.Stats(); got.Rooms != 1 || got.HistoryKept != 1 {
			t.Fatalf("stats = %+v, want what is there until the sweep at 75 s", got)
		}
		_, err := h.Join(newPeer(lines{mute: true}), "a")
		wantError(t, "Join", err, ErrCannotTell)
		if got := h.Stats(); got.Rooms != 0 || got.HistoryKept != 0 {
			t.Errorf("stats = %+v, want nothing", got)
		}
	})
}

// TestHub_attachWhileClosing meets a Shutdown that has begun after the first look.
func TestHub_attachWhileClosing(t *testing.T) {
	h := New(Config{})
	h.closed.Store(true)
	c := newPeer(lines{}).Conn
	c.mu.Lock()
	defer c.mu.Unlock()
	wantError(t, "attachLocked", h.attachLocked(c), ErrClosed)
	if len(h.everybody()) != 0 || c.hub != nil {
		t.Error("a connection was attached that Shutdown may not find")
	}
}
