package hub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// TestObserve_model lets connections of two hubs come, go, change and observe at random,
// some of them slow: each of those who observe in the end knows who is there, and no list
// is longer than it may be.
func TestObserve_model(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			nodes(t, seed%2 == 0, func(t *testing.T, _ *Bus, a, b *Hub) { observeModel(t, seed, a, b) })
		})
	}
}

// modelPeer is a client that may observe.
type modelPeer struct {
	*peer
	h       *Hub
	release func()
}

func observeModel(t *testing.T, seed uint64, hubs ...*Hub) {
	random := rand.New(rand.NewPCG(seed, 7))
	most := []int{0, 4}[seed/2%2]
	peers := make([]*modelPeer, 12)
	for i := range peers {
		peers[i] = &modelPeer{peer: newPeer(lines{who: true}), h: hubs[i%2]}
	}
	for range 1500 {
		p := peers[random.IntN(len(peers))]
		switch n := random.IntN(12); {
		case n < 2:
			_, _ = p.h.Join(p, "room", replies()) // may be in it
		case n < 4:
			_, _ = p.h.Join(p, "room", ObserveUpTo(hubwire.Key{}, most), Show(random.IntN(3)), replies())
		case n < 6:
			p.h.Leave(p, "room")
		case n < 8:
			_ = p.h.Show(p, "room", random.IntN(3)) // may not be in it
		case n < 9:
			_ = p.h.Attach(p, As(fmt.Sprint("user", random.IntN(3))))
		case n < 10 && p.release == nil:
			p.release = p.stall()
		case n < 10:
			p.release()
			p.release = nil
		default:
			time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		}
	}
	for _, p := range peers {
		if p.release != nil {
			p.release()
		}
	}
	time.Sleep(5 * time.Second)
	synctest.Wait()
	observers := 0
	for _, p := range peers {
		known := knows(t, p.text(), most)
		if known == nil || len(p.Rooms()) == 0 {
			continue
		}
		observers++
		want := there(t, p.h, "room")
		if most > 0 && len(want) > most { // a part, of which every word is true
			maps.DeleteFunc(want, func(id, _ string) bool { _, listed := known[id]; return !listed })
		}
		if !maps.Equal(known, want) {
			t.Errorf("knows %v, want %v", known, want)
		}
	}
	if observers == 0 {
		t.Error("nobody observes in the end")
	}
}

// knows applies all that a client was told since it has joined last, nil if nothing.
func knows(t *testing.T, text string, most int) (known map[string]string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case f[0] == "joined":
			known = nil
			continue
		case f[1] != "who":
			continue
		case len(f) > 3 && f[3] == "reset":
			known, f = map[string]string{}, f[1:]
		case known == nil:
			t.Errorf("received %q, want everybody first", line)
			return nil
		}
		if f = f[3:]; most > 0 && len(f) > most {
			t.Errorf("a list of %d, want at most %d", len(f), most)
		}
		for _, change := range f {
			if id, rest, _ := strings.Cut(change[1:], ":"); change[0] == '-' {
				delete(known, id)
			} else {
				known[id] = rest
			}
		}
	}
	return known
}

// there returns who is in a room, in the same form.
func there(t *testing.T, h *Hub, room string) map[string]string {
	members, err := h.Presence(t.Context(), room)
	wantError(t, "Presence", err, nil)
	all := map[string]string{}
	for _, m := range members {
		all[m.Conn.String()] = m.User + ":" + string(m.Shown)
	}
	return all
}
