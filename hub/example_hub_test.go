package hub_test

import (
	"context"
	"fmt"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/hub/hubtest"
)

// receive prints the next n things that a client receives.
func receive(name string, c *hubtest.Client, n int) (last hub.Pos) {
	for range n {
		d, err := c.Next(context.Background())
		switch {
		case err != nil:
			fmt.Println(name, err)
		case d.Gap:
			fmt.Println(name, "has missed something")
		default:
			fmt.Println(name, "in", d.Room, "receives", string(d.Data))
		}
		last = d.Pos
	}
	return last
}

// A chat: all but the sender receive a message, and who comes back gets what was said
// meanwhile. In an application the clients are *geist.Conn or *geist.Stream.
func Example() {
	ctx := context.Background()
	h := hub.New(hub.Config{})
	defer h.Shutdown(ctx)

	ann, bob := hubtest.NewClient(), hubtest.NewClient()
	h.Join(ann, "lobby")
	h.Join(bob, "lobby")

	h.Publish(ctx, "lobby", hub.Message{Data: []byte("hello")}, hub.Except(ann.ID()))
	pos := receive("bob", bob, 1)

	bob.Close()
	h.Publish(ctx, "lobby", hub.Message{Data: []byte("are you there?")})
	receive("ann", ann, 1)

	bob = hubtest.NewClient()
	joined, err := h.Join(bob, "lobby", hub.Since(pos))
	fmt.Println("recovered:", joined.Recovered, err)
	receive("bob", bob, 1)
	// Output:
	// bob in lobby receives hello
	// ann in lobby receives are you there?
	// recovered: true <nil>
	// bob in lobby receives are you there?
}

// Last gives newcomers the end of the history.
func ExampleLast() {
	ctx := context.Background()
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{KeepMessages: 50}})
	defer h.Shutdown(ctx)

	for _, text := range []string{"one", "two", "three"} {
		h.Publish(ctx, "lobby", hub.Message{Data: []byte(text)})
	}
	ann := hubtest.NewClient()
	joined, _ := h.Join(ann, "lobby", hub.Last(2))
	fmt.Println("replayed:", joined.Replayed)
	receive("ann", ann, 2)
	// Output:
	// replayed: 2
	// ann in lobby receives two
	// ann in lobby receives three
}

// A position that the room does not know any more gives a gap: the client then asks for
// the present state in some other way.
func ExampleSince_gap() {
	ctx := context.Background()
	h := hub.New(hub.Config{})
	defer h.Shutdown(ctx)

	old, _ := hub.ParsePos("2t8xj1p0c4zk-1f")
	ann := hubtest.NewClient()
	joined, _ := h.Join(ann, "lobby", hub.Since(old))
	fmt.Println("recovered:", joined.Recovered)
	receive("ann", ann, 1)
	// Output:
	// recovered: false
	// ann has missed something
}

// A user may have several connections.
func ExampleHub_SendUser() {
	ctx := context.Background()
	h := hub.New(hub.Config{})
	defer h.Shutdown(ctx)

	phone, laptop := hubtest.NewClient(), hubtest.NewClient()
	h.Attach(phone, hub.As("ann"))
	h.Attach(laptop, hub.As("ann"))
	h.SendUser(ctx, "ann", hub.Message{Data: []byte("you have mail")})
	receive("phone", phone, 1)
	receive("laptop", laptop, 1)
	fmt.Println(h.SendUser(ctx, "bob", hub.Message{}))
	// Output:
	// phone in  receives you have mail
	// laptop in  receives you have mail
	// hub: no such connection
}

// Hubs of several nodes are one by a Backplane; a Bus connects those of one process.
func ExampleBus() {
	ctx := context.Background()
	var bus hub.Bus
	here, there := hub.New(hub.Config{Backplane: bus.Node()}), hub.New(hub.Config{Backplane: bus.Node()})
	defer here.Shutdown(ctx)
	defer there.Shutdown(ctx)

	ann := hubtest.NewClient()
	there.Join(ann, "lobby")
	here.Publish(ctx, "lobby", hub.Message{Data: []byte("from afar")})
	receive("ann", ann, 1)
	// Output:
	// ann in lobby receives from afar
}

// When a login is revoked, what it has open ends: revoke first, for clients come again.
func ExampleHub_DisconnectUser() {
	ctx := context.Background()
	h := hub.New(hub.Config{})
	defer h.Shutdown(ctx)

	phone, laptop := hubtest.NewClient(), hubtest.NewClient()
	h.Attach(phone, hub.As("ann"))
	h.Attach(laptop, hub.As("ann"))
	fmt.Println(h.Stats().Conns, h.DisconnectUser(ctx, "ann"))
	_, err := phone.Next(ctx)
	fmt.Println(err)
	fmt.Println(h.SendUser(ctx, "ann", hub.Message{}))
	// Output:
	// 2 <nil>
	// hubtest: closed
	// hub: no such connection
}
