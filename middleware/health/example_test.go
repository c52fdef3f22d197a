package health_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/health"
)

func Example() {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	health.Mount(app, health.Config{Ready: []health.Check{
		{Name: "database", Func: func(context.Context) error { return errors.New("connection refused") }},
	}})

	serve := app.Handler()
	for _, path := range []string{"/livez", "/readyz"} {
		var rc fasthttp.RequestCtx // a request in memory
		rc.Request.SetRequestURI(path)
		rc.Request.Header.SetHost("localhost")
		serve(&rc)
		fmt.Printf("%s %d %s", path, rc.Response.StatusCode(), rc.Response.Body())
	}
	// Output:
	// /livez 200 ok
	// /readyz 503 unavailable
}
