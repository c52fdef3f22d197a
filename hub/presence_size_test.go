//go:build !race

package hub

import (
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPresence_size holds what 10,000 members take, with the changes that are kept for
// those who watch: at most a KiB each, their places in the room included.
func TestPresence_size(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		h := New(withPresence)
		peers := make([]*peer, n)
		for i := range peers {
			peers[i] = quiet(lines{})
			if err := h.Attach(peers[i], As("somebody")); err != nil {
				t.Fatal(err)
			}
		}
		next, stop := iter.Pull2(h.Watch(t.Context(), "room"))
		defer stop()
		next() // the state of an empty room
		before := heap()
		shown := Show("a hundred bytes of text, which say where somebody is and what they are doing there just now, about")
		for _, p := range peers {
			if _, err := h.Join(p, "room", shown); err != nil {
				t.Fatal(err)
			}
		}
		change, err, _ := next()
		if len(change.Joined) != n || err != nil {
			t.Fatalf("told of %d, %v, want one change with all %d", len(change.Joined), err, n)
		}
		if each := (heap() - before) / n; each > 1024 {
			t.Errorf("%d bytes for each member, want at most 1024", each)
		} else {
			t.Logf("%d bytes for each member", each)
		}
		runtime.KeepAlive(peers)
	})
}

// TestObserve_size does so where all 10,000 observe, and tells them a change: it is
// encoded once, and written once to each.
func TestObserve_size(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		h := New(withPresence)
		var encoded atomic.Int32
		peers := make([]*peer, n)
		for i := range peers {
			peers[i] = newPeer(terse{n: &encoded})
			peers[i].silent = true
			if err := h.Attach(peers[i], As("somebody")); err != nil {
				t.Fatal(err)
			}
		}
		before := heap()
		shown := Show("a hundred bytes of text, which say where somebody is and what they are doing there just now, about")
		for _, p := range peers {
			if _, err := h.Join(p, "room", Observe(), shown); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		if each := (heap() - before) / n; each > 1024 {
			t.Errorf("%d bytes for each member, want at most 1024", each)
		} else {
			t.Logf("%d bytes for each member", each)
		}
		encoded.Store(0)
		writes := 0
		for _, p := range peers {
			writes -= p.writes
			if err := h.Show(p, "room", 1); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		for _, p := range peers {
			writes += p.writes
		}
		if got := encoded.Load(); got != 1 || writes != n {
			t.Errorf("encoded %d times and written %d times, want once, and once to each of %d", got, writes, n)
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAllocs_presence holds what a stay costs in a room with presence: the cursor and
// the member; one that nobody watches collects nothing.
func TestAllocs_presence(t *testing.T) {
	h := New(withPresence)
	crowd(t, h, "room", 10)
	p := quiet(lines{})
	got := testing.AllocsPerRun(1000, func() {
		if _, err := h.Join(p, "room"); err != nil {
			t.Error(err)
		}
		h.Leave(p, "room")
	})
	if got != 2 {
		t.Errorf("Join and Leave allocate %v times, want 2", got)
	}
}
