package hub

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

var errReset = errors.New("connection reset")

// lines is an encoding for tests: a line for each unit, which says everything.
//
//	a 3 hello      third message of room a
//	a gap 2 5      2 was received, 6 comes next
//	- 0 hello      not of a room
//	a who 2 +1:ann:"x" ~2:bob: -3      those with the ids 1 to 3, of two who are there
type lines struct {
	mute   bool // cannot tell gaps
	vector bool
	rooms  int
	full   bool // positions with their epochs, and a tab behind each field
	who    bool // can tell who is there
}

func (l lines) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	if l.full {
		dst = append(append(dst, e.Room...), '\t')
		dst = append(hubwire.AppendPos(dst, e.Epoch, e.Offset), '\t')
		dst = append(append(dst, e.Data...), '\t')
		return append(append(dst, e.ID...), '\n')
	}
	name := e.Room
	if e.Epoch == 0 {
		name, e.Offset = "-", 0
	}
	if e.Event != "" {
		name += "/" + e.Event
	}
	if e.ID != "" {
		name += "#" + e.ID
	}
	dst = append(append(dst, name...), ' ')
	dst = append(strconv.AppendUint(dst, e.Offset, 10), ' ')
	return append(append(dst, e.Data...), '\n')
}

func (l lines) AppendGap(dst []byte, g *hubwire.Gap) []byte {
	if l.full {
		return fmt.Appendf(dst, "%s\t%v\tgap\t%v\n", g.Room, Pos{g.Epoch, g.Offset}, Pos{g.FromEpoch, g.FromOffset})
	}
	if g.FromEpoch != g.Epoch {
		return fmt.Appendf(dst, "%s gap ? %d\n", g.Room, g.Offset)
	}
	return fmt.Appendf(dst, "%s gap %d %d\n", g.Room, g.FromOffset, g.Offset)
}

func (l lines) AppendPositions(dst []byte, places []hubwire.Place) []byte {
	dst = append(dst, "id "...)
	return append(hubwire.AppendVector(dst, places), '\n')
}

func (l lines) AppendPresence(dst []byte, p *hubwire.Presence) []byte {
	var all []string
	for sign, members := range map[string][]hubwire.Member{"+": p.Joined, "~": p.Updated} {
		for _, m := range members {
			all = append(all, fmt.Sprintf("%s%s:%s:%s", sign, m.Conn, m.User, m.Shown))
		}
	}
	for _, id := range p.Left {
		all = append(all, "-"+id)
	}
	slices.Sort(all)
	if p.Reset {
		all = append([]string{"reset"}, all...)
	}
	return fmt.Appendf(dst, "%s who %d %s\n", p.Room, p.Count, strings.Join(all, " "))
}

func (l lines) Traits() hubwire.Traits {
	return hubwire.Traits{Gaps: !l.mute, Vector: l.vector, Rooms: int32(l.rooms), Presence: l.who}
}

// peer is a subscriber in a test: the socket, the outlet and the client in one.
type peer struct {
	*Conn
	out *outlet.Outlet

	mu      sync.Mutex
	got     strings.Builder
	hold    chan struct{} // TryWrite waits for it, as no socket does; nil: it does not
	stalled chan struct{} // Write waits for it; nil: the socket takes everything
	cut     chan struct{}
	closed  []hubwire.CloseReason
	ended   int
	writes  int // calls of TryWrite that took something
	silent  bool
}

func newPeer(enc hubwire.Encoding) *peer {
	p := &peer{cut: make(chan struct{})}
	p.out = outlet.New(p)
	p.Conn = NewConn(NewConnID(), p.out, enc, p.close)
	return p
}

func (p *peer) TryWrite(b []byte) (int, error) {
	if p.hold != nil {
		<-p.hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		return 0, nil
	}
	p.writes++
	if !p.silent {
		p.got.Write(b)
	}
	return len(b), nil
}

func (p *peer) Write(b []byte) error {
	p.mu.Lock()
	stalled := p.stalled
	p.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-p.cut:
			return errReset
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got.Write(b)
	return nil
}

func (p *peer) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.cut:
	default:
		close(p.cut)
	}
}

func (p *peer) Ended(error) {
	p.mu.Lock()
	p.ended++
	p.mu.Unlock()
	p.Conn.Ended(hubwire.Key{})
}

func (p *peer) close(reason hubwire.CloseReason) {
	p.mu.Lock()
	p.closed = append(p.closed, reason)
	p.mu.Unlock()
	p.out.Finish(fmt.Appendf(nil, "close %d\n", reason))
}

// gone ends the connection as a client does that vanishes.
func (p *peer) gone() { p.out.Cut(errReset) }

// stall makes the socket take nothing; the function returned ends that.
func (p *peer) stall() (release func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	p.stalled = gate
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		p.stalled = nil
		p.mu.Unlock()
		close(gate)
	}
}

// text returns what the client has received, and forgets it.
func (p *peer) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.got.String()
	p.got.Reset()
	return s
}

func (p *peer) reasons() []hubwire.CloseReason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// bubble runs a test with a clock of its own, in which a hub is shut down at the end.
func bubble(t *testing.T, conf Config, test func(t *testing.T, h *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(conf)
		test(t, h)
		synctest.Wait()
		if err := h.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// join makes a peer that is in rooms.
func join(t *testing.T, h *Hub, enc hubwire.Encoding, rooms ...string) *peer {
	t.Helper()
	p := newPeer(enc)
	for _, room := range rooms {
		if _, err := h.Join(p, room); err != nil {
			t.Fatalf("Join %q: %v", room, err)
		}
	}
	return p
}

// publish sends texts to a room, and returns the last position.
func publish(t *testing.T, h *Hub, room string, texts ...string) (pos Pos) {
	t.Helper()
	for _, text := range texts {
		var err error
		if pos, err = h.Publish(t.Context(), room, Message{Data: []byte(text)}); err != nil {
			t.Fatalf("Publish to %q: %v", room, err)
		}
	}
	return pos
}

// wants compares what a client has received since the last time.
func (p *peer) wants(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	all := strings.Join(want, "\n")
	if len(want) > 0 {
		all += "\n"
	}
	if got := p.text(); got != all {
		t.Errorf("received\n%swant\n%s", got, all)
	}
}

// goroutines returns how many there are of the bubble, by their stacks:
// runtime.NumGoroutine still counts some that have just ended.
func goroutines() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "synctest bubble")
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
