package geist_test

import (
	"fmt"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// A typed handler: what comes in is bound and checked, what goes out is encoded, and both
// are known to whoever describes the service.
func ExamplePost() {
	type CreateUser struct {
		Org  string `path:"org"`
		Dry  bool   `query:"dry"`
		Name string `json:"name" binding:"required"`
	}
	type User struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	app := geist.New()
	geist.Post(app, "/orgs/:org/users", func(c *geist.Ctx, in *CreateUser) (*User, error) {
		if in.Name == "root" {
			return nil, geist.NewError(409, "the name is taken")
		}
		return &User{ID: 7, Name: in.Name}, nil
	}, geist.Status(201), geist.Tags("users"), geist.Returns[geist.Problem](409))
	send(app, "POST", "/orgs/acme/users", `{"name":"Ada"}`)
	send(app, "POST", "/orgs/acme/users?dry=7", `{"org":"evil"}`)
	// Output:
	// 201 {"id":7,"name":"Ada"}
	// 422 {"title":"Unprocessable Entity","status":422,"detail":"2 fields are invalid","errors":[{"in":"query","name":"dry","detail":"must be true or false"},{"pointer":"#/name","detail":"is required"}]}
}

// None stands for no input, or no output: status 204.
func ExampleNone() {
	app := geist.New()
	geist.Get(app, "/health", func(*geist.Ctx, *geist.None) (map[string]bool, error) {
		return map[string]bool{"ok": true}, nil
	})
	geist.Delete(app, "/cache", func(*geist.Ctx, *geist.None) (geist.None, error) {
		return geist.None{}, nil
	})
	send(app, "GET", "/health", "")
	send(app, "DELETE", "/cache", "")
	// Output:
	// 200 {"ok":true}
	// 204
}

// A reply is an answer of another type and status. What it is described by also sends it.
func ExampleReturns() {
	type Report struct {
		Pages int `json:"pages"`
	}
	type Job struct {
		ID string `json:"id"`
	}
	type NewReport struct {
		Pages int `json:"pages"`
	}
	queued := geist.Returns[Job](202, "a long report is made later")
	app := geist.New()
	geist.Post(app, "/reports", func(c *geist.Ctx, in *NewReport) (*Report, error) {
		if in.Pages > 100 {
			return nil, queued.Send(c, Job{"j-1"})
		}
		return &Report{in.Pages}, nil
	}, queued)
	send(app, "POST", "/reports", `{"pages":3}`)
	send(app, "POST", "/reports", `{"pages":300}`)
	// Output:
	// 200 {"pages":3}
	// 202 {"id":"j-1"}
}

// Mistakes in types are found at start, all of them, with the lines of their routes.
func ExampleGet() {
	type Show struct {
		ID  int    `path:"idd"`
		Age string `qurey:"age" json:"-"`
	}
	app := geist.New()
	geist.Get(app, "/users/:id", func(*geist.Ctx, *Show) (string, error) { return "", nil })
	fmt.Println(app.Check())
	// Output:
	// geist: the engine cannot serve:
	// 	route /users/:id (example_typed_test.go:85): geist_test.Show: field ID: the path has no parameter "idd"
	// 	route /users/:id (example_typed_test.go:85): geist_test.Show has no field for the parameter "id": add one with the tag `path:"id"`
	// 	route /users/:id (example_typed_test.go:85): geist_test.Show: field Age has the tag qurey: did you mean query?
}

// Messages of a WebSocket that have types.
func ExampleWS() {
	type Move struct {
		X, Y int
	}
	type Board struct {
		Moves []Move
	}
	app := geist.New()
	geist.WS(app, "/game", func(_ *geist.Ctx, ch *geist.Channel[Move, Board]) error {
		var board Board
		for move, err := range ch.All() {
			if err != nil {
				return err
			}
			board.Moves = append(board.Moves, move)
			if err := ch.Write(board); err != nil {
				return err
			}
		}
		return nil
	})
	exampleDo(app, func(t *geisttest.Client) {
		ws := t.WS("/game")
		ws.Send(`{"X":1,"Y":2}`)
		fmt.Println(string(ws.Next().Data))
		ws.Send(`{"X":"one"}`)
		fmt.Println(ws.Closed(geist.ClosePolicy))
	})
	// Output:
	// {"Moves":[{"X":1,"Y":2}]}
	// one field is invalid
}

// Events of a stream that have names and types.
func ExampleEmits() {
	type Price struct {
		Cents int `json:"cents"`
	}
	changed := geist.Emits[Price]("changed")
	app := geist.New()
	app.SSE("/prices", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return changed.Send(s, Price{250}) })
	}, changed)
	exampleDo(app, func(t *geisttest.Client) {
		e := t.SSE("/prices").Next()
		fmt.Println(e.Name, e.Data)
	})
	// Output: changed {"cents":250}
}
