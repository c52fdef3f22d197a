package recovery_test

import (
	"fmt"
	"log/slog"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/recovery"
)

func Example() {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(recovery.New(recovery.Config{
		OnPanic: func(c *geist.Ctx, p *geist.PanicError) { fmt.Println("report:", c.Pattern(), p.Value) },
	}))
	app.GET("/users/:id", func(*geist.Ctx) error { panic("no database") })

	var rc fasthttp.RequestCtx // a request in memory
	rc.Request.SetRequestURI("/users/7")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	fmt.Println(rc.Response.StatusCode())
	// Output:
	// report: /users/:id no database
	// 500
}
