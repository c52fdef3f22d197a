package requestid_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/requestid"
)

func Example() {
	app := geist.New()
	app.Use(requestid.New())
	app.GET("/", func(c *geist.Ctx) error {
		id, _ := requestid.From(c)
		return c.Text(200, "this is request "+id)
	})

	var rc fasthttp.RequestCtx // a request in memory
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("localhost")
	rc.Request.Header.Set("X-Request-ID", "a1b2")
	app.Handler()(&rc)
	fmt.Printf("%s: %s\n", rc.Response.Header.Peek("X-Request-ID"), rc.Response.Body())
	// Output: a1b2: this is request a1b2
}
