package geist_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// Rooms for clients that speak geist.v1, such as geist.js: what each may do says its policy.
func ExampleEngine_Rooms() {
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{Presence: true}})
	app := geist.New()
	app.Rooms("/rt", h, func(c *geist.Ctx) (hub.Policy, error) { // a WebSocket, or SSE and POST
		user := c.Header("X-User") // behind your login
		if user == "" {
			return hub.Policy{}, geist.NewError(401, "log in first")
		}
		return hub.Policy{
			User: user,
			Join: func(context.Context, *hub.JoinRequest) error { return nil },
			Publish: func(_ context.Context, r *hub.PublishRequest) error {
				if !strings.HasPrefix(r.Room, "chat:") {
					return hub.Refuse("denied", user+" only reads "+r.Room)
				}
				return nil
			},
		}, nil
	})
	tryRooms(app, `["pub",1,"news","Man bites dog"]`)
	// Output: ["error",1,"denied","ada only reads news"]
}

// tryRooms prints what a command is answered.
func tryRooms(app *geist.Engine, command string) {
	exampleDo(app, func(t *geisttest.Client) {
		ws := t.GET("/rt").Header("X-User", "ada").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
		ws.Send(`["hello"]`).Next()
		fmt.Printf("%s\n", ws.Send(command).Next().Data)
	})
}
