//go:build !race

package hub

import (
	"runtime"
	"testing"
)

// mallocs returns how many allocations f makes, of all goroutines.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// TestAllocs_publish holds that publishing allocates nothing but what it keeps: blocks of
// the log and of the history, one allocation for 2 KiB and more, however many receive it.
func TestAllocs_publish(t *testing.T) {
	const n = 20_000
	data := make([]byte, 128)
	for _, clients := range []int{0, 1, 10, 1000} {
		for _, keep := range []int{-1, 100} {
			h := New(Config{Rooms: RoomConfig{KeepMessages: keep}})
			except := ConnID{1}
			if peers := crowd(t, h, "room", clients); clients > 0 {
				except = peers[0].ID()
			}
			ctx := t.Context()
			send := func(n int) {
				for range n {
					if _, err := h.Publish(ctx, "room", Message{Data: data}, Except(except)); err != nil {
						t.Fatal(err)
					}
				}
				<-h.flush.settled()
			}
			send(1000) // pools, and blocks of full length
			got := mallocs(func() { send(n) })
			kept := n * (128 + 150) // in the history, and with position and newline in the log
			if most := uint64(kept/2048 + n/100); got > most {
				t.Errorf("%d clients, keeping %d: %d allocations for %d messages, want at most %d", clients, keep, got, n, most)
			}
		}
	}
}

// TestAllocs_joinLeave holds what a stay in a room costs: its cursor.
func TestAllocs_joinLeave(t *testing.T) {
	h := New(Config{})
	crowd(t, h, "room", 10)
	p := quiet(lines{})
	got := testing.AllocsPerRun(1000, func() {
		if _, err := h.Join(p, "room"); err != nil {
			t.Error(err)
		}
		h.Leave(p, "room")
	})
	if got != 1 {
		t.Errorf("Join and Leave allocate %v times, want 1", got)
	}
}
