package hubtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/hub"
)

// patience is how long a test waits for a broker.
const patience = 10 * time.Second

// Broker is what Run tests: something that backplanes connect to.
type Broker struct {
	// Node returns a Backplane for one more hub. All that one Broker returns see each
	// other, and none of another Broker.
	Node func() hub.Backplane
	// Down makes the broker unreachable for all nodes, and Up reachable again. They may
	// return before the nodes have noticed.
	Down, Up func()
}

// Run tests a kind of backplane. Each test calls start for a Broker of its own, which
// is released by tb.Cleanup. It expects one message to take far less than 10 s.
func Run(t *testing.T, start func(tb testing.TB) Broker) {
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"fanOut", (*suite).fanOut},
		{"joinIsEffective", (*suite).joinIsEffective},
		{"roomsAreCounted", (*suite).roomsAreCounted},
		{"order", (*suite).order},
		{"orderOfMany", (*suite).orderOfMany},
		{"except", (*suite).except},
		{"direct", (*suite).direct},
		{"presence", (*suite).presence},
		{"payloads", (*suite).payloads},
		{"resume", (*suite).resume},
		{"down", (*suite).down},
		{"context", (*suite).context},
		{"close", (*suite).close},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.test(&suite{T: t, broker: start(t)})
		})
	}
}

// suite is one test with its broker.
type suite struct {
	*testing.T
	broker Broker
}

// hub returns one more hub, which is shut down at the end.
func (s *suite) hub() *hub.Hub {
	s.Helper()
	h := hub.New(hub.Config{Backplane: s.broker.Node()})
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			s.Errorf("Shutdown: %v", err)
		}
	})
	s.eventually("Ready", func() error { return h.Ready() })
	return h
}

// eventually calls f until it returns nil.
func (s *suite) eventually(what string, f func() error) {
	s.Helper()
	end := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s: %v after %v", what, err, patience)
		}
		time.Sleep(pause)
	}
}

// join returns a client that is in rooms.
func (s *suite) join(h *hub.Hub, rooms ...string) *Client {
	s.Helper()
	c := NewClient()
	for _, room := range rooms {
		if _, err := h.Join(c, room); err != nil {
			s.Fatalf("Join %q: %v", room, err)
		}
	}
	return c
}

func (s *suite) publish(h *hub.Hub, room, text string, opts ...hub.PublishOption) hub.Pos {
	s.Helper()
	pos, err := h.Publish(s.Context(), room, hub.Message{Data: []byte(text)}, opts...)
	if err != nil {
		s.Fatalf("Publish to %q: %v", room, err)
	}
	return pos
}

// next returns what a client receives next.
func (s *suite) next(c *Client) Delivery {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	d, err := c.Next(ctx)
	if err != nil {
		s.Fatalf("nothing was received: %v", err)
	}
	return d
}

// wants compares what a client receives next, one after the other: "room text".
func (s *suite) wants(c *Client, want ...string) {
	s.Helper()
	for _, w := range want {
		d := s.next(c)
		if got := d.Room + " " + string(d.Data); got != w || d.Gap {
			s.Fatalf("received %q (gap %v), want %q", got, d.Gap, w)
		}
	}
}

func (s *suite) wantError(what string, got, want error) {
	s.Helper()
	if !errors.Is(got, want) {
		s.Errorf("%s = %v, want %v", what, got, want)
	}
}

func (s *suite) fanOut() {
	a, b := s.hub(), s.hub()
	onA, onB, other := s.join(a, "room"), s.join(b, "room"), s.join(b, "other")
	s.publish(a, "room", "1")
	s.wants(onB, "room 1") // messages of two nodes may overtake each other
	s.publish(b, "room", "2")
	s.wants(onB, "room 2")
	s.wants(onA, "room 1", "room 2")
	s.publish(a, "other", "3")
	s.wants(other, "other 3")
	s.publish(b, "room", "last") // nothing came twice
	s.wants(onA, "room last")
	s.wants(onB, "room last")
}

// joinIsEffective publishes on one node right after a Join on another has returned.
func (s *suite) joinIsEffective() {
	a, b := s.hub(), s.hub()
	for i := range 50 {
		room := fmt.Sprint("room", i)
		c := s.join(b, room)
		s.publish(a, room, "x")
		s.wants(c, room+" x")
		c.Close()
	}
}

// roomsAreCounted leaves and joins a room that is forgotten at once, from many sides.
func (s *suite) roomsAreCounted() {
	a := s.hub()
	b := hub.New(hub.Config{Backplane: s.broker.Node(), Rooms: hub.RoomConfig{KeepMessages: -1}})
	s.Cleanup(func() { _ = b.Shutdown(context.Background()) })
	s.eventually("Ready", func() error { return b.Ready() })
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for range 30 {
				c := NewClient()
				if _, err := b.Join(c, "room"); err != nil {
					s.Errorf("Join: %v", err)
				}
				c.Close()
			}
		})
	}
	churn.Wait()
	c := s.join(b, "room")
	s.publish(a, "room", "x")
	s.wants(c, "room x")
}

