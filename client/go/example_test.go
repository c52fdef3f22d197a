package geistclient_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gogeist/geist/client/go"
)

func Example() {
	url, stop := geistclient.NewExampleServer()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := geistclient.Dial(ctx, url, geistclient.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	room, err := c.Join(ctx, "board:1", geistclient.JoinOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := room.Publish(ctx, geistclient.Message{Data: []byte(`{"x":1}`)}); err != nil {
		log.Fatal(err)
	}
	for m, err := range room.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if m.Gap != nil {
			continue // something is missing: fetch the board anew
		}
		fmt.Printf("%s %s, mine: %t\n", m.Room, m.Data, m.Mine)
		break
	}
	// Output: board:1 {"x":1}, mine: true
}

// A room can be followed over the life of a process: whoever keeps the position of the last message
// that was dealt with goes on behind it.
func ExampleJoinOptions() {
	url, stop := geistclient.NewExampleServer()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	follow := func(since geistclient.Position) geistclient.Position {
		c, err := geistclient.Dial(ctx, url, geistclient.Config{})
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		room, err := c.Join(ctx, "orders", geistclient.JoinOptions{Since: since})
		if err != nil {
			log.Fatal(err)
		}
		if since.IsZero() {
			for _, order := range []string{`"tea"`, `"rice"`} {
				if _, err := room.Publish(ctx, geistclient.Message{Data: []byte(order)}); err != nil {
					log.Fatal(err)
				}
			}
		}
		m, err := room.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(m.Data))
		return m.Position
	}
	follow(follow(geistclient.Position{}))
	// Output:
	// "tea"
	// "rice"
}
