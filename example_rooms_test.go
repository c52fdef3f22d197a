package geist_test

import (
	"context"
	"fmt"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// Rooms for clients that speak geist.v1, such as geist.js: what each may do says its policy.
func ExampleEngine_Rooms() {
	app, h := geist.New(), hub.New(hub.Config{})
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { // behind the middleware
		return hub.Policy{
			Join: func(context.Context, *hub.JoinRequest) error { return nil },
			Publish: func(_ context.Context, r *hub.PublishRequest) error {
				return hub.Refuse("denied", "only editors write to "+r.Room)
			},
		}, nil
	})
	exampleDo(app, func(t *geisttest.Client) {
		ws := t.GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
		ws.Send(`["hello"]`).Next()
		ws.Send(`["pub",1,"news","Man bites dog"]`)
		fmt.Printf("%s\n", ws.Next().Data)
	})
	// Output: ["error",1,"denied","only editors write to news"]
}