func (s *suite) order() {
	a, b := s.hub(), s.hub()
	onA, onB := s.join(a, "room"), s.join(b, "room")
	const n = 500
	for i := range n {
		s.publish(a, "room", fmt.Sprint(i))
	}
	for i := range n {
		s.wants(onB, fmt.Sprint("room ", i))
		s.wants(onA, fmt.Sprint("room ", i))
	}
}

// orderOfMany publishes on two nodes at once: each node's messages stay in order, and
// with an ordered backplane all see one order, with the same positions.
func (s *suite) orderOfMany() {
	ordered := s.broker.Node().Caps().Ordered
	a, b := s.hub(), s.hub()
	onA, onB := s.join(a, "room"), s.join(b, "room")
	const n = 200
	var publishers sync.WaitGroup
	for name, h := range map[string]*hub.Hub{"a": a, "b": b} {
		publishers.Go(func() {
			for i := range n {
				if _, err := h.Publish(s.Context(), "room", hub.Message{Event: name, Data: fmt.Append(nil, i)}); err != nil {
					s.Errorf("Publish: %v", err)
				}
			}
		})
	}
	publishers.Wait()
	next := map[string]int{}
	for range 2 * n {
		x, y := s.next(onA), s.next(onB)
		if ordered && (x.Pos != y.Pos || x.Event != y.Event || !bytes.Equal(x.Data, y.Data)) {
			s.Fatalf("one node has %+v, the other %+v", x, y)
		}
		for side, d := range map[string]Delivery{"on a: ": x, "on b: ": y} {
			key := side + d.Event
			if got, want := string(d.Data), fmt.Sprint(next[key]); got != want || d.Gap {
				s.Fatalf("%s: received %s, want %s", key, got, want)
			}
			next[key]++
		}
	}
}

func (s *suite) except() {
	a, b := s.hub(), s.hub()
	onA, onB, also := s.join(a, "room"), s.join(b, "room"), s.join(b, "room")
	s.publish(a, "room", "1", hub.Except(onB.ID()))
	s.publish(a, "room", "2", hub.Except(onA.ID()))
	s.publish(a, "room", "3", hub.NoLog())
	s.wants(onA, "room 1", "room 3")
	s.wants(onB, "room 2", "room 3")
	s.wants(also, "room 1", "room 2", "room 3")
}

func (s *suite) direct() {
	a, b := s.hub(), s.hub()
	onA, onB := NewClient(), NewClient()
	for c, h := range map[*Client]*hub.Hub{onA: a, onB: b} {
		if err := h.Attach(c, hub.As("ann")); err != nil {
			s.Fatal(err)
		}
	}
	ctx := s.Context()
	text := func(t string) hub.Message { return hub.Message{Data: []byte(t)} }
	s.wantError("Send", a.Send(ctx, onB.ID(), text("1")), nil)
	s.wants(onB, " 1")
	s.wantError("SendUser", a.SendUser(ctx, "ann", text("2")), nil)
	s.wants(onA, " 2")
	s.wants(onB, " 2")
	s.wantError("Broadcast", b.Broadcast(ctx, text("3"), hub.Except(onA.ID())), nil)
	s.wantError("Broadcast", b.Broadcast(ctx, text("4")), nil)
	s.wants(onA, " 4")
	s.wants(onB, " 3", " 4")
	s.wantError("Send to nobody", a.Send(ctx, hub.NewConnID(), text("5")), nil)
}

// presence lists who is in a room on another node, and who has left.
func (s *suite) presence() {
	var hubs [2]*hub.Hub
	for i := range hubs {
		h := hub.New(hub.Config{Backplane: s.broker.Node(), Rooms: hub.RoomConfig{Presence: true}})
		s.Cleanup(func() { _ = h.Shutdown(context.Background()) })
		s.eventually("Ready", func() error { return h.Ready() })
		hubs[i] = h
	}
	c := NewClient()
	if err := hubs[0].Attach(c, hub.As("ann")); err != nil {
		s.Fatal(err)
	}
	if _, err := hubs[0].Join(c, "room", hub.Show(1)); err != nil {
		s.Fatal(err)
	}
	s.join(hubs[1], "room")
	lists := func(want int) func() error {
		return func() error {
			members, err := hubs[1].Presence(s.Context(), "room")
			if err == nil && len(members) != want {
				err = fmt.Errorf("%d members, want %d", len(members), want)
			}
			return err
		}
	}
	s.eventually("Presence", lists(2))
	members, _ := hubs[1].Presence(s.Context(), "room")
	if m := members[0]; m.Conn != c.ID() || m.User != "ann" || string(m.Shown) != "1" {
		s.Errorf("Presence = %+v, want ann first", members)
	}
	c.Close()
	s.eventually("Presence", lists(1))
}

