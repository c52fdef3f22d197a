package geist_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gogeist/geist"
)

// A whole service: run it and open http://localhost:8080/hello/world.
func Example() {
	app := geist.New()
	app.GET("/hello/:name", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"hello": c.Param("name")})
	})
	if err := app.Run(":8080"); err != nil {
		slog.Error("stopped", "error", err)
	}
}

// Middleware sees the final status and the error after c.Next, also when the
// handler failed.
func ExampleEngine_Use() {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		start := time.Now()
		err := c.Next()
		slog.Info("request", "route", c.Pattern(), "status", c.ResponseStatus(), "took", time.Since(start))
		return err
	})
}

// Routes of a group share a prefix and middleware; its error handler answers for them.
func ExampleEngine_Group() {
	app := geist.New()
	api := app.Group("/api", func(c *geist.Ctx) error {
		if c.Header("Authorization") == "" {
			return geist.NewError(http.StatusUnauthorized, "a token is required")
		}
		return c.Next()
	})
	api.GET("/tasks/:id<int>", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")) })
	for _, r := range app.Routes() {
		fmt.Println(r.Method, r.Pattern, r.Params)
	}
	// Output: GET /api/tasks/:id<int> [id]
}

// Names make links that cannot break unnoticed.
func ExampleEngine_URL() {
	app := geist.New()
	app.GET("/users/:id/files/*path", func(c *geist.Ctx) error { return nil }).Name("file")
	link, err := app.URL("file", 7, "a b/c.txt")
	fmt.Println(link, err)
	_, err = app.URL("file", 7)
	fmt.Println(err != nil)
	// Output:
	// /users/7/files/a%20b/c.txt <nil>
	// true
}

// Check reports every mistake at once; Run does so before it listens.
func ExampleEngine_Check() {
	app := geist.New()
	app.GET("/users/:id", func(c *geist.Ctx) error { return nil })
	app.GET("users", func(c *geist.Ctx) error { return nil })
	app.GET("/files/:", func(c *geist.Ctx) error { return nil })
	app.GET("/empty")
	err := app.Check()
	var check *geist.CheckError
	fmt.Println(errors.As(err, &check), len(check.Problems))
	// Output: true 3
}

// Errors carry a status, a text for the client, and members of RFC 9457.
func ExampleNewError() {
	errTaken := geist.NewError(http.StatusConflict, "the name is taken")
	err := errTaken.With("name", "geist").Wrap(errors.New("UNIQUE constraint failed"))
	fmt.Println(geist.StatusCode(err), errors.Is(err, errTaken))
	fmt.Println(err)
	// Output:
	// 409 true
	// 409 Conflict: the name is taken: UNIQUE constraint failed
}

var userKey = geist.NewKey[string]("user")

// A Key is a typed local: no string to mistype, no assertion, no allocation.
func ExampleNewKey() {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		userKey.Set(c, c.Header("X-User"))
		return c.Next()
	})
	app.GET("/me", func(c *geist.Ctx) error {
		return c.Text(200, userKey.Must(c))
	})
}

// Param and Query convert and answer 400 with the name of what is wrong.
func ExampleQuery() {
	app := geist.New()
	app.GET("/tasks", func(c *geist.Ctx) error {
		page, err := geist.Query(c, "page", 1)
		if err != nil {
			return err
		}
		return c.JSON(200, geist.Map{"page": page})
	})
}
