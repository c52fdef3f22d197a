package geist_test

import (
	"fmt"
	"strconv"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// A live feed: whatever is posted reaches everybody who listens, also what they have
// missed while they were away. In a page: new EventSource("/feed").onmessage = show
func ExampleStream_Follow() {
	h := hub.New(hub.Config{})
	app := geist.New()
	app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Follow(h, "news") // comes back with Last-Event-ID, costs no goroutine
	})
	app.POST("/news", func(c *geist.Ctx) error {
		if _, err := h.Publish(c.Context(), "news", hub.Message{Data: c.Body()}); err != nil {
			return err
		}
		return c.NoContent()
	})
	exampleDo(app, func(t *geisttest.Client) {
		feed := t.SSE("/feed")
		t.POST("/news").BodyString("Rain at noon").Do().Status(204)
		fmt.Println(feed.Next().Data)
		feed.Close()
		t.POST("/news").BodyString("Sun again").Do().Status(204)
		fmt.Println(feed.Reconnect().Next().Data)
	})
	// Output:
	// Rain at noon
	// Sun again
}

// A stream that a function writes: a client that comes back goes on where it was, and is
// told to stop when there is nothing more.
func ExampleStream_Run() {
	const last = 3
	app := geist.New()
	app.SSE("/count", func(c *geist.Ctx, s *geist.Stream) error {
		seen, _ := strconv.Atoi(s.LastEventID())
		if seen >= last {
			return c.NoContent() // 204: an EventSource does not come back
		}
		return s.Run(func() error { // runs when the middleware has returned
			for i := seen + 1; i <= last; i++ {
				e := geist.Event{ID: strconv.Itoa(i), Name: "count", Data: fmt.Append(nil, i)}
				if err := s.Send(e); err != nil { // the client has gone, or the server is going
					return err
				}
			}
			return nil
		})
	})
	exampleDo(app, func(t *geisttest.Client) {
		t.SSE("/count").Next().Is("count", "1")
		fmt.Print(t.GET("/count").Header("Last-Event-ID", "1").Do().Text())
		fmt.Println(t.GET("/count").Header("Last-Event-ID", "3").Do().StatusCode)
	})
	// Output:
	// id: 2
	// event: count
	// data: 2
	//
	// id: 3
	// event: count
	// data: 3
	//
	// 204
}
