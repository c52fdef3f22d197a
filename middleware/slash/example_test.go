package slash_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/slash"
)

func ExampleNew() {
	app := geist.New()
	app.Use(slash.New())
	app.GET("/wiki/*page", func(c *geist.Ctx) error { return c.Text(200, c.Param("page")) })

	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/wiki/slashes/?v=2")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	fmt.Println(rc.Response.StatusCode(), string(rc.Response.Header.Peek("Location")))
	// Output: 308 /wiki/slashes?v=2
}

func ExampleRewrite() {
	app := geist.New(geist.Config{TrailingSlash: geist.SlashStrict})
	app.BeforeRequest(slash.Rewrite(slash.Config{Prefixes: []string{"/api"}}))
	app.GET("/api/users", func(c *geist.Ctx) error { return c.Text(200, c.Path()) })

	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/api/users/")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	fmt.Println(rc.Response.StatusCode(), string(rc.Response.Body()))
	// Output: 200 /api/users
}
