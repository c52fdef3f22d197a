package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// nodes runs a test with hubs on a bus, in a bubble.
func nodes(t *testing.T, ordered bool, test func(t *testing.T, bus *Bus, a, b *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bus := &Bus{Ordered: ordered}
		conf := withPresence
		conf.Backplane = bus.Node()
		a := New(conf)
		conf.Backplane = bus.Node()
		b := New(conf)
		test(t, bus, a, b)
		for _, h := range []*Hub{a, b} {
			if err := h.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}
	})
}

func TestPresence_nodes(t *testing.T) {
	for name, ordered := range map[string]bool{"ordered": true, "not ordered": false} {
		t.Run(name, func(t *testing.T) {
			nodes(t, ordered, func(t *testing.T, _ *Bus, a, b *Hub) {
				ann := user(t, a, "ann", "room", Show(1))
				wantPresence(t, b, "room", "ann=1") // nobody of b is there: it asks
				w := watchRoom(t, b, "room")
				w.wants(t, "reset +ann=1 ~ -")
				bob := user(t, b, "bob", "room")
				w.wants(t, "+bob ~ -")
				wantError(t, "Show", a.Show(ann, "room", 2), nil)
				w.wants(t, "+ ~ann=2 -")
				wantPresence(t, a, "room", "ann=2 bob")
				time.Sleep(3 * leaseTime) // they are named again
				synctest.Wait()
				wantPresence(t, a, "room", "ann=2 bob")
				wantPresence(t, b, "room", "ann=2 bob")
				b.Leave(bob, "room")
				w.wants(t, "+ ~ -bob")
				time.Sleep(changePause)
				synctest.Wait()
				wantPresence(t, a, "room", "ann=2")
				ann.gone()
				w.wants(t, "+ ~ -ann=2")
				if got := a.Stats().Refused + b.Stats().Refused; got != 0 {
					t.Errorf("%d packets were refused, want 0", got)
				}
			})
		})
	}
}

// TestPresence_silentNode forgets the members of a node that cannot be reached, and
// learns them again.
func TestPresence_silentNode(t *testing.T) {
	nodes(t, false, func(t *testing.T, bus *Bus, a, b *Hub) {
		user(t, a, "ann", "room")
		user(t, b, "bob", "room")
		time.Sleep(2 * changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "ann bob")
		bus.SetDown(true)
		time.Sleep(leaseTime - renewPause)
		synctest.Wait()
		wantPresence(t, b, "room", "ann bob")
		time.Sleep(2*renewPause + changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "bob")
		bus.SetDown(false)
		time.Sleep(2 * changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "ann bob")
		wantPresence(t, a, "room", "ann bob")
	})
}

// TestPresence_shutdown says goodbye: members of a node that ends in order leave at once.
func TestPresence_shutdown(t *testing.T) {
	nodes(t, false, func(t *testing.T, _ *Bus, a, b *Hub) {
		user(t, a, "ann", "room")
		user(t, b, "bob", "room")
		time.Sleep(2 * changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "ann bob")
		wantError(t, "Shutdown", a.Shutdown(t.Context()), nil)
		time.Sleep(changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "bob")
	})
}

// TestPresence_backAtOnce leaves and comes again in a room that vanishes meanwhile: what
// the old room says late does not touch the new one.
func TestPresence_backAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bus Bus
		conf := Config{Rooms: RoomConfig{Presence: true, KeepMessages: -1}, Backplane: bus.Node()}
		a := New(conf)
		conf.Backplane = bus.Node()
		b := New(conf)
		user(t, b, "bob", "room")
		time.Sleep(time.Minute)
		ann := user(t, a, "ann", "room")
		time.Sleep(changeGather / 2)
		for range 3 {
			a.Leave(ann, "room")
			time.Sleep(changeGather / 5)
			if _, err := a.Join(ann, "room"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		wantPresence(t, b, "room", "ann bob")
		for _, h := range []*Hub{a, b} {
			wantError(t, "Shutdown", h.Shutdown(t.Context()), nil)
		}
	})
}

// TestPresence_badPackets takes what no hub has sent.
func TestPresence_badPackets(t *testing.T) {
	bus := &fakeBus{}
	conf := withPresence
	conf.Backplane = bus
	bubble(t, conf, func(t *testing.T, h *Hub) {
		user(t, h, "ann", "room")
		packets := [][]byte{{9}, {partMember}, {partLeft, 1}, append(make([]byte, 30), 1), append([]byte{partMember}, make([]byte, 24)...)}
		for _, shown := range []string{"{", "\"\xff\""} {
			packets = append(packets, append(append([]byte{partMember}, make([]byte, 25)...), append([]byte{byte(len(shown))}, shown...)...))
		}
		for _, data := range packets {
			bus.sink.Deliver(&Packet{Node: NodeID{1}, Name: presencePrefix + "room", Message: Message{Data: data, Binary: true}})
		}
		bus.sink.Deliver(&Packet{Node: NodeID{1}, Name: presencePrefix + "none", Message: Message{Data: []byte{9}}})
		bus.sink.Deliver(&Packet{Node: NodeID{1}, Name: presencePrefix})
		if got := h.Stats().Refused; got != uint64(len(packets)) {
			t.Errorf("%d refused, want %d", got, len(packets))
		}
		wantPresence(t, h, "room", "ann")
		_, err := h.Join(newPeer(lines{}), presencePrefix+"room")
		wantError(t, "Join of what is no room", err, ErrRoomName)
	})
}
