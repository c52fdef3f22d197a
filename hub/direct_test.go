package hub

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gogeist/geist/internal/hubwire"
)

// sendUnit queues a line.
func sendUnit(t *testing.T, p *peer, line string) {
	t.Helper()
	wantError(t, "SendUnit", p.SendUnit(hubwire.Key{}, []byte(line+"\n")), nil)
}

// replies answers a Join with a line: "joined 3", which is its head.
func replies() JoinOption {
	return JoinReply(hubwire.Key{}, func(dst []byte, j Joined) []byte { return fmt.Appendf(dst, "joined %d\n", j.Head.Offset) })
}

func TestConn_sendUnit(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		wantError(t, "SendUnit before Attach", p.SendUnit(hubwire.Key{}, []byte("x\n")), ErrNoConn)
		wantError(t, "Attach", h.Attach(p), nil)
		sendUnit(t, p, "one")
		wantError(t, "Send", h.Send(t.Context(), p.ID(), Message{Data: []byte("two")}), nil)
		sendUnit(t, p, "three")
		p.wants(t, "one", "- 0 two", "three")
		p.gone()
		synctest.Wait()
		wantError(t, "SendUnit after the end", p.SendUnit(hubwire.Key{}, []byte("x\n")), ErrConnClosed)
		p.wants(t)
	})
}

// TestConn_sendUnitLags closes a connection that does not take what it is sent, and not
// one that takes it in time.
func TestConn_sendUnitLags(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		wantError(t, "Attach", h.Attach(p), nil)
		for range 3 * defaultLagMessages {
			sendUnit(t, p, "x")
		}
		release := p.stall()
		defer release()
		for range defaultLagMessages + 1 {
			sendUnit(t, p, "x") // the writer has the first
		}
		if got := p.reasons(); len(got) > 0 {
			t.Errorf("closed for %v, want it to be as far behind as it may", got)
		}
		sendUnit(t, p, "x")
		if got := p.reasons(); !slices.Equal(got, []hubwire.CloseReason{hubwire.Lagging}) {
			t.Errorf("closed for %v, want %v", got, hubwire.Lagging)
		}
	})
}

// TestConn_directOrder stalls a client, and sends it this and that.
func TestConn_directOrder(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		publish(t, h, "a", "1", "2")
		p := join(t, h, lines{}, "b")
		release := p.stall()
		publish(t, h, "b", "on its way", "waits")
		wantError(t, "Send", h.Send(t.Context(), p.ID(), Message{Data: []byte("earlier")}), nil)
		if _, err := h.Join(p, "a", replies(), Last(2)); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "a", "3")
		sendUnit(t, p, "later")
		h.Leave(p, "b")
		sendUnit(t, p, "left b")
		release()
		p.wants(t, "b 1 on its way", "- 0 earlier", "joined 2", "later", "left b", "a 1 1", "a 2 2", "a 3 3")
	})
}

// TestJoinReply_refused answers nothing if nothing is joined.
func TestJoinReply_refused(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		p := newPeer(lines{})
		for _, want := range []error{nil, ErrJoined} {
			_, err := h.Join(p, "a", replies())
			wantError(t, "Join", err, want)
		}
		_, err := h.Join(p, "", replies())
		wantError(t, "Join", err, ErrRoomName)
		p.wants(t, "joined 0")
	})
}

// TestJoinReply_beforeTheRoom joins while others publish: the answer comes first, and then
// what is behind the place that it names.
func TestJoinReply_beforeTheRoom(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		const n = 500
		var publishers sync.WaitGroup
		for range 2 {
			publishers.Go(func() { publish(t, h, "a", slices.Repeat([]string{"x"}, n)...) })
		}
		peers := make([]*peer, 20)
		for i := range peers {
			peers[i] = newPeer(lines{})
			runtime.Gosched() // somewhere in between
			if _, err := h.Join(peers[i], "a", replies()); err != nil {
				t.Fatal(err)
			}
		}
		publishers.Wait()
		synctest.Wait()
		for _, p := range peers {
			first, rest, _ := strings.Cut(p.text(), "\n")
			var head uint64
			if _, err := fmt.Sscanf(first, "joined %d", &head); err != nil {
				t.Errorf("%q came first, want the answer", first)
			}
			want := strings.Join(numbers("a", int(head)+1, 2*n), "\n")
			if got := strings.TrimSuffix(rest, "\n"); got != want {
				t.Errorf("joined at %d, and received\n%swant\n%s", head, got, want)
			}
		}
	})
}
