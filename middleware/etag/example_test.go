package etag_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/etag"
)

func ExampleNew() {
	app := geist.New()
	app.Use(etag.New())
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })

	tag := ""
	for range 2 {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/")
		rc.Request.Header.SetHost("localhost")
		rc.Request.Header.Set("If-None-Match", tag)
		app.Handler()(&rc)
		tag = string(rc.Response.Header.Peek("ETag"))
		fmt.Println(rc.Response.StatusCode(), tag, len(rc.Response.Body()))
	}
	// Output:
	// 200 "LPJNul-wow4m6Dsqxbning" 5
	// 304 "LPJNul-wow4m6Dsqxbning" 0
}
