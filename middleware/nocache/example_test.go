package nocache_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/nocache"
)

func Example() {
	app := geist.New()
	app.Use(nocache.New())
	app.GET("/balance", func(c *geist.Ctx) error { return c.Text(200, "12") })

	var rc fasthttp.RequestCtx // a request in memory
	rc.Request.SetRequestURI("/balance")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	fmt.Printf("%s\n", rc.Response.Header.Peek("Cache-Control"))
	// Output: no-store
}