// payloads are names and data that a broker might trip over.
func (s *suite) payloads() {
	a, b := s.hub(), s.hub()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, room := range []string{"a.b", "*", ">", "a b", "{x}", "é\t\n\x00", "$SYS", strings.Repeat("r", 256)} {
		c := s.join(b, room)
		for _, m := range []hub.Message{
			{Data: []byte{}, ID: strings.Repeat("é", 64)}, {Data: every, Binary: true}, {Event: strings.Repeat("e", 256), Data: []byte("é"), ID: "i d"}, {Data: bytes.Repeat([]byte("x"), 200<<10)},
		} {
			if _, err := a.Publish(s.Context(), room, m); err != nil {
				s.Fatalf("Publish to %q: %v", room, err)
			}
			d := s.next(c)
			if d.Room != room || d.Event != m.Event || d.ID != m.ID || d.Binary != m.Binary || !bytes.Equal(d.Data, m.Data) {
				s.Errorf("room %.20q: %d bytes of %q, named %q, became %d of %q, named %q, in %.20q", room, len(m.Data), m.Event, m.ID, len(d.Data), d.Event, d.ID, d.Room)
			}
		}
		c.Close()
	}
}

// resume leaves one node and goes on at another: with an ordered backplane nothing is
// missing, without it that is said.
func (s *suite) resume() {
	ordered := s.broker.Node().Caps().Ordered
	a, b := s.hub(), s.hub()
	c, stay := s.join(a, "room"), s.join(b, "room")
	s.publish(a, "room", "1")
	pos := s.next(c).Pos
	s.wants(stay, "room 1")
	c.Close()
	s.publish(b, "room", "2")
	s.publish(b, "room", "3")
	s.wants(stay, "room 2", "room 3")
	if !ordered {
		again := NewClient()
		if j, err := b.Join(again, "room", hub.Since(pos)); err != nil || j.Recovered {
			s.Fatalf("Join = %+v, %v, want a gap", j, err)
		}
		if d := s.next(again); !d.Gap || d.From != pos {
			s.Errorf("received %+v, want a gap from %v", d, pos)
		}
		return
	}
	for _, h := range []*hub.Hub{b, s.hub()} { // one that was there, and one that was not
		again := NewClient()
		if j, err := h.Join(again, "room", hub.Since(pos)); err != nil || !j.Recovered || j.Replayed != 2 {
			s.Fatalf("Join = %+v, %v, want 2 replayed", j, err)
		}
		s.wants(again, "room 2", "room 3")
	}
}

func (s *suite) down() {
	ordered := s.broker.Node().Caps().Ordered
	a, b := s.hub(), s.hub()
	c := s.join(b, "room")
	s.publish(a, "room", "1")
	s.wants(c, "room 1")
	s.broker.Down()
	s.eventually("Ready of a broker that is down", func() error {
		if a.Ready() == nil || b.Ready() == nil {
			return errors.New("nil")
		}
		return nil
	})
	s.wantError("Ready", a.Ready(), hub.ErrBackplane)
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	_, err := a.Publish(ctx, "room", hub.Message{})
	s.wantError("Publish", err, hub.ErrBackplane)
	s.wantError("Broadcast", a.Broadcast(ctx, hub.Message{}), hub.ErrBackplane)
	s.broker.Up()
	s.eventually("Ready", func() error { return errors.Join(a.Ready(), b.Ready()) })
	if !ordered {
		if d := s.next(c); !d.Gap {
			s.Errorf("received %+v, want a gap", d)
		}
	}
	s.publish(a, "room", "2")
	for d := s.next(c); string(d.Data) != "2"; d = s.next(c) {
		if !d.Gap {
			s.Fatalf("received %+v, want a gap or 2", d)
		}
	}
	s.wants(s.lateComer(a, b), "late x")
}

// lateComer joins a new room on b and publishes to it on a.
func (s *suite) lateComer(a, b *hub.Hub) *Client {
	s.Helper()
	c := s.join(b, "late")
	s.publish(a, "late", "x")
	return c
}

func (s *suite) context() {
	h := s.hub()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := h.Publish(ctx, "room", hub.Message{})
	s.wantError("Publish", err, context.Canceled)
}

func (s *suite) close() {
	a, b := s.hub(), s.hub()
	onA, onB := s.join(a, "room"), s.join(b, "room")
	for i := range 20 {
		s.publish(a, "room", fmt.Sprint(i))
	}
	if err := a.Shutdown(s.Context()); err != nil {
		s.Fatalf("Shutdown: %v", err)
	}
	for i := range 20 { // what was published before it left arrives
		s.wants(onA, fmt.Sprint("room ", i))
		s.wants(onB, fmt.Sprint("room ", i))
	}
	if _, err := onA.Next(s.Context()); !errors.Is(err, ErrClosed) {
		s.Errorf("Next = %v, want ErrClosed", err)
	}
	_, err := a.Publish(s.Context(), "room", hub.Message{})
	s.wantError("Publish", err, hub.ErrClosed)
	s.publish(b, "room", "still there")
	s.wants(onB, "room still there")
}
