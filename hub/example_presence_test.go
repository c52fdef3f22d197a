package hub_test

import (
	"context"
	"fmt"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/hub/hubtest"
)

// Presence is for rooms that ask for it. A user with two connections is two members.
func ExampleHub_Presence() {
	ctx := context.Background()
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{Presence: true}})
	defer h.Shutdown(ctx)

	phone, laptop := hubtest.NewClient(), hubtest.NewClient()
	h.Attach(phone, hub.As("ann"))
	h.Attach(laptop, hub.As("ann"))
	h.Join(phone, "lobby", hub.Show("on the move"))
	h.Join(laptop, "lobby", hub.Show("at work"))

	members, _ := h.Presence(ctx, "lobby")
	for _, m := range members {
		fmt.Println(m.User, string(m.Shown))
	}
	// Unordered output:
	// ann "on the move"
	// ann "at work"
}

// Watch gives everybody first, and then what changes. It has no goroutine: the loop
// runs in the caller's, for as long as the context does.
func ExampleHub_Watch() {
	ctx := context.Background()
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{Presence: true}})
	defer h.Shutdown(ctx)

	ann := hubtest.NewClient()
	h.Attach(ann, hub.As("ann"))
	h.Join(ann, "lobby")
	for change, err := range h.Watch(ctx, "lobby") {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, m := range change.Joined {
			fmt.Println(m.User, "is there")
		}
		for _, m := range change.Left {
			fmt.Println(m.User, "has left")
			return
		}
		h.Leave(ann, "lobby")
	}
	// Output:
	// ann is there
	// ann has left
}
