package rewrite_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/rewrite"
)

func ExampleNew() {
	app := geist.New()
	app.BeforeRequest(rewrite.New(rewrite.Config{Rules: []rewrite.Rule{
		{From: "/v1/users/:id", To: "/users/:id"},
		{From: "/old/*path", To: "/new/*path"},
	}}))
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, c.Pattern()+": "+c.Param("id")) })

	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/v1/users/7")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	fmt.Println(rc.Response.StatusCode(), string(rc.Response.Body()))
	// Output: 200 /users/:id: 7
}
