package logger_test

import (
	"log/slog"
	"os"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/logger"
)

func Example() {
	// Without what differs from run to run.
	fixed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{}
		}
		return a
	}
	app := geist.New()
	app.Use(logger.New(logger.Config{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: fixed})),
		Query:  true,
	}))
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, "Ada") })

	var rc fasthttp.RequestCtx // a request in memory
	rc.Request.SetRequestURI("/users/7?lang=de&token=hunter2")
	rc.Request.Header.SetHost("localhost")
	app.Handler()(&rc)
	// Output: level=INFO msg=request method=GET route=/users/:id path="/users/7?lang=de&token=REDACTED" status=200 bytes=3 client_ip=0.0.0.0
}
