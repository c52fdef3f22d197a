package hub

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestAttach_connsOfUser bounds the connections of a user, not of nobody.
func TestAttach_connsOfUser(t *testing.T) {
	bubble(t, Config{MaxConnsPerUser: 2}, func(t *testing.T, h *Hub) {
		var peers []*peer
		for range 4 {
			peers = append(peers, newPeer(lines{}))
			wantError(t, "Attach as nobody", h.Attach(peers[len(peers)-1], As("")), nil)
		}
		for i, want := range []error{nil, nil, ErrTooManyConns} {
			wantError(t, "Attach", h.Attach(peers[i], As("ann")), want)
			wantError(t, "Attach again", h.Attach(peers[i], As("ann")), want)
		}
		wantError(t, "Attach as another", h.Attach(peers[2], As("bob")), nil)
		wantError(t, "Attach as one who has enough", h.Attach(peers[2], As("ann")), ErrTooManyConns)
		if got := peers[2].User(); got != "bob" {
			t.Errorf("it belongs to %q, want bob as before", got)
		}
		wantError(t, "SendUser", h.SendUser(t.Context(), "bob", Message{Data: []byte("x")}), nil)
		peers[2].wants(t, "- 0 x")
		peers[0].gone()
		synctest.Wait()
		wantError(t, "Attach when one has gone", h.Attach(peers[3], As("ann")), nil)
		if got := len(h.connsOf("ann")); got != 2 {
			t.Errorf("ann has %d connections, want 2", got)
		}
	})
}

// TestAttach_connsOfUserAtOnce attaches many at once: as many succeed as may.
func TestAttach_connsOfUserAtOnce(t *testing.T) {
	bubble(t, Config{MaxConnsPerUser: 5}, func(t *testing.T, h *Hub) {
		var all sync.WaitGroup
		var attached atomic.Int32
		for range 20 {
			all.Go(func() {
				if h.Attach(newPeer(lines{}), As("ann")) == nil {
					attached.Add(1)
				}
			})
		}
		all.Wait()
		if got := attached.Load(); got != 5 || len(h.connsOf("ann")) != 5 {
			t.Errorf("%d are attached, want 5", got)
		}
	})
}
