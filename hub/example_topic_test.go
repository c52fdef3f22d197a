package hub_test

import (
	"context"
	"fmt"

	"github.com/gogeist/geist/hub"
)

// The application receives what it publishes elsewhere, as values.
func ExampleTopic() {
	type Order struct{ ID int }
	ctx := context.Background()
	h := hub.New(hub.Config{})
	defer h.Shutdown(ctx)

	orders := hub.Topic[Order]{Hub: h, Room: "orders"}
	s, err := orders.Subscribe(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	orders.Publish(ctx, Order{ID: 7})

	for order, err := range s.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("order", order.Value.ID, "is message", order.Pos.Offset)
		break
	}
	// Output:
	// order 7 is message 1
}
