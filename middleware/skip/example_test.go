package skip_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/skip"
)

func ExampleUnless() {
	app := geist.New()
	members := func(*geist.Ctx) error { return geist.NewError(401, "members only") }
	app.Use(skip.Unless(skip.Any(skip.Paths("/healthz", "/static/*"), skip.Methods("OPTIONS")), members))
	app.GET("/healthz", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	app.GET("/news", func(c *geist.Ctx) error { return c.Text(200, "news") })

	for _, path := range []string{"/healthz", "/news"} {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI(path)
		rc.Request.Header.SetHost("localhost")
		app.Handler()(&rc)
		fmt.Println(path, rc.Response.StatusCode())
	}
	// Output:
	// /healthz 200
	// /news 401
}
